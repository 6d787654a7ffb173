#include "optimum_proof.h"

#include <cmath>

#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"

namespace tiers {

namespace {

// Shares by which variances are reduced, each ten times the one before, to come back inside the
// domain of a link: from what the search left open to what would change the fit.
constexpr double kLeastShrinking = 1e-9, kMostShrinking = 1e-2;

// The step of the Hessian that is there costs one more value and leaves next to nothing of the
// gain.
void polish(ModalDeviance& objective, const Verdict& verdict, Proof& proof, Optimum& optimum) {
  const Vector next = optimum.psi + verdict.step;
  const double value = objective.value(next);
  if (!(value <= optimum.value + objective.resolution(optimum.value))) {
    objective.value(optimum.psi);
    return;
  }
  optimum.psi = next;
  optimum.value = value;
  Matrix curvature;
  objective.derivatives(optimum.gradient, curvature);
  // Half of g'H^-1 g, and the covariance is 2 H^-1.
  proof.gain = 0.25 * optimum.gradient.dot(proof.covariance * optimum.gradient);
}

}  // namespace

Proof prove(ModalDeviance& objective, const CovarianceParameters& parameters,
            BoundaryOptimum& found, const Control& control) {
  Optimum& optimum = found.optimum;
  objective.tighten();
  if (objective.size() == 0) {
    optimum.value = objective.value(optimum.psi);
    return Proof{Matrix(0, 0), std::isfinite(optimum.value), 0.0, small_gain(control)};
  }
  for (int attempt = 0;; ++attempt) {
    Proof out;
    out.enough = small_gain(control);
    Matrix curvature;
    optimum.value = objective.value(optimum.psi);
    // A mode found better may turn out to lie beyond the edge of the domain of the link: back
    // inside.
    for (double share = kLeastShrinking; share < kMostShrinking && !std::isfinite(optimum.value);
         share *= 10.0) {
      optimum.psi.head(parameters.size()) *= 1.0 - share;
      optimum.value = objective.value(optimum.psi);
    }
    if (!std::isfinite(optimum.value)) return out;
    objective.derivatives(optimum.gradient, curvature);
    const Matrix hessian = objective.hessian();
    if (objective.dispersion_at_limit()) {
      for (Index i = objective.dispersion_start(); i < objective.size(); ++i) found.free[i] = false;
      found.at_boundary = true;
    }
    const Verdict verdict = judge(hessian, optimum.gradient, found.free);
    out.positive = verdict.positive;
    out.gain = verdict.gain;
    const FreeParameters free(found.free);
    out.covariance = 2.0 * free.spread(ScaledEigen(free.take(hessian)).pseudo_inverse());
    if (out.holds() || attempt == std::min(kVerdictSteps, control.max_iterations)) {
      if (out.positive && control.max_iterations > 0) polish(objective, verdict, out, optimum);
      return out;
    }
    if (!verdict.positive) {
      const Vector below = point_below(objective, optimum.psi, verdict.downward);
      if (below.size() == 0) {
        out.positive = true;
        return out;
      }
      BoundaryOptimum lower =
          minimize_with_boundary(objective, parameters, below, control, found.allowed);
      lower.optimum.convergence.iterations += optimum.convergence.iterations;
      lower.optimum.convergence.evaluations += optimum.convergence.evaluations;
      if (!(lower.optimum.value < optimum.value)) {
        objective.value(optimum.psi);
        return out;
      }
      found = lower;
      continue;
    }
    const Vector next = optimum.psi + verdict.step;
    ++optimum.convergence.evaluations;
    if (!(objective.value(next) <= optimum.value + objective.resolution(optimum.value))) {
      objective.value(optimum.psi);  // the modes that are reported belong to the best point
      return out;
    }
    optimum.psi = next;
  }
}

}  // namespace tiers
