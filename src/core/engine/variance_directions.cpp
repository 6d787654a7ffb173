#include "variance_directions.h"

#include <cmath>
#include <map>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

using Kind = NaturalParameter::Kind;

// Generic correlations are tried from the first of these on, until covariance matrices have them;
// zero stands for those of the start.
constexpr double kGenericCorrelations[] = {0.2, 0.02, 0.0};

// Some number of order one that no other is a multiple of.
double irregular(Index i, Index j) {
  return std::cos(1.3 + 2.9 * static_cast<double>(i) + 4.1 * static_cast<double>(j));
}

// Some parameters at which no derivative vanishes by chance: near those of a first-order
// autoregression, since without correlation ranges and the like have no meaning.
Vector generic_parameters(const CovarianceStructure& structure) {
  const Index k = structure.columns();
  const double correlation = 0.6, innovation = std::sqrt(1.0 - correlation * correlation);
  Matrix lambda = Matrix::Zero(k, k);
  for (Index j = 0; j < k; ++j) {
    double serial = j == 0 ? 1.0 : innovation;
    for (Index i = j; i < k; ++i) {
      lambda(i, j) = serial + 0.2 * irregular(i, j) / std::sqrt(static_cast<double>(k));
      serial *= correlation;
    }
  }
  return structure.parameters(lambda);
}

VarianceDirection no_direction(const CovarianceParameters& parameters) {
  VarianceDirection out;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Index k = parameters.structure(j).columns();
    out.sigma.push_back(Matrix::Zero(k, k));
  }
  return out;
}

bool is_zero(const VarianceDirection& one) {
  for (const Matrix& sigma : one.sigma) {
    if (!sigma.isZero(0.0)) return false;
  }
  return one.residual == 0.0;
}

// Values of a term's natural parameters: those held, a value for each group of equal ones else.
// correlation: size of a generic one; zero: that of the start.
Vector generic_natural(const Design& design, const CovarianceParameters& parameters, int term,
                       const HeldParameters& held, double correlation) {
  const CovarianceStructure& structure = parameters.structure(term);
  const auto about = structure.natural_parameters();
  const Matrix unit = design.user_sigma(1.0) * inverse(design.internal_map(term));
  const Matrix& start = design.specification().terms[term].start;
  Vector out(static_cast<Index>(about.size())), of_start = Vector::Zero(out.size());
  if (start.size() > 0) {
    const Matrix identity = Matrix::Identity(start.rows(), start.rows());
    of_start = structure.natural(structure.parameters(start), identity);
  }
  for (Index i = 0; i < out.size(); ++i) {
    const Index at = parameters.offset(term) + i;
    const int group = held.same[at];
    if (held.is_held(at)) {
      out[i] = held.value[at];
    } else if (about[i].kind == Kind::sd) {
      out[i] = unit.row(about[i].row).norm();
    } else if (correlation > 0.0) {
      out[i] = correlation * irregular(group, 0);
    } else {
      out[i] = std::isnan(of_start[i]) ? 0.0 : of_start[i];
    }
  }
  return out;
}

// Of all terms, equal standard deviations made so; empty where some covariance matrix does not
// exist.
std::vector<Vector> generic_values(const Design& design, const CovarianceParameters& parameters,
                                   const HeldParameters& held) {
  for (const double correlation : kGenericCorrelations) {
    std::vector<Vector> out;
    std::map<int, double> by_group;
    bool defined = true;
    for (int j = 0; j < parameters.terms(); ++j) {
      Vector values = generic_natural(design, parameters, j, held, correlation);
      for (Index i = 0; i < values.size(); ++i) {
        const Index at = parameters.offset(j) + i;
        if (!held.is_held(at)) values[i] = by_group.emplace(held.same[at], values[i]).first->second;
      }
      defined = defined && parameters.structure(j).from_natural(values).size() == values.size();
      out.push_back(values);
    }
    if (defined) return out;
  }
  return {};
}

}  // namespace

std::vector<VarianceDirection> free_directions(const CovarianceParameters& parameters,
                                               const std::vector<bool>& free, bool residual) {
  std::vector<VarianceDirection> out;
  for (int j = 0; j < parameters.terms(); ++j) {
    const CovarianceStructure& structure = parameters.structure(j);
    Vector theta = generic_parameters(structure);
    for (Index i = 0; i < theta.size(); ++i)
      theta[i] = free[parameters.offset(j) + i] ? theta[i] : 0.0;
    const Matrix lambda = structure.factor(theta);
    for (Index i = 0; i < theta.size(); ++i) {
      if (!free[parameters.offset(j) + i]) continue;
      const Matrix half = structure.factor_derivative(theta, i) * lambda.transpose();
      out.push_back(no_direction(parameters));
      out.back().sigma[j] = half + half.transpose();
    }
  }
  if (residual) {
    out.push_back(no_direction(parameters));
    out.back().residual = 1.0;
  }
  return out;
}

std::vector<VarianceDirection> held_directions(const Design& design,
                                               const CovarianceParameters& parameters,
                                               const HeldParameters& held, bool residual) {
  const std::vector<Vector> values = generic_values(design, parameters, held);
  if (values.empty()) return {};
  std::map<int, VarianceDirection> by_group;
  const std::size_t count = parameters.size();
  const int sigma = count < held.same.size() ? held.same[count] : -1;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Matrix map = design.internal_map(j);
    for (Index i = 0; i < values[j].size(); ++i) {
      const Index at = parameters.offset(j) + i;
      if (held.is_held(at)) continue;
      VarianceDirection& one =
          by_group.emplace(held.same[at], no_direction(parameters)).first->second;
      one.sigma[j] +=
          map * parameters.structure(j).natural_derivative(values[j], i) * map.transpose();
      // Both in squared units of the response.
      if (residual && held.same[at] == sigma) one.residual = 2.0 * values[j][i];
    }
  }
  std::vector<VarianceDirection> out;
  for (const auto& group : by_group) {
    if (!is_zero(group.second)) out.push_back(group.second);
  }
  if (residual && by_group.count(sigma) == 0) {
    out.push_back(no_direction(parameters));
    out.back().residual = 1.0;
  }
  return out;
}

}  // namespace tiers
