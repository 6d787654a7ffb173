#include "write_result.h"

namespace tiers {

Vector internal_parameters(const Design& design, const CovarianceParameters& parameters,
                           const std::vector<Matrix>& lambda) {
  std::vector<Matrix> internal;
  for (std::size_t j = 0; j < lambda.size(); ++j) {
    internal.push_back(design.internal_factor(static_cast<int>(j), lambda[j]));
  }
  return parameters.parameters(internal);
}

void write_design(const Design& design, Index others, FitResult& out) {
  out.used_rows = design.used_rows();
  out.kept = design.kept();
  out.reciprocal_condition = design.reciprocal_condition();
  out.parameter_count = design.rank() + others;
}

void write_search(const Convergence& convergence, bool at_boundary, FitResult& out) {
  out.iterations = convergence.iterations;
  out.evaluations = convergence.evaluations;
  out.gain = convergence.gain;
  out.gradient_norm = convergence.gradient_norm;
  out.ending = convergence.ending;
  out.status = !convergence.converged ? FitStatus::not_converged
               : at_boundary ? FitStatus::boundary
                             : FitStatus::converged;
}

void write_covariances(const Design& design, const CovarianceParameters& parameters,
                       const BoundaryOptimum& found, FitResult& out) {
  const auto factors = parameters.factors(found.optimum.psi);
  for (int j = 0; j < parameters.terms(); ++j) {
    out.lambda.push_back(design.user_factor(j, factors[j]));
    TermBoundary boundary;
    if (found.boundary[j].multipliers.size() > 0) {
      boundary.directions = design.user_directions(j, found.boundary[j].directions);
      boundary.multipliers = found.boundary[j].multipliers;
    }
    out.boundary.push_back(boundary);
  }
}

Matrix inverse_of_product(const Matrix& lower) {
  Matrix inverse = Matrix::Identity(lower.rows(), lower.rows());
  lower.triangularView<Eigen::Lower>().solveInPlace(inverse);
  return inverse.transpose() * inverse;
}

std::vector<Matrix> level_variances(const BlockedCholesky& factor, const BlockLayout& layout,
                                    const std::vector<Matrix>& map, const Poll& poll) {
  std::vector<Matrix> out(map.size());
  for (const auto& grouping : layout.factors()) {
    for (const int j : grouping.terms) out[j].resize(map[j].rows(), map[j].cols() * grouping.levels);
  }
  factor.visit_inverse_blocks(
      [&](int f, Index level, const auto& block) {
        const Factor& grouping = layout.factors()[f];
        for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
          const int j = grouping.terms[t];
          const Index k = map[j].cols(), at = grouping.first_column[t];
          out[j].middleCols(level * k, k) = map[j] * block.block(at, at, k, k) * map[j].transpose();
        }
      },
      poll);
  return out;
}

}  // namespace tiers
