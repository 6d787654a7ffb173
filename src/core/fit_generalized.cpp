#include "fit_generalized.h"

#include <cmath>
#include <limits>
#include <memory>

#include "boundary.h"
#include "covariance/covariance_registry.h"
#include "fit_model.h"
#include "objective/laplace_deviance.h"

namespace tiers {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Specification unscaled(const Specification& spec) {
  Specification out = prepare(spec);
  out.linear = false;
  return out;
}

// Everything between the rows and the objective, in the order in which each needs the one before.
struct Engine {
  Engine(const GeneralizedSpecification& raw, const Control& control)
      : spec(raw), model(unscaled(raw.model)), design(model), layout(design),
        rows((layout.require_memory(), design), layout), response(spec, rows), cross(design, layout),
        parameters(model.terms), mode(*spec.family, response, rows, cross, control.poll),
        objective(std::make_unique<LaplaceDeviance>(mode, parameters)) {}

  Vector internal_theta(const std::vector<Matrix>& lambda) const {
    std::vector<Matrix> internal;
    for (std::size_t j = 0; j < lambda.size(); ++j) {
      internal.push_back(design.internal_factor(static_cast<int>(j), lambda[j]));
    }
    return parameters.parameters(internal);
  }

  Vector internal_point(const GeneralizedPoint& point) const {
    Vector psi(objective->size());
    psi << internal_theta(point.lambda), design.internal_coefficients(point.coefficients), point.dispersion;
    return psi;
  }

  const GeneralizedSpecification& spec;
  const Specification model;
  Design design;
  BlockLayout layout;
  PackedRows rows;
  PackedResponse response;
  CrossProducts cross;
  CovarianceParameters parameters;
  ConditionalMode mode;
  std::unique_ptr<ModalDeviance> objective;
};

std::vector<Matrix> user_modes(const Engine& engine) {
  std::vector<Matrix> out;
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.push_back((engine.design.mode_map(j) * engine.objective->modes(j)).transpose());
  }
  return out;
}

}  // namespace

GeneralizedAt evaluate_generalized(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                                   const Control& control) {
  Engine engine(spec, control);
  ModalDeviance& objective = *engine.objective;
  GeneralizedAt out;
  out.deviance = objective.value(engine.internal_point(point));
  out.gradient = Vector::Constant(objective.size(), kNaN);
  if (!std::isfinite(out.deviance)) return out;
  Vector internal;
  Matrix curvature;
  objective.derivatives(internal, curvature);
  const Index p = objective.fixed_count(), d = objective.dispersion_count();
  out.gradient.head(p) = engine.design.user_gradient(internal.segment(objective.fixed_start(), p));
  out.gradient.tail(d) = internal.tail(d);
  // Sigma_internal = M Sigma_user M', so D_user = M'D M.
  const Vector user = engine.parameters.parameters(point.lambda);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Matrix map = engine.design.internal_map(j);
    const Matrix by_sigma = map.transpose() * objective.sigma_gradient()[j] * map;
    const Vector part = engine.parameters.part(user, j);
    for (Index i = 0; i < part.size(); ++i) {
      const Matrix derivative = engine.parameters.structure(j).factor_derivative(part, i);
      out.gradient[p + engine.parameters.offset(j) + i] =
          2.0 * (by_sigma * point.lambda[j]).cwiseProduct(derivative).sum();
    }
  }
  out.modes = user_modes(engine);
  return out;
}

std::vector<Matrix> conditional_variances(const GeneralizedSpecification& spec,
                                          const GeneralizedPoint& point, const Control& control) {
  Engine engine(spec, control);
  const Vector psi = engine.internal_point(point);
  engine.objective->value(psi);
  const auto factors = engine.parameters.factors(psi);
  std::vector<Matrix> out, map;
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Index k = engine.model.terms[j].columns;
    out.emplace_back(k, k * engine.model.terms[j].n_levels);
    map.push_back(engine.design.mode_map(j) * factors[j]);
  }
  engine.mode.factor().visit_inverse_blocks(
      [&](int f, Index level, const auto& block) {
        const Factor& factor = engine.layout.factors()[f];
        for (std::size_t t = 0; t < factor.terms.size(); ++t) {
          const int j = factor.terms[t];
          const Index k = engine.model.terms[j].columns, at = factor.first_column[t];
          out[j].middleCols(level * k, k) = map[j] * block.block(at, at, k, k) * map[j].transpose();
        }
      },
      control.poll);
  return out;
}

}  // namespace tiers
