#include "variance_gram.h"

#include <algorithm>

#include "../model/dense_algebra.h"

namespace tiers {

VarianceGram::VarianceGram(const CrossProducts& cross,
                           const std::vector<VarianceDirection>& directions, bool projected,
                           const Poll& poll)
    : cross_(cross), poll_(poll), by_grouping_(cross.layout().groupings().size()) {
  find_entries(directions);
  double largest = 0.0;
  for (std::size_t f = 0; f < by_grouping_.size(); ++f) {
    largest = std::max(largest, cross.mean_own(static_cast<int>(f)).diagonal().maxCoeff());
  }
  if (largest > 0.0) scale_ = 1.0 / largest;
  if (projected && cross.fixed_columns() > 0) project();
  gram_ = Matrix::Zero(size(), size());
  whole_ = Vector::Zero(size());
  accumulate();
}

void VarianceGram::find_entries(const std::vector<VarianceDirection>& directions) {
  const auto& groupings = cross_.layout().groupings();
  const auto& terms = cross_.design().specification().terms;
  std::vector<Matrix> moved;
  for (const RandomTerm& term : terms) moved.push_back(Matrix::Zero(term.columns, term.columns));
  for (const VarianceDirection& one : directions) {
    for (std::size_t j = 0; j < terms.size(); ++j) moved[j] += one.sigma[j].cwiseAbs();
    residual_ = residual_ || one.residual != 0.0;
  }
  std::vector<Index> first(terms.size());
  std::vector<std::size_t> grouping_of_term(terms.size());
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    for (std::size_t t = 0; t < groupings[f].terms.size(); ++t) {
      first[groupings[f].terms[t]] = groupings[f].first_column[t];
      grouping_of_term[groupings[f].terms[t]] = f;
    }
  }
  for (std::size_t j = 0; j < terms.size(); ++j) {
    for (Index b = 0; b < moved[j].cols(); ++b) {
      for (Index a = b; a < moved[j].rows(); ++a) {
        if (!(moved[j](a, b) > 0.0)) continue;
        by_grouping_[grouping_of_term[j]].push_back(residual_at());
        entries_.push_back({static_cast<int>(j), a, b, first[j] + a, first[j] + b});
      }
    }
  }
  tangent_ = Matrix::Zero(size(), static_cast<Index>(directions.size()));
  for (Index c = 0; c < tangent_.cols(); ++c) {
    for (Index e = 0; e < residual_at(); ++e) {
      const VarianceEntry& at = entries_[e];
      tangent_(e, c) = directions[c].sigma[at.term](at.row, at.column);
    }
    if (residual_) tangent_(residual_at(), c) = directions[c].residual;
  }
}

// Q = W^1/2 X R^-1 with R'R = X'WX, so that Q'Z = R^-T X'WZ.
void VarianceGram::project() {
  const CholeskyFactor factor(cross_.fixed());
  if (!factor.positive_definite()) return;
  fixed_ = cross_.cross_fixed().transpose();
  solve_lower(factor.lower(), fixed_);
}

// tr(F_e B F_h B') for F = e_a e_b' + e_b e_a' (a != b) or e_a e_a', B = A_lm, less twice
// tr(F_e B F_h K'). at_f, at_g: first coordinates of the levels.
template <class Block>
void VarianceGram::add(int f, Index at_f, int g, Index at_g, const Block& block) {
  for (const Index e : by_grouping_[f]) {
    const VarianceEntry& p = entries_[e];
    for (const Index h : by_grouping_[g]) {
      if (f == g && h < e) continue;
      const VarianceEntry& r = entries_[h];
      const double share = (p.row == p.column ? 0.5 : 1.0) * (r.row == r.column ? 1.0 : 2.0);
      const double rr = scale_ * block(p.at_row, r.at_row),
                   rc = scale_ * block(p.at_row, r.at_column),
                   cr = scale_ * block(p.at_column, r.at_row),
                   cc = scale_ * block(p.at_column, r.at_column);
      const double trace = rr * cc + rc * cr;
      if (e == h) whole_[e] += share * trace;
      gram_(h, e) += share * trace;
      if (fixed_.size() == 0) continue;
      const auto k = [&](Index a, Index b) {
        return scale_ * fixed_.col(at_f + a).dot(fixed_.col(at_g + b));
      };
      if (p.row == p.column && r.row == r.column) {
        gram_(h, e) -= share * 4.0 * rr * k(p.at_row, r.at_row);
        continue;
      }
      gram_(h, e) -= share * (rr * k(p.at_column, r.at_column) + cc * k(p.at_row, r.at_row) +
                              rc * k(p.at_column, r.at_row) + cr * k(p.at_row, r.at_column));
    }
  }
}

template <class Block>
void VarianceGram::add_own(int f, Index level, const Block& block) {
  const Index at = cross_.layout().coordinate(f, level);
  add(f, at, f, at, block);
  if (!residual_) return;
  for (const Index e : by_grouping_[f]) {
    const VarianceEntry& p = entries_[e];
    double trace = block(p.at_row, p.at_column);
    if (fixed_.size() > 0) trace -= fixed_.col(at + p.at_row).dot(fixed_.col(at + p.at_column));
    gram_(residual_at(), e) += (p.row == p.column ? 1.0 : 2.0) * scale_ * trace;
  }
}

void VarianceGram::accumulate() {
  for (std::size_t c = 0; c < cross_.layout().chain().size(); ++c) add_chain(static_cast<int>(c));
  if (!cross_.layout().remainder().empty()) add_remainder();
  if (residual_) {
    whole_[residual_at()] = static_cast<double>(cross_.design().used_rows());
    gram_(residual_at(), residual_at()) =
        whole_[residual_at()] - static_cast<double>(fixed_.rows());
  }
  // Entries of two groupings stand in either triangle.
  for (Index e = 0; e < size(); ++e) {
    for (Index h = 0; h < e; ++h) {
      const double value = gram_(e, h) != 0.0 ? gram_(e, h) : gram_(h, e);
      gram_(e, h) = gram_(h, e) = value;
    }
  }
  if (fixed_.size() > 0) add_fixed_part();
}

// tr(Q'V_e Q Q'V_h Q); Q'V_e Q is the sum of (Q'Z_l) F_e (Q'Z_l)'.
void VarianceGram::add_fixed_part() {
  const Index p = fixed_.rows();
  std::vector<Matrix> inside;
  for (const VarianceEntry& entry : entries_) {
    const auto& groupings = cross_.layout().groupings();
    const auto grouping = std::find_if(groupings.begin(), groupings.end(), [&](const Grouping& f) {
      return std::find(f.terms.begin(), f.terms.end(), entry.term) != f.terms.end();
    });
    using Column = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
    const auto column = [&](Index a) {
      return Column(fixed_.data() + p * (grouping->offset + a), p, grouping->levels,
                    Eigen::OuterStride<>(p * grouping->columns));
    };
    Matrix product = column(entry.at_row) * column(entry.at_column).transpose();
    if (entry.row != entry.column) product += Matrix(product.transpose());
    inside.push_back(scale_ * product);
    if (poll_) poll_();
  }
  for (Index e = 0; e < residual_at(); ++e) {
    for (Index h = 0; h < residual_at(); ++h)
      gram_(e, h) += inside[e].cwiseProduct(inside[h]).sum();
  }
}

void VarianceGram::add_chain(int c) {
  const auto& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index k = level.columns;
  // The grouping of the remainder of each of its columns.
  std::vector<int> grouping_of(layout.remainder_columns());
  for (const int f : layout.remainder()) {
    const Grouping& grouping = layout.groupings()[f];
    const Index first = grouping.offset - layout.remainder_offset();
    std::fill_n(grouping_of.begin() + first, grouping.columns * grouping.levels, f);
  }
  for (Index unit = 0; unit < level.units; ++unit) {
    if (poll_) poll_();
    add_own(level.grouping, unit, ConstMatrixMap(cross_.own(c).data() + unit * k * k, k, k));
    const Index at = layout.coordinate(level.grouping, unit);
    const double* panel = cross_.panel(c).data() + level.panel_start[unit];
    Index above = unit;
    for (std::size_t up = c + 1; up < layout.chain().size(); ++up) {
      const ChainLevel& upper = layout.chain()[up];
      above = layout.chain()[up - 1].parent[above];
      add(level.grouping, at, upper.grouping, layout.coordinate(upper.grouping, above),
          ConstMatrixMap(panel, k, upper.columns));
      panel += k * upper.columns;
    }
    for (auto cell = level.cell_start[unit]; cell < level.cell_start[unit + 1];) {
      const Index column = level.cell_column[cell];
      const int f = grouping_of[column];
      const Index columns = layout.groupings()[f].columns;
      add(level.grouping, at, f, layout.remainder_offset() + column,
          ConstMatrixMap(panel, k, columns));
      panel += k * columns;
      cell += columns;
    }
  }
}

void VarianceGram::add_remainder() {
  const auto& layout = cross_.layout();
  const auto& remainder = layout.remainder();
  for (std::size_t i = 0; i < remainder.size(); ++i) {
    const Grouping& grouping = layout.groupings()[remainder[i]];
    for (Index level = 0; level < grouping.levels; ++level) {
      if (poll_) poll_();
      add_own(remainder[i], level, cross_.remainder_own(remainder[i], level));
    }
    const Index from = grouping.offset - layout.remainder_offset();
    for (std::size_t h = 0; h < i; ++h) {
      const Grouping& other = layout.groupings()[remainder[h]];
      const Index to = other.offset - layout.remainder_offset();
      const bool below = from > to;
      for (Index a = 0; a < grouping.levels; ++a) {
        if (poll_) poll_();
        for (Index b = 0; b < other.levels; ++b) {
          const Index row = from + a * grouping.columns, column = to + b * other.columns;
          const Matrix block =
              below ? Matrix(cross_.remainder().block(row, column, grouping.columns, other.columns))
                    : Matrix(cross_.remainder()
                                 .block(column, row, other.columns, grouping.columns)
                                 .transpose());
          if (!block.isZero(0.0)) {
            add(remainder[i], layout.remainder_offset() + row, remainder[h],
                layout.remainder_offset() + column, block);
          }
        }
      }
    }
  }
}

}  // namespace tiers
