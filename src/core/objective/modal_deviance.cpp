#include "modal_deviance.h"

#include <cmath>
#include <limits>

#include "../blocks/level_blocks.h"
#include "../model/dense_algebra.h"
#include "../model/scaled_eigen.h"

namespace tiers {

namespace {

// Of the logarithm of the dispersion (or a coefficient of it), beside its own size: a factor of 20.
constexpr double kDispersionStep = 3.0;
// Of a step in the covariance parameters, in their sizes: half of a linear model's, because a trial
// of the line search costs a search for modes, which may fail far from where it starts.
constexpr double kModalReach = 1.0;
// Step of the differences of the gradient, in standard errors of the parameter.
constexpr double kDifference = 1e-3;
// Decrement at a mode that was predicted to first order from one that close: what is left of it is
// the same on both sides and leaves the difference of the gradients.
constexpr double kPredicted = 1e-8;

// Standard errors by a curvature matrix that need not be positive definite.
Vector standard_errors(const Matrix& curvature) {
  const ScaledEigen scaled(curvature);
  if (curvature.rows() == 0) return Vector();
  const Matrix root = scaled.eigen.eigenvectors() *
                      scaled.positive_values(1e-4).cwiseSqrt().cwiseInverse().asDiagonal();
  // The curvature is that of -2 log-likelihood.
  return std::sqrt(2.0) * scaled.scale.cwiseProduct(root.rowwise().norm());
}

}  // namespace

ModalDeviance::ModalDeviance(ConditionalMode& mode, const CovarianceParameters& parameters,
                             double mode_tolerance)
    : mode_(mode),
      parameters_(parameters),
      fixed_count_(mode.fixed_in_mode() > 0 ? 0 : mode.rows().fixed().rows()),
      dispersion_count_(mode.response().dispersion().cols()),
      places_(mode.rows().layout(), parameters),
      tolerance_(mode_tolerance) {
  mode_start_ = Vector::Zero(mode.size());
}

Matrix ModalDeviance::mean_cross(int term) const { return places_.block(mean_own_, term); }

Matrix ModalDeviance::modes(int term) const {
  return places_.block(lambda_, term) * places_.part(integral_.u, term);
}

void ModalDeviance::start_mode_at(const std::vector<Matrix>& u) {
  std::vector<Matrix> by_term;
  for (const Matrix& one : u) {
    by_term.push_back(Eigen::Map<const Matrix>(one.data(), 1, one.size()));
  }
  const Matrix start = places_.coordinates(by_term);
  mode_start_.head(start.rows()) = start.col(0);
}

Vector ModalDeviance::random_effects() const {
  const BlockLayout& layout = mode_.rows().layout();
  return apply_lambdas(layout, lambda_, integral_.u.head(layout.random_columns()), false);
}

double ModalDeviance::value(const Vector& psi) {
  const Vector start = predicted_start(psi);
  const double out = evaluate(psi, start);
  // From a prediction far off Newton's method may creep.
  if (std::isfinite(out) || base_psi_.size() == 0 || start == base_mode_) return out;
  return evaluate(psi, base_mode_);
}

double ModalDeviance::evaluate(const Vector& psi, const Vector& start, bool differenced) {
  psi_ = psi;
  lambda_ = places_.lambdas(psi);
  factor_at_base_ = false;
  mode_.response().set_dispersion(psi.tail(dispersion_count_));
  integral_ = Integral();
  integral_.u = Vector::Zero(start.size());
  defined_ =
      psi.allFinite() && mode_.find(psi.segment(fixed_start(), fixed_count_), lambda_, start,
                                    tolerance_, !differenced, differenced ? kPredicted : 0.0);
  return defined_ ? integrate_at_mode() : std::numeric_limits<double>::infinity();
}

double ModalDeviance::integrate_at_mode() {
  integral_ = Integral();
  mean_own_.clear();
  for (std::size_t f = 0; f < lambda_.size(); ++f) {
    mean_own_.push_back(mode_.cross().mean_own(static_cast<int>(f)));
  }
  divisible_lambda_ = away_from_zero(lambda_, mean_own_);
  defined_ = integrate(integral_) && std::isfinite(integral_.value);
  if (!defined_) return std::numeric_limits<double>::infinity();
  if (base_psi_.size() == 0) mode_start_ = integral_.u;
  return integral_.value;
}

// The mode at the base moved along the direction of the first step from there; a step along another
// direction starts from the mode itself.
Vector ModalDeviance::predicted_start(const Vector& psi) {
  if (base_psi_.size() == 0) return mode_start_;
  const Vector step = psi - base_psi_;
  if (factor_at_base_) {
    base_direction_ = step;
    base_change_ = mode_changes(step);
    if (!base_change_.allFinite()) base_change_.setZero();
    return base_mode_ + base_change_;
  }
  const double square = base_direction_.squaredNorm();
  if (square == 0.0) return base_mode_;
  const double length = step.dot(base_direction_) / square;
  if ((step - length * base_direction_).norm() > 1e-8 * step.norm()) return base_mode_;
  return base_mode_ + length * base_change_;
}

// dU = H^-1 [ dLambda'z - U'W (X dbeta + Z dLambda u) + U' (ds/dphi) D dphi ], one column a step;
// at the base, while its factor is at hand.
Matrix ModalDeviance::mode_changes(const Matrix& steps) const {
  const Vector z = mode_.rows().project_random(mode_.s());
  Matrix right(mode_.size(), steps.cols());
  for (Index column = 0; column < steps.cols(); ++column) {
    const Vector step = steps.col(column);
    std::vector<Matrix> change = places_.lambdas(base_psi_ + step);
    for (std::size_t f = 0; f < change.size(); ++f) change[f] -= lambda_[f];
    right.col(column) = mode_shift(change, step, z);
  }
  return mode_.solve(right);
}

// H dU for a change of Lambda and a step in beta and the dispersion; z = Z's.
Vector ModalDeviance::mode_shift(const std::vector<Matrix>& change, const Vector& step,
                                 const Vector& z) const {
  const PackedRows& rows = mode_.rows();
  Vector moved = Vector::Zero(rows.size());
  if (fixed_count_ > 0) moved = rows.fixed_predictor(step.segment(fixed_start(), fixed_count_));
  rows.add_random(apply_lambdas(rows.layout(), change, mode_.u(), false), moved);
  Vector r = -mode_.w().cwiseProduct(moved);
  if (dispersion_count_ > 0) {
    r += mode_.ds_dphi().cwiseProduct(mode_.response().dispersion_slope() *
                                      step.tail(dispersion_count_));
  }
  Vector out = mode_.project(r);
  out.head(z.size()) += apply_lambdas(rows.layout(), change, z, true);
  return out;
}

Matrix ModalDeviance::random_effect_derivatives() const {
  const BlockLayout& layout = mode_.rows().layout();
  const Vector z = mode_.rows().project_random(mode_.s());
  Matrix right(mode_.size(), size()), direct = Matrix::Zero(layout.random_columns(), size());
  for (Index i = 0; i < size(); ++i) {
    const bool own = i < parameters_.size();
    std::vector<Matrix> change = own ? places_.lambda_derivatives(psi_, i) : zero_blocks(layout);
    right.col(i) =
        mode_shift(change, own ? Vector(Vector::Zero(size())) : Vector(Vector::Unit(size(), i)), z);
    if (own) direct.col(i) = apply_lambdas(layout, change, mode_.u(), false);
  }
  return direct + mode_.factor().apply_lambda(mode_.solve(right), false);
}

void ModalDeviance::derivatives(Vector& gradient_out, Matrix& curvature_out) {
  if (!defined_) {
    gradient_out = Vector::Constant(size(), std::numeric_limits<double>::quiet_NaN());
    curvature_out = Matrix::Identity(size(), size());
    return;
  }
  base_psi_ = psi_;
  base_mode_ = integral_.u;
  gradient_out = gradient();
  curvature_out = curvature();
  // A floored Lambda was used for terms beside zero: near enough to predict modes from.
  factor_at_base_ = true;
}

double ModalDeviance::value_and_gradient(const Vector& psi, Vector& gradient_out) {
  psi_ = psi;
  lambda_ = places_.lambdas(psi);
  const double value = integrate_at_mode();
  if (defined_) gradient_out = gradient();
  return value;
}

ModalDeviance::Adjoint ModalDeviance::adjoint() const {
  const PackedRows& rows = mode_.rows();
  Adjoint out;
  const Vector omega = mode_.dw().cwiseProduct(integral_.leverage);
  out.v.resize(integral_.u.size());
  out.moved = Vector::Zero(rows.size());
  if (out.v.size() > 0) {
    Vector right = mode_.project(omega);
    if (integral_.node_score.size() > 0) right -= 2.0 * integral_.node_score;
    out.v = mode_.solve(right);
    out.moved = mode_.predictor(out.v);
  }
  out.t = omega - mode_.w().cwiseProduct(out.moved);
  out.z = rows.project_random(integral_.score_at_mode);
  out.tau = rows.project_random(out.t);
  return out;
}

// df/dLambda of a grouping.
Matrix ModalDeviance::factor_gradient(int f, const Adjoint& adjoint) const {
  const Grouping& grouping = mode_.rows().layout().groupings()[f];
  const auto part = [&grouping](const Vector& x) {
    return Eigen::Map<const Matrix>(x.data() + grouping.offset, grouping.columns, grouping.levels);
  };
  return integral_.outer[f] + integral_.variance[f] +
         part(adjoint.tau) * part(integral_.u).transpose() +
         part(adjoint.z) * part(adjoint.v).transpose();
}

Vector ModalDeviance::gradient() {
  const PackedRows& rows = mode_.rows();
  const int groupings = static_cast<int>(rows.layout().groupings().size());
  const Adjoint at_mode = adjoint();
  Vector out(size());
  if (fixed_count_ > 0) {
    out.segment(fixed_start(), fixed_count_) =
        rows.project_fixed(at_mode.t - 2.0 * integral_.score);
  }
  if (dispersion_count_ > 0) {
    const Vector by_row = -2.0 * integral_.dispersion_score +
                          mode_.dw_dphi().cwiseProduct(integral_.leverage) +
                          at_mode.moved.cwiseProduct(mode_.ds_dphi());
    out.tail(dispersion_count_) = mode_.response().dispersion_slope().transpose() * by_row;
  }

  std::vector<Matrix> by_grouping(groupings), beside_zero(groupings);  // df/dLambda; D
  if (divisible_lambda_ != lambda_) beside_zero = sigma_gradient_beside_zero(at_mode);
  for (int f = 0; f < groupings; ++f) {
    by_grouping[f] = integral_.variance[f].size() > 0 ? factor_gradient(f, at_mode)
                                                      : Matrix(2.0 * beside_zero[f] * lambda_[f]);
  }
  std::vector<Matrix> by_term(parameters_.terms());
  sigma_gradient_.assign(parameters_.terms(), Matrix());
  for (int j = 0; j < parameters_.terms(); ++j) {
    by_term[j] = places_.block(by_grouping, j);
    sigma_gradient_[j] = near_zero(places_.grouping(j))
                             ? places_.block(beside_zero, j)
                             : sigma_gradient(by_term[j], places_.block(lambda_, j));
  }
  out.head(parameters_.size()) = parameters_.gradient(psi_, by_term);
  return out;
}

// D from df/dLambda = 2 D Lambda.
Matrix ModalDeviance::sigma_gradient(const Matrix& by_lambda, const Matrix& lambda) {
  const Matrix transposed = lower_transposed_solution(lambda, by_lambda.transpose());
  return 0.25 * (transposed + transposed.transpose());
}

// D of every grouping with Lambda's diagonal moved just off zero: there it is to be had, and is
// that of the point to 8 digits. As a rule from df/dLambda there; then the mode of the point is put
// back.
std::vector<Matrix> ModalDeviance::sigma_gradient_beside_zero(const Adjoint&) {
  const std::vector<Matrix> lambda = lambda_;
  const Integral integral = integral_;
  const Vector beta = psi_.segment(fixed_start(), fixed_count_);
  lambda_ = divisible_lambda_;
  integral_ = Integral();
  const bool defined =
      mode_.find(beta, lambda_, integral.u, tolerance_, false) && integrate(integral_);
  std::vector<Matrix> out;
  for (const Matrix& lambda : lambda_) out.push_back(Matrix::Zero(lambda.rows(), lambda.cols()));
  if (defined) {
    const Adjoint beside = adjoint();
    std::vector<Matrix> by_grouping;
    for (std::size_t f = 0; f < out.size(); ++f) {
      by_grouping.push_back(factor_gradient(static_cast<int>(f), beside));
    }
    for (int j = 0; j < parameters_.terms(); ++j) {
      const Matrix own = places_.block(lambda_, j);
      out[places_.grouping(j)].block(places_.column(j), places_.column(j), own.rows(), own.cols()) =
          sigma_gradient(places_.block(by_grouping, j), own);
    }
  }
  lambda_ = lambda;
  integral_ = integral;
  mode_.find(beta, lambda_, integral_.u, tolerance_, true, kPredicted);
  return out;
}

// q_i = Z (Ldot_i u + Lambda Ldot_i'z): Q_ij = q_i'V^-1 q_j, and <D, d2 Sigma>.
Matrix ModalDeviance::curvature() const {
  Matrix out = Matrix::Zero(size(), size());
  const Index count = parameters_.size();
  if (count > 0) {
    const Vector z = mode_.rows().project_random(integral_.score_at_mode);
    const Matrix information =
        average_information(mode_.cross(), mode_.factor(), mode_.factor().lambda(),
                            places_.directions(psi_, lambda_, integral_.u, z), false);
    out.topLeftCorner(count, count) =
        information + parameters_.second_derivative_product(psi_, sigma_gradient_);
  }
  if (fixed_count_ > 0) {
    out.block(fixed_start(), fixed_start(), fixed_count_, fixed_count_) =
        2.0 * Matrix(mode_.factor().fixed_information().selfadjointView<Eigen::Lower>());
  }
  if (dispersion_count_ > 0) {
    out.bottomRightCorner(dispersion_count_, dispersion_count_) =
        mode_.response().dispersion_curvature(integral_.dispersion_score);
  }
  return out;
}

Matrix ModalDeviance::hessian() {
  const Vector psi = psi_;
  Vector gradient_here;
  Matrix curvature_here;
  derivatives(gradient_here, curvature_here);
  const Vector step = kDifference * standard_errors(curvature_here);
  const Matrix changes = mode_changes(Matrix(step.asDiagonal()));
  const Vector mode_here = base_mode_;
  const bool at_limit = mode_.response().at_limit();
  Matrix out(size(), size());
  for (Index i = 0; i < size(); ++i) {
    if (at_limit && i >= dispersion_start()) {
      out.col(i).setZero();
      continue;
    }
    Vector ahead = psi, behind = psi;
    ahead[i] += step[i];
    behind[i] -= step[i];
    const bool fine = std::isfinite(evaluate(ahead, mode_here + changes.col(i), true));
    const Vector gradient_ahead = fine ? gradient() : gradient_here;
    const bool fine_behind = std::isfinite(evaluate(behind, mode_here - changes.col(i), true));
    const Vector gradient_behind = fine_behind ? gradient() : gradient_here;
    const double width = (fine ? step[i] : 0.0) + (fine_behind ? step[i] : 0.0);
    out.col(i) = width > 0.0 ? Vector((gradient_ahead - gradient_behind) / width)
                             : Vector(curvature_here.col(i));
  }
  evaluate(psi, mode_here);
  return 0.5 * (out + out.transpose());
}

double ModalDeviance::step_limit(const Vector& psi, const Vector& step) const {
  double limit = places_.step_limit(psi, step, kModalReach);
  for (Index i = dispersion_start(); i < psi.size(); ++i) {
    if (step[i] != 0.0)
      limit = std::min(limit, (kDispersionStep + std::abs(psi[i])) / std::abs(step[i]));
  }
  return limit;
}

}  // namespace tiers
