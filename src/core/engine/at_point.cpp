#include "at_point.h"

#include "../inference/kenward_roger.h"
#include "linear_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// The value at theta, with sigma held where it is.
double value_at(LinearEngine& engine, const HeldParameters& held, const Vector& theta) {
  const std::size_t sigma = static_cast<std::size_t>(engine.parameters.size());
  if (held.is_held(sigma))
    engine.objective.fix_scale(held.value[sigma] / engine.design.user_sigma(1.0));
  const double value = engine.objective.value(theta);
  return engine.objective.refresh() ? engine.objective.value(theta) : value;
}

}  // namespace

VarianceInformation variance_information(const Specification& spec,
                                         const std::vector<Matrix>& lambda,
                                         const VarianceForms& forms, const Control& control) {
  LinearEngine engine(spec, control);
  const Vector theta = internal_parameters(engine.design, engine.parameters, lambda);
  value_at(engine, spec.held, theta);
  return variance_information(engine.design, engine.cross, engine.parameters, engine.objective,
                              theta, forms, control.poll);
}

DevianceAt evaluate(const Specification& spec, const std::vector<Matrix>& lambda,
                    const Control& control) {
  LinearEngine engine(spec, control);
  ProfiledDeviance& objective = engine.objective;
  const CovarianceParameters& parameters = engine.parameters;
  const Vector theta = internal_parameters(engine.design, parameters, lambda);
  DevianceAt out;
  out.deviance = value_at(engine, spec.held, theta) + engine.design.deviance_shift(spec.reml);
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
