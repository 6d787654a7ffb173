#include "structured_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../model/scaled_eigen.h"

namespace tiers {

namespace {

// Smallest eigenvalue of the information scaled to unit diagonal at which a direction is flat, and
// the share of the largest coefficient that makes a parameter part of it.
constexpr double kFlatDirection = 1e-10, kPartOfDirection = 0.1;
// Points beside a flat start at which it is looked whether parameters can be told apart there, and
// how far away they are.
constexpr int kGenericPoints = 3;
constexpr double kBeside = 0.1;
// A gain of the deviance that nobody reports: less than this is none.
constexpr double kNoGain = 1e-8;
// Multiplications of an evaluation up to which other starts are tried as a matter of course: some
// milliseconds each.
constexpr double kCheapWork = 2e6;
// Share of a row's variance that the rows before it leave, at which a covariance matrix is next to
// singular.
constexpr double kSingular = 1e-7;

// Places among the parameters of those that the data cannot tell apart at this point. One where the
// deviance is not defined tells nothing.
std::vector<Index> find_flat(StructuredEngine& engine, const Vector& psi) {
  std::vector<Index> out;
  if (psi.size() == 0 || !std::isfinite(engine.objective.value(psi))) return out;
  Vector gradient;
  Matrix information;
  engine.objective.derivatives(gradient, information);
  const ScaledEigen scaled(information);
  for (Index i = 0; i < information.rows(); ++i) {
    if (!(scaled.eigen.eigenvalues()[i] < kFlatDirection)) break;
    const Vector direction = scaled.eigen.eigenvectors().col(i);
    const double largest = direction.cwiseAbs().maxCoeff();
    for (Index k = 0; k < direction.size(); ++k) {
      if (std::abs(direction[k]) > kPartOfDirection * largest) out.push_back(k);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// A start where parameters cannot be told apart although they can be elsewhere (roots of a time
// series that cancel) becomes a point beside it; else `flat` says which they are.
Vector leave_flat_start(StructuredEngine& engine, Vector start, std::vector<Index>& flat) {
  flat = find_flat(engine, start);
  for (int tries = 1; tries <= kGenericPoints && !flat.empty(); ++tries) {
    Vector beside = start;
    for (Index i = 0; i < beside.size(); ++i)
      beside[i] += kBeside * std::sin(static_cast<double>(tries + 3 * i));
    if (!std::isfinite(engine.objective.value(beside)) || !find_flat(engine, beside).empty())
      continue;
    flat.clear();
    start = beside;
  }
  return start;
}

class StructuredSearch {
 public:
  StructuredSearch(StructuredEngine& engine, const Control& control)
      : engine_(engine), objective_(engine.objective), control_(control) {}

  StructuredOptimum run();

 private:
  StructuredOptimum from(const Vector& start);
  void settle_ends(StructuredOptimum& best);
  void try_other_starts(StructuredOptimum& best);
  bool is_cheap() const;
  bool is_singular(const Vector& psi);

  StructuredEngine& engine_;
  MarginalDeviance& objective_;
  const Control& control_;
};

StructuredOptimum StructuredSearch::run() {
  StructuredOptimum best;
  Vector start = engine_.start(StructuredEngine::Start::moments);
  if (!std::isfinite(objective_.value(start)))
    start = engine_.start(StructuredEngine::Start::uncorrelated);
  best.found.optimum.psi = start;
  best.found.optimum.value = objective_.value(start);
  if (!std::isfinite(best.found.optimum.value)) return best;
  start = leave_flat_start(engine_, start, best.flat);
  if (!best.flat.empty()) return best;
  best = from(start);
  if (control_.max_iterations == 0) return best;
  try_other_starts(best);
  go_on_from_lower(objective_, engine_.parameters,
                   without_each_term(engine_.parameters, best.found.optimum, 0), control_,
                   best.found);
  return best;
}

StructuredOptimum StructuredSearch::from(const Vector& start) {
  StructuredOptimum out;
  out.found = minimize_with_boundary(objective_, engine_.parameters, start, control_);
  if (control_.max_iterations == 0) return out;
  settle_ends(out);
  const Optimum& optimum = out.found.optimum;
  out.unbounded = !optimum.convergence.converged && is_singular(optimum.psi);
  return out;
}

// A residual parameter next to the end of its range (no nugget, no serial correlation, an SD of
// zero beside random effects) is tried there, and stays where the deviance does not rise.
void StructuredSearch::settle_ends(StructuredOptimum& best) {
  const Index theta = engine_.parameters.size();
  for (Index i = theta; i < objective_.size(); ++i) {
    BoundaryOptimum& found = best.found;
    const double end = engine_.structure.near_end(engine_.phi(found.optimum.psi), i - theta);
    if (!std::isfinite(end) || !found.free[i]) continue;
    Vector trial = found.optimum.psi;
    trial[i] = end;
    const double enough = found.optimum.value + kNoGain + objective_.resolution(0.0);
    if (!(objective_.value(trial) <= enough)) continue;
    std::vector<bool> allowed = found.allowed;
    if (allowed.empty()) allowed.assign(trial.size(), true);
    allowed[i] = false;
    BoundaryOptimum other =
        minimize_with_boundary(objective_, engine_.parameters, trial, control_, allowed);
    if (!(other.optimum.value <= enough)) continue;
    other.optimum.convergence.iterations += found.optimum.convergence.iterations;
    other.optimum.convergence.evaluations += found.optimum.convergence.evaluations;
    found = std::move(other);
    best.ended.push_back(i);
  }
}

// From no correlations, where Sigma is a product or the first search did not end well; beside
// random effects also from none of these. Searches that find nothing better count as evaluations.
void StructuredSearch::try_other_starts(StructuredOptimum& best) {
  const bool converged = best.found.optimum.convergence.converged;
  const bool random = engine_.parameters.size() > 0;
  if (converged && !is_cheap()) return;
  std::vector<StructuredEngine::Start> others;
  if (!converged || random || engine_.structure.is_product())
    others.push_back(StructuredEngine::Start::uncorrelated);
  if (random) {
    if (engine_.structure.has_sds()) others.push_back(StructuredEngine::Start::small_sd);
    others.push_back(StructuredEngine::Start::without_random);
  }
  for (const StructuredEngine::Start one : others) {
    const Vector start = engine_.start(one);
    if (!std::isfinite(objective_.value(start))) continue;
    StructuredOptimum other = from(start);
    Convergence &mine = best.found.optimum.convergence, &its = other.found.optimum.convergence;
    // A minimum is better than a way down that has none.
    const double lead = best.found.optimum.value - other.found.optimum.value;
    const bool better = its.converged == mine.converged ? lead > kNoGain : its.converged;
    if (!better) {
      mine.evaluations += its.evaluations;
      continue;
    }
    its.iterations += mine.iterations;
    its.evaluations += mine.evaluations;
    best = std::move(other);
  }
}

bool StructuredSearch::is_cheap() const {
  double work = 0.0;
  for (const UnitPattern& one : engine_.patterns.patterns()) {
    const double t = static_cast<double>(one.size);
    work += t * t * t * static_cast<double>(objective_.size());
  }
  return work < kCheapWork;
}

// Pivots of V over its diagonal.
bool StructuredSearch::is_singular(const Vector& psi) {
  if (!std::isfinite(objective_.value(psi))) return true;
  for (std::size_t g = 0; g < engine_.patterns.patterns().size(); ++g) {
    const Matrix& lower = objective_.factor(g);
    for (Index i = 0; i < lower.rows(); ++i) {
      if (!(lower(i, i) * lower(i, i) > kSingular * lower.row(i).squaredNorm())) return true;
    }
  }
  return false;
}

}  // namespace

StructuredOptimum search_structured(StructuredEngine& engine, const Control& control) {
  return StructuredSearch(engine, control).run();
}

}  // namespace tiers
