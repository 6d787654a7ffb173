#include "constrained_search.h"

#include <cmath>
#include <limits>

#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"

namespace tiers {

namespace {

// A variance that carries less than this share of the residual's is tried at zero, as in
// boundary.cpp, and a correlation whose arc sine is this near to its end is tried there.
constexpr double kSmallShare = 1e-4;
constexpr double kNearEnd = 0.02;
constexpr double kAtEnd = 1e-6;
constexpr int kMostTrials = 20;
constexpr int kProofSteps = 3;
constexpr double kNothingLeft = 1e-14;

const double kRightAngle = std::acos(0.0);

// The end that a coordinate is near to; NaN: none.
double end_of(const ConstrainedObjective& objective, const Vector& phi, Index c, double share,
              double turn) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (objective.is_sd(c)) return objective.share(c, phi) <= share ? 0.0 : none;
  if (!objective.is_angle(c)) return none;
  const double angle = std::remainder(phi[c], 4.0 * kRightAngle);
  return std::abs(std::abs(angle) - kRightAngle) < turn ? std::copysign(kRightAngle, angle) : none;
}

// Coordinates at their end, and correlations of columns without variance.
std::vector<bool> free_coordinates(const ConstrainedObjective& objective, const Vector& phi) {
  std::vector<bool> free(phi.size(), true);
  for (Index c = 0; c < objective.coordinates(); ++c) {
    free[c] = std::isnan(end_of(objective, phi, c, 0.0, kAtEnd)) && !objective.flat(c) &&
              (objective.is_sd(c) || !objective.idle(c, phi));
  }
  return free;
}

// An optimum, with the work of what led to it.
Optimum after(Optimum found, const Optimum& before) {
  found.convergence.iterations += before.convergence.iterations;
  found.convergence.evaluations += before.convergence.evaluations;
  return found;
}

// Covariance matrices of less than full rank, where that is as good: a row of the factor at a time.
void flatten_rows(ConstrainedObjective& objective, const Control& control, Optimum& found) {
  for (const Index c : objective.own_coordinates()) {
    if (objective.flat(c) || objective.idle(c, found.psi)) continue;
    if (!(objective.own_share(c, found.psi) <= kSmallShare)) continue;
    const std::vector<NaturalFactor> bases = objective.bases();
    const Vector there = objective.flatten(c, found.psi);
    const Optimum other = minimize(objective, there, free_coordinates(objective, there), control);
    if (other.value <= found.value + objective.resolution(found.value)) {
      found = after(other, found);
    } else {
      objective.set_bases(bases);
    }
  }
}

}  // namespace

Constraints constraints_of(const HeldParameters& held, Index theta, Index free_rest,
                           Index table_rest) {
  Constraints out;
  for (Index i = 0; i < theta; ++i) {
    out.held.push_back(held.value[i]);
    out.same.push_back(held.same[i]);
  }
  out.rest_free.assign(free_rest, true);
  for (Index i = 0; i < table_rest; ++i) out.rest_free.push_back(!held.is_held(theta + i));
  return out;
}

Optimum minimize_constrained(ConstrainedObjective& objective, const Vector& start,
                             const Control& control, const std::vector<bool>& allowed) {
  Vector inside = objective.inside(start);
  std::vector<bool> free(inside.size(), true);
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    free[i] = allowed[i];
    if (!free[i]) inside[i] = start[i];
  }
  Optimum found = minimize(objective, inside, free, control);
  if (!std::isfinite(found.value)) return found;
  for (Index c = 0, trials = 0; c < objective.coordinates() && trials < kMostTrials; ++c) {
    if (!free[c]) continue;
    const double end = end_of(objective, found.psi, c, kSmallShare, kNearEnd);
    if (std::isnan(end) || found.psi[c] == end) continue;
    ++trials;
    Vector there = found.psi;
    there[c] = end;
    for (Index d = 0; d < objective.coordinates(); ++d) {
      if (!objective.is_sd(d) && objective.idle(d, there)) there[d] = 0.0;
    }
    std::vector<bool> open = free_coordinates(objective, there);
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = open[i] && free[i];
    const Optimum other = minimize(objective, there, open, control);
    if (!(other.value <= found.value + objective.resolution(found.value))) continue;
    found = after(other, found);
  }
  if (allowed.empty()) flatten_rows(objective, control, found);
  return found;
}

ConstrainedOptimum lowest(std::vector<ConstrainedOptimum> searches) {
  std::size_t best = 0;
  Optimum work;
  for (std::size_t i = 0; i < searches.size(); ++i) {
    const double value = searches[i].optimum.value, least = searches[best].optimum.value;
    if (value < least || !std::isfinite(least)) best = i;
    work = after(work, searches[i].optimum);
  }
  ConstrainedOptimum out = std::move(searches[best]);
  out.optimum.convergence.iterations = work.convergence.iterations;
  out.optimum.convergence.evaluations = work.convergence.evaluations;
  return out;
}

Proof prove_constrained(ConstrainedObjective& objective, Optimum& optimum, bool& at_boundary) {
  const std::vector<bool> which = free_coordinates(objective, optimum.psi);
  const FreeParameters free(which);
  at_boundary = free.size() < static_cast<Index>(which.size());
  Proof out;
  for (int step = 0;; ++step) {
    Matrix curvature;
    optimum.value = objective.value(optimum.psi);
    if (!std::isfinite(optimum.value)) return out;
    objective.derivatives(optimum.gradient, curvature);
    optimum.gradient = free.spread(free.take(optimum.gradient));
    const Matrix hessian = free.take(objective.hessian());
    if (!hessian.allFinite()) return out;
    const Verdict verdict = judge(hessian, free.take(optimum.gradient));
    out.positive = verdict.positive;
    out.gain = verdict.gain;
    const Matrix inverse = ScaledEigen(hessian).pseudo_inverse();
    Matrix tangent(objective.tangent().rows(), free.size());
    for (Index i = 0; i < free.size(); ++i)
      tangent.col(i) = objective.tangent().col(free.index()[i]);
    out.covariance = 2.0 * tangent * inverse * tangent.transpose();
    if (step == kProofSteps || !verdict.positive || verdict.gain < kNothingLeft) return out;
    const Vector next = optimum.psi + free.spread(verdict.step);
    if (!(objective.value(next) <= optimum.value + objective.resolution(optimum.value))) {
      objective.value(optimum.psi);
      return out;
    }
    optimum.psi = next;
  }
}

}  // namespace tiers
