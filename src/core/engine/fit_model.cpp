#include "fit_model.h"

#include <cmath>
#include <stdexcept>

#include "../inference/observed_information.h"
#include "../objective/joint_deviance.h"
#include "constrained_search.h"
#include "identification.h"
#include "linear_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// Internal residual variance below which it is asked whether any is left: the response's is of
// order one, so a residual of 1e-4.5 of it.
constexpr double kSmallResidual = 1e-9;
// The same where the search did not come to an end, as it does not where nothing is left.
constexpr double kSmallWhereStuck = 1e-3;

struct LinearOptimum {
  BoundaryOptimum found;
  Matrix vcov_psi;  // of psi = (theta, log sigma^2); empty: that of the information
};

// psi = (theta, log sigma), sigma internal. Constraints may leave several minima: the search starts
// where searches do, and where the model without constraints is best.
LinearOptimum fit_constrained(LinearEngine& engine, const HeldParameters& held,
                              const Control& control) {
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
  const auto constrained = [&](const Vector& psi) {
    return ConstrainedObjective(joint, engine.parameters, maps, true,
                                constraints_of(held, count, 0, 1), psi);
  };
  ConstrainedObjective objective = constrained(starts[0]);
  Optimum optimum = minimize_constrained(objective, objective.start(), control);
  for (std::size_t i = 1; i < starts.size(); ++i) {
    optimum =
        lower_of(optimum, minimize_constrained(objective, constrained(starts[i]).start(), control));
  }
  if (!std::isfinite(optimum.value)) {
    throw std::runtime_error("the deviance is not finite anywhere near the start");
  }
  LinearOptimum out;
  out.found.boundary.resize(engine.parameters.terms());
  const Proof proof = prove_constrained(objective, optimum, out.found.at_boundary);
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
      without_each_term(engine.parameters, found.optimum.psi, engine.layout.random_columns());
  if (known || without < found.optimum.value) simpler.push_back(Vector::Zero(count));
  go_on_from_lower(objective, engine.parameters, simpler, control, found);
  return out;
}

// Of variances that are neither held nor tied.
Unidentified unidentified(const LinearEngine& engine, const HeldParameters& held,
                          const Control& control) {
  const Index count = engine.parameters.size();
  if (held.ties(count)) return Unidentified();
  return find_unidentified(engine.cross, engine.parameters,
                           engine.saturation.free_parameters(engine.parameters),
                           !held.is_held(count), control.poll);
}

// Estimates and fitted values, at the point of the last value().
void write_estimates(const LinearEngine& engine, FitResult& out) {
  const Design& design = engine.design;
  const auto solution = engine.objective.solve();
  const double sigma = std::sqrt(engine.objective.sigma2());
  out.coefficients = design.user_coefficients(solution.beta);
  out.vcov = design.user_covariance(sigma * sigma *
                                    inverse_of_product(engine.objective.factor().fixed_lower()));
  out.sigma = design.user_sigma(sigma);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.modes.push_back((design.mode_map(j) * engine.objective.modes(solution, j)).transpose());
  }
  out.fitted = engine.objective.linear_predictor(solution);
  for (Index i = 0; i < design.rows(); ++i) out.fitted[i] = design.user_response(out.fitted[i], i);
}

// At the point of the last value(), theta; after sigma and the factors.
void write_inference(LinearEngine& engine, const LinearOptimum& optimum, const HeldParameters& held,
                     FitResult& out) {
  out.inference = covariance_inference(engine.objective, optimum.found.free);
  if (optimum.vcov_psi.size() > 0) out.inference.vcov_psi = optimum.vcov_psi;
  for (Matrix& derivative : out.inference.dvcov)
    derivative = engine.design.user_covariance(derivative);
  write_parameters(linear_parameters(engine.parameters, optimum.found.optimum.psi,
                                     user_scale(engine.design, out.sigma)),
                   out.inference.vcov_psi, held, engine.parameters, out);
}

}  // namespace

FitResult fit_model(const Specification& spec, const Control& control) {
  LinearEngine engine(spec, control);
  ProfiledDeviance& objective = engine.objective;
  FitResult out;
  write_design(engine.design,
               static_cast<Index>(spec.held.free_count(engine.parameters.size() + 1)), out);

  out.unidentified = unidentified(engine, spec.held, control);
  if (out.unidentified.found) {
    out.status = FitStatus::unidentified;
    return out;
  }
  const LinearOptimum best = search(engine, spec.held, control);
  const BoundaryOptimum& found = best.found;
  const Optimum& optimum = found.optimum;
  double value = objective.value(optimum.psi);
  const double small = optimum.convergence.converged ? kSmallResidual : kSmallWhereStuck;
  if (objective.scale() == Scale::profiled && objective.sigma2() < small) {
    if (engine.fits_perfectly()) {
      out.status = FitStatus::perfect_fit;
      return out;
    }
    value = objective.value(optimum.psi);
  }
  if (std::isfinite(value) && objective.refresh()) value = objective.value(optimum.psi);
  out.deviance = value + engine.design.deviance_shift(spec.reml);

  write_search(optimum.convergence, found.at_boundary, out);
  write_covariances(engine.design, engine.parameters, engine.saturation, found, out);
  write_estimates(engine, out);
  write_inference(engine, best, spec.held, out);
  return out;
}

}  // namespace tiers
