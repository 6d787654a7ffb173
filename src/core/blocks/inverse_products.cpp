// Traces of products of Omega^-1 with itself. With Omega = L L', tr(E_i Omega^-1 E_j Omega^-1) is
// the inner product of P_i = L^-1 E_i L^-T and P_j, and P follows the elimination: for one unit
// with own block eps of E, rest blocks pi, factor l and F = a'H (a: its panel, H = Lambda l^-T),
//   p = l^-1 eps l^-T,   rho = pi'l^-T - F p,   E_rest <- E_rest - F l^-1 pi - (.)' + F p F',
// and the unit adds tr(p_i p_j) + 2 <rho_i, Omega_rest^-1 rho_j>. What a form leaves on the levels
// above its own (the "carried" part U) is kept unscaled by their Lambda, as everywhere here.
#include "blocked_cholesky.h"
#include "selected_inverse.h"

namespace tiers {

void BlockedCholesky::start_levels(ScaledInverse& inverse) const {
  inverse.own.resize(cross_.layout().chain().size());
  inverse.panel.resize(cross_.layout().chain().size());
}

void BlockedCholesky::scale_remainder(Matrix& m, bool transposed) const {
  const BlockLayout& layout = cross_.layout();
  for (const int f : layout.remainder()) {
    const Grouping& grouping = layout.groupings()[f];
    const Index start = grouping.offset - layout.remainder_offset(), k = grouping.columns;
    if (k == 1) {
      m.middleCols(start, grouping.levels) *= lambda_[f](0, 0);
      m.middleRows(start, grouping.levels) *= lambda_[f](0, 0);
      continue;
    }
    const Matrix left = transposed ? Matrix(lambda_[f].transpose()) : lambda_[f];
    for (Index at = start; at < start + grouping.levels * k; at += k) {
      const Matrix columns = m.middleCols(at, k) * left.transpose();
      m.middleCols(at, k) = columns;
    }
    for (Index at = start; at < start + grouping.levels * k; at += k) {
      const Matrix rows = left * m.middleRows(at, k);
      m.middleRows(at, k) = rows;
    }
  }
}

// Adds a symmetric update over a unit's (ancestors, cells) to the blocks that these belong to.
void BlockedCholesky::spread_update(int c, Index unit, const Matrix& update,
                                    Carried& carried) const {
  const auto& chain = cross_.layout().chain();
  const ChainLevel& level = chain[c];
  const Index cells = level.cells(unit), ancestors = level.ancestor_columns;
  std::vector<int> position(cells);
  for (Index i = 0; i < cells; ++i) position[i] = static_cast<int>(i);
  Index above = unit, first = 0;
  for (std::size_t up = c + 1; up < chain.size(); ++up) {
    const ChainLevel& child = chain[up - 1];
    for (int& at : position) at = child.cell_in_parent[child.cell_start[above] + at];
    above = child.parent[above];
    const Index k = chain[up].columns, further = chain[up].ancestor_columns;
    carried.own[up][above] += update.block(first, first, k, k);
    Matrix& panel = carried.panel[up][above];
    panel.leftCols(further) += update.block(first, first + k, k, further);
    for (Index i = 0; i < cells; ++i)
      panel.col(further + position[i]) += update.block(first, ancestors + i, k, 1);
    first += k;
  }
  const int* column = level.cell_column.data() + level.cell_start[unit];
  for (Index j = 0; j < cells; ++j) {
    for (Index i = 0; i < cells; ++i)
      carried.dense(column[i], column[j]) += update(ancestors + i, ancestors + j);
  }
}

void BlockedCholesky::carry_form(const LevelForm& form, int own_level, Carried& carried,
                                 const Poll& poll) const {
  const BlockLayout& layout = cross_.layout();
  const auto& chain = layout.chain();
  carried.own.resize(chain.size());
  carried.panel.resize(chain.size());
  carried.dense = Matrix::Zero(layout.remainder_columns(), layout.remainder_columns());
  for (std::size_t c = own_level + 1; c < chain.size(); ++c) {
    const Index k = chain[c].columns;
    carried.own[c].assign(chain[c].units, Matrix::Zero(k, k));
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      carried.panel[c].push_back(Matrix::Zero(k, chain[c].ancestor_columns + chain[c].cells(unit)));
    }
  }
  for (int c = own_level; c < static_cast<int>(chain.size()); ++c) {
    const Index k = chain[c].columns;
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      if (poll && (unit & 0x3ff) == 0) poll();
      const Index size = chain[c].ancestor_columns + chain[c].cells(unit);
      if (size == 0) continue;
      const ConstMatrixMap l(lower_[c].data() + unit * k * k, k, k);
      const ConstMatrixMap h(spread_[c].data() + unit * k * k, k, k);
      const ConstMatrixMap a(panel(c).data() + chain[c].panel_start[unit], k, size);
      const Matrix left = h.transpose() * a;
      if (c == own_level) {
        spread_update(c, unit, left.transpose() * whiten(l, form.block) * left, carried);
        continue;
      }
      const Matrix p = h.transpose() * carried.own[c][unit] * h;
      const Matrix mixed = left.transpose() * (h.transpose() * carried.panel[c][unit]);
      spread_update(c, unit, left.transpose() * p * left - mixed - mixed.transpose(), carried);
    }
  }
}

// E Omega_RR^-1 of the remainder for one form. own_level: its level in the chain, or the depth.
// What was carried there is used up.
Matrix BlockedCholesky::remainder_form(const LevelForm& form, int own_level, Carried& carried,
                                       const Matrix& inverse, const Poll& poll) const {
  const BlockLayout& layout = cross_.layout();
  const Index q = layout.remainder_columns();
  Matrix out = Matrix::Zero(q, q);
  if (own_level < static_cast<int>(layout.chain().size())) {
    scale_remainder(carried.dense, true);
    const Matrix minus = -carried.dense;
    multiply_subtract_transposed(out, minus, inverse, poll);
    return out;
  }
  const Grouping& grouping = layout.groupings()[form.grouping];
  const Index k = grouping.columns, start = grouping.offset - layout.remainder_offset();
  for (Index at = start; at < start + grouping.levels * k; at += k) {
    out.middleRows(at, k) = form.block * inverse.middleRows(at, k);
  }
  return out;
}

// The remainder's part of the products, and W~ of it. own_level: of each form its level in the
// chain, or the depth.
void BlockedCholesky::remainder_products(const std::vector<LevelForm>& forms,
                                         const std::vector<int>& own_level,
                                         std::vector<Carried>& carried, ScaledInverse& inverse,
                                         Matrix& products, const Poll& poll) const {
  const BlockLayout& layout = cross_.layout();
  const int count = static_cast<int>(forms.size());
  const Index q = layout.remainder_columns();
  inverse_from_cholesky(remainder_, inverse.dense, poll);
  std::vector<Matrix> z(count);
  for (int i = 0; i < count; ++i) {
    z[i] = remainder_form(forms[i], own_level[i], carried[i], inverse.dense, poll);
    for (int j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (Index column = 0; column < q; ++column) {
        sum += z[i].col(column).dot(z[j].row(column).transpose());
      }
      products(i, j) = sum;
    }
  }
  scale_remainder(inverse.dense, false);
}

// Adds the units' part of one level of the chain: tr(p_i p_j) + 2 <rho_i, Omega_rest^-1 rho_j>.
void BlockedCholesky::level_products(int c, const std::vector<LevelForm>& forms,
                                     const std::vector<int>& own_level,
                                     const std::vector<Carried>& carried, ScaledInverse& inverse,
                                     Matrix& products, const Poll& poll) const {
  const ChainLevel& level = cross_.layout().chain()[c];
  const int count = static_cast<int>(forms.size());
  const Index k = level.columns;
  std::vector<Matrix> p(count), rho(count), weighted(count);
  const auto add = [&](Index unit, const Matrix&, const Matrix& inner, const Matrix& block) {
    const ConstMatrixMap l = unit_lower(c, unit), h = unit_spread(c, unit);
    const Index size = level.ancestor_columns + level.cells(unit);
    const ConstMatrixMap a(panel(c).data() + level.panel_start[unit], k, size);
    for (int i = 0; i < count; ++i) {
      if (own_level[i] > c) continue;
      const bool own_form = own_level[i] == c;
      p[i] = own_form ? whiten(l, forms[i].block)
                      : Matrix(h.transpose() * carried[i].own[c][unit] * h);
      if (c == 0) {
        // rho = -F p, and F'W F = inner - I.
        weighted[i] = inner * p[i] - p[i];
      } else {
        rho[i] = -(a.transpose() * (h * p[i]));
        if (!own_form) rho[i] += carried[i].panel[c][unit].transpose() * h;
        weighted[i] = block * rho[i];
      }
      for (int j = 0; j <= i; ++j) {
        if (own_level[j] > c) continue;
        const Matrix& other = c == 0 ? p[i] : rho[i];
        products(i, j) +=
            p[i].cwiseProduct(p[j]).sum() + 2.0 * other.cwiseProduct(weighted[j]).sum();
      }
    }
  };
  visit_level(c, inverse, add, false, poll);
}

Matrix BlockedCholesky::inverse_products(const std::vector<LevelForm>& forms,
                                         const Poll& poll) const {
  const auto& chain = cross_.layout().chain();
  const int count = static_cast<int>(forms.size()), depth = static_cast<int>(chain.size());
  std::vector<int> own_level(count, depth);  // depth: in the remainder
  std::vector<Carried> carried(count);
  for (int i = 0; i < count; ++i) {
    for (int c = 0; c < depth; ++c) {
      if (chain[c].grouping == forms[i].grouping) own_level[i] = c;
    }
    if (own_level[i] < depth) carry_form(forms[i], own_level[i], carried[i], poll);
  }

  Matrix products = Matrix::Zero(count, count);
  ScaledInverse inverse;
  if (cross_.layout().remainder_columns() > 0) {
    remainder_products(forms, own_level, carried, inverse, products, poll);
  }
  start_levels(inverse);
  for (int c = depth - 1; c >= 0; --c) {
    level_products(c, forms, own_level, carried, inverse, products, poll);
  }
  return products.selfadjointView<Eigen::Lower>();
}

}  // namespace tiers
