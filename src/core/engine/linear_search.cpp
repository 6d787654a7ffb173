#include "linear_search.h"

#include <algorithm>
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
// Of standard deviations where another search starts, in units of the usual start's.
constexpr double kFarOut = 8.0;

// By maximum likelihood fixed effects that take the place of levels make for a minimum at a
// variance of zero and another one far off: the variance has to be large to make up for its
// determinant.
bool may_have_two_minima(const LinearEngine& engine) {
  const Specification& spec = engine.design.specification();
  const auto few_levels = [&](const RandomTerm& term) { return term.n_levels <= spec.X.cols(); };
  return !spec.reml && engine.layout.random_columns() <= kCheapColumns &&
         std::any_of(spec.terms.begin(), spec.terms.end(), few_levels);
}

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
  const std::vector<bool> searched = engine.saturation.searched_parameters(engine.parameters);
  Vector start = engine.start();
  for (Index i = 0; i < count; ++i) start[i] = searched[i] ? start[i] : 0.0;
  const bool known = held.is_held(count);
  if (known) objective.fix_scale(held.value[count] / engine.design.user_sigma(1.0));
  LinearOptimum out;
  BoundaryOptimum& found = out.found;
  found = minimize_with_boundary(objective, engine.parameters, start, control, searched);
  if (may_have_two_minima(engine)) {
    search_again(objective, engine.parameters, kFarOut * start, control, found);
  }
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
