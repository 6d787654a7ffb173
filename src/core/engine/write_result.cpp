#include "write_result.h"

#include <algorithm>

#include "../model/dense_algebra.h"

namespace tiers {

Vector internal_parameters(const Design& design, const CovarianceParameters& parameters,
                           const std::vector<Matrix>& lambda) {
  std::vector<Matrix> internal;
  for (std::size_t j = 0; j < lambda.size(); ++j) {
    internal.push_back(design.internal_factor(static_cast<int>(j), lambda[j]));
  }
  return parameters.parameters(internal);
}

ContrastRows internal_contrasts(const Design& design, const ContrastRows& rows) {
  ContrastRows out;
  out.fixed = design.internal_contrasts(rows.fixed);
  out.residual = rows.residual;
  for (const ContrastPart& part : rows.parts)
    out.parts.push_back({part.term, part.level, part.basis * design.mode_map(part.term)});
  return out;
}

ContrastBlock internal_contrasts(const Design& design, const ContrastBlock& contrasts) {
  ContrastBlock out;
  out.fixed = design.internal_contrasts(contrasts.fixed);
  out.random = contrasts.random;
  for (std::size_t j = 0; j < out.random.size(); ++j) {
    const Matrix map = design.mode_map(static_cast<int>(j));
    for (Index at = 0; at < out.random[j].cols(); at += map.rows()) {
      const Matrix moved = out.random[j].middleCols(at, map.rows()) * map;
      out.random[j].middleCols(at, map.rows()) = moved;
    }
  }
  return out;
}

std::vector<Rescaling> rescaling_of(const CovarianceParameters& parameters,
                                    const Specification& spec) {
  std::vector<Rescaling> out = parameters.rescaling();
  if (!spec.held.ties(static_cast<std::size_t>(parameters.size()))) return out;
  for (Rescaling& one : out) {
    if (one == Rescaling::affine) one = Rescaling::per_column;
  }
  return out;
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
               : at_boundary          ? FitStatus::boundary
                                      : FitStatus::converged;
}

void write_covariances(const Design& design, const CovarianceParameters& parameters,
                       const Saturation& saturation, const BoundaryOptimum& found, FitResult& out) {
  const auto lambdas = parameters.lambdas(found.optimum.psi);
  for (int j = 0; j < parameters.terms(); ++j) {
    out.lambda.push_back(design.user_factor(j, lambdas[j]));
    TermBoundary boundary;
    if (found.boundary[j].multipliers.size() > 0) {
      boundary.directions = design.user_directions(j, found.boundary[j].directions);
      boundary.multipliers = found.boundary[j].multipliers;
    }
    out.boundary.push_back(boundary);
    out.saturated.push_back(saturation.columns(j, parameters, design.specification().held));
  }
}

namespace {

// An effect that is a combination of those before it.
bool lacks_rank(const Matrix& lambda) {
  for (Index a = 1; a < lambda.rows(); ++a) {
    if (lambda(a, a) == 0.0 && lambda.row(a).norm() > 0.0) return true;
  }
  return false;
}

}  // namespace

void write_parameters(ParameterTable table, const Matrix& vcov_psi, const HeldParameters& held,
                      const CovarianceParameters& parameters, FitResult& out) {
  for (int j = 0; j < parameters.terms(); ++j) {
    out.theta.push_back(parameters.structure(j).parameters(out.lambda[j]));
  }
  table.mark_held(held);
  out.vcov_parameters = table.covariance(vcov_psi);
  out.parameters = table.rows;
  // Under constraints there are no multipliers of directions.
  for (const ModelParameter& one : table.rows) {
    if (!held.ties(parameters.size()) || one.term < 0 || !one.at_boundary || one.fixed) continue;
    const Index k = parameters.structure(one.term).columns();
    out.boundary[one.term] = {Matrix::Zero(k, 1), Vector::Constant(1, kNaN)};
  }
  if (!held.ties(parameters.size())) return;
  for (int j = 0; j < parameters.terms(); ++j) {
    const bool free = std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& one) {
      return one.term == j && one.kind == ModelParameter::Kind::correlation && !one.fixed;
    });
    if (out.boundary[j].multipliers.size() == 0 && free && lacks_rank(out.lambda[j])) {
      const SymmetricEigen sigma(out.lambda[j] * out.lambda[j].transpose());
      out.boundary[j] = {sigma.eigenvectors().col(0), Vector::Constant(1, kNaN)};
    }
  }
}

UserScale user_scale(const Design& design, double sigma) {
  UserScale out;
  const int terms = static_cast<int>(design.specification().terms.size());
  for (int j = 0; j < terms; ++j) out.maps.push_back(inverse(design.internal_map(j)));
  out.scale = sigma;
  return out;
}

std::vector<Matrix> level_variances(const BlockedCholesky& factor, const BlockLayout& layout,
                                    const std::vector<Matrix>& map, const Poll& poll) {
  std::vector<Matrix> out(map.size());
  for (const auto& grouping : layout.groupings()) {
    for (const int j : grouping.terms)
      out[j].resize(map[j].rows(), map[j].cols() * grouping.levels);
  }
  factor.visit_inverse_blocks(
      [&](int f, Index level, const Eigen::Ref<const Matrix>& block) {
        const Grouping& grouping = layout.groupings()[f];
        for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
          const int j = grouping.terms[t];
          const Index k = map[j].cols(), at = grouping.first_column[t];
          out[j].middleCols(level * k, k) = map[j] * block.block(at, at, k, k) * map[j].transpose();
        }
      },
      nullptr, poll);
  return out;
}

}  // namespace tiers
