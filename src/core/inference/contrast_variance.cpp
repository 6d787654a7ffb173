#include "contrast_variance.h"

#include <algorithm>

namespace tiers {

namespace {

// Rows whose fixed parts are worked on together.
constexpr Index kChunk = 1024;

}  // namespace

ContrastVariance::Point::Point(const CrossProducts& cross, const std::vector<Matrix>& lambda,
                               const Poll& poll)
    : factor(cross) {
  factor.factorize(lambda, poll);
  const Matrix& lower = factor.fixed_lower();
  Matrix inverse = Matrix::Identity(lower.rows(), lower.rows());
  lower.triangularView<Eigen::Lower>().solveInPlace(inverse);
  phi = inverse.transpose() * inverse;
  b = factor.fixed_projection();
  projected = factor.apply_lambda(b, false);
}

ContrastVariance::ContrastVariance(const CrossProducts& cross,
                                   const CovarianceParameters& parameters, const Vector& theta,
                                   double sigma2, const Matrix& weight, const Poll& poll)
    : layout_(cross.layout()),
      parameters_(parameters),
      theta_(theta),
      sigma2_(sigma2),
      poll_(poll),
      places_(cross.layout(), parameters),
      count_(parameters.size()),
      exact_(cross, places_.factors(theta), poll) {
  const std::vector<Matrix> lambda = places_.factors(theta);
  std::vector<Matrix> mean_own;
  for (std::size_t f = 0; f < layout_.factors().size(); ++f)
    mean_own.push_back(cross.mean_own(static_cast<int>(f)));
  const std::vector<Matrix> off_zero = away_from_zero(lambda, mean_own);
  if (off_zero != lambda) beside_ = std::make_unique<Point>(cross, off_zero, poll);
  forms_ = places_.variance_forms(theta, off_zero);
  prepare_derivatives();
  if (weight.size() > 0) prepare_adjustment(weight);
}

Matrix ContrastVariance::apply_form(const std::vector<Matrix>& blocks, const Matrix& v) const {
  Matrix out = Matrix::Zero(v.rows(), v.cols());
  for (std::size_t f = 0; f < blocks.size(); ++f) {
    const Factor& factor = layout_.factors()[f];
    if (blocks[f].size() == 0) continue;
    for (Index column = 0; column < v.cols(); ++column) {
      Eigen::Map<Matrix>(out.col(column).data() + factor.offset, factor.columns, factor.levels)
          .noalias() = blocks[f] * Eigen::Map<const Matrix>(v.col(column).data() + factor.offset,
                                                            factor.columns, factor.levels);
    }
  }
  return out;
}

Matrix ContrastVariance::solve_random(const Matrix& v) const {
  Matrix out = v, none(0, v.cols());
  derivative_point().factor.solve_forward(out, none);
  derivative_point().factor.solve_backward(out, none);
  return out;
}

void ContrastVariance::prepare_derivatives() {
  const Point& point = derivative_point();
  for (const auto& form : forms_) {
    std::vector<Matrix> blocks(layout_.factors().size());
    blocks[form.factor] = form.block;
    const Matrix moved = apply_form(blocks, point.b);
    small_.push_back(point.b.transpose() * moved);
    solved_.push_back(point.factor.apply_lambda(solve_random(moved), false));
  }
}

// sum_ab W_ab K2_ab over (g, s): with K2_.s = -sum K2_.b g_b / s it is the sum over the g's own
// with weights E W E', E = [I, -g / s]; these by their eigenvectors.
void ContrastVariance::prepare_adjustment(const Matrix& weight) {
  adjust_ = count_ > 0;
  if (!adjust_) return;
  Matrix spread(count_, count_ + 1);
  spread << Matrix::Identity(count_, count_), -0.5 * theta_;
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(spread * weight * spread.transpose());
  const double negligible = 1e-14 * eigen.eigenvalues().cwiseAbs().maxCoeff();
  std::vector<double> share;
  for (Index r = 0; r < count_; ++r) {
    if (!(std::abs(eigen.eigenvalues()[r]) > negligible)) continue;
    share.push_back(eigen.eigenvalues()[r]);
    std::vector<Matrix> blocks(layout_.factors().size());
    for (Index a = 0; a < count_; ++a) {
      Matrix& block = blocks[forms_[a].factor];
      if (block.size() == 0) block = Matrix::Zero(forms_[a].block.rows(), forms_[a].block.cols());
      block += eigen.eigenvectors()(a, r) * forms_[a].block;
    }
    combined_.push_back(std::move(blocks));
  }
  share_ = Eigen::Map<const Vector>(share.data(), static_cast<Index>(share.size()));

  const Point& point = derivative_point();
  separate_ = layout_.chain().size() == 1 && layout_.remainder_columns() == 0;
  b_root_ = point.factor.fixed_lower()
                .triangularView<Eigen::Lower>()
                .solve(Matrix(point.b.transpose()))
                .transpose();
  Matrix squares = Matrix::Zero(point.b.rows(), point.b.cols());
  for (std::size_t r = 0; r < combined_.size(); ++r) {
    const Matrix moved = apply_form(combined_[r], point.b);
    const Matrix inside = moved - solve_random(moved) - b_root_ * (b_root_.transpose() * moved);
    squares += share_[static_cast<Index>(r)] * apply_form(combined_[r], inside);
  }
  fixed_squares_ = point.b.transpose() * squares;
  mixed_squares_ = point.factor.apply_lambda(solve_random(squares), false);
}

Matrix ContrastVariance::weighted_squares(const Matrix& v) const {
  Matrix out = Matrix::Zero(v.cols(), v.cols());
  for (std::size_t r = 0; r < combined_.size(); ++r) {
    const Matrix moved = apply_form(combined_[r], v);
    Matrix forward = moved, none(0, v.cols());
    derivative_point().factor.solve_forward(forward, none);
    const Matrix fixed = b_root_.transpose() * moved;
    out += share_[static_cast<Index>(r)] *
           (moved.transpose() * moved - forward.transpose() * forward - fixed.transpose() * fixed);
  }
  return out;
}

// T = Lambda Omega^-1 [sum_r lambda_r E_r (N - b b') E_r] Omega^-1 Lambda' at the places.
Matrix ContrastVariance::square_products(const CombinedRows& here) const {
  const Index size = static_cast<Index>(here.at().size());
  const BlockedCholesky& factor = derivative_point().factor;
  const std::vector<LevelPlace>& places = here.places();
  const bool one_level = std::all_of(places.begin(), places.end(), [&places](const LevelPlace& at) {
    return at.level == places.front().level;
  });
  if (!separate_ || !one_level) {
    Matrix unit = Matrix::Zero(layout_.random_columns(), size);
    for (Index i = 0; i < size; ++i) unit(here.at()[i], i) = 1.0;
    return weighted_squares(solve_random(factor.apply_lambda(unit, true)));
  }
  // No other level is met.
  Matrix out = Matrix::Zero(size, size);
  if (size == 0) return out;
  const LevelPlace& first = places.front();
  const ConstMatrixMap l = factor.unit_lower(0, first.level),
                       h = factor.unit_spread(0, first.level);
  const Index k = l.rows(), at = layout_.coordinate(first.factor, first.level);
  Matrix x(k, size);  // Omega^-1 Lambda' = l^-T H'
  for (Index i = 0; i < size; ++i) x.col(i) = h.row(places[i].column).transpose();
  l.transpose().triangularView<Eigen::Upper>().solveInPlace(x);
  for (std::size_t r = 0; r < combined_.size(); ++r) {
    const Matrix moved = combined_[r][first.factor] * x;
    const Matrix forward = l.triangularView<Eigen::Lower>().solve(moved);
    const Matrix fixed = b_root_.middleRows(at, k).transpose() * moved;
    out += share_[static_cast<Index>(r)] *
           (moved.transpose() * moved - forward.transpose() * forward - fixed.transpose() * fixed);
  }
  return out;
}

// m'Sigma m and its derivatives.
void ContrastVariance::add_new_levels(const ContrastRows& rows, RowVariances& out) const {
  const std::vector<Matrix> lambda = parameters_.factors(theta_);
  for (const ContrastPart& part : rows.parts) {
    const int j = part.term;
    const Vector theta = parameters_.part(theta_, j);
    std::vector<Matrix> derivatives;
    for (Index a = 0; a < theta.size(); ++a) {
      derivatives.push_back(2.0 * lambda[j] *
                            parameters_.structure(j).factor_derivative(theta, a).transpose());
    }
    for (Index i = 0; i < part.basis.rows(); ++i) {
      if (part.level[i] != kNewLevel) continue;
      const Vector m = part.basis.row(i).transpose();
      out.variance[i] += sigma2_ * (lambda[j].transpose() * m).squaredNorm();
      for (Index a = 0; a < theta.size(); ++a)
        out.gradient(i, parameters_.offset(j) + a) += m.dot(derivatives[a] * m);
    }
  }
}

RowVariances ContrastVariance::rows(const ContrastRows& rows) const {
  const Index n = rows.fixed.rows(), p = rows.fixed.cols();
  const std::size_t count = forms_.size();
  RowVariances out;
  out.variance = Vector::Zero(n);
  out.gradient = Matrix::Zero(n, count_);
  out.adjustment = Vector::Zero(adjust_ ? n : 0);
  const Point& point = derivative_point();
  // Rows that meet no level of the data need no part of the inverse.
  const bool any_level = std::any_of(rows.parts.begin(), rows.parts.end(), [](const auto& part) {
    return std::any_of(part.level.begin(), part.level.end(), [](int l) { return l > kNewLevel; });
  });
  std::unique_ptr<LocalInverse> local, exact;
  if (any_level) local = std::make_unique<LocalInverse>(point.factor, forms_, poll_);
  if (any_level && beside_) {
    exact = std::make_unique<LocalInverse>(exact_.factor, std::vector<LevelForm>(), poll_);
  }
  CombinedRows walk(rows, layout_, places_);
  Matrix projected, projected_exact, squares, squares_mixed;
  std::vector<Matrix> solved(count);
  for (Index first = 0; first < n; first += kChunk) {
    const Index size = std::min(kChunk, n - first);
    // h, and what multiplies g beside it: 2 m'Lambda Omega^-1 E_a B and 2 m'Lambda Omega^-1 Z2.
    Matrix h(size, p), h_exact(beside_ ? size : 0, p), mixed_squares = Matrix::Zero(size, p);
    std::vector<Matrix> mixed(count, Matrix::Zero(size, p));
    if (poll_) poll_();
    for (Index i = 0; i < size; ++i) {
      if (walk.move_to(first + i) && any_level) {
        local->find(walk.places());
        projected = walk.take(point.projected);
        for (std::size_t a = 0; a < count; ++a) solved[a] = walk.take(solved_[a]);
        if (exact) exact->find(walk.places());
        if (exact) projected_exact = walk.take(exact_.projected);
        if (adjust_) squares = square_products(walk);
        if (adjust_) squares_mixed = walk.take(mixed_squares_);
      }
      const Index row = walk.row(first + i);
      const Vector& m = walk.coefficients();
      h.row(i) = rows.fixed.row(row);
      if (beside_) h_exact.row(i) = rows.fixed.row(row);
      if (m.size() == 0) continue;
      h.row(i).noalias() -= m.transpose() * projected;
      if (exact) h_exact.row(i).noalias() -= m.transpose() * projected_exact;
      out.variance[row] = m.dot((exact ? *exact : *local).inverse() * m);
      for (std::size_t a = 0; a < count; ++a) {
        out.gradient(row, static_cast<Index>(a)) = m.dot(local->form(static_cast<int>(a)) * m);
        mixed[a].row(i).noalias() = 2.0 * m.transpose() * solved[a];
      }
      if (!adjust_) continue;
      out.adjustment[row] = m.dot(squares * m);
      mixed_squares.row(i).noalias() = 2.0 * m.transpose() * squares_mixed;
    }
    if (p == 0) continue;
    const auto add = [&](auto column, const Vector& values) {
      for (Index i = 0; i < size; ++i) column[walk.row(first + i)] += values[i];
    };
    const Matrix g = h * point.phi;
    const Matrix& h_c = beside_ ? h_exact : h;
    add(out.variance.head(n), (h_c * exact_.phi).cwiseProduct(h_c).rowwise().sum());
    for (std::size_t a = 0; a < count; ++a) {
      add(out.gradient.col(static_cast<Index>(a)),
          (g * small_[a] - mixed[a]).cwiseProduct(g).rowwise().sum());
    }
    if (adjust_) {
      add(out.adjustment.head(n),
          (g * fixed_squares_ - mixed_squares).cwiseProduct(g).rowwise().sum());
    }
  }
  out.variance *= sigma2_;
  if (adjust_) out.adjustment /= sigma2_;
  add_new_levels(rows, out);
  return out;
}

BlockVariances ContrastVariance::block(const ContrastBlock& contrasts) const {
  const Matrix m = places_.coordinates(contrasts.random);
  const auto forward = [&](const Point& point, Matrix& random, Matrix& fixed) {
    random = point.factor.apply_lambda(m, true);
    fixed = contrasts.fixed.transpose();
    point.factor.solve_forward(random, fixed);
  };
  Matrix random, fixed;
  forward(exact_, random, fixed);
  BlockVariances out;
  out.variance = sigma2_ * (random.transpose() * random + fixed.transpose() * fixed);
  if (beside_) forward(*beside_, random, fixed);
  derivative_point().factor.solve_backward(random, fixed);
  for (const auto& form : forms_) {
    std::vector<Matrix> blocks(layout_.factors().size());
    blocks[form.factor] = form.block;
    out.gradient.push_back(random.transpose() * apply_form(blocks, random));
  }
  if (adjust_) out.adjustment = weighted_squares(random) / sigma2_;
  return out;
}

}  // namespace tiers
