#include "conditional_mode.h"

#include <cmath>
#include <limits>

namespace tiers {

namespace {

constexpr double kArmijo = 1e-4;
constexpr double kSlack = 1e-10;
constexpr int kMaxHalvings = 40;
constexpr int kMaxSteps = 200;

Vector packed(const double* values, const std::vector<int>& source) {
  Vector out(values ? source.size() : 0);
  for (Index i = 0; i < out.size(); ++i) out[i] = values[source[i]];
  return out;
}

}  // namespace

PackedResponse::PackedResponse(const GeneralizedSpecification& spec, const PackedRows& packed_rows) {
  const auto& source = packed_rows.source();
  const Index n = packed_rows.size();
  y = packed(spec.model.y, source);
  size = packed(spec.size, source);
  weight = packed(spec.model.weights, source);
  offset = packed(spec.model.offset, source);
  if (offset.size() == 0) offset = Vector::Zero(n);
  dispersion.resize(n, spec.dispersion.cols());
  for (Index i = 0; i < n; ++i) dispersion.row(i) = spec.dispersion.row(source[i]);
  phi = Vector::Zero(n);
  rows.n = n;
  rows.y = y.data();
  rows.size = size.size() > 0 ? size.data() : nullptr;
  rows.weight = weight.size() > 0 ? weight.data() : nullptr;
  rows.frequency = packed_rows.frequency().size() > 0 ? packed_rows.frequency().data() : nullptr;
  rows.phi = phi.data();
  rows.phi_by_row = true;
  constant.resize(n);
  spec.family->constants(rows, constant.data());
  rows.constant = constant.data();
}

bool PackedResponse::same(const GeneralizedSpecification& spec, Index a, Index b) {
  for (const double* values : {spec.model.y, spec.size, spec.model.weights, spec.model.offset}) {
    if (values && values[a] != values[b]) return false;
  }
  return spec.dispersion.row(a) == spec.dispersion.row(b);
}

void PackedResponse::set_dispersion(const Vector& coefficients) {
  if (coefficients.size() > 0) phi.noalias() = dispersion * coefficients;
}

Vector apply_factors(const BlockLayout& layout, const std::vector<Matrix>& lambda, const Vector& u,
                     bool transposed) {
  Vector out(u.size());
  for (std::size_t f = 0; f < layout.factors().size(); ++f) {
    const Factor& factor = layout.factors()[f];
    const Eigen::Map<const Matrix> from(u.data() + factor.offset, factor.columns, factor.levels);
    Eigen::Map<Matrix> to(out.data() + factor.offset, factor.columns, factor.levels);
    if (transposed) {
      to.noalias() = lambda[f].transpose().lazyProduct(from);
    } else {
      to.noalias() = lambda[f].lazyProduct(from);
    }
  }
  return out;
}

ConditionalMode::ConditionalMode(const ResponseFamily& family, PackedResponse& response,
                                 const PackedRows& rows, CrossProducts& cross, bool fixed_in_mode,
                                 const Poll& poll)
    : family_(family), response_(response), rows_(rows), cross_(cross), poll_(poll),
      random_count_(rows.layout().random_columns()), fixed_count_(fixed_in_mode ? rows.fixed().rows() : 0),
      factor_(cross) {
  for (Vector* v : {&logp_, &s_, &w_, &w_fallback_, &dw_, &dlogp_dphi_, &ds_dphi_, &dw_dphi_}) {
    *v = Vector::Zero(rows.size());
  }
}

Vector ConditionalMode::predictor(const Vector& of_mode) const {
  Vector out = Vector::Zero(rows_.size());
  if (random_count_ > 0) rows_.add_random(apply_factors(rows_.layout(), lambda_, of_mode, false), out);
  if (fixed_count_ > 0) out += rows_.fixed_predictor(of_mode.tail(fixed_count_));
  return out;
}

Vector ConditionalMode::project(const Vector& r) const {
  Vector out(size());
  out.head(random_count_) = apply_factors(rows_.layout(), lambda_, rows_.project_random(r), true);
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

double ConditionalMode::penalized(const Vector& of_mode, Detail detail) {
  eta_ = fixed_part_;
  if (size() > 0) eta_ += predictor(of_mode);
  RowDerivatives out;
  out.logp = logp_.data();
  out.s = s_.data();
  out.w = w_.data();
  out.w_fallback = w_fallback_.data();
  out.dw = dw_.data();
  out.dlogp_dphi = dlogp_dphi_.data();
  out.ds_dphi = ds_dphi_.data();
  out.dw_dphi = dw_dphi_.data();
  family_.evaluate(response_.rows, eta_.data(), detail, out);
  const double value = of_mode.head(random_count_).squaredNorm() - 2.0 * logp_.sum();
  return std::isfinite(value) ? value : std::numeric_limits<double>::infinity();
}

bool ConditionalMode::factorize(const Vector& weights, bool fixed) {
  cross_.reweight(rows_, weights, fixed, poll_);
  return factor_.factorize(lambda_, poll_) && (fixed_count_ == 0 || factor_.fixed_definite());
}

bool ConditionalMode::find(const Vector& beta, const std::vector<Matrix>& lambda, const Vector& start,
                           double tolerance, bool with_fixed) {
  lambda_ = lambda;
  u_ = start;
  fixed_part_ = response_.offset;
  if (beta.size() > 0) fixed_part_ += rows_.fixed_predictor(beta);
  const bool search = size() > 0, fixed_in_search = fixed_count_ > 0;
  const auto residual = [&] {
    Vector r = project(s_);
    r.head(random_count_) -= u_.head(random_count_);
    return r;
  };
  double value = penalized(u_, search ? Detail::newton : Detail::gradient);
  if (!std::isfinite(value) && search) {
    u_.head(random_count_).setZero();
    value = penalized(u_, Detail::newton);
  }
  if (!std::isfinite(value)) return false;

  for (int step = 0; search && step < kMaxSteps; ++step) {
    if (poll_) poll_();
    residual_ = residual();
    if (!factorize(w_, fixed_in_search) && !factorize(w_fallback_, fixed_in_search)) return false;
    const Vector direction = solve(residual_);
    const double decrement = residual_.dot(direction);
    if (!std::isfinite(decrement)) return false;
    const bool last = decrement < tolerance;
    ++steps_;
    double length = 1.0;
    const double slack = kSlack * (1.0 + std::abs(value));
    bool fell = false;
    for (int halving = 0; halving < kMaxHalvings && !fell; ++halving) {
      const Vector trial = u_ + length * direction;
      const double trial_value = penalized(trial, last ? Detail::gradient : Detail::newton);
      fell = trial_value <= value - kArmijo * length * decrement + slack;
      if (fell) {
        u_ = trial;
        value = trial_value;
      } else {
        length *= 0.5;
      }
    }
    if (!fell) penalized(u_, Detail::gradient);
    if (last || !fell) break;
    if (step + 1 == kMaxSteps) return false;
  }
  if (!factorize(w_, with_fixed || fixed_in_search)) return false;
  residual_ = residual();
  return true;
}

}  // namespace tiers
