#include "blocked_cholesky.h"

#include <cmath>

#include "block_size.h"
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

template <int K>
bool BlockedCholesky::eliminate_level(int c, const Poll& poll) {
  const BlockLayout& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index k = level.columns, p = cross_.fixed_columns();
  const Square<K> lambda = lambda_[level.factor];
  lower_[c].resize(level.units * k * k);
  spread_[c].resize(level.units * k * k);
  std::vector<double> buffer;
  Square<K> d(k, k), h(k, k);
  double log_det = 0.0;
  double* const dense = remainder_.data();
  const Index stride = remainder_.rows();
  for (Index unit = 0; unit < level.units; ++unit) {
    if (poll && (unit & 0x3ff) == 0) poll();
    const Eigen::Map<const Square<K>> own_block(own(c).data() + unit * k * k, k, k);
    d.noalias() = lambda.transpose() * own_block.template selfadjointView<Eigen::Lower>() * lambda;
    d.diagonal().array() += 1.0;
    if (!small_cholesky<K>(d)) return false;
    for (Index a = 0; a < k; ++a) log_det += std::log(d(a, a));
    // H = Lambda l^-T, row by row of H' = l^-1 Lambda'.
    h = lambda;
    for (Index j = 0; j < k; ++j) {
      if constexpr (K != 1) {
        for (Index m = 0; m < j; ++m) h.col(j) -= h.col(m) * d(j, m);
      }
      h.col(j) /= d(j, j);
    }
    Eigen::Map<Square<K>>(lower_[c].data() + unit * k * k, k, k) = d;
    Eigen::Map<Square<K>>(spread_[c].data() + unit * k * k, k, k) = h;

    const Index cells = level.cells(unit);
    const Index columns = level.ancestor_columns + cells + p;
    if (columns == 0) continue;
    buffer.resize(columns * k);
    Eigen::Map<Panel<K>> part(buffer.data(), k, columns);
    part.noalias() = h.transpose() *
        Eigen::Map<const Panel<K>>(panel(c).data() + level.panel_start[unit], k, columns);

    // Ancestors: their own block, and their panels' ancestors, cells and X.
    Index above = unit, first = 0;
    std::vector<int> position;
    for (std::size_t up = c + 1; up < layout.chain().size(); ++up) {
      const ChainLevel& target = layout.chain()[up];
      if (cells > 0) {
        const int* in_parent = layout.chain()[up - 1].cell_in_parent.data() +
            layout.chain()[up - 1].cell_start[above];
        if (position.empty()) {
          position.assign(in_parent, in_parent + cells);
        } else {
          for (int& at : position) at = in_parent[at];
        }
      }
      above = layout.chain()[up - 1].parent[above];
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

    const int* column = level.cell_column.data() + level.cell_start[unit];
    const double* cell_part = part.data() + level.ancestor_columns * k;
    const double* fixed_part = cell_part + cells * k;
    for (Index j = 0; j < cells; ++j) {
      double* to = dense + stride * column[j];
      const Column<K> mine = Eigen::Map<const Column<K>>(cell_part + j * k, k);
      for (Index i = j; i < cells; ++i) {
        if constexpr (K == 1) {
          to[column[i]] -= cell_part[i] * mine[0];
        } else {
          to[column[i]] -= Eigen::Map<const Column<K>>(cell_part + i * k, k).dot(mine);
        }
      }
      for (Index x = 0; x < p; ++x) {
        remainder_fixed_(column[j], x) -= Eigen::Map<const Column<K>>(fixed_part + x * k, k).dot(mine);
      }
    }
    for (Index x = 0; x < p; ++x) {
      const Column<K> mine = Eigen::Map<const Column<K>>(fixed_part + x * k, k);
      for (Index y = x; y < p; ++y) {
        fixed_lower_(y, x) -= Eigen::Map<const Column<K>>(fixed_part + y * k, k).dot(mine);
      }
    }
  }
  log_det_random_ += 2.0 * log_det;
  return true;
}

// C = Lambda'A~_RR Lambda + I = L L', then L_RX.
bool BlockedCholesky::factorize_remainder(const Poll& poll) {
  const BlockLayout& layout = cross_.layout();
  const Index q = layout.remainder_columns(), base = layout.remainder_offset();
  if (q == 0) return true;
  for (const int f : layout.remainder()) {
    const Factor& column_factor = layout.factors()[f];
    const Index kc = column_factor.columns;
    const Matrix& right = lambda_[f];
    for (Index level = 0; level < column_factor.levels; ++level) {
      const Index at = column_factor.offset - base + level * kc;
      if (kc > 1) {
        auto diagonal = remainder_.block(at, at, kc, kc);
        const Matrix full = diagonal.selfadjointView<Eigen::Lower>();
        diagonal = full;
      }
      if (kc == 1) {
        remainder_.col(at).tail(q - at) *= right(0, 0);
      } else {
        const Matrix scaled = remainder_.middleCols(at, kc).bottomRows(q - at) * right;
        remainder_.middleCols(at, kc).bottomRows(q - at) = scaled;
      }
      for (const int g : layout.remainder()) {
        const Factor& row_factor = layout.factors()[g];
        const Index kr = row_factor.columns, end = row_factor.offset - base + row_factor.levels * kr;
        if (end <= at) continue;
        const Index start = std::max(at, row_factor.offset - base);
        for (Index a = 0; a < kc; ++a) {
          if (kr == 1) {
            remainder_.col(at + a).segment(start, end - start) *= lambda_[g](0, 0);
            continue;
          }
          for (Index i = start; i < end; i += kr) {
            const Vector part = lambda_[g].transpose() * remainder_.col(at + a).segment(i, kr);
            remainder_.col(at + a).segment(i, kr) = part;
          }
        }
      }
    }
    for (Index level = 0; level < column_factor.levels; ++level) {
      const Index at = column_factor.offset - base + level * kc;
      const Matrix part = right.transpose() * remainder_fixed_.middleRows(at, kc);
      remainder_fixed_.middleRows(at, kc) = part;
    }
  }
  remainder_.diagonal().array() += 1.0;
  if (!cholesky_lower(remainder_, poll)) return false;
  log_det_random_ += 2.0 * remainder_.diagonal().array().log().sum();
  if (cross_.fixed_columns() > 0) solve_lower_in_place(remainder_, remainder_fixed_, poll);
  return true;
}

}  // namespace tiers
