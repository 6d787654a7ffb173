#include "at_point.h"

#include <cmath>

#include "../inference/contrast_variance.h"
#include "../inference/kenward_roger.h"
#include "../inference/linear_contrasts.h"
#include "../model/dense_algebra.h"
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

// The model as errors of contrasts need it, and these on the internal scale.
struct ContrastPoint {
  ContrastPoint(const Specification& spec, const std::vector<Matrix>& lambda,
                const Control& control)
      : engine(spec, control),
        theta(internal_parameters(engine.design, engine.parameters, lambda)),
        poll(control.poll) {
    value_at(engine, spec.held, theta);
    sigma2 = engine.objective.sigma2();
    const double sigma = engine.design.user_sigma(std::sqrt(sigma2));
    user_sigma2 = sigma * sigma;
  }
  ContrastVariance variance(bool derivatives) const {
    return {engine.cross, engine.parameters, theta, sigma2, derivatives, poll};
  }
  // C is homogeneous of degree one in linear parameters; at given theta it is proportional to s,
  // its derivatives by theta are per unit of sigma.
  template <class Value>
  Value residual_derivative(const Value& c, const std::vector<Value>& gradient,
                            const LinearParameters* linear) const {
    if (linear == nullptr) return c;
    Value out = c;
    for (std::size_t a = 0; a < gradient.size(); ++a)
      out -= linear->psi[static_cast<Index>(a)] * gradient[a];
    return out / user_sigma2;
  }
  // `with` takes what has the derivatives by linear parameters.
  template <class With>
  void with_linear(const LinearParameters& linear, const With& with) {
    const TermPlaces places(engine.layout, engine.parameters);
    const BlockedCholesky factor = engine.objective.blocked_factor(theta);
    const LinearContrasts contrasts(
        engine.cross, factor, places,
        internal_forms(engine.design, places, engine.layout, linear.forms),
        own_weight(linear.weight, linear.psi), poll);
    with(contrasts);
  }
  // On the user's scale, of dC_a and K2_ab by parameters in its units.
  double gradient_unit() const { return sigma2 / user_sigma2; }
  double adjustment_unit() const { return sigma2 / (user_sigma2 * user_sigma2); }

  LinearEngine engine;
  const Vector theta;
  const Poll poll;
  double sigma2 = 0.0, user_sigma2 = 0.0;
};

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
                           const ContrastRows& rows, const LinearParameters* linear,
                           const Control& control) {
  ContrastPoint at(spec, lambda, control);
  const ContrastRows internal = internal_contrasts(at.engine.design, rows);
  RowVariances out = at.variance(linear == nullptr).rows(internal);
  if (linear == nullptr) {
    out.gradient *= at.sigma2;
  } else {
    at.with_linear(*linear,
                   [&](const LinearContrasts& contrasts) { contrasts.rows(internal, out); });
    out.gradient *= at.gradient_unit();
    out.adjustment *= at.adjustment_unit();
  }
  if (rows.residual.size() > 0) out.variance += at.user_sigma2 * rows.residual;
  std::vector<Vector> gradient;
  for (Index a = 0; a < out.gradient.cols(); ++a) gradient.push_back(out.gradient.col(a));
  const Vector last = at.residual_derivative(out.variance, gradient, linear);
  out.gradient.conservativeResize(Eigen::NoChange, out.gradient.cols() + 1);
  out.gradient.rightCols(1) = last;
  return out;
}

BlockVariances contrast_block(const Specification& spec, const std::vector<Matrix>& lambda,
                              const ContrastBlock& contrasts, const LinearParameters* linear,
                              const Control& control) {
  ContrastPoint at(spec, lambda, control);
  const ContrastBlock internal = internal_contrasts(at.engine.design, contrasts);
  BlockVariances out = at.variance(linear == nullptr).block(internal);
  if (linear != nullptr) {
    at.with_linear(*linear, [&](const LinearContrasts& found) { found.block(internal, out); });
    out.adjustment *= at.adjustment_unit();
  }
  for (Matrix& one : out.gradient) one *= linear == nullptr ? at.sigma2 : at.gradient_unit();
  out.gradient.push_back(at.residual_derivative(out.variance, out.gradient, linear));
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
  std::vector<Matrix> by_lambda;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Matrix map = engine.design.internal_map(j);
    by_lambda.push_back(2.0 * map.transpose() * objective.sigma_gradient()[j] * map * lambda[j]);
  }
  out.gradient = parameters.gradient(parameters.parameters(lambda), by_lambda);
  return out;
}

std::vector<Matrix> conditional_variances(const Specification& spec,
                                          const std::vector<Matrix>& lambda,
                                          const Control& control) {
  LinearEngine engine(spec, control);
  const Vector theta = internal_parameters(engine.design, engine.parameters, lambda);
  std::vector<Matrix> map = engine.parameters.lambdas(theta);
  // b_user = T b_internal / sqrt(w0) relative to sigma_user.
  for (std::size_t j = 0; j < map.size(); ++j) {
    map[j] = inverse(engine.design.internal_map(static_cast<int>(j))) * map[j];
  }
  return level_variances(engine.objective.blocked_factor(theta), engine.layout, map, control.poll);
}

}  // namespace tiers
