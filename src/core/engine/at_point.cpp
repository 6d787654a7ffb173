#include "at_point.h"

#include "../inference/kenward_roger.h"
#include "linear_engine.h"
#include "write_result.h"

namespace tiers {

KenwardRoger kenward_roger(const Specification& spec, const std::vector<Matrix>& lambda,
                           const std::vector<bool>& free, const Control& control) {
  LinearEngine engine(spec, control);
  const Vector theta = internal_parameters(engine.design, engine.parameters, lambda);
  engine.objective.value(theta);
  if (engine.objective.refresh()) engine.objective.value(theta);
  KenwardRoger out = kenward_roger(engine.objective, free);
  for (Matrix& derivative : out.derivatives) derivative = engine.design.user_covariance(derivative);
  out.expected_products = engine.design.user_covariance(out.expected_products);
  out.observed_products = engine.design.user_covariance(out.observed_products);
  return out;
}

DevianceAt evaluate(const Specification& spec, const std::vector<Matrix>& lambda,
                    const Control& control) {
  LinearEngine engine(spec, control);
  ProfiledDeviance& objective = engine.objective;
  const CovarianceParameters& parameters = engine.parameters;
  const Vector theta = internal_parameters(engine.design, parameters, lambda);
  const std::size_t sigma = static_cast<std::size_t>(parameters.size());
  if (spec.held.is_held(sigma))
    objective.fix_scale(spec.held.value[sigma] / engine.design.user_sigma(1.0));
  DevianceAt out;
  out.deviance = objective.value(theta);
  if (objective.refresh()) out.deviance = objective.value(theta);
  out.deviance += engine.design.deviance_shift(spec.reml);
  Vector internal;
  Matrix curvature;
  objective.derivatives(internal, curvature);
  // Sigma_internal = M Sigma_user M', so D_user = M'D M.
  std::vector<Matrix> by_factor;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Matrix map = engine.design.internal_map(j);
    by_factor.push_back(2.0 * map.transpose() * objective.sigma_gradient()[j] * map * lambda[j]);
  }
  out.gradient = parameters.gradient(parameters.parameters(lambda), by_factor);
  return out;
}

std::vector<Matrix> conditional_variances(const Specification& spec,
                                          const std::vector<Matrix>& lambda,
                                          const Control& control) {
  LinearEngine engine(spec, control);
  const Vector theta = internal_parameters(engine.design, engine.parameters, lambda);
  std::vector<Matrix> map = engine.parameters.factors(theta);
  // b_user = T b_internal / sqrt(w0) relative to sigma_user.
  for (std::size_t j = 0; j < map.size(); ++j) {
    map[j] = engine.design.internal_map(static_cast<int>(j)).inverse() * map[j];
  }
  return level_variances(engine.objective.blocked_factor(theta), engine.layout, map, control.poll);
}

}  // namespace tiers
