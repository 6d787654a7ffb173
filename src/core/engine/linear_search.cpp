#include "linear_search.h"

#include <cmath>
#include <stdexcept>

#include "../objective/joint_deviance.h"
#include "constrained_search.h"
#include "identification.h"

namespace tiers {

namespace {

// Internal residual variance below which it is asked whether any is left: the response's is of
// order one, so a residual of 1e-4.5 of it.
constexpr double kSmallResidual = 1e-9;
// The same where the search did not come to an end, as it does not where nothing is left.
constexpr double kSmallWhereStuck = 1e-3;

// psi = (theta, log sigma), sigma internal. The search starts where searches do, and where the
// model without constraints is best.
LinearOptimum fit_constrained(LinearEngine& engine, const HeldParameters& by_user,
                              const Control& control) {
  const HeldParameters held = engine.saturation.settle(by_user, engine.parameters);
  const Index count = engine.parameters.size();
  const double unit = engine.design.user_sigma(1.0);
  const bool sigma_held = held.is_held(count);
  const Vector usual = engine.start();
  const auto with_sigma = [&](const Vector& theta) {
    Vector psi(count + 1);
    psi.head(count) = theta;
    engine.objective.value(theta);
    psi[count] =
        sigma_held ? std::log(held.value[count] / unit) : 0.5 * std::log(engine.objective.sigma2());
    return psi;
  };
  std::vector<Vector> starts = {with_sigma(usual)};
  if (sigma_held) engine.objective.fix_scale(held.value[count] / unit);
  const BoundaryOptimum without =
      minimize_with_boundary(engine.objective, engine.parameters, usual, control);
  if (std::isfinite(without.optimum.value)) starts.push_back(with_sigma(without.optimum.psi));

  std::vector<Matrix> maps;
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    maps.push_back(engine.design.internal_map(j) / unit);
  }
  JointDeviance joint(engine.objective);
  const auto make = [&](const Vector& psi) {
    return std::make_unique<ConstrainedObjective>(joint, engine.parameters, maps, true,
                                                  linear_constraints(held, count, unit), psi);
  };
  ConstrainedOptimum best = search_constrained(make, starts, control);
  ConstrainedObjective& objective = *best.objective;
  Optimum& optimum = best.optimum;
  if (!std::isfinite(optimum.value)) {
    throw std::runtime_error("the deviance is not finite anywhere near the start");
  }
  LinearOptimum out;
  out.found.boundary.resize(engine.parameters.terms());
  const Proof proof = prove_constrained(objective, optimum, out.found.at_boundary);
  if (engine.saturation.any_column(engine.parameters, by_user)) out.found.at_boundary = true;
  out.found.free.assign(count, true);
  out.found.optimum = optimum;
  out.found.optimum.psi = objective.psi(optimum.psi).head(count);
  Convergence& convergence = out.found.optimum.convergence;
  convergence.converged = proof.holds();
  convergence.gain = proof.gain;
  if (!proof.holds() && convergence.ending == Ending::converged) convergence.ending = Ending::stuck;
  out.vcov_psi = proof.covariance;
  if (out.vcov_psi.size() == 0) out.vcov_psi = Matrix::Zero(count + 1, count + 1);
  out.vcov_psi.col(count) *= 2.0;
  out.vcov_psi.row(count) *= 2.0;
  return out;
}

LinearOptimum search(LinearEngine& engine, const HeldParameters& held, const Control& control) {
  const Index count = engine.parameters.size();
  if (held.ties(count)) return fit_constrained(engine, held, control);
  ProfiledDeviance& objective = engine.objective;
  const double without = objective.value_without();
  const Vector start = engine.start();
  const bool known = held.is_held(count);
  if (known) objective.fix_scale(held.value[count] / engine.design.user_sigma(1.0));
  LinearOptimum out;
  BoundaryOptimum& found = out.found;
  found = minimize_with_boundary(objective, engine.parameters, start, control,
                                 engine.saturation.free_parameters(engine.parameters));
  std::vector<Vector> simpler =
      without_each_term(engine.parameters, found.optimum, engine.layout.random_columns());
  if (known || without < found.optimum.value) simpler.push_back(Vector::Zero(count));
  go_on_from_lower(objective, engine.parameters, simpler, control, found);
  return out;
}

}  // namespace

Unidentified find_unidentified(const LinearEngine& engine, const HeldParameters& held,
                               const Control& control) {
  const CovarianceParameters& parameters = engine.parameters;
  const Index count = parameters.size();
  const bool residual = !held.is_held(count);
  const std::vector<VarianceDirection> directions =
      held.ties(count)
          ? held_directions(engine.design, parameters, engine.saturation.settle(held, parameters),
                            residual)
          : free_directions(parameters, engine.saturation.free_parameters(parameters), residual);
  const bool reml = engine.design.specification().reml;
  return find_unidentified(engine.cross, directions, reml, control.poll);
}

LinearOptimum search_linear(LinearEngine& engine, const HeldParameters& held,
                            const Control& control) {
  LinearOptimum out = search(engine, held, control);
  ProfiledDeviance& objective = engine.objective;
  const Optimum& optimum = out.found.optimum;
  out.value = objective.value(optimum.psi);
  const double small = optimum.convergence.converged ? kSmallResidual : kSmallWhereStuck;
  if (objective.scale() == Scale::profiled && objective.sigma2() < small) {
    out.perfect = engine.fits_perfectly();
    if (out.perfect) return out;
    out.value = objective.value(optimum.psi);
  }
  if (std::isfinite(out.value) && objective.refresh()) out.value = objective.value(optimum.psi);
  return out;
}

}  // namespace tiers
