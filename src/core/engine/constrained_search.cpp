#include "constrained_search.h"

#include <cmath>
#include <limits>

#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"

namespace tiers {

namespace {

// A correlation whose arc sine is this near to its end is tried there: of a column's variance
// 4e-4, the square, is its own, and a search that is to end at zero comes nearer.
constexpr double kNearEnd = 0.02;
// At its end is what was put there: a right angle, but for the way through psi, which leaves the
// root of the rounding of 1 - r^2.
constexpr double kAtEnd = 1e-6;
// Of a second derivative: a deviance that moves by less over a whole unit is flat.
constexpr double kFlatBend = 1e-4;
// Of a Newton step's gain: the square of an error of 1e-7 standard errors, which no digit that is
// reported shows.
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

// With a coordinate at its end, and correlations of columns without variance at zero.
Vector put(const ConstrainedObjective& objective, Vector phi, Index c, double end) {
  phi[c] = end;
  for (Index d = 0; d < objective.coordinates(); ++d) {
    if (!objective.is_sd(d) && objective.idle(d, phi)) phi[d] = 0.0;
  }
  return phi;
}

// An optimum, with the work of what led to it.
Optimum after(Optimum found, const Optimum& before) {
  found.convergence.iterations += before.convergence.iterations;
  found.convergence.evaluations += before.convergence.evaluations;
  return found;
}

// Does the deviance fall on both sides along some direction? Coordinates may stand in for each
// other (of a row beside one without a part of its own): what bends there is rounding, and over a
// whole unit, the size of a standard deviation or a radian, nothing.
bool falls_both_ways(const ConstrainedObjective& objective, const Vector& phi,
                     const FreeParameters& free, const Matrix& hessian) {
  if (free.size() == 0) return false;
  Vector unit = Vector::Ones(phi.size());
  for (Index c = 0; c < objective.coordinates(); ++c) {
    if (objective.is_sd(c) && phi[c] != 0.0) unit[c] = std::abs(phi[c]);
  }
  const Vector units = free.take(unit);
  const ScaledEigen scaled(hessian);
  for (Index i = 0; i < free.size() && scaled.eigen.eigenvalues()[i] < 0.0; ++i) {
    const Vector along = scaled.scale.cwiseProduct(scaled.eigen.eigenvectors().col(i));
    const double length = along.cwiseQuotient(units).squaredNorm();
    if (scaled.eigen.eigenvalues()[i] < -kFlatBend * length) return true;
  }
  return false;
}

// Covariance matrices of less than full rank, where that is as good: a row of the factor at a time.
void flatten_rows(ConstrainedObjective& objective, const Control& control, Optimum& found) {
  for (const Index c : objective.own_coordinates()) {
    if (objective.flat(c) || objective.idle(c, found.psi)) continue;
    const double share = objective.own_share(c, found.psi);
    if (!(share > 0.0 && share <= kTryZero)) continue;
    const std::vector<NaturalFactor> bases = objective.bases();
    const Vector there = objective.flatten(c, found.psi);
    const Optimum other = minimize(objective, there, free_coordinates(objective, there), control);
    if (other.value <= found.value + objective.resolution(found.value)) {
      found = after(other, found);
    } else {
      found = after(found, other);
      objective.set_bases(bases);
    }
  }
}

// Beside a given correlation each of two standard deviations may have a minimum of its own, with
// the other at zero: where the data want the opposite sign. The others are looked at.
void leave_wrong_end(ConstrainedOptimum& of, const Control& control) {
  ConstrainedObjective& objective = *of.objective;
  for (Index c = 0; c < objective.coordinates(); ++c) {
    if (!objective.is_root(c) || of.optimum.psi[c] == 0.0) continue;
    const std::vector<NaturalFactor> bases = objective.bases();
    const double enough = of.optimum.value - objective.resolution(of.optimum.value);
    const Vector there = put(objective, objective.inside(of.optimum.psi), c, 0.0);
    const Optimum other = minimize(objective, there, free_coordinates(objective, there), control);
    if (!(other.value < enough)) {
      of.optimum = after(of.optimum, other);
      objective.set_bases(bases);
      continue;
    }
    const std::vector<NaturalFactor> at_end = objective.bases();
    const Optimum again = minimize_constrained(objective, other.psi, control);
    const bool at_minimum = other.value < again.value;
    if (at_minimum) objective.set_bases(at_end);
    of.optimum = after(at_minimum ? after(other, again) : after(again, other), of.optimum);
  }
}

// The best of several searches, with the work of all.
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

Constraints linear_constraints(const HeldParameters& held, Index theta, double unit) {
  Constraints out = constraints_of(held, theta, 0, 1);
  for (Index i = 0; i < theta; ++i) out.is_sigma.push_back(held.same[i] == held.same[theta]);
  out.unit = unit;
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
  for (Index c = 0; c < objective.coordinates(); ++c) {
    if (!free[c]) continue;
    const double end = end_of(objective, found.psi, c, kTryZero, kNearEnd);
    if (std::isnan(end) || found.psi[c] == end) continue;
    const Vector there = put(objective, found.psi, c, end);
    std::vector<bool> open = free_coordinates(objective, there);
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = open[i] && free[i];
    const Optimum other = minimize(objective, there, open, control);
    const bool as_good = other.value <= found.value + objective.resolution(found.value);
    found = as_good ? after(other, found) : after(found, other);
  }
  if (allowed.empty()) flatten_rows(objective, control, found);
  return found;
}

ConstrainedOptimum search_constrained(const MakeConstrained& make,
                                      const std::vector<Vector>& starts, const Control& control) {
  std::vector<ConstrainedOptimum> ends;
  for (const Vector& psi : starts) {
    ends.push_back({make(psi), Optimum()});
    ConstrainedOptimum& end = ends.back();
    end.optimum = minimize_constrained(*end.objective, end.objective->start(), control);
  }
  ConstrainedOptimum out = lowest(std::move(ends));
  if (std::isfinite(out.optimum.value)) leave_wrong_end(out, control);
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
    out.positive = verdict.positive || !falls_both_ways(objective, optimum.psi, free, hessian);
    out.gain = verdict.gain;
    const Matrix inverse = ScaledEigen(hessian).pseudo_inverse();
    Matrix tangent(objective.tangent().rows(), free.size());
    for (Index i = 0; i < free.size(); ++i)
      tangent.col(i) = objective.tangent().col(free.index()[i]);
    out.covariance = 2.0 * tangent * inverse * tangent.transpose();
    // Beside a minimum the bend of a sphere times what is left of the slope may look like a saddle.
    if (step == kVerdictSteps || verdict.gain < kNothingLeft) return out;
    const Vector next = optimum.psi + free.spread(verdict.step);
    if (!(objective.value(next) <= optimum.value + objective.resolution(optimum.value))) {
      objective.value(optimum.psi);
      return out;
    }
    optimum.psi = next;
  }
}

}  // namespace tiers
