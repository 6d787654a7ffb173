#include "boundary.h"

#include <cmath>

namespace tiers {

namespace {

// A variance that carries less than this share of the residual variance in the mean level is tried
// at exactly zero.
constexpr double kTryZero = 1e-6;
// A zero is kept where it costs less than this in deviance: Newton then ends on the same point.
constexpr double kSameDeviance = 1e-7;
// Left to gain, at most, where a fit that stopped early is taken to be on a ridge.
constexpr double kRidgeGain = 1e-3;
constexpr double kNegative = 1e-6;  // relative size at which a multiplier counts as negative
constexpr int kMaxReopenings = 5;

void add_counts(Convergence& to, const Convergence& earlier) {
  to.iterations += earlier.iterations;
  to.evaluations += earlier.evaluations;
}

struct Reduced {
  Vector theta;
  std::vector<bool> free;
  bool any = false;
};

Reduced reduce(const MixedObjective& objective, const CovarianceParameters& parameters,
               const Vector& theta, double threshold) {
  Reduced out;
  out.theta = theta;
  out.free.assign(theta.size(), true);
  for (int j = 0; j < parameters.terms(); ++j) {
    std::vector<bool> free;
    const Vector part = parameters.structure(j).reduce(parameters.part(theta, j), objective.mean_cross(j),
                                                       threshold, free);
    out.theta.segment(parameters.offset(j), part.size()) = part;
    for (std::size_t i = 0; i < free.size(); ++i) {
      out.free[parameters.offset(j) + i] = free[i];
      out.any = out.any || !free[i];
    }
  }
  return out;
}

// A criterion that does not depend on a term at all (its levels are fixed effects, under REML)
// leaves it anywhere: then its variance is reported as zero.
Vector settle_flat_terms(MixedObjective& objective, const CovarianceParameters& parameters,
                         const Optimum& found) {
  Vector theta = found.psi;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Vector part = parameters.part(theta, j);
    double bend = 0.0;
    for (Index i = 0; i < part.size(); ++i) {
      bend = std::max(bend, std::abs(found.curvature(parameters.offset(j) + i, parameters.offset(j) + i)) *
                                part[i] * part[i]);
    }
    if (bend > 1e-7 || part.cwiseAbs().maxCoeff() == 0.0) continue;
    Vector trial = theta;
    trial.segment(parameters.offset(j), part.size()).setZero();
    if (objective.value(trial) <= found.value + kSameDeviance) theta = trial;
  }
  return theta;
}

// Singular covariance matrices have local minima of different ranks. Where the fit ended on one, a
// minimum of one rank less is looked for, term by term.
bool try_lower_ranks(MixedObjective& objective, const CovarianceParameters& parameters,
                     const Control& control, Optimum& found) {
  bool better = false;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Vector part = parameters.structure(j).lower_rank(parameters.part(found.psi, j),
                                                           objective.mean_cross(j));
    if (part.size() == 0) continue;
    Vector start = found.psi;
    start.segment(parameters.offset(j), part.size()) = part;
    const Reduced reduced = reduce(objective, parameters, start, kTryZero);
    const Optimum other = minimize(objective, reduced.theta, reduced.free, control);
    if (!other.convergence.converged || !(other.value < found.value - kSameDeviance)) continue;
    const Convergence before = found.convergence;
    found = other;
    add_counts(found.convergence, before);
    better = true;
  }
  return better;
}

// A ridge along which two variances stand in for each other (an intercept and a nearly constant
// covariate, say) ends at a boundary, but Newton may crawl along it. Tries each parameter at zero.
void leave_ridge(MixedObjective& objective, const Control& control, Optimum& found) {
  for (Index i = 0; i < found.psi.size() && !found.convergence.converged; ++i) {
    if (found.psi[i] == 0.0) continue;
    Vector trial = found.psi;
    trial[i] = 0.0;
    std::vector<bool> free(trial.size(), true);
    free[i] = false;
    Optimum other = minimize(objective, trial, free, control);
    add_counts(other.convergence, found.convergence);
    if (other.convergence.converged && other.value <= found.value + kSameDeviance) found = other;
  }
}

}  // namespace

BoundaryOptimum minimize_with_boundary(MixedObjective& objective,
                                       const CovarianceParameters& parameters, const Vector& start,
                                       const Control& control) {
  BoundaryOptimum out;
  const std::vector<bool> all(start.size(), true);
  out.free = all;
  out.optimum = minimize(objective, start, all, control);
  out.boundary.resize(parameters.terms());
  if (start.size() == 0) return out;
  if (!out.optimum.convergence.converged && out.optimum.convergence.gain < kRidgeGain) {
    leave_ridge(objective, control, out.optimum);
  }

  Vector flat = settle_flat_terms(objective, parameters, out.optimum);
  bool ranks_tried = false;
  for (int attempt = 0;; ++attempt) {
    const Reduced reduced = reduce(objective, parameters, flat, kTryZero);
    if (!reduced.any) break;
    const double value = objective.value(reduced.theta);
    if (!(value <= out.optimum.value + kSameDeviance)) {
      if (attempt == 0) break;
      flat = out.optimum.psi;
    } else {
      Optimum polished = minimize(objective, reduced.theta, reduced.free, control);
      add_counts(polished.convergence, out.optimum.convergence);
      out.optimum = polished;
      out.free = reduced.free;
    }

    objective.value(out.optimum.psi);
    Vector gradient;
    Matrix curvature;
    objective.derivatives(gradient, curvature);
    Vector reopened = out.optimum.psi;
    bool negative = false;
    out.at_boundary = false;
    for (int j = 0; j < parameters.terms(); ++j) {
      const Vector part = parameters.part(out.optimum.psi, j);
      const Matrix& d = objective.sigma_gradient()[j];
      out.boundary[j] = parameters.structure(j).boundary(part, d);
      out.at_boundary = out.at_boundary || out.boundary[j].multipliers.size() > 0;
      const Matrix cross = objective.mean_cross(j);
      for (Index i = 0; i < out.boundary[j].multipliers.size(); ++i) {
        const Vector direction = out.boundary[j].directions.col(i);
        const double share = direction.dot(cross * direction);
        // In units where the direction's variance is relative to the residual's.
        if (!(out.boundary[j].multipliers[i] < -kNegative * (1.0 + share))) continue;
        negative = true;
        const double variance = 0.1 / (share > 0.0 ? share : 1.0);
        reopened.segment(parameters.offset(j), part.size()) = parameters.structure(j).reopen(
            parameters.part(reopened, j), direction, variance);
      }
    }
    if (attempt == kMaxReopenings) break;
    if (!negative) {
      if (ranks_tried || !out.at_boundary || !try_lower_ranks(objective, parameters, control, out.optimum)) break;
      ranks_tried = true;
      flat = out.optimum.psi;
      continue;
    }
    Optimum again = minimize(objective, reopened, all, control);
    add_counts(again.convergence, out.optimum.convergence);
    if (!(again.value < out.optimum.value)) break;
    out.optimum = again;
    out.free = all;
    flat = again.psi;
    for (auto& boundary : out.boundary) boundary = Boundary{};
    out.at_boundary = false;
  }
  return out;
}

}  // namespace tiers
