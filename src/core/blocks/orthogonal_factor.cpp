#include "orthogonal_factor.h"

#include <cmath>

#include "../model/dense_algebra.h"
#include "level_blocks.h"

namespace tiers {

namespace {

constexpr Index kPollUnits = 256;  // between two polls: well below a millisecond each

// Householder reflections of the first `count` columns, applied to all; what is below the diagonal
// of these is zero after it. The diagonal becomes positive.
void reflect(Matrix& rows, Index count) {
  Vector space(rows.cols());
  for (Index a = 0; a < std::min(count, rows.rows()); ++a) {
    const Index below = rows.rows() - a;
    double tau = 0.0, beta = rows(a, a);
    if (below > 1) rows.col(a).tail(below).makeHouseholderInPlace(tau, beta);
    const Index right = rows.cols() - a - 1;
    if (right > 0 && below > 1) {
      rows.block(a, a + 1, below, right)
          .applyHouseholderOnTheLeft(rows.col(a).tail(below - 1), tau, space.data());
    }
    rows(a, a) = beta;
    rows.col(a).tail(below - 1).setZero();
    if (beta < 0.0) rows.row(a).tail(right + 1) *= -1.0;
  }
}

// Rows that are reduced to an upper triangle of `size` columns, some at a time.
class RowReduction {
 public:
  explicit RowReduction(Index size)
      : size_(size), most_(2 * size + 32), rows_(Matrix::Zero(most_, size)) {}
  // Columns of `row` to their places; the last p at the end.
  template <class Row>
  void add(const Row& row, const std::vector<Index>& places, Index p) {
    if (used_ == most_) reduce();
    const Index count = static_cast<Index>(places.size());
    for (Index a = 0; a < count; ++a) rows_(used_, places[a]) = row[a];
    for (Index x = 0; x < p; ++x) rows_(used_, size_ - p + x) = row[count + x];
    ++used_;
  }
  Matrix result() {
    reduce();
    return rows_.topRows(size_);
  }

 private:
  void reduce() {
    Matrix part = rows_.topRows(std::max(used_, size_));
    reflect(part, size_);
    rows_.setZero();
    rows_.topRows(size_) = part.topRows(size_);
    used_ = size_;
  }
  const Index size_, most_;
  Matrix rows_;
  Index used_ = 0;
};

Index leaf_width(const BlockLayout& layout) {
  return layout.chain().empty() ? 0 : layout.chain()[0].columns;
}

Index leaf_size(const BlockLayout& layout) {
  return layout.chain().empty() ? 0 : layout.chain()[0].columns * layout.chain()[0].units;
}

// Rows of each unit that count; without a leaf all are one unit's.
std::vector<std::vector<int>> rows_by_unit(const Design& design, const BlockLayout& layout) {
  const bool leaf = !layout.chain().empty();
  std::vector<std::vector<int>> out(leaf ? layout.chain()[0].units : 1);
  for (const int row : layout.row_order()) {
    if (!(design.weight(row) > 0.0)) continue;
    out[leaf ? layout.groupings()[layout.chain()[0].grouping].codes[row] - 1 : 0].push_back(row);
  }
  return out;
}

// Root columns that the rows of a unit touch.
Index touched(const BlockLayout& layout, Index unit) {
  if (layout.chain().empty()) return layout.random_columns();
  return layout.chain()[0].ancestor_columns + layout.chain()[0].cells(unit);
}

}  // namespace

OrthogonalFactor::OrthogonalFactor(const CrossProducts& cross, const Poll& poll)
    : cross_(cross),
      leaf_columns_(leaf_width(cross.layout())),
      first_(leaf_size(cross.layout())),
      random_(cross.layout().random_columns() - first_),
      fixed_(cross.layout().fixed_columns()),
      grouping_(random_),
      in_level_(random_) {
  const BlockLayout& layout = cross.layout();
  for (std::size_t f = 0; f < layout.groupings().size(); ++f) {
    const Grouping& grouping = layout.groupings()[f];
    if (grouping.offset < first_) continue;
    for (Index at = 0; at < grouping.levels * grouping.columns; ++at) {
      grouping_[grouping.offset - first_ + at] = static_cast<int>(f);
      in_level_[grouping.offset - first_ + at] = at % grouping.columns;
    }
  }
  const auto rows = rows_by_unit(cross.design(), layout);
  for (std::size_t unit = 0; unit < rows.size(); ++unit) {
    if (poll && unit % kPollUnits == 0) poll();
    add_unit(static_cast<Index>(unit), rows[unit]);
  }
}

double OrthogonalFactor::work(const CrossProducts& cross) {
  const BlockLayout& layout = cross.layout();
  const double k = static_cast<double>(leaf_width(layout));
  const Index p = layout.fixed_columns();
  const double root = static_cast<double>(layout.random_columns() - leaf_size(layout) + p);
  double sum = root * root * root;
  const auto rows = rows_by_unit(cross.design(), layout);
  for (std::size_t unit = 0; unit < rows.size(); ++unit) {
    const double width = k + static_cast<double>(touched(layout, static_cast<Index>(unit)) + p);
    const double count = std::min(static_cast<double>(rows[unit].size()), width);
    sum += 2.0 * count * (k * width + root * root);
  }
  return sum;
}

// Weighted rows of a unit, reduced to a triangle where they are more than their columns.
void OrthogonalFactor::add_unit(Index level, const std::vector<int>& rows) {
  const BlockLayout& layout = cross_.layout();
  const Design& design = cross_.design();
  Unit unit;
  if (leaf_columns_ > 0) {
    layout.visit_coordinates(0, level, [&](Index at) { unit.columns.push_back(at - first_); });
  } else {
    for (Index at = 0; at < random_; ++at) unit.columns.push_back(at);
  }
  const Index beside = static_cast<Index>(unit.columns.size());
  const Index width = leaf_columns_ + beside + fixed_;
  std::vector<Index> place(random_, -1);
  for (Index a = 0; a < beside; ++a) place[unit.columns[a]] = leaf_columns_ + a;
  std::vector<Index> in_order;
  for (Index a = 0; a < width - fixed_; ++a) in_order.push_back(a);
  RowReduction reduction(width);
  Matrix few(std::min(static_cast<Index>(rows.size()), width), width);
  const bool many = static_cast<Index>(rows.size()) > width;
  std::vector<double> z;
  Vector x(fixed_), values(width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    values.setZero();
    for (std::size_t f = 0; f < layout.groupings().size(); ++f) {
      const Grouping& grouping = layout.groupings()[f];
      z.resize(grouping.columns);
      grouping_row(design, grouping, rows[i], z.data());
      const Index at = layout.coordinate(static_cast<int>(f), grouping.codes[rows[i]] - 1) - first_;
      for (Index a = 0; a < grouping.columns; ++a) values[at < 0 ? a : place[at + a]] = z[a];
    }
    design.fixed_row(rows[i], x.data());
    values.tail(fixed_) = x;
    values *= std::sqrt(design.weight(rows[i]));
    if (many) {
      reduction.add(values, in_order, fixed_);
    } else {
      few.row(static_cast<Index>(i)) = values.transpose();
    }
  }
  unit.rows = many ? reduction.result() : few;
  units_.push_back(std::move(unit));
}

// Rows times Lambda, over the identity of the unit's own columns.
Matrix OrthogonalFactor::scaled_rows(const Unit& unit, const std::vector<Matrix>& lambda) const {
  const Index r = unit.rows.rows(), k = leaf_columns_;
  Matrix out(r + k, unit.rows.cols());
  out.topRows(r) = unit.rows;
  out.bottomRows(k).setZero();
  if (k > 0) {
    const int leaf = cross_.layout().chain()[0].grouping;
    out.topLeftCorner(r, k) = unit.rows.leftCols(k) * lambda[leaf];
    out.bottomLeftCorner(k, k).setIdentity();
  }
  // Columns of one level stand together, all of them: an ancestor's, or a cell's.
  for (std::size_t a = 0; a < unit.columns.size();) {
    const Matrix& own_lambda = lambda[grouping_[unit.columns[a]]];
    const Index at = k + static_cast<Index>(a), size = own_lambda.rows();
    out.block(0, at, r, size) = unit.rows.middleCols(at, size) * own_lambda;
    a += static_cast<std::size_t>(size);
  }
  return out;
}

void OrthogonalFactor::eliminate(Unit& unit, Matrix& rows) const {
  const Index k = leaf_columns_;
  reflect(rows, k);
  unit.own = rows.topLeftCorner(k, k);
  unit.beside = rows.topRightCorner(k, rows.cols() - k);
}

bool OrthogonalFactor::factorize(const std::vector<Matrix>& lambda, const Poll& poll) {
  const Index k = leaf_columns_, size = random_ + fixed_;
  log_det_random_ = log_det_fixed_ = 0.0;
  RowReduction reduction(size);
  Index count = 0;
  for (Unit& unit : units_) {
    if (poll && count++ % kPollUnits == 0) poll();
    Matrix rows = scaled_rows(unit, lambda);
    eliminate(unit, rows);
    for (Index a = 0; a < k; ++a) log_det_random_ += 2.0 * std::log(unit.own(a, a));
    for (Index i = k; i < rows.rows(); ++i) {
      reduction.add(rows.row(i).tail(rows.cols() - k), unit.columns, fixed_);
    }
  }
  const Vector one = Vector::Ones(1);
  for (Index a = 0; a < random_; ++a) {
    if (poll && a % kPollUnits == 0) poll();
    reduction.add(one, {a}, 0);
  }
  root_ = reduction.result();
  for (Index a = 0; a < random_; ++a) log_det_random_ += 2.0 * std::log(root_(a, a));
  fixed_lower_ = root_.bottomRightCorner(fixed_, fixed_).transpose();
  for (Index x = 0; x < fixed_; ++x) log_det_fixed_ += 2.0 * std::log(fixed_lower_(x, x));
  fixed_definite_ = std::isfinite(log_det_fixed_);
  return std::isfinite(log_det_random_);
}

Matrix OrthogonalFactor::gather(const Unit& unit, const Matrix& of_root) const {
  Matrix out(static_cast<Index>(unit.columns.size()), of_root.cols());
  for (Index a = 0; a < out.rows(); ++a) out.row(a) = of_root.row(unit.columns[a]);
  return out;
}

Matrix OrthogonalFactor::follow(const Unit& unit) const {
  Matrix out = unit.beside.leftCols(static_cast<Index>(unit.columns.size()));
  solve_upper(unit.own, out);
  return out;
}

void OrthogonalFactor::solve_forward(Matrix& random, Matrix& fixed) const {
  const Index k = leaf_columns_;
  for (std::size_t u = 0; u < units_.size() && k > 0; ++u) {
    const Unit& unit = units_[u];
    const Index beside = static_cast<Index>(unit.columns.size());
    auto own = random.middleRows(static_cast<Index>(u) * k, k);
    solve_upper_transposed(unit.own, own);
    const Matrix shed = unit.beside.transpose() * own;
    for (Index a = 0; a < beside; ++a) random.row(first_ + unit.columns[a]) -= shed.row(a);
    if (fixed.rows() > 0) fixed -= shed.bottomRows(fixed_);
  }
  auto root = random.bottomRows(random_);
  solve_upper_transposed(root_.topLeftCorner(random_, random_), root);
  if (fixed.rows() == 0) return;
  fixed -= root_.topRightCorner(random_, fixed_).transpose() * root;
  solve_lower(fixed_lower_, fixed);
}

void OrthogonalFactor::solve_backward(Matrix& random, Matrix& fixed) const {
  if (fixed.rows() > 0) solve_lower_transposed(fixed_lower_, fixed);
  solve_random(random, fixed);
}

// R_ZZ x = random - R_ZX fixed, in place.
void OrthogonalFactor::solve_random(Matrix& random, const Matrix& fixed) const {
  const Index k = leaf_columns_;
  auto root = random.bottomRows(random_);
  if (fixed.rows() > 0) root -= root_.topRightCorner(random_, fixed_) * fixed;
  solve_upper(root_.topLeftCorner(random_, random_), root);
  const Matrix above = root;
  for (std::size_t u = 0; u < units_.size() && k > 0; ++u) {
    const Unit& unit = units_[u];
    auto own = random.middleRows(static_cast<Index>(u) * k, k);
    own -= unit.beside.leftCols(static_cast<Index>(unit.columns.size())) * gather(unit, above);
    if (fixed.rows() > 0) own -= unit.beside.rightCols(fixed_) * fixed;
    solve_upper(unit.own, own);
  }
}

// R_ZZ B = R_ZX.
Matrix OrthogonalFactor::fixed_projection() const {
  Matrix out = Matrix::Zero(first_ + random_, fixed_);
  solve_random(out, -Matrix::Identity(fixed_, fixed_));
  return out;
}

namespace {

Matrix inverse_of(const Matrix& upper) {
  Matrix out = Matrix::Identity(upper.rows(), upper.cols());
  solve_upper(upper, out);
  return out;
}

}  // namespace

// With G = Omega^-1 over the root and F = own^-1 beside, the block of a unit is
// own^-1 own^-T + F G F'.
std::vector<Matrix> OrthogonalFactor::inverse_sums(const Poll& poll) const {
  std::vector<Matrix> out = zero_blocks(cross_.layout());
  const Matrix half = inverse_of(root_.topLeftCorner(random_, random_));
  for (Index a = 0; a < random_; a += out[grouping_[a]].rows()) {
    const auto rows = half.middleRows(a, out[grouping_[a]].rows());
    out[grouping_[a]] += rows * rows.transpose();
  }
  if (leaf_columns_ == 0) return out;
  Matrix& leaf = out[cross_.layout().chain()[0].grouping];
  Index count = 0;
  for (const Unit& unit : units_) {
    if (poll && count++ % kPollUnits == 0) poll();
    const Matrix own = inverse_of(unit.own), spread = follow(unit) * gather(unit, half);
    leaf += own * own.transpose() + spread * spread.transpose();
  }
  return out;
}

// Over the root a form of it is E, one of the leaf sum F'E F; the leaf's own inverse blocks a =
// own^-1 own^-T add tr(E_i a E_j a) + 2 tr(F'E_i a E_j F G).
Matrix OrthogonalFactor::inverse_products(const std::vector<LevelForm>& forms,
                                          const Poll& poll) const {
  const Index count = static_cast<Index>(forms.size());
  const int leaf = leaf_columns_ > 0 ? cross_.layout().chain()[0].grouping : -1;
  const Matrix half = inverse_of(root_.topLeftCorner(random_, random_));
  std::vector<Matrix> over_root(forms.size(), Matrix::Zero(random_, random_));
  Matrix out = Matrix::Zero(count, count);
  for (Index i = 0; i < count; ++i) {
    for (Index a = 0; a < random_ && forms[i].grouping != leaf; ++a) {
      if (grouping_[a] != forms[i].grouping || in_level_[a] > 0) continue;
      const Index k = forms[i].block.rows();
      over_root[i].block(a, a, k, k) = forms[i].block;
    }
  }
  Index units = 0;
  for (const Unit& unit : units_) {
    if (leaf < 0) break;
    if (poll && units++ % kPollUnits == 0) poll();
    const Matrix own = inverse_of(unit.own), f = follow(unit), spread = f * gather(unit, half);
    const Matrix block = own * own.transpose(), shared = spread * spread.transpose();
    for (Index i = 0; i < count; ++i) {
      if (forms[i].grouping != leaf) continue;
      const Matrix moved = f.transpose() * forms[i].block * f;
      for (std::size_t a = 0; a < unit.columns.size(); ++a) {
        for (std::size_t b = 0; b < unit.columns.size(); ++b)
          over_root[i](unit.columns[a], unit.columns[b]) += moved(a, b);
      }
      const Matrix left = forms[i].block * block;
      for (Index j = 0; j < count; ++j) {
        if (forms[j].grouping != leaf) continue;
        out(i, j) += (left * forms[j].block * (block + 2.0 * shared)).trace();
      }
    }
  }
  for (Matrix& form : over_root) form = (half.transpose() * form * half).eval();
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) out(i, j) += over_root[i].cwiseProduct(over_root[j]).sum();
  }
  return out;
}

}  // namespace tiers
