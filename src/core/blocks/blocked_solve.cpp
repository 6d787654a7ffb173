// Solves with the factor: forward and backward over the chain's units and the dense remainder.
#include "block_size.h"
#include "blocked_cholesky.h"
#include "dense_kernels.h"
#include "level_blocks.h"

namespace tiers {

Matrix BlockedCholesky::apply_lambda(const Matrix& u, bool transposed) const {
  return apply_lambdas(cross_.layout(), lambda_, u, transposed);
}

// `shed` gathers A~ H c of the units already solved, per coordinate above them, unscaled.
template <int K>
void BlockedCholesky::forward_level(int c, Matrix& random, Matrix& shed, Matrix& shed_fixed) const {
  const BlockLayout& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index k = level.columns, p = shed_fixed.rows();
  const Index offset = layout.groupings()[level.grouping].offset;
  const Square<K> lambda = lambda_[level.grouping];
  for (Index column = 0; column < random.cols(); ++column) {
    double* values = random.col(column).data();
    double* out = shed.col(column).data();
    double* out_fixed = shed_fixed.col(column).data();
    for (Index unit = 0; unit < level.units; ++unit) {
      const Eigen::Map<const Square<K>> l(lower_[c].data() + unit * k * k, k, k);
      const Eigen::Map<const Square<K>> h(spread_[c].data() + unit * k * k, k, k);
      Eigen::Map<Column<K>> mine(values + offset + unit * k, k);
      if (c > 0)
        mine -= lambda.transpose() * Eigen::Map<const Column<K>>(out + offset + unit * k, k);
      for (Index a = 0; a < k; ++a) {
        for (Index b = 0; b < a; ++b) mine[a] -= l(a, b) * mine[b];
        mine[a] /= l(a, a);
      }
      const Column<K> spread = h * mine;
      const double* panel_at = panel(c).data() + level.panel_start[unit];
      auto give = [&](double& to) {
        to += Eigen::Map<const Column<K>>(panel_at, k).dot(spread);
        panel_at += k;
      };
      layout.visit_coordinates(c, unit, [&](Index at) { give(out[at]); });
      for (Index j = 0; j < p; ++j) give(out_fixed[j]);
    }
  }
}

void BlockedCholesky::solve_forward(Matrix& random, Matrix& fixed) const {
  const BlockLayout& layout = cross_.layout();
  Matrix shed = Matrix::Zero(random.rows(), random.cols());
  Matrix shed_fixed = Matrix::Zero(fixed.rows(), fixed.cols());
  for (int c = 0; c < static_cast<int>(layout.chain().size()); ++c) {
    with_block_size(layout.chain()[c].columns, [&](auto size) {
      forward_level<decltype(size)::value>(c, random, shed, shed_fixed);
      return true;
    });
  }
  const Index q = layout.remainder_columns();
  fixed -= shed_fixed;
  if (q > 0) {
    Matrix dense = random.bottomRows(q) - apply_lambda(shed, true).bottomRows(q);
    solve_lower_in_place(remainder_, dense);
    random.bottomRows(q) = dense;
    if (fixed.rows() > 0) fixed.noalias() -= remainder_fixed_.transpose() * dense;
  }
  if (fixed.rows() > 0) solve_lower_in_place(fixed_lower_, fixed);
}

// `scaled` holds b = Lambda u of everything above; fixed holds beta.
template <int K>
void BlockedCholesky::backward_level(int c, Matrix& random, Matrix& scaled,
                                     const Matrix& fixed) const {
  const BlockLayout& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index k = level.columns, p = fixed.rows();
  const Index offset = layout.groupings()[level.grouping].offset;
  const Square<K> lambda = lambda_[level.grouping];
  Column<K> sum(k);
  for (Index column = 0; column < random.cols(); ++column) {
    double* values = random.col(column).data();
    double* b = scaled.col(column).data();
    for (Index unit = 0; unit < level.units; ++unit) {
      const Eigen::Map<const Square<K>> l(lower_[c].data() + unit * k * k, k, k);
      const Eigen::Map<const Square<K>> h(spread_[c].data() + unit * k * k, k, k);
      const double* panel_at = panel(c).data() + level.panel_start[unit];
      sum.setZero();
      auto take = [&](double value) {
        sum += value * Eigen::Map<const Column<K>>(panel_at, k);
        panel_at += k;
      };
      layout.visit_coordinates(c, unit, [&](Index at) { take(b[at]); });
      for (Index j = 0; j < p; ++j) take(fixed(j, column));
      Eigen::Map<Column<K>> mine(values + offset + unit * k, k);
      mine -= h.transpose() * sum;
      for (Index a = k - 1; a >= 0; --a) {
        for (Index m = a + 1; m < k; ++m) mine[a] -= l(m, a) * mine[m];
        mine[a] /= l(a, a);
      }
      Eigen::Map<Column<K>>(b + offset + unit * k, k) = lambda * mine;
    }
  }
}

void BlockedCholesky::solve_backward(Matrix& random, Matrix& fixed) const {
  const BlockLayout& layout = cross_.layout();
  if (fixed.rows() > 0) solve_lower_transposed_in_place(fixed_lower_, fixed);
  Matrix scaled = Matrix::Zero(random.rows(), random.cols());
  const Index q = layout.remainder_columns();
  if (q > 0) {
    Matrix dense = random.bottomRows(q);
    if (fixed.rows() > 0) dense.noalias() -= remainder_fixed_ * fixed;
    solve_lower_transposed_in_place(remainder_, dense);
    random.bottomRows(q) = dense;
    for (const int f : layout.remainder()) {
      const Grouping& grouping = layout.groupings()[f];
      for (Index level = 0; level < grouping.levels; ++level) {
        const Index at = grouping.offset + level * grouping.columns;
        scaled.middleRows(at, grouping.columns) =
            lambda_[f] * random.middleRows(at, grouping.columns);
      }
    }
  }
  for (int c = static_cast<int>(layout.chain().size()) - 1; c >= 0; --c) {
    with_block_size(layout.chain()[c].columns, [&](auto size) {
      backward_level<decltype(size)::value>(c, random, scaled, fixed);
      return true;
    });
  }
}

std::vector<Matrix> BlockedCholesky::inverse_sums(const Poll& poll) const {
  std::vector<Matrix> out = zero_blocks(cross_.layout());
  visit_inverse_blocks(
      [&](int f, Index, const Eigen::Ref<const Matrix>& block) { out[f] += block; }, nullptr, poll);
  return out;
}

// B solves Omega B = Lambda'Z'X: the right-hand sides are the X columns of the panels, so a
// backward pass with c = 0 and "beta" = -I gives it: l^-T H'(a_X - ...) and L_C^-T L_RX.
Matrix BlockedCholesky::fixed_projection() const {
  const BlockLayout& layout = cross_.layout();
  const Index p = layout.fixed_columns(), q = layout.remainder_columns();
  Matrix random = Matrix::Zero(layout.random_columns(), p);
  Matrix scaled = Matrix::Zero(layout.random_columns(), p);
  const Matrix minus_identity = -Matrix::Identity(p, p);
  if (q > 0) {
    Matrix dense = remainder_fixed_;
    solve_lower_transposed_in_place(remainder_, dense);
    random.bottomRows(q) = dense;
    scaled.bottomRows(q) = apply_lambda(random, false).bottomRows(q);
  }
  for (int c = static_cast<int>(layout.chain().size()) - 1; c >= 0; --c) {
    with_block_size(layout.chain()[c].columns, [&](auto size) {
      backward_level<decltype(size)::value>(c, random, scaled, minus_identity);
      return true;
    });
  }
  return random;
}

}  // namespace tiers
