#include "profiled_deviance.h"

#include <cmath>
#include <limits>

#include "../blocks/level_blocks.h"
#include "../family/numeric_kernels.h"
#include "../model/dense_algebra.h"
#include "../model/lower_factor.h"

namespace tiers {

namespace {

// Ratio of the response's square to r2 above which the response is re-anchored.
constexpr double kCancellation = 1e4;
// Of the response's square: what rounding leaves of r2, however small it is.
constexpr double kLeastShareLeft = std::numeric_limits<double>::epsilon();
// Variance of random effects in the mean level, in units of the residual's, from which on the
// factor is made from the rows: differences of cross-products have lost half of their digits.
constexpr double kLargeVariance = 1e8;
// Multiplications of a factorization from the rows up to which it is used: a tenth of a second.
constexpr double kMostWork = 1e8;
// Of a step, in the sizes of the parameters: a trial of the line search costs one factorization, so
// long ones are tried.
constexpr double kLinearReach = 2.0;

}  // namespace

ProfiledDeviance::ProfiledDeviance(const Design& design, CrossProducts& cross,
                                   const CovarianceParameters& parameters, bool reml,
                                   const Poll& poll)
    : design_(design),
      cross_(cross),
      parameters_(parameters),
      reml_(reml),
      poll_(poll),
      degrees_(design.used_rows() - (reml ? design.rank() : 0)),
      places_(cross.layout(), parameters) {
  here_.factor = new_factor();
  for (std::size_t f = 0; f < cross.layout().groupings().size(); ++f) {
    mean_own_.push_back(cross.mean_own(static_cast<int>(f)));
  }
  response_.resize(design.rows());
  for (Index i = 0; i < design.rows(); ++i) response_[i] = design.response(i);
  cross.set_response(response_);
}

Matrix ProfiledDeviance::mean_cross(int term) const { return places_.block(mean_own_, term); }

double ProfiledDeviance::value(const Vector& theta) {
  theta_ = theta;
  evaluate(places_.lambdas(theta), here_);
  floored_ = &here_;
  return here_.deviance;
}

void ProfiledDeviance::set_response(const Vector& y) {
  response_ = y;
  cross_.set_response(y);
  anchor_ = Anchor();
}

void ProfiledDeviance::forget() {
  scale_kind_ = Scale::profiled;
  if (!from_rows_) return;
  from_rows_ = false;
  beside_ = State();
  here_ = State();
  here_.factor = new_factor();
  floored_ = &here_;
}

double ProfiledDeviance::value_without() const {
  double residual = cross_.response_square(), log_det = 0.0;
  if (design_.rank() > 0) {
    const CholeskyFactor factor(cross_.fixed());  // reads the lower triangle
    Matrix fixed = cross_.fixed_response();
    solve_lower(factor.lower(), fixed);
    residual -= fixed.squaredNorm();
    log_det = factor.log_det();
  }
  const double m = static_cast<double>(degrees_);
  if (!(residual > 0.0)) return std::numeric_limits<double>::infinity();
  return m * (1.0 + kLogTwoPi + std::log(residual / m)) + (reml_ ? log_det : 0.0) -
         design_.sum_log_weights();
}

std::unique_ptr<PenalizedFactor> ProfiledDeviance::new_factor() const {
  if (from_rows_) return std::make_unique<OrthogonalFactor>(cross_, poll_);
  return std::make_unique<BlockedCholesky>(cross_);
}

void ProfiledDeviance::evaluate(const std::vector<Matrix>& lambda, State& at) const {
  at.lambda = lambda;
  at.deviance = std::numeric_limits<double>::infinity();
  at.defined = at.factor->factorize(lambda, poll_) && at.factor->fixed_definite();
  if (!at.defined) return;
  Matrix random = cross_.random_response(), fixed = cross_.fixed_response();
  at.constant = cross_.response_square();
  at.shift.resize(0);
  if (anchor_.active) {
    use_anchor(at, random, fixed);
  } else {
    random = apply_lambdas(cross_.layout(), lambda, random, true);
  }
  at.factor->solve_forward(random, fixed);
  at.random = random;
  at.fixed = fixed;
  at.residual = at.constant - random.squaredNorm() - fixed.squaredNorm();
  const double least = std::max(kLeastShareLeft * at.constant, std::numeric_limits<double>::min());
  if (!(at.residual > least)) at.residual = least;
  const double m = static_cast<double>(degrees_);
  const bool fixed_scale = scale_kind_ == Scale::fixed;
  const double sigma2 = fixed_scale ? fixed_sigma2_ : at.residual / m;
  at.deviance = at.factor->log_det_random() + m * (kLogTwoPi + std::log(sigma2)) +
                (fixed_scale ? at.residual / sigma2 : m) - design_.sum_log_weights();
  if (reml_) at.deviance += at.factor->log_det_fixed();
}

namespace {

// K with Lambda K as near to Lambda0 as it can be without K becoming large, and what it leaves,
// `rest` = Lambda K - Lambda0. `size`: of the factor's columns, in the mean level.
Matrix shift_map(const Matrix& lambda, const Matrix& lambda0, const Vector& size, Matrix& rest) {
  rest = Matrix::Zero(lambda.rows(), lambda.cols());
  if (lambda == lambda0) return Matrix::Identity(lambda.rows(), lambda.cols());
  const SingularValues svd(size.asDiagonal() * lambda);
  const Vector& values = svd.values;
  if (values.minCoeff() >= 1.0) return lower_solution(lambda, lambda0);
  const Vector inverse = (values.array() >= 1.0).select(values.cwiseInverse(), values);
  const Matrix out = svd.v * inverse.asDiagonal() * svd.u.transpose() * size.asDiagonal() * lambda0;
  rest = lambda * out - lambda0;
  return out;
}

}  // namespace

// With u = v + K u0 the system for v and the distance from b0 has the response y* = e - Z d, d =
// (Lambda K - Lambda0) u0, and the penalty |v + K u0|^2: right-hand sides Lambda'Z'y* - K u0 and
// X'y*. Where Lambda is large d is zero and K u0 small, so that nothing cancels.
void ProfiledDeviance::use_anchor(State& at, Matrix& random, Matrix& fixed) const {
  std::vector<Matrix> map, rest;
  bool zero = true;
  for (std::size_t f = 0; f < at.lambda.size(); ++f) {
    const Vector size = mean_own_[f].diagonal().cwiseSqrt();
    rest.emplace_back();
    map.push_back(shift_map(at.lambda[f], anchor_.lambda[f], size, rest[f]));
    zero = zero && rest[f].isZero(0.0);
  }
  at.shift = apply_lambdas(cross_.layout(), map, anchor_.u, false);
  at.constant += at.shift.squaredNorm();
  if (!zero) {
    const Vector d = apply_lambdas(cross_.layout(), rest, anchor_.u, false);
    Matrix random_d, fixed_d;
    cross_.multiply(d, random_d, fixed_d);
    at.constant += d.dot(random_d.col(0) - 2.0 * random.col(0));
    random -= random_d;
    fixed -= fixed_d;
  }
  random = apply_lambdas(cross_.layout(), at.lambda, random, true) - at.shift;
}

void ProfiledDeviance::fix_scale(double sigma) {
  scale_kind_ = Scale::fixed;
  fixed_sigma2_ = sigma * sigma;
}

// Of d d' in curvature and Hessian: what profiling sigma out takes off.
double ProfiledDeviance::profile_share(double residual) const {
  return scale_kind_ == Scale::fixed ? 0.0 : static_cast<double>(degrees_) / (residual * residual);
}

BlockedCholesky ProfiledDeviance::blocked_factor(const Vector& theta) const {
  BlockedCholesky out(cross_);
  out.factorize(places_.lambdas(theta), poll_);
  return out;
}

ProfiledDeviance::Solution ProfiledDeviance::solve() const { return solve(here_); }

ProfiledDeviance::Solution ProfiledDeviance::solve(const State& at) const {
  Matrix random = at.random, fixed = at.fixed;
  at.factor->solve_backward(random, fixed);
  Solution out;
  out.u = random;
  out.beta = fixed;
  if (at.shift.size() > 0) {
    out.u += at.shift;
    out.beta += anchor_.beta;
  }
  out.residual = at.residual;
  return out;
}

Matrix ProfiledDeviance::modes(const Solution& solution, int term) const {
  return places_.block(here_.lambda, term) * places_.part(solution.u, term);
}

Vector ProfiledDeviance::linear_predictor(const Solution& solution) const {
  return tiers::linear_predictor(design_, cross_.layout(), solution.beta,
                                 apply_lambdas(cross_.layout(), here_.lambda, solution.u, false));
}

// Whether cross-products cancel at the point of the last value(), and rows can do better.
bool ProfiledDeviance::needs_rows() const {
  if (from_rows_ || !here_.defined) return false;
  double largest = 0.0;
  for (std::size_t f = 0; f < mean_own_.size(); ++f) {
    const Matrix& lambda = here_.lambda[f];
    const Matrix variance = lambda.transpose() * mean_own_[f] * lambda;
    largest = std::max(largest, variance.diagonal().maxCoeff());
  }
  return largest > kLargeVariance && OrthogonalFactor::work(cross_) < kMostWork;
}

bool ProfiledDeviance::refresh() {
  const bool from_rows = needs_rows();
  if (from_rows) {
    from_rows_ = true;
    beside_ = State();
    here_.factor = new_factor();
    evaluate(std::vector<Matrix>(here_.lambda), here_);
  }
  if (!here_.defined) return from_rows;
  const bool cancels = here_.constant >= kCancellation * here_.residual;
  if (cancels) anchor();
  return from_rows || cancels;
}

void ProfiledDeviance::anchor() {
  const Solution solution = solve();
  cross_.set_response(response_ - linear_predictor(solution));
  anchor_ = {true, solution.beta, solution.u, here_.lambda};
}

void ProfiledDeviance::derivatives(Vector& gradient, Matrix& curvature) {
  // A zero on the diagonal of Lambda hides D; look from a point just beside it.
  const std::vector<Matrix> floored = away_from_zero(here_.lambda, mean_own_);
  floored_ = &here_;
  if (floored != here_.lambda) {
    if (!beside_.factor) beside_.factor = new_factor();
    evaluate(floored, beside_);
    floored_ = &beside_;
  }
  const Solution solution = solve(*floored_);
  scale_ = scale_kind_ == Scale::fixed ? 1.0 / fixed_sigma2_
                                       : static_cast<double>(degrees_) / solution.residual;
  find_m(solution);
  gradient = theta_gradient();
  curvature = theta_information(solution);
}

// M of every grouping, at the floored point.
void ProfiledDeviance::find_m(const Solution& solution) {
  const auto& groupings = cross_.layout().groupings();
  const PenalizedFactor& factor = *floored_->factor;
  inverse_sum_ = factor.inverse_sums(poll_);
  const bool fixed = design_.rank() > 0;
  if (fixed) projection_ = factor.fixed_projection();
  m_ = zero_blocks(cross_.layout());
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    const Index k = groupings[f].columns, levels = groupings[f].levels;
    m_[f] = static_cast<double>(levels) * Matrix::Identity(k, k) - inverse_sum_[f];
    const Eigen::Map<const Matrix> u(solution.u.data() + groupings[f].offset, k, levels);
    m_[f] -= scale_ * (u * u.transpose());
    if (!reml_ || !fixed) continue;
    // sum_l B_l S^-1 B_l' with B L_XX^-T column by column.
    const Matrix half = lower_solution(
        factor.fixed_lower(), projection_.middleRows(groupings[f].offset, k * levels).transpose());
    for (Index x = 0; x < half.rows(); ++x) {
      const Vector row = half.row(x).transpose();
      const Eigen::Map<const Matrix> b(row.data(), k, levels);
      m_[f] -= b * b.transpose();
    }
  }
}

// D = Lambda^-T M Lambda^-1 of every term, and from it the gradient in theta.
Vector ProfiledDeviance::theta_gradient() {
  std::vector<Matrix> by_lambda(parameters_.terms());
  sigma_gradient_.assign(parameters_.terms(), Matrix());
  const std::vector<Matrix> term_lambda = parameters_.lambdas(theta_);
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Matrix lambda = places_.block(floored_->lambda, j);
    const Matrix half = lower_transposed_solution(lambda, places_.block(m_, j));  // Lambda^-T M
    Matrix d = lower_transposed_solution(lambda, half.transpose());
    d = (0.5 * (d + d.transpose())).eval();
    sigma_gradient_[j] = d;
    by_lambda[j] = 2.0 * d * term_lambda[j];
  }
  return parameters_.gradient(theta_, by_lambda);
}

// The curvature, and what the Hessian will need of it: Q, d and <D, Sigma''>.
Matrix ProfiledDeviance::theta_information(const Solution& solution) {
  const auto& groupings = cross_.layout().groupings();
  Vector z = solution.u;  // Z'e = Lambda^-T u
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    Eigen::Map<Matrix> z_f(z.data() + groupings[f].offset, groupings[f].columns,
                           groupings[f].levels);
    solve_lower_transposed(floored_->lambda[f], z_f);
  }
  std::vector<Matrix> by_residual(parameters_.terms());
  for (int j = 0; j < parameters_.terms(); ++j) {
    by_residual[j] = -2.0 * places_.part(z, j) * places_.part(solution.u, j).transpose();
  }
  residual_gradient_ = parameters_.gradient(theta_, by_residual);
  information_ = average_information(places_.directions(theta_, floored_->lambda, solution.u, z));
  path_correction_ = parameters_.second_derivative_product(theta_, sigma_gradient_);
  return scale_ * information_ -
         profile_share(floored_->residual) * residual_gradient_ * residual_gradient_.transpose() +
         path_correction_;
}

// W'Z'PZ W. Z'PZ is a difference of cross-products, or with Lambda^-1 W for W
// Lambda^-T (I - Omega^-1 - b b') Lambda^-1, in which nothing cancels where Lambda is large.
Matrix ProfiledDeviance::average_information(const Matrix& directions) const {
  if (!from_rows_) {
    return tiers::average_information(cross_, *floored_->factor, floored_->lambda, directions,
                                      true);
  }
  Matrix random = directions, fixed = Matrix::Zero(design_.rank(), directions.cols());
  const auto& groupings = cross_.layout().groupings();
  for (Index column = 0; column < random.cols(); ++column) {
    for (std::size_t f = 0; f < groupings.size(); ++f) {
      Eigen::Map<Matrix> part(random.col(column).data() + groupings[f].offset, groupings[f].columns,
                              groupings[f].levels);
      solve_lower(floored_->lambda[f], part);
    }
  }
  Matrix out = random.transpose() * random;
  floored_->factor->solve_forward(random, fixed);
  out.noalias() -= random.transpose() * random;
  out.noalias() -= fixed.transpose() * fixed;
  return out;
}

Matrix ProfiledDeviance::hessian_bound() const {
  const auto& groupings = cross_.layout().groupings();
  const auto forms = places_.variance_forms(theta_, floored_->lambda);
  const Index count = parameters_.size();
  Matrix trace = Matrix::Zero(count, count);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      const int f = forms[i].grouping;
      if (forms[j].grouping != f) continue;
      const Matrix product =
          0.5 * (forms[i].block * forms[j].block + forms[j].block * forms[i].block);
      trace(i, j) = static_cast<double>(groupings[f].levels) * product.trace() -
                    product.cwiseProduct(inverse_sum_[f]).sum();
    }
  }
  return assemble_hessian(trace);
}

Matrix ProfiledDeviance::assemble_hessian(const Matrix& trace) const {
  return 2.0 * scale_ * information_ -
         profile_share(floored_->residual) * residual_gradient_ * residual_gradient_.transpose() +
         path_correction_ - trace;
}

Matrix ProfiledDeviance::hessian() {
  const auto forms = places_.variance_forms(theta_, floored_->lambda);
  Matrix trace = random_traces(forms);
  if (reml_ && design_.rank() > 0) {
    const FixedForms fixed = fixed_forms(forms);
    for (Index i = 0; i < trace.rows(); ++i) {
      for (Index j = 0; j <= i; ++j) {
        const double value = fixed.trace(i, j);
        trace(i, j) += value;
        if (i != j) trace(j, i) += value;
      }
    }
  }
  return assemble_hessian(trace);
}

// dX'V^-1X/dtheta_i = -(sum_l G_l'Ldot_i B_l + transposed), G = Z'V^-1X = Lambda^-T B.
std::vector<Matrix> ProfiledDeviance::fixed_derivatives() const {
  const Index p = design_.rank();
  std::vector<Matrix> out(parameters_.size(), Matrix::Zero(p, p));
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Matrix lambda = places_.block(floored_->lambda, j);
    const Vector theta = parameters_.part(theta_, j);
    std::vector<Matrix> b(p), g(p);
    for (Index x = 0; x < p; ++x) {
      b[x] = places_.part(projection_.col(x), j);
      g[x] = lower_transposed_solution(lambda, b[x]);
    }
    for (Index i = 0; i < theta.size(); ++i) {
      const Matrix derivative = parameters_.structure(j).factor_derivative(theta, i);
      Matrix& product = out[parameters_.offset(j) + i];
      for (Index y = 0; y < p; ++y) {
        const Matrix derivative_b = derivative * b[y];
        for (Index x = 0; x < p; ++x) product(x, y) = g[x].cwiseProduct(derivative_b).sum();
      }
      product = (product + product.transpose()).eval();
    }
  }
  return out;
}

double ProfiledDeviance::step_limit(const Vector& theta, const Vector& step) const {
  return places_.step_limit(theta, step, kLinearReach);
}

// Sigma + dSigma with dSigma = Lambda dLambda' + dLambda Lambda', negative variances set to zero.
Vector ProfiledDeviance::follow_path(const Vector& theta, const Vector& step) const {
  std::vector<Matrix> next(parameters_.terms());
  const std::vector<Matrix> lambdas = parameters_.lambdas(theta);
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Vector part = parameters_.part(theta, j), move = parameters_.part(step, j);
    Matrix change = Matrix::Zero(lambdas[j].rows(), lambdas[j].cols());
    for (Index i = 0; i < part.size(); ++i) {
      change += move[i] * parameters_.structure(j).factor_derivative(part, i);
    }
    const Matrix product = lambdas[j] * change.transpose();
    SymmetricEigen eigen(lambdas[j] * lambdas[j].transpose() + product + product.transpose());
    next[j] = lower_factor(eigen.eigenvectors() *
                           eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal());
  }
  return parameters_.parameters(next);
}

// ECME: Sigma <- Lambda (I - M / q) Lambda', monotone and positive semidefinite.
Vector ProfiledDeviance::safe_step(const Vector&) {
  const auto& groupings = cross_.layout().groupings();
  std::vector<Matrix> next(parameters_.terms());
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Matrix lambda = places_.block(floored_->lambda, j);
    const Matrix m = places_.block(m_, j);
    const Index k = lambda.rows();
    const Matrix inner =
        Matrix::Identity(k, k) - m / static_cast<double>(groupings[places_.grouping(j)].levels);
    SymmetricEigen eigen(inner);
    const Matrix root =
        eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal();
    next[j] = lower_factor(lambda * root);
  }
  return parameters_.parameters(next);
}

}  // namespace tiers
