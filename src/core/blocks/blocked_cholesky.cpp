#include "blocked_cholesky.h"

#include <cmath>

#include "dense_kernels.h"

namespace tiers {

namespace {

// l l' = a, lower; false if a pivot is not positive. Also for k = Dynamic.
template <int K>
bool small_cholesky(Square<K>& a) {
  const Index k = a.rows();
  for (Index j = 0; j < k; ++j) {
    double pivot = a(j, j);
    for (Index m = 0; m < j; ++m) pivot -= a(j, m) * a(j, m);
    if (!(pivot > 0.0) || !std::isfinite(pivot)) return false;
    a(j, j) = std::sqrt(pivot);
    for (Index i = j + 1; i < k; ++i) {
      double value = a(i, j);
      for (Index m = 0; m < j; ++m) value -= a(i, m) * a(j, m);
      a(i, j) = value / a(j, j);
      a(j, i) = 0.0;
    }
  }
  return true;
}

// to(k_to x n) -= left' right for a few columns: hand loops beat a call for tiny blocks.
template <int K>
void subtract_product(double* to, Index k_to, const Eigen::Map<Panel<K>>& left,
                      const Eigen::Map<Panel<K>>& right) {
  for (Index j = 0; j < right.cols(); ++j) {
    for (Index i = 0; i < k_to; ++i) to[j * k_to + i] -= left.col(i).dot(right.col(j));
  }
}

}  // namespace

bool BlockedCholesky::factorize(const std::vector<Matrix>& lambda, const Poll& poll) {
  const BlockLayout& layout = cross_.layout();
  const int depth = static_cast<int>(layout.chain().size());
  lambda_ = lambda;
  own_.resize(depth);
  panel_.resize(depth);
  lower_.resize(depth);
  spread_.resize(depth);
  log_det_random_ = 0.0;
  for (int c = 1; c < depth; ++c) {
    own_[c] = cross_.own(c);
    panel_[c] = cross_.panel(c);
  }
  remainder_ = cross_.remainder();
  remainder_fixed_ = cross_.remainder_fixed();
  fixed_lower_ = cross_.fixed();
  for (int c = 0; c < depth; ++c) {
    const bool fine = with_block_size(layout.chain()[c].columns, [&](auto size) {
      return eliminate_level<decltype(size)::value>(c, poll);
    });
    if (!fine) return false;
  }
  if (!factorize_remainder(poll)) return false;

  const Index p = cross_.fixed_columns();
  if (layout.remainder_columns() > 0 && p > 0) {
    rank_update_lower(fixed_lower_, Matrix(remainder_fixed_.transpose()), poll);
  }
  log_det_fixed_ = 0.0;
  fixed_definite_ = true;
  fixed_information_ = fixed_lower_;
  if (p > 0) {
    fixed_definite_ = cholesky_lower(fixed_lower_, poll);
    if (fixed_definite_) log_det_fixed_ = 2.0 * fixed_lower_.diagonal().array().log().sum();
    fixed_definite_ = fixed_definite_ && std::isfinite(log_det_fixed_);
  }
  return std::isfinite(log_det_random_);
}

// l l' = D = Lambda'A Lambda + I of one unit and H = Lambda l^-T, row by row of H' = l^-1 Lambda'.
// False where D is not positive definite.
template <int K>
bool BlockedCholesky::factor_unit(int c, Index unit, const Square<K>& lambda, Square<K>& l,
                                  Square<K>& h) {
  const Index k = lambda.rows();
  const Eigen::Map<const Square<K>> own_block(own(c).data() + unit * k * k, k, k);
  l.noalias() = lambda.transpose() * own_block.template selfadjointView<Eigen::Lower>() * lambda;
  l.diagonal().array() += 1.0;
  if (!small_cholesky<K>(l)) return false;
  h = lambda;
  for (Index j = 0; j < k; ++j) {
    if constexpr (K != 1) {
      for (Index m = 0; m < j; ++m) h.col(j) -= h.col(m) * l(j, m);
    }
    h.col(j) /= l(j, j);
  }
  Eigen::Map<Square<K>>(lower_[c].data() + unit * k * k, k, k) = l;
  Eigen::Map<Square<K>>(spread_[c].data() + unit * k * k, k, k) = h;
  return true;
}

// From a unit's ancestors: their own blocks, and their panels' ancestors, cells and X. part: H'A of
// the unit's panel (k x columns).
template <int K>
void BlockedCholesky::subtract_from_ancestors(int c, Index unit, Eigen::Map<Panel<K>>& part) {
  const auto& chain = cross_.layout().chain();
  const ChainLevel& level = chain[c];
  const Index k = level.columns, p = cross_.fixed_columns(), cells = level.cells(unit);
  Index above = unit, first = 0;
  std::vector<int> position;
  for (std::size_t up = c + 1; up < chain.size(); ++up) {
    const ChainLevel& target = chain[up];
    if (cells > 0) {
      const int* in_parent = chain[up - 1].cell_in_parent.data() + chain[up - 1].cell_start[above];
      if (position.empty()) {
        position.assign(in_parent, in_parent + cells);
      } else {
        for (int& at : position) at = in_parent[at];
      }
    }
    above = chain[up - 1].parent[above];
    const Index kt = target.columns;
    const Eigen::Map<Panel<K>> left(part.data() + first * k, k, kt);
    subtract_product<K>(own_[up].data() + above * kt * kt, kt, left, left);
    double* to = panel_[up].data() + target.panel_start[above];
    const Eigen::Map<Panel<K>> further(part.data() + (first + kt) * k, k, target.ancestor_columns);
    subtract_product<K>(to, kt, left, further);
    to += target.ancestor_columns * kt;
    for (Index cell = 0; cell < cells; ++cell) {
      const Eigen::Map<Panel<K>> one(part.data() + (level.ancestor_columns + cell) * k, k, 1);
      subtract_product<K>(to + position[cell] * kt, kt, left, one);
    }
    to += target.cells(above) * kt;
    const Eigen::Map<Panel<K>> fixed(part.data() + (level.ancestor_columns + cells) * k, k, p);
    subtract_product<K>(to, kt, left, fixed);
    first += kt;
  }
}

// From the remainder at a unit's cells, and from X.
template <int K>
void BlockedCholesky::subtract_from_root(int c, Index unit, const Eigen::Map<Panel<K>>& part) {
  const ChainLevel& level = cross_.layout().chain()[c];
  const Index k = level.columns, p = cross_.fixed_columns(), cells = level.cells(unit);
  const int* column = level.cell_column.data() + level.cell_start[unit];
  const double* cell_part = part.data() + level.ancestor_columns * k;
  const double* fixed_part = cell_part + cells * k;
  for (Index j = 0; j < cells; ++j) {
    double* to = remainder_.data() + remainder_.rows() * column[j];
    const Column<K> mine = Eigen::Map<const Column<K>>(cell_part + j * k, k);
    for (Index i = j; i < cells; ++i) {
      if constexpr (K == 1) {
        to[column[i]] -= cell_part[i] * mine[0];
      } else {
        to[column[i]] -= Eigen::Map<const Column<K>>(cell_part + i * k, k).dot(mine);
      }
    }
    for (Index x = 0; x < p; ++x) {
      remainder_fixed_(column[j], x) -=
          Eigen::Map<const Column<K>>(fixed_part + x * k, k).dot(mine);
    }
  }
  for (Index x = 0; x < p; ++x) {
    const Column<K> mine = Eigen::Map<const Column<K>>(fixed_part + x * k, k);
    for (Index y = x; y < p; ++y) {
      fixed_lower_(y, x) -= Eigen::Map<const Column<K>>(fixed_part + y * k, k).dot(mine);
    }
  }
}

template <int K>
bool BlockedCholesky::eliminate_level(int c, const Poll& poll) {
  const ChainLevel& level = cross_.layout().chain()[c];
  const Index k = level.columns, p = cross_.fixed_columns();
  const Square<K> lambda = lambda_[level.grouping];
  lower_[c].resize(level.units * k * k);
  spread_[c].resize(level.units * k * k);
  std::vector<double> buffer;
  Square<K> l(k, k), h(k, k);
  double log_det = 0.0;
  for (Index unit = 0; unit < level.units; ++unit) {
    if (poll && (unit & 0x3ff) == 0) poll();
    if (!factor_unit<K>(c, unit, lambda, l, h)) return false;
    for (Index a = 0; a < k; ++a) log_det += std::log(l(a, a));
    const Index columns = level.ancestor_columns + level.cells(unit) + p;
    if (columns == 0) continue;
    buffer.resize(columns * k);
    Eigen::Map<Panel<K>> part(buffer.data(), k, columns);
    part.noalias() = h.transpose() * Eigen::Map<const Panel<K>>(
                                         panel(c).data() + level.panel_start[unit], k, columns);
    subtract_from_ancestors<K>(c, unit, part);
    subtract_from_root<K>(c, unit, part);
  }
  log_det_random_ += 2.0 * log_det;
  return true;
}

// The lower triangle of Lambda'A~_RR Lambda for the columns of one level at `at`, k of them.
void BlockedCholesky::scale_remainder_columns(const Matrix& right, Index at) {
  const BlockLayout& layout = cross_.layout();
  const Index q = layout.remainder_columns(), base = layout.remainder_offset(), k = right.rows();
  if (k == 1) {
    remainder_.col(at).tail(q - at) *= right(0, 0);
  } else {
    auto diagonal = remainder_.block(at, at, k, k);
    const Matrix full = diagonal.selfadjointView<Eigen::Lower>();
    diagonal = full;
    const Matrix scaled = remainder_.middleCols(at, k).bottomRows(q - at) * right;
    remainder_.middleCols(at, k).bottomRows(q - at) = scaled;
  }
  for (const int g : layout.remainder()) {
    const Grouping& row_grouping = layout.groupings()[g];
    const Index kr = row_grouping.columns;
    const Index end = row_grouping.offset - base + row_grouping.levels * kr;
    if (end <= at) continue;
    const Index start = std::max(at, row_grouping.offset - base);
    for (Index a = at; a < at + k; ++a) {
      if (kr == 1) {
        remainder_.col(a).segment(start, end - start) *= lambda_[g](0, 0);
        continue;
      }
      for (Index i = start; i < end; i += kr) {
        const Vector part = lambda_[g].transpose() * remainder_.col(a).segment(i, kr);
        remainder_.col(a).segment(i, kr) = part;
      }
    }
  }
}

// C = Lambda'A~_RR Lambda + I = L L', then L_RX.
bool BlockedCholesky::factorize_remainder(const Poll& poll) {
  const BlockLayout& layout = cross_.layout();
  const Index base = layout.remainder_offset();
  if (layout.remainder_columns() == 0) return true;
  for (const int f : layout.remainder()) {
    const Grouping& grouping = layout.groupings()[f];
    const Index k = grouping.columns, start = grouping.offset - base;
    for (Index at = start; at < start + grouping.levels * k; at += k) {
      scale_remainder_columns(lambda_[f], at);
      const Matrix part = lambda_[f].transpose() * remainder_fixed_.middleRows(at, k);
      remainder_fixed_.middleRows(at, k) = part;
    }
  }
  remainder_.diagonal().array() += 1.0;
  if (!cholesky_lower(remainder_, poll)) return false;
  log_det_random_ += 2.0 * remainder_.diagonal().array().log().sum();
  if (cross_.fixed_columns() > 0) solve_lower_in_place(remainder_, remainder_fixed_, poll);
  return true;
}

}  // namespace tiers
