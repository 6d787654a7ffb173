#include "at_point.h"

#include <cmath>

#include "../inference/contrast_variance.h"
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

// C and its derivatives by psi from those by g. C is homogeneous of degree one in (g, s), g_a = s
// theta_a / 2; at given theta it is proportional to s.
template <class Value>
Value residual_derivative(const Value& c, const std::vector<Value>& by_g, const Vector& theta,
                          double s, VarianceCoordinates coordinates) {
  if (coordinates == VarianceCoordinates::search) return c;
  Value out = c / s;
  for (std::size_t a = 0; a < by_g.size(); ++a) out -= 0.5 * theta[static_cast<Index>(a)] * by_g[a];
  return out;
}

double parameter_unit(double s, VarianceCoordinates coordinates) {
  return coordinates == VarianceCoordinates::search ? s : 1.0;
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

RowVariances contrast_rows(const Specification& spec, const std::vector<Matrix>& lambda,
                           const ContrastRows& rows, VarianceCoordinates coordinates,
                           const Matrix& weight, const Control& control) {
  LinearEngine engine(spec, control);
  const Design& design = engine.design;
  const Vector theta = internal_parameters(engine.design, engine.parameters, lambda);
  value_at(engine, spec.held, theta);
  const double s = engine.objective.sigma2();
  const ContrastVariance variance(engine.cross, engine.parameters, theta, s, weight, control.poll);
  RowVariances out = variance.rows(internal_contrasts(design, rows));
  const double residual = design.user_sigma(std::sqrt(s));
  if (rows.residual.size() > 0) out.variance += residual * residual * rows.residual;
  std::vector<Vector> by_g;
  for (Index a = 0; a < theta.size(); ++a) by_g.push_back(out.gradient.col(a));
  out.gradient *= parameter_unit(s, coordinates);
  out.gradient.conservativeResize(Eigen::NoChange, theta.size() + 1);
  out.gradient.col(theta.size()) = residual_derivative(out.variance, by_g, theta, s, coordinates);
  return out;
}

BlockVariances contrast_block(const Specification& spec, const std::vector<Matrix>& lambda,
                              const ContrastBlock& contrasts, VarianceCoordinates coordinates,
                              const Matrix& weight, const Control& control) {
  LinearEngine engine(spec, control);
  const Vector theta = internal_parameters(engine.design, engine.parameters, lambda);
  value_at(engine, spec.held, theta);
  const double s = engine.objective.sigma2();
  const ContrastVariance variance(engine.cross, engine.parameters, theta, s, weight, control.poll);
  BlockVariances out = variance.block(internal_contrasts(engine.design, contrasts));
  const Matrix last = residual_derivative(out.variance, out.gradient, theta, s, coordinates);
  for (Matrix& one : out.gradient) one *= parameter_unit(s, coordinates);
  out.gradient.push_back(last);
  return out;
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
