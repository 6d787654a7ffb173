#include "newton.h"

#include <cmath>
#include <cstdio>
#include <limits>

#include "../model/scaled_eigen.h"
#include "restricted_objective.h"
#include "secant_pairs.h"

namespace tiers {

namespace {

// Of a deviance that nobody reports: with it a search has converged, and only polishes.
constexpr double kSmallGain = 1e-8;
constexpr int kSecantPairs = 5;   // older ones are of another region
constexpr int kMaxPolishing = 6;  // each step gains a factor, until values resolve no more
constexpr double kArmijo = 1e-4;  // share of the fall that slope and length promise: the usual one
// Two shortenings undo most of what curvature that is four times too small makes a step too long;
// lengthening by this reaches a minimum far off in few values.
constexpr double kShorten = 0.4;
constexpr double kLengthen = 4.0;
// A quadratic falls by half of slope times step; a function that falls by more is flatter than the
// curvature says.
constexpr double kFlat = 0.6;
constexpr int kMaxHalvings = 30;      // a step of 1e-12: there is no descent
constexpr int kMaxLengthenings = 40;  // to the end of the doubles
// Average information converges fast as a rule. Where a step near the optimum left more than this
// share of the gain, the Hessian itself takes over, for good.
constexpr double kSlow = 0.01;
constexpr double kNear = 1e-2;  // gain
// Fisher's information leads from far off, the Hessian near the optimum, and soon: with missing
// data or a wrong structure the information converges linearly.
constexpr int kFisherSteps = 3;
constexpr double kFisherGain = 1.0;
// A Newton step with the Hessian squares the error in standard errors, but for a factor that the
// third derivatives make: ten is a lot. The gain is the square of that error.
constexpr double kThirdDerivatives = 100.0;
// Of scaled curvature: a path of its own may be as flat as rounding lets it be; secant pairs build
// on a matrix that has to be positive by more than their own error.
constexpr double kPathEigenFloor = 1e-14;
constexpr double kSecantEigenFloor = 1e-4;
constexpr double kNegative = 1e-5;  // an eigenvalue above minus this is zero but for rounding
constexpr int kMaxSaddles = 2;      // a third is not met, a bound has to be
// Steps in a row that should have gained, by this many times what the values resolve, and gained
// nothing: by the edge of its domain a search would creep on until its iterations are used up.
constexpr int kMaxIdle = 5;
constexpr double kResolved = 10.0;

Matrix made_positive(const Matrix& curvature, double floor) {
  const ScaledEigen scaled(curvature);
  const Matrix half = scaled.scale.cwiseInverse().asDiagonal() * scaled.eigen.eigenvectors();
  return half * scaled.positive_values(floor).asDiagonal() * half.transpose();
}

struct Proposal {
  Verdict verdict;
  double left = 0.0;  // gain predicted to be left after its step
  Vector path_end;    // where the step along the objective's own path ends; empty: no path
};

class Minimizer {
 public:
  Minimizer(Objective& objective, const Vector& start, const std::vector<bool>& free,
            const Control& control)
      : objective_(objective, start, free),
        control_(control),
        psi_(objective_.reduce(start)),
        small_gain_(small_gain(control)),
        secant_(objective_.curvature_plan() == CurvaturePlan::secant),
        exact_(objective_.curvature_plan() == CurvaturePlan::exact),
        pairs_(kSecantPairs) {}

  Optimum run();

 private:
  Proposal propose();
  bool wants_hessian(double gain);
  bool surely_minimum() const;
  double predict_left(double gain, bool by_hessian);
  Vector path_end(const Matrix& hessian) const;
  void trace(const Proposal& proposal) const;
  bool settled(const Proposal& proposal) const;
  bool leave_saddle(const Proposal& proposal);
  void polish(const Vector& step);
  bool advance(const Proposal& proposal);
  bool take_path(const Proposal& proposal);
  bool search_line(const Vector& step);
  void lengthen(const Vector& step, bool limited, double& length, double& reached);
  bool take_safe_step();
  void move_to(const Vector& next, double value);
  void arrive();
  void take_last_step();
  Optimum result();
  double noise() { return objective_.whole().resolution(value_); }

  RestrictedObjective objective_;
  const Control& control_;
  Vector psi_, gradient_, last_step_;
  Matrix curvature_;
  double value_ = 0.0;
  const double small_gain_;
  const bool secant_, exact_;
  SecantPairs pairs_;
  double last_gain_ = kInfinity, left_ = kInfinity, rate_ = 1.0;
  double inside_ = kInfinity;  // the last step that was shortened because it left the domain
  int iterations_ = 0, polishing_ = 0, saddles_ = 0, idle_ = 0;
  bool converged_ = false, slow_ = false, last_by_hessian_ = false, at_edge_ = false,
       met_edge_ = false;
};

Optimum Minimizer::run() {
  value_ = objective_.value(psi_);
  if (objective_.size() == 0 || !std::isfinite(value_)) {
    converged_ = std::isfinite(value_);
    left_ = 0.0;
    gradient_ = Vector::Zero(objective_.size());
    curvature_ = Matrix::Zero(objective_.size(), objective_.size());
    return result();
  }
  arrive();
  while (true) {
    const Proposal proposal = propose();
    const double gain = proposal.verdict.gain;
    trace(proposal);
    converged_ = gain < small_gain_;
    if (settled(proposal)) {
      if (proposal.verdict.positive || !leave_saddle(proposal)) break;
      continue;
    }
    if (!std::isfinite(gain) || iterations_ >= control_.max_iterations) break;
    ++iterations_;
    const double before = value_;
    if (gain < small_gain_) {
      polish(proposal.verdict.step);
    } else if (!advance(proposal)) {
      if (secant_ || last_by_hessian_) break;
      slow_ = true;  // the Hessian itself may see a way
      arrive();
    }
    idle_ = gain > kResolved * noise() && !(value_ < before - noise()) ? idle_ + 1 : 0;
    if (idle_ == kMaxIdle) {
      at_edge_ = met_edge_;
      break;
    }
  }
  if (converged_) take_last_step();
  return result();
}

Proposal Minimizer::propose() {
  Proposal out;
  out.verdict =
      judge(secant_ ? pairs_.update(made_positive(curvature_, kSecantEigenFloor)) : curvature_,
            gradient_);
  const bool by_hessian = wants_hessian(out.verdict.gain);
  if (by_hessian) {
    const Matrix hessian = objective_.hessian();
    out.verdict = judge(hessian, gradient_);
    if (out.verdict.gain >= small_gain_) out.path_end = path_end(hessian);
  } else {
    out.verdict.positive = true;  // known otherwise, or left to the owner
  }
  out.left = predict_left(out.verdict.gain, by_hessian);
  last_gain_ = out.verdict.gain;
  last_by_hessian_ = by_hessian;
  left_ = out.left;
  last_step_ = out.verdict.step;
  return out;
}

bool Minimizer::wants_hessian(double gain) {
  if (secant_) return false;
  if (exact_) return iterations_ >= kFisherSteps || gain < kFisherGain;
  slow_ = slow_ || (gain < kNear && gain > kSlow * last_gain_);
  return slow_ || (gain < small_gain_ && !surely_minimum());
}

// Whether the Hessian can be known to be positive without it.
bool Minimizer::surely_minimum() const {
  const Matrix bound = objective_.hessian_bound();
  return bound.size() > 0 && judge(bound, gradient_).smallest > 0.0;
}

// Steps by the curvature converge linearly, at the rate that the last two gains show; a rate that
// is less than a tenth of the one before may be luck.
double Minimizer::predict_left(double gain, bool by_hessian) {
  if (by_hessian) return std::min(gain, kThirdDerivatives * gain * gain);
  if (last_by_hessian_ || std::isinf(last_gain_)) return gain;
  rate_ = std::min(1.0, std::max(gain / last_gain_, 0.1 * rate_));
  return rate_ * gain;
}

Vector Minimizer::path_end(const Matrix& hessian) const {
  const Matrix straight = objective_.straight_hessian(hessian);
  if (straight.size() == 0) return Vector();
  // A long step does no harm: the path ends at the boundary.
  return objective_.follow_path(psi_, judge(straight, gradient_, kPathEigenFloor).step);
}

void Minimizer::trace(const Proposal& proposal) const {
  if (!control_.trace) return;
  char line[160];
  std::snprintf(line, sizeof line, "iteration %d: deviance %.10f, gain %.3g", iterations_, value_,
                proposal.verdict.gain);
  control_.trace(line);
}

bool Minimizer::settled(const Proposal& proposal) const {
  if (!(proposal.verdict.gain < small_gain_)) return false;
  return secant_ || proposal.left < control_.tolerance || polishing_ == kMaxPolishing;
}

// False: there is nowhere to go, which is an end unless the deviance does fall on.
bool Minimizer::leave_saddle(const Proposal& proposal) {
  const Vector below = point_below(objective_.whole(), objective_.expand(psi_),
                                   objective_.expand_step(proposal.verdict.downward));
  if (below.size() == 0) return false;
  if (saddles_++ == kMaxSaddles) {
    converged_ = false;
    return false;
  }
  ++iterations_;
  last_gain_ = kInfinity;
  rate_ = 1.0;
  polishing_ = 0;
  const Vector next = objective_.reduce(below);
  move_to(next, objective_.value(next));
  return true;
}

// Here the deviance no longer resolves the step; the gradient does.
void Minimizer::polish(const Vector& step) {
  ++polishing_;
  const double next_value = objective_.value(psi_ + step);
  if (next_value <= value_ + noise()) {
    move_to(psi_ + step, next_value);
  } else {
    polishing_ = kMaxPolishing;
    objective_.value(psi_);
    arrive();
  }
}

bool Minimizer::advance(const Proposal& proposal) {
  if (take_path(proposal) || search_line(proposal.verdict.step)) return true;
  if (!pairs_.empty()) {
    pairs_.clear();  // the curvature alone has the next word
    return true;
  }
  return take_safe_step();
}

bool Minimizer::take_path(const Proposal& proposal) {
  if (proposal.path_end.size() == 0) return false;
  const double next_value = objective_.value(proposal.path_end);
  if (!(next_value < value_ - 0.1 * proposal.verdict.gain)) return false;
  move_to(proposal.path_end, next_value);
  return true;
}

bool Minimizer::search_line(const Vector& step) {
  const double slope = gradient_.dot(step), limit = objective_.step_limit(psi_, step);
  double slack = secant_ ? noise() : 0.0;
  double length = limit, reached = kInfinity;
  // By an edge of the domain steps longer than about the last one leave it as well.
  if (inside_ < limit) length = std::min(limit, inside_ / kShorten);
  reached = objective_.value(psi_ + length * step);
  if (length < limit && std::isfinite(reached)) {
    length = limit;
    reached = objective_.value(psi_ + length * step);
  }
  int halvings = 0;
  at_edge_ = met_edge_ = length < limit;
  while (!(reached <= value_ + kArmijo * length * slope + slack)) {
    if (!std::isfinite(reached)) {
      at_edge_ = met_edge_ = true;
      slack = 0.0;  // along an edge a search would creep by it
    }
    if (halvings++ == kMaxHalvings) return false;
    length *= kShorten;
    reached = objective_.value(psi_ + length * step);
  }
  at_edge_ = false;
  inside_ = met_edge_ ? length : kInfinity;
  if (!met_edge_ && halvings == 0) lengthen(step, limit < 1.0, length, reached);
  move_to(psi_ + length * step, reached);
  return true;
}

// The minimum is far off where the step was cut to its limit, or where the deviance is as good as
// linear along it: then go on as long as it falls. Secant pairs learn as much from the next step,
// so that with them both must hold.
void Minimizer::lengthen(const Vector& step, bool limited, double& length, double& reached) {
  const bool linear = value_ - reached > kFlat * length * std::abs(gradient_.dot(step));
  bool falling = secant_ ? limited && linear : limited || linear;
  for (int more = 0; falling && more < kMaxLengthenings; ++more) {
    const double trial = objective_.value(psi_ + kLengthen * length * step);
    if (!(trial < reached)) return;
    falling = reached - trial > 0.1 * (value_ - reached);
    length *= kLengthen;
    reached = trial;
  }
}

bool Minimizer::take_safe_step() {
  objective_.return_to(psi_);
  objective_.derivatives(gradient_, curvature_);
  const Vector next = objective_.safe_step(psi_);
  const double next_value = objective_.value(next);
  if (next_value < value_) {
    move_to(next, next_value);
    return true;
  }
  objective_.value(psi_);
  return false;
}

void Minimizer::move_to(const Vector& next, double value) {
  const Vector step = next - psi_, gradient_before = gradient_;
  objective_.return_to(next);
  psi_ = next;
  value_ = value;
  arrive();
  if (secant_) pairs_.add(step, gradient_ - gradient_before);
}

void Minimizer::arrive() {
  if (objective_.refresh()) value_ = objective_.value(psi_);
  objective_.derivatives(gradient_, curvature_);
}

// Costs one evaluation, which the caller needs anyway, and squares the error.
void Minimizer::take_last_step() {
  const double next_value = objective_.value(psi_ + last_step_);
  if (next_value <= value_ + noise()) {
    psi_ += last_step_;
    value_ = next_value;
  } else {
    value_ = objective_.value(psi_);
  }
}

Optimum Minimizer::result() {
  Optimum out;
  out.psi = objective_.expand(psi_);
  out.value = value_;
  out.gradient = objective_.expand_step(gradient_);
  out.curvature = objective_.expand_matrix(curvature_);
  out.convergence.converged = converged_;
  out.convergence.ending = converged_                               ? Ending::converged
                           : iterations_ >= control_.max_iterations ? Ending::iterations
                           : at_edge_                               ? Ending::edge
                                                                    : Ending::stuck;
  out.convergence.gain = converged_ ? left_ : last_gain_;
  out.convergence.gradient_norm = gradient_.size() > 0 ? gradient_.cwiseAbs().maxCoeff() : 0.0;
  out.convergence.iterations = iterations_;
  out.convergence.evaluations = objective_.evaluations();
  return out;
}

}  // namespace

double small_gain(const Control& control) { return std::max(kSmallGain, control.tolerance); }

Optimum minimize(Objective& objective, const Vector& start, const std::vector<bool>& free,
                 const Control& control) {
  return Minimizer(objective, start, free, control).run();
}

Verdict judge(const Matrix& hessian, const Vector& gradient, double floor) {
  Verdict out;
  if (gradient.size() == 0) return out;
  const ScaledEigen scaled(hessian);
  const auto& vectors = scaled.eigen.eigenvectors();
  const Vector values = scaled.positive_values(floor);
  const Vector projected = vectors.transpose() * scaled.scale.cwiseProduct(gradient);
  out.step = -scaled.scale.cwiseProduct(vectors * projected.cwiseQuotient(values));
  out.gain = 0.5 * projected.cwiseAbs2().cwiseQuotient(values).sum();
  out.smallest = scaled.eigen.eigenvalues()[0];
  out.positive = out.smallest > -kNegative;
  out.downward = scaled.scale.cwiseProduct(vectors.col(0));
  return out;
}

Verdict judge(const Matrix& hessian, const Vector& gradient, const std::vector<bool>& free) {
  const FreeParameters some(free);
  Verdict out = judge(some.take(hessian), some.take(gradient));
  out.step = some.spread(out.step);
  out.downward = some.spread(out.downward);
  return out;
}

Vector point_below(Objective& objective, const Vector& psi, Vector downward) {
  const double here = objective.value(psi);
  // A Hessian of the size of rounding is flat, not a saddle: no direction is followed beyond where
  // the deviance of a model could not but change.
  downward *= objective.step_limit(psi, downward);
  for (const double length : {1.0, 0.1, 0.01}) {
    const Vector ends[] = {psi + length * downward, psi - length * downward};
    const double values[] = {objective.value(ends[0]), objective.value(ends[1])};
    const int lower = values[1] < values[0] ? 1 : 0;
    if (values[lower] < here - objective.resolution(here)) return ends[lower];
  }
  objective.value(psi);
  return Vector();
}

}  // namespace tiers
