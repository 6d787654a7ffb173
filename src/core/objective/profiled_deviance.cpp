#include "profiled_deviance.h"

#include <cmath>
#include <limits>

#include "../blocks/level_blocks.h"
#include "../model/lower_factor.h"

namespace tiers {

namespace {

// Ratio of the response's square to r2 above which the response is re-anchored.
constexpr double kCancellation = 1e4;
// Of a step, in the sizes of the parameters: a trial of the line search costs one factorization, so
// long ones are tried.
constexpr double kLinearReach = 2.0;

const double kLogTwoPi = std::log(2.0 * std::acos(-1.0));

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
      places_(cross.layout(), parameters),
      factor_(cross) {
  for (std::size_t f = 0; f < cross.layout().factors().size(); ++f) {
    mean_own_.push_back(cross.mean_own(static_cast<int>(f)));
  }
  Vector y(design.rows());
  for (Index i = 0; i < design.rows(); ++i) y[i] = design.response(i);
  cross.set_response(y);
}

Matrix ProfiledDeviance::mean_cross(int term) const { return places_.block(mean_own_, term); }

double ProfiledDeviance::value(const Vector& theta) {
  theta_ = theta;
  evaluate(places_.factors(theta));
  return deviance_;
}

void ProfiledDeviance::set_response(const Vector& y) {
  cross_.set_response(y);
  anchor_ = Anchor();
}

double ProfiledDeviance::value_without() const {
  double residual = cross_.response_square(), log_det = 0.0;
  if (design_.rank() > 0) {
    const Eigen::LLT<Matrix> factor(cross_.fixed());  // reads the lower triangle
    residual -= factor.matrixL().solve(cross_.fixed_response()).squaredNorm();
    log_det = 2.0 * factor.matrixLLT().diagonal().array().log().sum();
  }
  const double m = static_cast<double>(degrees_);
  if (!(residual > 0.0)) return std::numeric_limits<double>::infinity();
  return m * (1.0 + kLogTwoPi + std::log(residual / m)) + (reml_ ? log_det : 0.0) -
         design_.sum_log_weights();
}

void ProfiledDeviance::evaluate(const std::vector<Matrix>& lambda) {
  lambda_ = lambda;
  deviance_ = std::numeric_limits<double>::infinity();
  defined_ = factor_.factorize(lambda, poll_) && factor_.fixed_definite();
  if (!defined_) return;
  Matrix random = cross_.random_response(), fixed = cross_.fixed_response();
  constant_ = cross_.response_square();
  if (anchor_.active) {
    // y* = e - Z d, d = (Lambda - Lambda0) u0;  right-hand side Lambda'Z'y* - u0 and X'y*.
    std::vector<Matrix> change = lambda;
    for (std::size_t f = 0; f < change.size(); ++f) change[f] -= anchor_.lambda[f];
    const Vector d = apply_factors(cross_.layout(), change, anchor_.u, false);
    Matrix random_d, fixed_d;
    cross_.multiply(d, random_d, fixed_d);
    constant_ += d.dot(random_d.col(0) - 2.0 * random.col(0)) + anchor_.u.squaredNorm();
    random -= random_d;
    fixed -= fixed_d;
  }
  random = factor_.apply_lambda(random, true);
  if (anchor_.active) random -= anchor_.u;
  factor_.solve_forward(random, fixed);
  forward_random_ = random;
  forward_fixed_ = fixed;
  residual_ = constant_ - random.squaredNorm() - fixed.squaredNorm();
  if (!(residual_ > 0.0)) residual_ = std::numeric_limits<double>::min();
  const double m = static_cast<double>(degrees_);
  const double explained = scale_kind_ == Scale::fixed ? residual_ / fixed_sigma2_ : m;
  deviance_ = factor_.log_det_random() + m * (kLogTwoPi + std::log(sigma2())) + explained -
              design_.sum_log_weights();
  if (reml_) deviance_ += factor_.log_det_fixed();
}

void ProfiledDeviance::fix_scale(double sigma) {
  scale_kind_ = Scale::fixed;
  fixed_sigma2_ = sigma * sigma;
}

// Of d d' in curvature and Hessian: what profiling sigma out takes off.
double ProfiledDeviance::profile_share(double residual) const {
  return scale_kind_ == Scale::fixed ? 0.0 : static_cast<double>(degrees_) / (residual * residual);
}

ProfiledDeviance::Solution ProfiledDeviance::solve() const {
  Matrix random = forward_random_, fixed = forward_fixed_;
  factor_.solve_backward(random, fixed);
  Solution out;
  out.u = random;
  out.beta = fixed;
  if (anchor_.active) {
    out.u += anchor_.u;
    out.beta += anchor_.beta;
  }
  out.residual = residual_;
  return out;
}

Matrix ProfiledDeviance::modes(const Solution& solution, int term) const {
  return places_.block(lambda_, term) * places_.part(solution.u, term);
}

Vector ProfiledDeviance::linear_predictor(const Solution& solution) const {
  return tiers::linear_predictor(design_, cross_.layout(), solution.beta,
                                 factor_.apply_lambda(solution.u, false));
}

bool ProfiledDeviance::refresh() {
  if (!defined_ || constant_ < kCancellation * residual_) return false;
  anchor();
  return true;
}

void ProfiledDeviance::anchor() {
  const Solution solution = solve();
  Vector residual = -linear_predictor(solution);
  for (Index i = 0; i < design_.rows(); ++i) residual[i] += design_.response(i);
  cross_.set_response(residual);
  anchor_ = {true, solution.beta, solution.u, lambda_};
}

void ProfiledDeviance::derivatives(Vector& gradient, Matrix& curvature) {
  // A zero on the diagonal of Lambda hides D; look from a point just beside it.
  floored_ = away_from_zero(lambda_, mean_own_);
  const bool moved = floored_ != lambda_;
  const std::vector<Matrix> exact = lambda_;
  if (moved) evaluate(floored_);
  const Solution solution = solve();
  floored_residual_ = solution.residual;
  scale_ = scale_kind_ == Scale::fixed ? 1.0 / fixed_sigma2_
                                       : static_cast<double>(degrees_) / solution.residual;
  find_m(solution);
  gradient = theta_gradient();
  curvature = theta_information(solution);
  if (moved) lambda_ = exact;
}

// M of every factor, at the floored point.
void ProfiledDeviance::find_m(const Solution& solution) {
  const auto& factors = cross_.layout().factors();
  inverse_sum_ = factor_.inverse_sums(poll_);
  const bool fixed = design_.rank() > 0;
  if (fixed) projection_ = factor_.fixed_projection();
  m_ = zero_blocks(cross_.layout());
  for (std::size_t f = 0; f < factors.size(); ++f) {
    const Index k = factors[f].columns, levels = factors[f].levels;
    m_[f] = static_cast<double>(levels) * Matrix::Identity(k, k) - inverse_sum_[f];
    const Eigen::Map<const Matrix> u(solution.u.data() + factors[f].offset, k, levels);
    m_[f] -= scale_ * (u * u.transpose());
    if (!reml_ || !fixed) continue;
    // sum_l B_l S^-1 B_l' with B L_XX^-T column by column.
    const Matrix half = factor_.fixed_lower().triangularView<Eigen::Lower>().solve(
        Matrix(projection_.middleRows(factors[f].offset, k * levels).transpose()));
    for (Index x = 0; x < half.rows(); ++x) {
      const Vector row = half.row(x).transpose();
      const Eigen::Map<const Matrix> b(row.data(), k, levels);
      m_[f] -= b * b.transpose();
    }
  }
}

// D = Lambda^-T M Lambda^-1 of every term, and from it the gradient in theta.
Vector ProfiledDeviance::theta_gradient() {
  std::vector<Matrix> by_factor(parameters_.terms());
  sigma_gradient_.assign(parameters_.terms(), Matrix());
  const std::vector<Matrix> term_lambda = parameters_.factors(theta_);
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Matrix lambda = places_.block(floored_, j);
    const auto upper = lambda.transpose().triangularView<Eigen::Upper>();
    const Matrix half = upper.solve(places_.block(m_, j));  // Lambda^-T M
    const Matrix half_transposed = half.transpose();
    Matrix d = upper.solve(half_transposed);
    d = (0.5 * (d + d.transpose())).eval();
    sigma_gradient_[j] = d;
    by_factor[j] = 2.0 * d * term_lambda[j];
  }
  return parameters_.gradient(theta_, by_factor);
}

// The curvature, and what the Hessian will need of it: Q, d and <D, Sigma''>.
Matrix ProfiledDeviance::theta_information(const Solution& solution) {
  const auto& factors = cross_.layout().factors();
  Vector z = solution.u;  // Z'e = Lambda^-T u
  for (std::size_t f = 0; f < factors.size(); ++f) {
    Eigen::Map<Matrix> z_f(z.data() + factors[f].offset, factors[f].columns, factors[f].levels);
    floored_[f].transpose().triangularView<Eigen::Upper>().solveInPlace(z_f);
  }
  std::vector<Matrix> by_residual(parameters_.terms());
  for (int j = 0; j < parameters_.terms(); ++j) {
    by_residual[j] = -2.0 * places_.part(z, j) * places_.part(solution.u, j).transpose();
  }
  residual_gradient_ = parameters_.gradient(theta_, by_residual);
  information_ = average_information(cross_, factor_,
                                     places_.directions(theta_, floored_, solution.u, z), true);
  path_correction_ = parameters_.second_derivative_product(theta_, sigma_gradient_);
  return scale_ * information_ -
         profile_share(floored_residual_) * residual_gradient_ * residual_gradient_.transpose() +
         path_correction_;
}

// E_i = Lambda^-1 Ldot_i + (.)' of every parameter: what V_i is in u-space.
std::vector<BlockedCholesky::LevelForm> ProfiledDeviance::variance_forms() const {
  std::vector<BlockedCholesky::LevelForm> forms;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const int f = places_.factor(j);
    const Index k = parameters_.structure(j).columns(), all = cross_.layout().factors()[f].columns;
    const Matrix lambda = places_.block(floored_, j);
    const Vector theta = parameters_.part(theta_, j);
    for (Index i = 0; i < theta.size(); ++i) {
      const Matrix half = lambda.triangularView<Eigen::Lower>().solve(
          parameters_.structure(j).factor_derivative(theta, i));
      Matrix form = Matrix::Zero(all, all);
      form.block(places_.column(j), places_.column(j), k, k) = half + half.transpose();
      forms.push_back({f, form});
    }
  }
  return forms;
}

Matrix ProfiledDeviance::hessian_bound() const {
  const auto& factors = cross_.layout().factors();
  const auto forms = variance_forms();
  const Index count = parameters_.size();
  Matrix trace = Matrix::Zero(count, count);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      const int f = forms[i].factor;
      if (forms[j].factor != f) continue;
      const Matrix product =
          0.5 * (forms[i].block * forms[j].block + forms[j].block * forms[i].block);
      trace(i, j) = static_cast<double>(factors[f].levels) * product.trace() -
                    product.cwiseProduct(inverse_sum_[f]).sum();
    }
  }
  return assemble_hessian(trace);
}

Matrix ProfiledDeviance::assemble_hessian(const Matrix& trace) const {
  return 2.0 * scale_ * information_ -
         profile_share(floored_residual_) * residual_gradient_ * residual_gradient_.transpose() +
         path_correction_ - trace;
}

Matrix ProfiledDeviance::hessian() {
  const auto forms = variance_forms();
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
    const Matrix lambda = places_.block(floored_, j);
    const Vector theta = parameters_.part(theta_, j);
    std::vector<Matrix> b(p), g(p);
    for (Index x = 0; x < p; ++x) {
      b[x] = places_.part(projection_.col(x), j);
      g[x] = lambda.transpose().triangularView<Eigen::Upper>().solve(b[x]);
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
  const std::vector<Matrix> factors = parameters_.factors(theta);
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Vector part = parameters_.part(theta, j), move = parameters_.part(step, j);
    Matrix change = Matrix::Zero(factors[j].rows(), factors[j].cols());
    for (Index i = 0; i < part.size(); ++i) {
      change += move[i] * parameters_.structure(j).factor_derivative(part, i);
    }
    const Matrix product = factors[j] * change.transpose();
    Eigen::SelfAdjointEigenSolver<Matrix> eigen(factors[j] * factors[j].transpose() + product +
                                                product.transpose());
    next[j] = lower_factor(eigen.eigenvectors() *
                           eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal());
  }
  return parameters_.parameters(next);
}

// ECME: Sigma <- Lambda (I - M / q) Lambda', monotone and positive semidefinite.
Vector ProfiledDeviance::safe_step(const Vector&) {
  const auto& factors = cross_.layout().factors();
  std::vector<Matrix> next(parameters_.terms());
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Matrix lambda = places_.block(floored_, j);
    const Matrix m = places_.block(m_, j);
    const Index k = lambda.rows();
    const Matrix inner =
        Matrix::Identity(k, k) - m / static_cast<double>(factors[places_.factor(j)].levels);
    Eigen::SelfAdjointEigenSolver<Matrix> eigen(inner);
    const Matrix root =
        eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal();
    next[j] = lower_factor(lambda * root);
  }
  return parameters_.parameters(next);
}

}  // namespace tiers
