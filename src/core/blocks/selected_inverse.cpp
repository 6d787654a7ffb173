// Diagonal blocks of Omega^-1, Omega = Lambda'A_ZZ Lambda + I, from the factor: the Takahashi
// recursion for BlockLayout, root to leaf. With W~ = Lambda Omega^-1 Lambda' between a unit's
// ancestors and cells and a its panel, Q = a W~ a' (k x k):
//   (Omega^-1)_uu = l^-T (I + H'QH) l^-1,   W~_uu = H (I + H'QH) H',   W~_.u = -W~ a' H H'.
// Only entries on the pattern of the factor are ever formed.
#include "selected_inverse.h"

#include "dense_kernels.h"

namespace tiers {

// W~ over (ancestors, cells) of one unit, assembled from the levels above.
void BlockedCholesky::gather_inverse(const ScaledInverse& inverse, int c, Index unit,
                                     Matrix& block) const {
  const BlockLayout& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index cells = level.cells(unit), size = level.ancestor_columns + cells;
  block.resize(size, size);
  const int* column = level.cell_column.data() + level.cell_start[unit];
  for (Index j = 0; j < cells; ++j) {
    for (Index i = 0; i < cells; ++i) {
      block(level.ancestor_columns + i, level.ancestor_columns + j) =
          inverse.dense(column[i], column[j]);
    }
  }
  Index above = unit, first = 0;
  std::vector<int> position(cells);
  for (Index i = 0; i < cells; ++i) position[i] = static_cast<int>(i);
  for (std::size_t up = c + 1; up < layout.chain().size(); ++up) {
    const ChainLevel& child = layout.chain()[up - 1];
    for (Index i = 0; i < cells; ++i)
      position[i] = child.cell_in_parent[child.cell_start[above] + position[i]];
    above = child.parent[above];
    const ChainLevel& target = layout.chain()[up];
    const Matrix& panel = inverse.panel[up][above];  // (further ancestors + its cells) x k
    block.block(first, first, target.columns, target.columns) = inverse.own[up][above];
    const Index next = first + target.columns;
    block.block(next, first, target.ancestor_columns, target.columns) =
        panel.topRows(target.ancestor_columns);
    for (Index i = 0; i < cells; ++i) {
      block.row(level.ancestor_columns + i).segment(first, target.columns) =
          panel.row(target.ancestor_columns + position[i]);
    }
    const Matrix below = block.block(next, first, size - next, target.columns);
    block.block(first, next, target.columns, size - next) = below.transpose();
    first = next;
  }
}

void BlockedCholesky::visit_level(int c, ScaledInverse& inverse, const LevelVisitor& visit,
                                  bool leaf_block, const Poll& poll) const {
  const BlockLayout& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index k = level.columns;
  if (c > 0) {
    inverse.own[c].resize(level.units);
    inverse.panel[c].resize(level.units);
  }
  Matrix block, quadratic(k, k), inner(k, k), result(k, k);
  const Matrix no_block;
  for (Index unit = 0; unit < level.units; ++unit) {
    if (poll && (unit & 0x3ff) == 0) poll();
    const ConstMatrixMap l(lower_[c].data() + unit * k * k, k, k);
    const ConstMatrixMap h(spread_[c].data() + unit * k * k, k, k);
    const Index cells = level.cells(unit), size = level.ancestor_columns + cells;
    const ConstMatrixMap a(panel(c).data() + level.panel_start[unit], k, size);
    if (size == 0) {
      quadratic.setZero();
      block.resize(0, 0);
    } else if (c == 0 && !leaf_block && k == 1 && level.ancestor_columns == 0) {
      // The common large case: one intercept per unit, straight from the dense inverse.
      const int* column = level.cell_column.data() + level.cell_start[unit];
      double sum = 0.0;
      for (Index j = 0; j < cells; ++j) {
        const double* from = inverse.dense.data() + inverse.dense.rows() * column[j];
        double part = 0.5 * a(0, j) * from[column[j]];
        for (Index i = j + 1; i < cells; ++i) part += a(0, i) * from[column[i]];
        sum += a(0, j) * part;
      }
      quadratic(0, 0) = 2.0 * sum;
    } else {
      gather_inverse(inverse, c, unit, block);
      if (c > 0) {
        const Matrix product = block * a.transpose();  // size x k
        quadratic.noalias() = a * product;
        inverse.panel[c][unit] = -product * (h * h.transpose());
      } else {
        quadratic.noalias() = a * (block * a.transpose());
      }
    }
    inner.noalias() = h.transpose() * quadratic * h;
    inner.diagonal().array() += 1.0;
    if (c > 0) {
      inverse.own[c][unit] = h * inner * h.transpose();
      if (size == 0) inverse.panel[c][unit] = Matrix(0, k);
    }
    result = lower_transposed_solution(l, lower_transposed_solution(l, inner).transpose());
    visit(unit, result, inner, c > 0 || leaf_block ? block : no_block);
  }
}

void BlockedCholesky::visit_inverse_blocks(const BlockVisitor& visit, const LocalVisitor& local,
                                           const Poll& poll) const {
  const BlockLayout& layout = cross_.layout();
  const Index base = layout.remainder_offset();
  ScaledInverse inverse;
  if (layout.remainder_columns() > 0) {
    inverse_from_cholesky(remainder_, inverse.dense, poll);
    for (const int f : layout.remainder()) {
      const Grouping& grouping = layout.groupings()[f];
      for (Index level = 0; level < grouping.levels; ++level) {
        const Index at = grouping.offset - base + level * grouping.columns;
        visit(f, level, inverse.dense.block(at, at, grouping.columns, grouping.columns));
      }
    }
    scale_remainder(inverse.dense, false);
  }
  start_levels(inverse);
  Matrix scaled;
  for (int c = static_cast<int>(layout.chain().size()) - 1; c >= 0; --c) {
    const int f = layout.chain()[c].grouping;
    const Index k = layout.chain()[c].columns;
    visit_level(
        c, inverse,
        [&](Index unit, const Matrix& result, const Matrix& inner, const Matrix& block) {
          visit(f, unit, result);
          if (c > 0 || !local) return;
          const ConstMatrixMap h(spread_[0].data() + unit * k * k, k, k);
          const ConstMatrixMap a(panel(0).data() + layout.chain()[0].panel_start[unit], k,
                                 block.rows());
          scaled.resize(k + block.rows(), k + block.rows());
          scaled.topLeftCorner(k, k).noalias() = h * inner * h.transpose();
          if (block.rows() > 0) {
            scaled.bottomLeftCorner(block.rows(), k).noalias() =
                -(block * a.transpose()) * (h * h.transpose());
            scaled.topRightCorner(k, block.rows()) =
                scaled.bottomLeftCorner(block.rows(), k).transpose();
            scaled.bottomRightCorner(block.rows(), block.rows()) = block;
          }
          local(unit, scaled);
        },
        local != nullptr, poll);
  }
}

}  // namespace tiers
