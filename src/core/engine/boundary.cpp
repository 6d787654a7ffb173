#include "boundary.h"

#include <algorithm>
#include <cmath>

namespace tiers {

namespace {

// Left to gain, at most, where a fit that stopped early is taken to be on a ridge: a difference of
// deviances that nobody reports. Elsewhere the search is stuck for another reason.
constexpr double kRidgeGain = 1e-3;
// Share of a variance that is not just small: about what the end of a search leaves of zero.
constexpr double kSurelyZero = 1e-7;
// Relative size at which a multiplier counts as negative: its digits are the eight that
// derivatives beside zero leave (away_from_zero()), and those of the search's end.
constexpr double kNegative = 1e-6;
// Variance at which a reopened direction starts, as a share of the residual's in the mean level:
// inside the region of kTryZero a search could be taken back at once, and far out it starts anew.
constexpr double kReopenedShare = 0.1;
// Change of the deviance over the whole range of a term below which it does not depend on it: what
// a linear model's values resolve.
constexpr double kFlatTerm = 1e-7;
// Each reopening ends below the one before; more than one or two are not met, a bound has to be.
constexpr int kMaxReopenings = 5;
// Where evaluations are not cheap a model without a term is looked at unless the deviance would
// rise by this much if it were the parabola that it is at the optimum: another minimum at zero is
// met where the data hardly tell the term's variance.
constexpr double kSurelyBetter = 30.0;

struct Reduced {
  Vector psi;
  std::vector<bool> free;
  bool any = false;
};

// psi may go on after the covariance parameters: the others are always free.
class BoundarySearch {
 public:
  BoundarySearch(MixedObjective& objective, const CovarianceParameters& parameters,
                 const Control& control)
      : objective_(objective), parameters_(parameters), control_(control) {}

  BoundaryOptimum run(const Vector& start, const std::vector<bool>& allowed);

 private:
  Reduced reduce(const Vector& psi, double threshold) const;
  bool settle(const Reduced& reduced);
  Optimum minimize_from(const Vector& start, const std::vector<bool>& free) const {
    return minimize(objective_, start, free, control_);
  }
  void accept(Optimum found, const std::vector<bool>& free);
  // A zero is kept where it costs less than this in deviance: Newton then ends on the same point.
  double same_deviance() const { return objective_.resolution(out_.optimum.value); }
  void leave_ridge();
  Vector settle_flat_terms() const;
  bool settle_on_boundary(const Vector& from, bool first);
  bool read_multipliers(Vector& reopened);
  bool reopen_term(int term, const Boundary& boundary, Vector& reopened) const;
  Vector kept(int term, Vector part) const;
  bool keeps(int term, const Vector& part, const Vector& psi) const;
  bool reopen(const Vector& start);
  bool turn_ranges();
  bool lower_ranks();

  MixedObjective& objective_;
  const CovarianceParameters& parameters_;
  const Control& control_;
  BoundaryOptimum out_;
  std::vector<bool> all_;
  bool ranks_lowered_ = false;
};

BoundaryOptimum BoundarySearch::run(const Vector& start, const std::vector<bool>& allowed) {
  all_ = allowed;
  if (all_.empty()) all_.assign(start.size(), true);
  out_.allowed = allowed;
  out_.free = all_;
  out_.boundary.resize(parameters_.terms());
  out_.optimum = minimize_from(start, all_);
  if (parameters_.size() == 0 || !std::isfinite(out_.optimum.value)) return out_;
  leave_ridge();

  Vector from = settle_flat_terms();
  for (int attempt = 0; settle_on_boundary(from, attempt == 0); ++attempt) {
    Vector reopened;
    const bool minimum = read_multipliers(reopened);
    if (attempt == kMaxReopenings) break;
    if (!(minimum ? turn_ranges() || lower_ranks() : reopen(reopened))) break;
    from = out_.optimum.psi;
  }
  return out_;
}

Reduced BoundarySearch::reduce(const Vector& psi, double threshold) const {
  Reduced out{psi, all_, false};
  for (int j = 0; j < parameters_.terms(); ++j) {
    std::vector<bool> free;
    Vector part = parameters_.structure(j).reduce(parameters_.part(psi, j),
                                                  objective_.mean_cross(j), threshold, free);
    // A matrix whose rank is bounded, by a factor with other columns of zeros than the last.
    if (part.size() > 0 && !keeps(j, part, psi)) {
      std::vector<bool> mine;
      const Vector last = parameters_.structure(j).zeros_last(part, mine);
      if (last.size() > 0) {
        part = last;
        free = mine;
      }
    }
    out.psi.segment(parameters_.offset(j), part.size()) = part;
    for (std::size_t i = 0; i < free.size(); ++i) {
      out.free[parameters_.offset(j) + i] = out.free[parameters_.offset(j) + i] && free[i];
      out.any = out.any || !free[i];
    }
  }
  return out;
}

// Parameters of a term, with those that may not be moved as they are.
Vector BoundarySearch::kept(int term, Vector part) const {
  for (Index i = 0; i < part.size(); ++i) {
    const Index at = parameters_.offset(term) + i;
    if (!all_[at]) part[i] = out_.optimum.psi[at];
  }
  return part;
}

// Are those as they are in psi?
bool BoundarySearch::keeps(int term, const Vector& part, const Vector& psi) const {
  for (Index i = 0; i < part.size(); ++i) {
    const Index at = parameters_.offset(term) + i;
    if (!all_[at] && part[i] != psi[at]) return false;
  }
  return true;
}

// Takes over an optimum; the work that led to the one before still counts.
void BoundarySearch::accept(Optimum found, const std::vector<bool>& free) {
  found.convergence.iterations += out_.optimum.convergence.iterations;
  found.convergence.evaluations += out_.optimum.convergence.evaluations;
  out_.optimum = found;
  out_.free = free;
}

// A ridge along which two variances stand in for each other (an intercept and a nearly constant
// covariate, say) ends at a boundary, but Newton may crawl along it. Tries each parameter at zero.
void BoundarySearch::leave_ridge() {
  const Convergence& convergence = out_.optimum.convergence;
  if (convergence.converged || !(convergence.gain < kRidgeGain)) return;
  for (Index i = 0; i < parameters_.size() && !convergence.converged; ++i) {
    if (out_.optimum.psi[i] == 0.0) continue;
    Vector start = out_.optimum.psi;
    start[i] = 0.0;
    std::vector<bool> free = all_;
    free[i] = false;
    const Optimum other = minimize_from(start, free);
    if (!other.convergence.converged || !(other.value <= out_.optimum.value + same_deviance()))
      continue;
    accept(other, all_);
  }
}

// A criterion that does not depend on a term at all (its levels are fixed effects, under REML)
// leaves it anywhere: then its variance is reported as zero.
Vector BoundarySearch::settle_flat_terms() const {
  const Optimum& found = out_.optimum;
  Vector psi = found.psi;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Vector part = parameters_.part(psi, j);
    const auto curvature = found.curvature.diagonal().segment(parameters_.offset(j), part.size());
    const double bend = curvature.cwiseAbs().cwiseProduct(part.cwiseAbs2()).maxCoeff();
    if (bend > kFlatTerm || part.cwiseAbs().maxCoeff() == 0.0) continue;
    Vector trial = psi;
    trial.segment(parameters_.offset(j), part.size()).setZero();
    if (objective_.value(trial) <= found.value + same_deviance()) psi = trial;
  }
  return psi;
}

// Sets to zero what is next to zero and minimizes over the rest. False: there is nothing to set,
// or (at first) it costs something, and the optimum in hand lies in the interior.
bool BoundarySearch::settle_on_boundary(const Vector& from, bool first) {
  const Reduced reduced = reduce(from, kTryZero);
  if (!reduced.any) return false;
  if (settle(reduced)) return true;
  // One of several may be small and no more.
  const Reduced fewer = reduce(from, kSurelyZero);
  if (fewer.any && fewer.free != reduced.free && settle(fewer)) return true;
  return !first;
}

bool BoundarySearch::settle(const Reduced& reduced) {
  if (!(objective_.value(reduced.psi) <= out_.optimum.value + same_deviance())) return false;
  const Optimum settled = minimize_from(reduced.psi, reduced.free);
  if (!(settled.value <= out_.optimum.value + same_deviance())) return false;
  accept(settled, reduced.free);
  return true;
}

// Multipliers of all zero variances. False if one is negative: then `reopened` is a start with such
// variances opened.
bool BoundarySearch::read_multipliers(Vector& reopened) {
  const Vector& psi = out_.optimum.psi;
  objective_.value(psi);
  Vector gradient;
  Matrix curvature;
  objective_.derivatives(gradient, curvature);
  reopened = psi;
  bool negative = false;
  out_.at_boundary = false;
  for (int j = 0; j < parameters_.terms(); ++j) {
    out_.boundary[j] =
        parameters_.structure(j).boundary(parameters_.part(psi, j), objective_.sigma_gradient()[j]);
    out_.at_boundary = out_.at_boundary || out_.boundary[j].multipliers.size() > 0;
    negative = reopen_term(j, out_.boundary[j], reopened) || negative;
  }
  return !negative;
}

bool BoundarySearch::reopen_term(int term, const Boundary& boundary, Vector& reopened) const {
  const Matrix cross = objective_.mean_cross(term);
  bool negative = false;
  for (Index i = 0; i < boundary.multipliers.size(); ++i) {
    const Vector direction = boundary.directions.col(i);
    // In units where the direction's variance is relative to the residual's.
    const double share = direction.dot(cross * direction);
    if (!(boundary.multipliers[i] < -kNegative * (1.0 + share))) continue;
    const Vector before = parameters_.part(reopened, term);
    const Vector part =
        kept(term, parameters_.structure(term).reopen(
                       before, direction, kReopenedShare / (share > 0.0 ? share : 1.0)));
    negative = negative || part != before;
    reopened.segment(parameters_.offset(term), part.size()) = part;
  }
  return negative;
}

bool BoundarySearch::reopen(const Vector& start) {
  const double before = out_.optimum.value;
  const Optimum again = minimize_from(start, all_);
  if (!(again.value < before)) return false;
  accept(again, all_);
  for (auto& boundary : out_.boundary) boundary = Boundary{};
  out_.at_boundary = false;
  return true;
}

// A variance of zero whose covariances with the others lead down: D Sigma is zero at a minimum
// among the matrices of a rank, which the multipliers do not say. The others turn towards it.
bool BoundarySearch::turn_ranges() {
  if (!out_.at_boundary) return false;
  Vector start = out_.optimum.psi;
  std::vector<bool> free = out_.free;
  bool any = false;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index first = parameters_.offset(j);
    std::vector<bool> mine;
    const Vector part = parameters_.structure(j).zeros_last(parameters_.part(start, j), mine);
    if (part.size() == 0 || !keeps(j, part, start)) continue;
    start.segment(first, part.size()) = part;
    for (Index i = 0; i < part.size(); ++i) free[first + i] = mine[i] && all_[first + i];
    any = true;
  }
  if (!any || !std::isfinite(objective_.value(start))) return false;
  Vector gradient;
  Matrix curvature;
  objective_.derivatives(gradient, curvature);
  if (judge(curvature, gradient, free).gain < small_gain(control_)) return false;
  const Optimum other = minimize_from(start, free);
  if (!(other.value < out_.optimum.value - same_deviance())) return false;
  accept(other, free);
  return true;
}

// Singular covariance matrices have local minima of different ranks. Where the fit ended on one, a
// minimum of one rank less is looked for, term by term.
bool BoundarySearch::lower_ranks() {
  if (ranks_lowered_ || !out_.at_boundary) return false;
  for (int j = 0; j < parameters_.terms(); ++j) {
    Vector part = parameters_.structure(j).lower_rank(parameters_.part(out_.optimum.psi, j),
                                                      objective_.mean_cross(j));
    if (part.size() == 0) continue;
    part = kept(j, part);
    Vector start = out_.optimum.psi;
    start.segment(parameters_.offset(j), part.size()) = part;
    const Reduced reduced = reduce(start, kTryZero);
    const Optimum other = minimize_from(reduced.psi, reduced.free);
    if (!other.convergence.converged || !(other.value < out_.optimum.value - same_deviance()))
      continue;
    accept(other, reduced.free);
    ranks_lowered_ = true;
  }
  return ranks_lowered_;
}

}  // namespace

BoundaryOptimum minimize_with_boundary(MixedObjective& objective,
                                       const CovarianceParameters& parameters, const Vector& start,
                                       const Control& control, const std::vector<bool>& allowed) {
  return BoundarySearch(objective, parameters, control).run(start, allowed);
}

void go_on_from_lower(MixedObjective& objective, const CovarianceParameters& parameters,
                      const std::vector<Vector>& points, const Control& control,
                      BoundaryOptimum& found) {
  if (control.max_iterations == 0) return;  // the fit is asked for at its start
  for (const Vector& point : points) {
    const double value = found.optimum.value, here = objective.value(point);
    if (!(here < value - objective.resolution(value)) && std::isfinite(value)) continue;
    search_again(objective, parameters, point, control, found);
  }
}

void search_again(MixedObjective& objective, const CovarianceParameters& parameters,
                  const Vector& start, const Control& control, BoundaryOptimum& found) {
  BoundaryOptimum other =
      minimize_with_boundary(objective, parameters, start, control, found.allowed);
  const Convergence first = found.optimum.convergence, second = other.optimum.convergence;
  const double value = found.optimum.value;
  if (other.optimum.value < value - objective.resolution(value) || !std::isfinite(value))
    found = std::move(other);
  found.optimum.convergence.iterations = first.iterations + second.iterations;
  found.optimum.convergence.evaluations = first.evaluations + second.evaluations;
}

std::vector<Vector> without_each_term(const CovarianceParameters& parameters, const Optimum& found,
                                      Index random_columns) {
  std::vector<Vector> out;
  if (parameters.terms() < 2) return out;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Vector part = parameters.part(found.psi, j);
    if (part.isZero(0.0)) continue;
    const Index first = parameters.offset(j), count = part.size();
    const double rise = 0.5 * part.dot(found.curvature.block(first, first, count, count) * part);
    if (random_columns > kCheapColumns && rise > kSurelyBetter) continue;
    out.push_back(found.psi);
    out.back().segment(parameters.offset(j), part.size()).setZero();
  }
  return out;
}

}  // namespace tiers
