#include "cross_products.h"

#include <algorithm>

namespace tiers {

CrossProducts::CrossProducts(const Design& design, const BlockLayout& layout, const Poll& poll)
    : design_(design), layout_(layout) {
  const Index p = layout.fixed_columns(), remainder = layout.remainder_columns();
  for (const auto& level : layout.chain()) {
    own_.emplace_back(level.units * level.columns * level.columns, 0.0);
    panel_.emplace_back(level.panel_start.back(), 0.0);
  }
  remainder_ = Matrix::Zero(remainder, remainder);
  remainder_fixed_ = Matrix::Zero(remainder, p);
  fixed_ = Matrix::Zero(p, p);
  accumulate(poll);
}

void CrossProducts::accumulate(const Poll& poll) {
  const auto& chain = layout_.chain();
  const auto& factors = layout_.factors();
  const auto& remainder = layout_.remainder();
  const Index p = layout_.fixed_columns(), base = layout_.remainder_offset();
  const int depth = static_cast<int>(chain.size());

  // One row: z-values of every chain level and remainder factor, then x.
  std::vector<std::vector<double>> chain_z(depth), remainder_z(remainder.size());
  for (int c = 0; c < depth; ++c) chain_z[c].resize(chain[c].columns);
  for (std::size_t r = 0; r < remainder.size(); ++r) remainder_z[r].resize(factors[remainder[r]].columns);
  std::vector<Index> unit(depth), first(remainder.size());
  Vector x(p);
  constexpr Index kChunk = 256;
  Matrix chunk(p, kChunk);  // rows wait here for one rank update of X'WX
  Index waiting = 0;
  auto flush = [&] {
    if (waiting > 0) fixed_.selfadjointView<Eigen::Lower>().rankUpdate(chunk.leftCols(waiting));
    waiting = 0;
  };

  Index done = 0;
  for (const int row : layout_.row_order()) {
    if (poll && (++done & 0xfff) == 0) poll();
    const double w = design_.weight(row);
    if (!(w > 0.0)) continue;
    design_.fixed_row(row, x.data());
    chunk.col(waiting++) = std::sqrt(w) * x;
    if (waiting == kChunk) flush();
    for (int c = 0; c < depth; ++c) {
      unit[c] = factors[chain[c].factor].codes[row] - 1;
      factor_row(design_, factors[chain[c].factor], row, chain_z[c].data());
    }
    for (std::size_t r = 0; r < remainder.size(); ++r) {
      const Factor& factor = factors[remainder[r]];
      first[r] = factor.offset + (factor.codes[row] - 1) * factor.columns - base;
      factor_row(design_, factor, row, remainder_z[r].data());
    }
    for (int c = 0; c < depth; ++c) {
      const ChainLevel& level = chain[c];
      const Index k = level.columns;
      double* own = own_[c].data() + unit[c] * k * k;
      double* panel = panel_[c].data() + level.panel_start[unit[c]];
      double* z = chain_z[c].data();
      for (Index a = 0; a < k; ++a) {
        const double wz = w * z[a];
        for (Index b = 0; b < k; ++b) own[a * k + b] += wz * z[b];
      }
      for (int up = c + 1; up < depth; ++up) {
        for (const double above : chain_z[up]) {
          const double wz = w * above;
          for (Index a = 0; a < k; ++a) panel[a] += wz * z[a];
          panel += k;
        }
      }
      if (!remainder.empty()) {
        const int* cells = level.cell_column.data() + level.cell_start[unit[c]];
        const Index count = level.cells(unit[c]);
        for (std::size_t r = 0; r < remainder.size(); ++r) {
          const Index at = std::lower_bound(cells, cells + count, static_cast<int>(first[r])) - cells;
          double* block = panel + at * k;
          for (const double other : remainder_z[r]) {
            const double wz = w * other;
            for (Index a = 0; a < k; ++a) block[a] += wz * z[a];
            block += k;
          }
        }
        panel += count * k;
      }
      for (Index j = 0; j < p; ++j) {
        const double wx = w * x[j];
        for (Index a = 0; a < k; ++a) panel[a] += wx * z[a];
        panel += k;
      }
    }
    for (std::size_t r = 0; r < remainder.size(); ++r) {
      const Index k = static_cast<Index>(remainder_z[r].size());
      for (Index a = 0; a < k; ++a) {
        const double wz = w * remainder_z[r][a];
        const Index i = first[r] + a;
        for (Index b = 0; b <= a; ++b) remainder_(i, first[r] + b) += wz * remainder_z[r][b];
        for (std::size_t other = 0; other < r; ++other) {
          for (std::size_t b = 0; b < remainder_z[other].size(); ++b) {
            remainder_(i, first[other] + static_cast<Index>(b)) += wz * remainder_z[other][b];
          }
        }
        for (Index j = 0; j < p; ++j) remainder_fixed_(i, j) += wz * x[j];
      }
    }
  }
  flush();
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
    for (const auto& factor : layout_.factors()) {
      z.resize(factor.columns);
      factor_row(design_, factor, row, z.data());
      double* to = random_response_.data() + factor.offset + (factor.codes[row] - 1) * factor.columns;
      for (Index a = 0; a < factor.columns; ++a) to[a] += wr * z[a];
    }
  }
}

void CrossProducts::multiply(const Matrix& w, Matrix& random, Matrix& fixed) const {
  const auto& chain = layout_.chain();
  const Index p = layout_.fixed_columns();
  random = Matrix::Zero(w.rows(), w.cols());
  fixed = Matrix::Zero(p, w.cols());
  for (Index column = 0; column < w.cols(); ++column) {
    const double* from = w.col(column).data();
    double* to = random.col(column).data();
    double* to_fixed = fixed.col(column).data();
    for (std::size_t c = 0; c < chain.size(); ++c) {
      const ChainLevel& level = chain[c];
      const Index k = level.columns, offset = layout_.factors()[level.factor].offset;
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

Matrix CrossProducts::remainder_own(int factor, Index level) const {
  const Factor& f = layout_.factors()[factor];
  const Index at = f.offset - layout_.remainder_offset() + level * f.columns;
  return remainder_.block(at, at, f.columns, f.columns).selfadjointView<Eigen::Lower>();
}

Matrix CrossProducts::mean_own(int factor) const {
  const Factor& f = layout_.factors()[factor];
  Matrix sum = Matrix::Zero(f.columns, f.columns);
  for (std::size_t c = 0; c < layout_.chain().size(); ++c) {
    if (layout_.chain()[c].factor != factor) continue;
    for (Index unit = 0; unit < f.levels; ++unit) {
      sum += ConstMatrixMap(own_[c].data() + unit * f.columns * f.columns, f.columns, f.columns);
    }
    return sum / static_cast<double>(f.levels);
  }
  for (Index level = 0; level < f.levels; ++level) sum += remainder_own(factor, level);
  return sum / static_cast<double>(f.levels);
}

}  // namespace tiers
