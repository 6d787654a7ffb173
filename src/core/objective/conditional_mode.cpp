#include "conditional_mode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../blocks/level_blocks.h"

namespace tiers {

namespace {

constexpr double kArmijo = 1e-4;  // share of the fall that slope and length promise: the usual one
constexpr double kSlack = 1e-10;  // of the value: what a sum over many rows may lose by rounding
// Decrement up to which a step that does not fall is one that rounding hides: the next step is no
// better, and the point near enough.
constexpr double kRounding = 1e-2;
// Halvings of a step take a wall down to a millionth of where it was met.
constexpr int kMaxWalls = 20;
constexpr int kMaxHalvings = 40;  // a step of 1e-12
// Newton's method in a log-concave density takes about ten; others creep, and are given up.
constexpr int kMaxSteps = 200;
constexpr Index kPollRows = 32 * PackedRows::kStrip;  // a fraction of a millisecond

}  // namespace

ConditionalMode::ConditionalMode(const ResponseFamily& family, PackedResponse& response,
                                 const PackedRows& rows, CrossProducts& cross, bool fixed_in_mode,
                                 const Poll& poll)
    : family_(family),
      response_(response),
      rows_(rows),
      cross_(cross),
      poll_(poll),
      random_count_(rows.layout().random_columns()),
      fixed_count_(fixed_in_mode ? rows.fixed().rows() : 0),
      factor_(cross) {
  for (Vector* v : {&logp_, &s_, &w_, &w_fallback_, &dw_, &dlogp_dphi_, &ds_dphi_, &dw_dphi_}) {
    *v = Vector::Zero(rows.size());
  }
}

Vector ConditionalMode::predictor(const Vector& of_mode) const {
  Vector out = Vector::Zero(rows_.size());
  if (random_count_ > 0)
    rows_.add_random(apply_lambdas(rows_.layout(), lambda_, of_mode, false), out);
  if (fixed_count_ > 0) out += rows_.fixed_predictor(of_mode.tail(fixed_count_));
  return out;
}

Vector ConditionalMode::project(const Vector& r) const {
  Vector out(size());
  out.head(random_count_) = apply_lambdas(rows_.layout(), lambda_, rows_.project_random(r), true);
  if (fixed_count_ > 0) out.tail(fixed_count_) = rows_.project_fixed(r);
  return out;
}

Matrix ConditionalMode::solve(const Matrix& of_mode) const {
  Matrix random = of_mode.topRows(random_count_), fixed = of_mode.bottomRows(fixed_count_);
  factor_.solve_forward(random, fixed);
  factor_.solve_backward(random, fixed);
  Matrix out(of_mode.rows(), of_mode.cols());
  out << random, fixed;
  return out;
}

RowDerivatives ConditionalMode::row_derivatives() {
  RowDerivatives out;
  out.logp = logp_.data();
  out.s = s_.data();
  out.w = w_.data();
  out.w_fallback = w_fallback_.data();
  out.dw = dw_.data();
  out.dlogp_dphi = dlogp_dphi_.data();
  out.ds_dphi = ds_dphi_.data();
  out.dw_dphi = dw_dphi_.data();
  return out;
}

// Strip by strip eta, the rows' derivatives, U's and X's, A. What is no log density ends it early.
double ConditionalMode::pass(const Vector& of_mode, Detail detail, bool with_fixed) {
  const RowDerivatives all = row_derivatives();
  const Vector b = apply_lambdas(rows_.layout(), lambda_, of_mode.head(random_count_), false);
  const Vector beta = of_mode.tail(fixed_count_);
  Vector random_score = Vector::Zero(random_count_), fixed_score = Vector::Zero(fixed_count_);
  double sum = 0.0;
  cross_.clear(with_fixed || fixed_count_ > 0);
  eta_.setZero(
      rows_.size());  // the offset comes last: a large one costs digits of what is added to it
  for (Index start = 0; start < rows_.size(); start += PackedRows::kStrip) {
    if (poll_ && start > 0 && start % kPollRows == 0) poll_();
    const Index count = std::min(PackedRows::kStrip, rows_.size() - start);
    rows_.add_random(b, start, count, eta_);
    const auto x = rows_.fixed().middleCols(start, count);
    if (fixed_count_ > 0) eta_.segment(start, count).noalias() += x.transpose() * beta;
    eta_.segment(start, count) += fixed_part_.segment(start, count);
    family_.evaluate(part_of(response_.rows(), start, count), eta_.data() + start, detail,
                     part_of(all, start));
    sum += logp_.segment(start, count).sum();
    if (!std::isfinite(sum)) return std::numeric_limits<double>::infinity();
    rows_.project_random(s_, start, count, random_score);
    if (fixed_count_ > 0) fixed_score.noalias() += x * s_.segment(start, count);
    cross_.add(rows_, w_, start, count);
  }
  residual_.resize(size());
  residual_ << apply_lambdas(rows_.layout(), lambda_, random_score, true) -
                   of_mode.head(random_count_),
      fixed_score;
  return of_mode.head(random_count_).squaredNorm() - 2.0 * sum;
}

bool ConditionalMode::factorize() {
  return factor_.factorize(lambda_, poll_) && (fixed_count_ == 0 || factor_.fixed_definite());
}

ConditionalMode::Step ConditionalMode::search_line(const Vector& direction, double decrement,
                                                   double longest, Detail detail, bool with_fixed,
                                                   double& value) {
  const double slack = kSlack * (1.0 + std::abs(value));
  Step out;
  out.length = longest;
  if (out.length < 1.0) {
    out.left_domain = std::isinf(pass(u_ + out.length * direction, Detail::newton, false));
    out.length = out.left_domain ? 0.5 * out.length : 1.0;
  }
  for (int halving = 0; halving < kMaxHalvings && !out.fell; ++halving) {
    const Vector trial = u_ + out.length * direction;
    const double trial_value = pass(trial, detail, with_fixed);
    out.left_domain = out.left_domain || std::isinf(trial_value);
    out.fell = trial_value <= value - kArmijo * out.length * decrement + slack;
    if (out.fell) {
      u_ = trial;
      value = trial_value;
    } else {
      out.length *= 0.5;
    }
  }
  return out;
}

bool ConditionalMode::find(const Vector& beta, const std::vector<Matrix>& lambda,
                           const Vector& start, double tolerance, bool with_fixed,
                           double accepted) {
  lambda_ = lambda;
  u_ = start;
  fixed_part_ = response_.offset();
  if (beta.size() > 0) fixed_part_ += rows_.fixed_predictor(beta);
  const bool search = size() > 0, acceptable = !search || accepted > 0.0;
  double value = pass(u_, acceptable ? Detail::gradient : Detail::newton, acceptable && with_fixed);
  if (!std::isfinite(value) && search) {
    u_.head(random_count_).setZero();
    value = pass(u_, Detail::newton, false);
  }
  if (!std::isfinite(value)) return false;

  int walls = 0;        // steps in a row that were shortened because they left the domain of eta
  double inside = 1.0;  // how long the last of them could be
  for (int step = 0; search && step < kMaxSteps; ++step) {
    if (poll_) poll_();
    const bool definite = factorize();
    if (!definite) {
      cross_.reweight(rows_, w_fallback_, fixed_count_ > 0, poll_);
      if (!factorize()) return false;
    }
    const Vector direction = solve(residual_);
    const double decrement = residual_.dot(direction);
    if (!std::isfinite(decrement)) return false;
    if (step == 0 && definite && decrement < accepted) return true;
    const bool last = decrement < tolerance;
    const Detail detail = last ? Detail::gradient : Detail::newton;
    ++steps_;
    // By a wall longer steps than about the last one leave the domain too, which is convex.
    const Step taken = search_line(direction, decrement, std::min(1.0, 2.0 * inside), detail,
                                   last && with_fixed, value);
    // No mode lies at the edge of the domain of eta, to which every step leads but never beyond.
    walls = taken.left_domain ? walls + 1 : 0;
    inside = taken.left_domain ? taken.length : 1.0;
    if (walls > kMaxWalls) return false;
    if (!taken.fell) {
      if (taken.left_domain || decrement > kRounding) return false;
      pass(u_, Detail::gradient, with_fixed);
    }
    if ((last && !taken.left_domain) || !taken.fell) break;
    if (step + 1 == kMaxSteps) return false;
  }
  return factorize();
}

}  // namespace tiers
