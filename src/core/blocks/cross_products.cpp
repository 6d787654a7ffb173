#include "cross_products.h"

#include <algorithm>

namespace tiers {

namespace {

// Rows of X that wait to be added at one time: enough for the dense kernels, few enough for the
// second-level cache.
constexpr Index kWaiting = 256;
constexpr Index kBlock = 4096;  // rows between two polls

template <class Add>
void for_blocks(Index size, const Poll& poll, Add add) {
  for (Index start = 0; start < size; start += kBlock) {
    if (poll && start > 0) poll();
    add(start, std::min(kBlock, size - start));
  }
}

// Rows as the design has them, one pass.
class DesignRows {
 public:
  DesignRows(const Design& design, const BlockLayout& layout)
      : design_(design),
        layout_(layout),
        x_(layout.fixed_columns()),
        z_(layout.groupings().size()) {
    for (std::size_t f = 0; f < z_.size(); ++f) z_[f].resize(layout.groupings()[f].columns);
  }
  void move_to(Index i) {
    row_ = layout_.row_order()[i];
    weight_ = design_.weight(row_);
    if (!(weight_ > 0.0)) return;
    design_.fixed_row(row_, x_.data());
    for (std::size_t f = 0; f < z_.size(); ++f)
      grouping_row(design_, layout_.groupings()[f], row_, z_[f].data());
  }
  double weight() const { return weight_; }
  const double* fixed() const { return x_.data(); }
  const double* random(int f) const { return z_[f].data(); }
  Index level(int f) const { return layout_.groupings()[f].codes[row_] - 1; }
  Index first(int f) const { return layout_.coordinate(f, level(f)); }
  Index leaf_cell(Index r) const {
    const ChainLevel& leaf = layout_.chain()[0];
    const Index unit = level(leaf.grouping);
    const int* cells = leaf.cell_column.data() + leaf.cell_start[unit];
    const int column = static_cast<int>(first(layout_.remainder()[r]) - layout_.remainder_offset());
    return std::lower_bound(cells, cells + leaf.cells(unit), column) - cells;
  }

 private:
  const Design& design_;
  const BlockLayout& layout_;
  int row_ = 0;
  double weight_ = 0.0;
  Vector x_;
  std::vector<std::vector<double>> z_;
};

class WeightedRows {
 public:
  WeightedRows(const PackedRows& rows, const Vector& weights) : rows_(rows), weights_(weights) {}
  void move_to(Index i) { row_ = i; }
  double weight() const { return weights_[row_]; }
  const double* fixed() const { return rows_.fixed().col(row_).data(); }
  const double* random(int f) const {
    return rows_.random().col(row_).data() + rows_.random_start(f);
  }
  Index level(int f) const { return rows_.level(row_, f); }
  Index first(int f) const { return rows_.first(row_, f); }
  Index leaf_cell(Index r) const { return rows_.cell(row_, r); }

 private:
  const PackedRows& rows_;
  const Vector& weights_;
  Index row_ = 0;
};

}  // namespace

CrossProducts::CrossProducts(const Design& design, const BlockLayout& layout)
    : design_(design), layout_(layout) {
  for (const auto& level : layout.chain()) {
    own_.emplace_back(level.units * level.columns * level.columns, 0.0);
    panel_.emplace_back(level.panel_start.back(), 0.0);
  }
}

CrossProducts::CrossProducts(const Design& design, const BlockLayout& layout, const Poll& poll)
    : CrossProducts(design, layout) {
  clear(true);
  DesignRows rows(design, layout);
  for_blocks(design.rows(), poll,
             [&](Index start, Index count) { accumulate(rows, start, count); });
}

void CrossProducts::reweight(const PackedRows& rows, const Vector& w, bool fixed,
                             const Poll& poll) {
  clear(fixed);
  for_blocks(rows.size(), poll, [&](Index start, Index count) { add(rows, w, start, count); });
}

void CrossProducts::clear(bool fixed) {
  const Index p = fixed ? layout_.fixed_columns() : 0, q = layout_.remainder_columns();
  fixed_columns_ = p;
  for (auto& own : own_) std::fill(own.begin(), own.end(), 0.0);
  for (auto& panel : panel_) std::fill(panel.begin(), panel.end(), 0.0);
  remainder_.setZero(q, q);
  remainder_fixed_.setZero(q, p);
  fixed_.setZero(p, p);
  for (Waiting* waiting : {&positive_, &negative_}) waiting->rows.resize(p, kWaiting);
}

void CrossProducts::add(const PackedRows& rows, const Vector& w, Index start, Index count) {
  WeightedRows weighted(rows, w);
  accumulate(weighted, start, count);
}

void CrossProducts::add_fixed(const double* x, double weight) {
  Waiting& waiting = weight > 0.0 ? positive_ : negative_;
  waiting.rows.col(waiting.count++) =
      std::sqrt(std::abs(weight)) * Eigen::Map<const Vector>(x, waiting.rows.rows());
  if (waiting.count == kWaiting) flush_fixed();
}

void CrossProducts::flush_fixed() {
  for (Waiting* waiting : {&positive_, &negative_}) {
    if (waiting->count == 0) continue;
    fixed_.selfadjointView<Eigen::Lower>().rankUpdate(waiting->rows.leftCols(waiting->count),
                                                      waiting == &positive_ ? 1.0 : -1.0);
    waiting->count = 0;
  }
}

// to (k x columns) += w z other', for a row's values z of one grouping and `other` of another.
void CrossProducts::add_product(double w, const double* z, Index k, const double* other,
                                Index columns, double* to) {
  for (Index j = 0; j < columns; ++j) {
    const double wz = w * other[j];
    for (Index a = 0; a < k; ++a) to[a] += wz * z[a];
    to += k;
  }
}

// One row's part of its unit of chain level c: own block and panel. cell: of each grouping of the
// remainder the row's place among the unit's cells, moved on to that among its parent's.
template <class Rows>
void CrossProducts::add_to_unit(const Rows& rows, int c, std::vector<Index>& cell) {
  const auto& chain = layout_.chain();
  const auto& remainder = layout_.remainder();
  const ChainLevel& level = chain[c];
  const Index k = level.columns, unit = rows.level(level.grouping);
  const double w = rows.weight();
  const double* z = rows.random(level.grouping);
  add_product(w, z, k, z, k, own_[c].data() + unit * k * k);
  double* panel = panel_[c].data() + level.panel_start[unit];
  for (std::size_t up = c + 1; up < chain.size(); ++up) {
    add_product(w, z, k, rows.random(chain[up].grouping), chain[up].columns, panel);
    panel += chain[up].columns * k;
  }
  for (std::size_t r = 0; r < remainder.size(); ++r) {
    add_product(w, z, k, rows.random(remainder[r]), layout_.groupings()[remainder[r]].columns,
                panel + cell[r] * k);
    if (c + 1 < static_cast<int>(chain.size())) {
      cell[r] = level.cell_in_parent[level.cell_start[unit] + cell[r]];
    }
  }
  panel += level.cells(unit) * k;
  add_product(w, z, k, rows.fixed(), fixed_columns_, panel);
}

// One row's part of the dense remainder. first: its first column of each grouping there.
template <class Rows>
void CrossProducts::add_to_remainder(const Rows& rows, const std::vector<Index>& first) {
  const auto& groupings = layout_.groupings();
  const auto& remainder = layout_.remainder();
  const double* x = rows.fixed();
  for (std::size_t r = 0; r < remainder.size(); ++r) {
    const double* z = rows.random(remainder[r]);
    for (Index a = 0; a < groupings[remainder[r]].columns; ++a) {
      const double wz = rows.weight() * z[a];
      const Index i_at = first[r] + a;
      for (Index b = 0; b <= a; ++b) remainder_(i_at, first[r] + b) += wz * z[b];
      for (std::size_t other = 0; other < r; ++other) {
        const double* theirs = rows.random(remainder[other]);
        for (Index b = 0; b < groupings[remainder[other]].columns; ++b) {
          remainder_(i_at, first[other] + b) += wz * theirs[b];
        }
      }
      for (Index j = 0; j < fixed_columns_; ++j) remainder_fixed_(i_at, j) += wz * x[j];
    }
  }
}

template <class Rows>
void CrossProducts::accumulate(Rows& rows, Index start, Index count) {
  const auto& remainder = layout_.remainder();
  const int depth = static_cast<int>(layout_.chain().size());
  std::vector<Index> first(remainder.size()), cell(remainder.size());
  for (Index i = start; i < start + count; ++i) {
    rows.move_to(i);
    if (rows.weight() == 0.0) continue;
    if (fixed_columns_ > 0) add_fixed(rows.fixed(), rows.weight());
    for (std::size_t r = 0; r < remainder.size(); ++r) {
      first[r] = rows.first(remainder[r]) - layout_.remainder_offset();
      if (depth > 0) cell[r] = rows.leaf_cell(static_cast<Index>(r));
    }
    for (int c = 0; c < depth; ++c) add_to_unit(rows, c, cell);
    add_to_remainder(rows, first);
  }
  flush_fixed();
}

void CrossProducts::set_response(const Vector& r) {
  const Index p = layout_.fixed_columns();
  random_response_ = Vector::Zero(layout_.random_columns());
  fixed_response_ = Vector::Zero(p);
  response_square_ = 0.0;
  Vector x(p);
  std::vector<double> z;
  for (const int row : layout_.row_order()) {
    const double w = design_.weight(row);
    if (!(w > 0.0)) continue;
    const double wr = w * r[row];
    response_square_ += wr * r[row];
    design_.fixed_row(row, x.data());
    fixed_response_ += wr * x;
    for (const auto& grouping : layout_.groupings()) {
      z.resize(grouping.columns);
      grouping_row(design_, grouping, row, z.data());
      double* to =
          random_response_.data() + grouping.offset + (grouping.codes[row] - 1) * grouping.columns;
      for (Index a = 0; a < grouping.columns; ++a) to[a] += wr * z[a];
    }
  }
}

void CrossProducts::multiply(const Matrix& w, Matrix& random, Matrix& fixed) const {
  const auto& chain = layout_.chain();
  const Index p = fixed_columns_;
  random = Matrix::Zero(w.rows(), w.cols());
  fixed = Matrix::Zero(p, w.cols());
  for (Index column = 0; column < w.cols(); ++column) {
    const double* from = w.col(column).data();
    double* to = random.col(column).data();
    double* to_fixed = fixed.col(column).data();
    for (std::size_t c = 0; c < chain.size(); ++c) {
      const ChainLevel& level = chain[c];
      const Index k = level.columns, offset = layout_.groupings()[level.grouping].offset;
      for (Index unit = 0; unit < level.units; ++unit) {
        const double* mine = from + offset + unit * k;
        double* result = to + offset + unit * k;
        const double* own = own_[c].data() + unit * k * k;
        for (Index a = 0; a < k; ++a) {
          for (Index b = 0; b < k; ++b) result[b] += own[a * k + b] * mine[a];
        }
        const double* panel = panel_[c].data() + level.panel_start[unit];
        auto exchange = [&](const double* theirs, double* back) {
          double sum = 0.0;
          for (Index a = 0; a < k; ++a) {
            sum += panel[a] * mine[a];
            if (theirs) result[a] += panel[a] * *theirs;
          }
          *back += sum;
          panel += k;
        };
        layout_.visit_coordinates(static_cast<int>(c), unit,
                                  [&](Index at) { exchange(from + at, to + at); });
        for (Index j = 0; j < p; ++j) exchange(nullptr, to_fixed + j);
      }
    }
  }
  if (layout_.remainder_columns() > 0) {
    const Index q = layout_.remainder_columns();
    random.bottomRows(q) += remainder_.selfadjointView<Eigen::Lower>() * w.bottomRows(q);
    fixed += remainder_fixed_.transpose() * w.bottomRows(q);
  }
}

Matrix CrossProducts::remainder_own(int grouping, Index level) const {
  const Grouping& f = layout_.groupings()[grouping];
  const Index at = f.offset - layout_.remainder_offset() + level * f.columns;
  return remainder_.block(at, at, f.columns, f.columns).selfadjointView<Eigen::Lower>();
}

Matrix CrossProducts::mean_own(int grouping) const {
  const Grouping& f = layout_.groupings()[grouping];
  Matrix sum = Matrix::Zero(f.columns, f.columns);
  for (std::size_t c = 0; c < layout_.chain().size(); ++c) {
    if (layout_.chain()[c].grouping != grouping) continue;
    for (Index unit = 0; unit < f.levels; ++unit) {
      sum += ConstMatrixMap(own_[c].data() + unit * f.columns * f.columns, f.columns, f.columns);
    }
    return sum / static_cast<double>(f.levels);
  }
  for (Index level = 0; level < f.levels; ++level) sum += remainder_own(grouping, level);
  return sum / static_cast<double>(f.levels);
}

Matrix CrossProducts::cross_fixed() const {
  const auto& chain = layout_.chain();
  const Index p = fixed_columns(), q = layout_.remainder_columns();
  Matrix out(layout_.random_columns(), p);
  for (std::size_t c = 0; c < chain.size(); ++c) {
    const Index k = chain[c].columns, offset = layout_.groupings()[chain[c].grouping].offset;
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      const Index before = chain[c].ancestor_columns + chain[c].cells(unit);
      out.middleRows(offset + unit * k, k) = ConstMatrixMap(
          panel(static_cast<int>(c)).data() + chain[c].panel_start[unit] + before * k, k, p);
    }
  }
  if (q > 0) out.bottomRows(q) = remainder_fixed();
  return out;
}

}  // namespace tiers
