#include "fit_model.h"

#include <cmath>

#include "linear_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// Internal residual variance below which it is asked whether any is left: the response's is of order
// one, so a residual of 1e-4.5 of it.
constexpr double kSmallResidual = 1e-9;

// Internal sigma^2, at the point of the last value().
double residual_variance(const ProfiledDeviance& objective) {
  return objective.residual_square() / static_cast<double>(objective.degrees());
}

// Estimates and fitted values, at the point of the last value().
void write_estimates(const LinearEngine& engine, FitResult& out) {
  const Design& design = engine.design;
  const auto solution = engine.objective.solve();
  const double sigma = std::sqrt(residual_variance(engine.objective));
  out.coefficients = design.user_coefficients(solution.beta);
  out.vcov = design.user_covariance(
      sigma * sigma * inverse_of_product(engine.objective.factor().fixed_lower()));
  out.sigma = design.user_sigma(sigma);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.modes.push_back((design.mode_map(j) * engine.objective.modes(solution, j)).transpose());
  }
  out.fitted = engine.objective.linear_predictor(solution);
  for (Index i = 0; i < design.rows(); ++i) out.fitted[i] = design.user_response(out.fitted[i], i);
}

}  // namespace

FitResult fit_model(const Specification& spec, const Control& control) {
  LinearEngine engine(spec, control);
  ProfiledDeviance& objective = engine.objective;
  FitResult out;
  write_design(engine.design, engine.parameters.size() + 1, out);

  const BoundaryOptimum found =
      minimize_with_boundary(objective, engine.parameters, engine.start(), control);
  const Optimum& optimum = found.optimum;
  const double near = objective.value(optimum.psi);
  if (residual_variance(objective) < kSmallResidual && engine.fits_perfectly()) {
    out.status = FitStatus::perfect_fit;
    return out;
  }
  objective.value(optimum.psi);
  objective.refresh();
  out.deviance = std::isfinite(near) ? objective.value(optimum.psi) + engine.design.deviance_shift(spec.reml)
                                     : near;

  write_search(optimum.convergence, found.at_boundary, out);
  write_covariances(engine.design, engine.parameters, found, out);
  write_estimates(engine, out);
  return out;
}

}  // namespace tiers
