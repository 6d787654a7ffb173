#include "at_point_generalized.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../inference/link_variance.h"
#include "../model/dense_algebra.h"
#include "../model/lower_factor.h"
#include "generalized_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// The objective's psi at the point, after its value() there. What is asked for is read off the
// factor at the modes, so they must have been found.
Vector move_to(GeneralizedEngine& engine, const GeneralizedPoint& point) {
  const Vector psi = engine.start_at(point);
  engine.objective->tighten();
  if (!std::isfinite(engine.objective->value(psi)))
    throw std::domain_error("conditional modes of the random effects not found");
  return psi;
}

void check_parameters(const GeneralizedEngine& engine, const Matrix& vcov_psi) {
  if (vcov_psi.rows() != engine.objective->size())
    throw std::invalid_argument("the covariance matrix of the parameters is of another model");
}

// Per term what takes u to b on the user's scale.
std::vector<Matrix> user_maps(const GeneralizedEngine& engine, const Vector& psi) {
  std::vector<Matrix> out = engine.parameters.lambdas(psi);
  for (std::size_t j = 0; j < out.size(); ++j) {
    out[j] = engine.design.mode_map(static_cast<int>(j)) * out[j];
  }
  return out;
}

// From the gradient in the parameters of the internal factor to that in those of the user's, of one
// term. Quadrature with few points is not a function of Sigma alone, so the chain rule goes through
// the map of the factors, Lambda_i = lower_factor(M Lambda): dtheta_i solves sum dtheta_i dLambda_i
// = its derivative.
Vector user_gradient(const CovarianceStructure& structure, const Matrix& map, const Matrix& lambda,
                     const Vector& gradient) {
  const Index k = structure.columns(), count = structure.parameter_count();
  const Vector user = structure.parameters(lambda);
  const Matrix mapped = map * lambda;
  const Vector internal = structure.parameters(lower_factor(mapped));
  Matrix basis(k * k, count), moved(k * k, count);
  for (Index i = 0; i < count; ++i) {
    Eigen::Map<Matrix>(basis.col(i).data(), k, k) = structure.factor_derivative(internal, i);
    Eigen::Map<Matrix>(moved.col(i).data(), k, k) =
        lower_factor_derivative(mapped, map * structure.factor_derivative(user, i));
  }
  return PivotedQr(basis).solve(moved).transpose() * gradient;
}

}  // namespace

Vector user_gradient(const GeneralizedEngine& engine, const GeneralizedPoint& point,
                     const Vector& internal) {
  const ModalDeviance& objective = *engine.objective;
  const Index p = objective.fixed_count(), d = objective.dispersion_count();
  Vector out(internal.size());
  out.head(p) = engine.design.user_gradient(internal.segment(objective.fixed_start(), p));
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Vector part = engine.parameters.part(internal, j);
    out.segment(p + engine.parameters.offset(j), part.size()) = user_gradient(
        engine.parameters.structure(j), engine.design.internal_map(j), point.lambda[j], part);
  }
  if (engine.response.at_limit()) {
    out.tail(d).setZero();
  } else {
    out.tail(d) = inverse(engine.response.coefficient_slope().transpose()) * internal.tail(d);
  }
  return out;
}

Vector link_variances(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                      const ContrastRows& rows, const Matrix& vcov_psi, const Control& control) {
  GeneralizedEngine engine(spec, control);
  const Vector psi = move_to(engine, point);
  check_parameters(engine, vcov_psi);
  const ContrastRows internal = internal_contrasts(engine.design, rows);
  return link_variances(*engine.objective, TermPlaces(engine.layout, engine.parameters),
                        engine.parameters.lambdas(psi), internal, vcov_psi);
}

Matrix link_covariance(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                       const ContrastBlock& contrasts, const Matrix& vcov_psi,
                       const Control& control) {
  GeneralizedEngine engine(spec, control);
  move_to(engine, point);
  check_parameters(engine, vcov_psi);
  return link_covariance(*engine.objective, TermPlaces(engine.layout, engine.parameters),
                         internal_contrasts(engine.design, contrasts), vcov_psi);
}

GeneralizedAt evaluate_generalized(const GeneralizedSpecification& spec,
                                   const GeneralizedPoint& point, const Control& control) {
  GeneralizedEngine engine(spec, control);
  ModalDeviance& objective = *engine.objective;
  objective.tighten();
  GeneralizedAt out;
  out.deviance = objective.value(engine.start_at(point));
  out.gradient = Vector::Constant(objective.size(), kNaN);
  if (!std::isfinite(out.deviance)) return out;
  Vector internal;
  Matrix curvature;
  objective.derivatives(internal, curvature);
  out.gradient = user_gradient(engine, point, internal);
  out.modes = engine.user_modes();
  out.accuracy = engine.quadrature ? engine.quadrature->accuracy() : kNaN;
  out.largest_error = engine.quadrature ? engine.quadrature->largest_error() : kNaN;
  return out;
}

RandomMoments random_moments(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                             const Control& control) {
  GeneralizedEngine engine(spec, control);
  if (!engine.quadrature) throw std::invalid_argument("means of random effects need quadrature");
  const std::vector<Matrix> maps = user_maps(engine, move_to(engine, point));
  RandomMoments out;
  out.means.resize(maps.size());
  out.variances.resize(maps.size());
  for (std::size_t f = 0; f < engine.layout.groupings().size(); ++f) {
    const Grouping& grouping = engine.layout.groupings()[f];
    const Matrix &mean = engine.quadrature->means()[f],
                 &square = engine.quadrature->second_moments()[f];
    for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
      const int j = grouping.terms[t];
      const Index k = maps[j].cols(), first = grouping.first_column[t];
      const auto mean_j = mean.middleRows(first, k);
      out.means[j] = (maps[j] * mean_j).transpose();
      out.variances[j].resize(k, k * grouping.levels);
      for (Index level = 0; level < grouping.levels; ++level) {
        const Matrix about_zero = square.block(first, level * grouping.columns + first, k, k);
        out.variances[j].middleCols(level * k, k) =
            maps[j] * (about_zero - mean_j.col(level) * mean_j.col(level).transpose()) *
            maps[j].transpose();
      }
    }
  }
  return out;
}

std::vector<Matrix> conditional_variances(const GeneralizedSpecification& spec,
                                          const GeneralizedPoint& point, const Control& control) {
  GeneralizedEngine engine(spec, control);
  const Vector psi = move_to(engine, point);
  return level_variances(engine.mode.factor(), engine.layout, user_maps(engine, psi), control.poll);
}

}  // namespace tiers
