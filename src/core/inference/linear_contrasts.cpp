#include "linear_contrasts.h"

#include <algorithm>

#include "../model/dense_algebra.h"

namespace tiers {

LinearContrasts::LinearContrasts(const CrossProducts& cross, const BlockedCholesky& factor,
                                 const TermPlaces& places, std::vector<LevelForm> forms,
                                 const Matrix& share, const Poll& poll)
    : factor_(factor),
      layout_(factor.layout()),
      places_(places),
      forms_(std::move(forms)),
      share_(share),
      marginal_(cross, factor, poll),
      separate_(layout_.chain().size() == 1 && layout_.remainder_columns() == 0) {
  const Matrix& lower = factor.fixed_lower();
  cross_ = marginal_.apply(marginal_.cross_fixed());
  const Matrix half = lower_solution(lower, cross_.transpose());
  root_ = half.transpose();
  fixed_ = lower_transposed_solution(lower, half).transpose();
  projected_ = spread_variance(cross_);
  std::vector<Matrix> moved, multiplied;
  for (const LevelForm& form : forms_) {
    moved.push_back(marginal_.spread(form, fixed_));
    multiplied.push_back(without_fixed(moved.back()));
    small_.push_back(fixed_.transpose() * moved.back());
    mixed_.push_back(rest_transposed(moved.back()));
  }
  fixed_squares_ = shared(moved, multiplied);
  Matrix squares = Matrix::Zero(fixed_.rows(), fixed_.cols());
  for (std::size_t a = 0; a < forms_.size(); ++a) {
    Matrix sum = Matrix::Zero(fixed_.rows(), fixed_.cols());
    for (std::size_t b = 0; b < forms_.size(); ++b)
      sum += share_(static_cast<Index>(a), static_cast<Index>(b)) * multiplied[b];
    squares += marginal_.spread(forms_[a], sum);
  }
  mixed_squares_ = rest_transposed(squares);
}

Matrix LinearContrasts::spread_variance(const Matrix& v) const {
  return factor_.apply_lambda(factor_.apply_lambda(v, true), false);
}

Matrix LinearContrasts::without_fixed(const Matrix& v) const {
  return marginal_.multiply(v) - root_ * (root_.transpose() * v);
}

Matrix LinearContrasts::shared(const std::vector<Matrix>& left,
                               const std::vector<Matrix>& right) const {
  const Index size = left.empty() ? 0 : left[0].cols();
  Matrix out = Matrix::Zero(size, size);
  for (std::size_t a = 0; a < left.size(); ++a) {
    Matrix sum = Matrix::Zero(right[a].rows(), size);
    for (std::size_t b = 0; b < right.size(); ++b)
      sum += share_(static_cast<Index>(a), static_cast<Index>(b)) * right[b];
    out.noalias() += left[a].transpose() * sum;
  }
  return 0.5 * (out + out.transpose());
}

LinearContrasts::Combination LinearContrasts::products(const Matrix& kappa) const {
  Combination out;
  std::vector<Matrix> moved, multiplied;
  for (const LevelForm& form : forms_) {
    moved.push_back(marginal_.spread(form, kappa));
    multiplied.push_back(without_fixed(moved.back()));
    out.form.push_back(kappa.transpose() * moved.back());
  }
  out.squares = shared(moved, multiplied);
  return out;
}

LinearContrasts::Combination LinearContrasts::one_level(const CombinedRows& here) const {
  const Index size = static_cast<Index>(here.at().size()), level = here.places().front().level,
              k = layout_.groupings()[0].columns;
  const MarginalProducts::Own own = marginal_.own_level(level);
  Matrix kappa(k, size);
  for (Index i = 0; i < size; ++i) kappa.col(i) = own.rest.col(here.places()[i].column);
  const auto root = root_.middleRows(layout_.coordinate(0, level), k);
  const Matrix product = own.product - root * root.transpose();
  Combination out;
  std::vector<Matrix> moved, multiplied;
  for (const LevelForm& form : forms_) {
    moved.push_back(form.block * kappa);
    multiplied.push_back(product * moved.back());
    out.form.push_back(kappa.transpose() * moved.back());
  }
  out.squares = shared(moved, multiplied);
  return out;
}

LinearContrasts::Combination LinearContrasts::any_levels(const CombinedRows& here) const {
  const Index size = static_cast<Index>(here.at().size());
  Matrix unit = Matrix::Zero(layout_.random_columns(), size);
  for (Index i = 0; i < size; ++i) unit(here.at()[i], i) = 1.0;
  return products(rest(unit));
}

LinearContrasts::Combination LinearContrasts::combination(const CombinedRows& here) const {
  const std::vector<LevelPlace>& places = here.places();
  const bool one = std::all_of(places.begin(), places.end(), [&places](const LevelPlace& at) {
    return at.level == places.front().level;
  });
  return separate_ && one && !places.empty() ? one_level(here) : any_levels(here);
}

void LinearContrasts::add_new_levels(const ContrastRows& rows, Matrix& gradient) const {
  for (const ContrastPart& part : rows.parts) {
    const Index column = places_.column(part.term), k = part.basis.cols();
    for (std::size_t a = 0; a < forms_.size(); ++a) {
      if (forms_[a].grouping != places_.grouping(part.term)) continue;
      const Matrix block = forms_[a].block.block(column, column, k, k);
      for (Index i = 0; i < part.basis.rows(); ++i) {
        if (part.level[i] != kNewLevel) continue;
        gradient(i, static_cast<Index>(a)) +=
            part.basis.row(i) * block * part.basis.row(i).transpose();
      }
    }
  }
}

void LinearContrasts::rows(const ContrastRows& rows, RowVariances& out) const {
  const Index n = rows.fixed.rows(), count = static_cast<Index>(forms_.size());
  out.gradient = Matrix::Zero(n, count);
  out.adjustment = Vector::Zero(n);
  CombinedRows walk(rows, layout_, places_);
  Combination own;
  Matrix projected, squares;
  std::vector<Matrix> mixed(forms_.size());
  Vector h, product;
  for (Index i = 0; i < n; ++i) {
    if (walk.move_to(i) && !walk.at().empty()) {
      own = combination(walk);
      projected = walk.take(projected_);
      squares = walk.take(mixed_squares_);
      for (std::size_t a = 0; a < forms_.size(); ++a) mixed[a] = walk.take(mixed_[a]);
    }
    const Index row = walk.row(i);
    const Vector& m = walk.coefficients();
    const bool random = m.size() > 0;
    h = rows.fixed.row(row).transpose();
    if (random) h.noalias() -= projected.transpose() * m;
    // kappa = fixed_ h - rest m.
    for (Index a = 0; a < count; ++a) {
      product.noalias() = small_[a] * h;
      if (random) product.noalias() -= 2.0 * mixed[a].transpose() * m;
      out.gradient(row, a) = h.dot(product) + (random ? m.dot(own.form[a] * m) : 0.0);
    }
    product.noalias() = fixed_squares_ * h;
    if (random) product.noalias() -= 2.0 * squares.transpose() * m;
    out.adjustment[row] = h.dot(product) + (random ? m.dot(own.squares * m) : 0.0);
  }
  add_new_levels(rows, out.gradient);
}

void LinearContrasts::block(const ContrastBlock& contrasts, BlockVariances& out) const {
  const Matrix m = places_.coordinates(contrasts.random);
  const Matrix h = contrasts.fixed.transpose() - projected_.transpose() * m;
  Combination found = products(fixed_ * h - rest(m));
  out.gradient = std::move(found.form);
  out.adjustment = std::move(found.squares);
}

}  // namespace tiers
