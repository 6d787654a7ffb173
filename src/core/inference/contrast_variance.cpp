#include "contrast_variance.h"

#include <algorithm>

#include "../model/dense_algebra.h"
#include "quadratic_forms.h"

namespace tiers {

namespace {

// Rows whose fixed parts are worked on together.
constexpr Index kChunk = 1024;

}  // namespace

ContrastVariance::Point::Point(const CrossProducts& cross, const std::vector<Matrix>& lambda,
                               const Poll& poll)
    : factor(cross) {
  factor.factorize(lambda, poll);
  phi = inverse_of_product(factor.fixed_lower());
  b = factor.fixed_projection();
  projected = factor.apply_lambda(b, false);
}

ContrastVariance::ContrastVariance(const CrossProducts& cross,
                                   const CovarianceParameters& parameters, const Vector& theta,
                                   double sigma2, bool derivatives, const Poll& poll)
    : layout_(cross.layout()),
      parameters_(parameters),
      theta_(theta),
      sigma2_(sigma2),
      poll_(poll),
      places_(cross.layout(), parameters),
      exact_(cross, places_.lambdas(theta), poll) {
  if (!derivatives) return;
  const std::vector<Matrix> lambda = places_.lambdas(theta);
  std::vector<Matrix> mean_own;
  for (std::size_t f = 0; f < layout_.groupings().size(); ++f)
    mean_own.push_back(cross.mean_own(static_cast<int>(f)));
  const std::vector<Matrix> off_zero = away_from_zero(lambda, mean_own);
  if (off_zero != lambda) beside_ = std::make_unique<Point>(cross, off_zero, poll);
  forms_ = places_.variance_forms(theta, off_zero);
  prepare_derivatives();
}

Matrix ContrastVariance::apply_form(const LevelForm& form, const Matrix& v) const {
  Matrix out = Matrix::Zero(v.rows(), v.cols());
  const Grouping& grouping = layout_.groupings()[form.grouping];
  for (Index column = 0; column < v.cols(); ++column) {
    Eigen::Map<Matrix>(out.col(column).data() + grouping.offset, grouping.columns, grouping.levels)
        .noalias() = form.block * Eigen::Map<const Matrix>(v.col(column).data() + grouping.offset,
                                                           grouping.columns, grouping.levels);
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
    const Matrix moved = apply_form(form, point.b);
    small_.push_back(point.b.transpose() * moved);
    solved_.push_back(point.factor.apply_lambda(solve_random(moved), false));
  }
}

// m'Sigma m and its derivatives.
void ContrastVariance::add_new_levels(const ContrastRows& rows, RowVariances& out) const {
  const std::vector<Matrix> lambda = parameters_.lambdas(theta_);
  for (const ContrastPart& part : rows.parts) {
    const int j = part.term;
    const Vector theta = parameters_.part(theta_, j);
    if (std::find(part.level.begin(), part.level.end(), kNewLevel) == part.level.end()) continue;
    std::vector<Matrix> forms{sigma2_ * lambda[j] * lambda[j].transpose()};
    for (Index a = 0; !forms_.empty() && a < theta.size(); ++a) {
      forms.push_back(2.0 * lambda[j] *
                      parameters_.structure(j).factor_derivative(theta, a).transpose());
    }
    const Matrix values = quadratic_forms(part.basis, forms);
    for (Index i = 0; i < part.basis.rows(); ++i) {
      if (part.level[i] != kNewLevel) continue;
      out.variance[i] += values(i, 0);
      for (Index a = 1; a < values.cols(); ++a)
        out.gradient(i, parameters_.offset(j) + a - 1) += values(i, a);
    }
  }
}

// Rows that meet no level of the data: x'Phi x, and g'B'E_a B g with g = Phi x.
void ContrastVariance::fixed_rows(const ContrastRows& rows, RowVariances& out) const {
  const Point& point = derivative_point();
  std::vector<Matrix> forms{exact_.phi};
  for (const Matrix& small : small_) forms.push_back(point.phi * small * point.phi);
  const Matrix values = quadratic_forms(rows.fixed, forms);
  out.variance = sigma2_ * values.col(0);
  out.gradient = values.rightCols(values.cols() - 1);
}

RowVariances ContrastVariance::rows(const ContrastRows& rows) const {
  const Index n = rows.fixed.rows(), p = rows.fixed.cols();
  const std::size_t count = forms_.size();
  RowVariances out;
  out.variance = Vector::Zero(n);
  out.gradient = Matrix::Zero(n, static_cast<Index>(count));
  const Point& point = derivative_point();
  const bool any_level = std::any_of(rows.parts.begin(), rows.parts.end(), [](const auto& part) {
    return std::any_of(part.level.begin(), part.level.end(), [](int l) { return l > kNewLevel; });
  });
  if (!any_level) {
    fixed_rows(rows, out);
    add_new_levels(rows, out);
    return out;
  }
  LocalInverse local(point.factor, forms_, poll_);
  std::unique_ptr<LocalInverse> exact;
  if (beside_) {
    exact = std::make_unique<LocalInverse>(exact_.factor, std::vector<LevelForm>(), poll_);
  }
  CombinedRows walk(rows, layout_, places_);
  Matrix projected, projected_exact;
  std::vector<Matrix> solved(count);
  for (Index first = 0; first < n; first += kChunk) {
    const Index size = std::min(kChunk, n - first);
    // h, and what multiplies g beside it: 2 m'Lambda Omega^-1 E_a B.
    Matrix h(size, p), h_exact(beside_ ? size : 0, p);
    std::vector<Matrix> mixed(count, Matrix::Zero(size, p));
    if (poll_) poll_();
    for (Index i = 0; i < size; ++i) {
      if (walk.move_to(first + i)) {
        local.find(walk.places());
        projected = walk.take(point.projected);
        for (std::size_t a = 0; a < count; ++a) solved[a] = walk.take(solved_[a]);
        if (exact) exact->find(walk.places());
        if (exact) projected_exact = walk.take(exact_.projected);
      }
      const Index row = walk.row(first + i);
      const Vector& m = walk.coefficients();
      h.row(i) = rows.fixed.row(row);
      if (beside_) h_exact.row(i) = rows.fixed.row(row);
      if (m.size() == 0) continue;
      h.row(i).noalias() -= m.transpose() * projected;
      if (exact) h_exact.row(i).noalias() -= m.transpose() * projected_exact;
      out.variance[row] = m.dot((exact ? *exact : local).inverse() * m);
      for (std::size_t a = 0; a < count; ++a) {
        out.gradient(row, static_cast<Index>(a)) = m.dot(local.form(static_cast<int>(a)) * m);
        mixed[a].row(i).noalias() = 2.0 * m.transpose() * solved[a];
      }
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
  }
  out.variance *= sigma2_;
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
  for (const LevelForm& form : forms_)
    out.gradient.push_back(random.transpose() * apply_form(form, random));
  return out;
}

}  // namespace tiers
