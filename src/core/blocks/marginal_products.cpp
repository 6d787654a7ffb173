// tr(V^-1 V_i V^-1 V_j) is minus the second derivative of log|V| along E_i and E_j, and log|V| is
// the sum of log|I + alpha G| over the elimination, in which what is above a unit loses a'S a. With
// e the own block of E, d the derivative of alpha and g that of a:
//   dS = C'e C - S d S,   dC = -(C d S + m e C),   dA~_rest = -(g'S a + a'S g + a'dS a),
//   -d2 log|I + alpha G| = tr(d_i S d_j S) + tr(e_i m e_j m) - tr(d_i C'e_j C) - tr(e_i C d_j C'),
// and the second derivative of A~_rest counts through W~, the derivative of log|V| by it.
#include "marginal_products.h"

#include "../model/dense_algebra.h"
#include "selected_inverse.h"

namespace tiers {

namespace {

// Above it a grouping's own Lambda is not divided by.
constexpr double kWorstCondition = 1e5;

bool well_conditioned(const Matrix& lambda) {
  const Vector diagonal = lambda.diagonal().cwiseAbs();
  return diagonal.minCoeff() * kWorstCondition > lambda.cwiseAbs().maxCoeff();
}

double trace_of_product(const Matrix& a, const Matrix& b) {
  return a.cwiseProduct(b.transpose()).sum();
}

}  // namespace

MarginalProducts::MarginalProducts(const CrossProducts& cross, const BlockedCholesky& factor,
                                   const Poll& poll)
    : cross_(cross), factor_(factor), layout_(cross.layout()), poll_(poll) {
  shrink_units();
  if (layout_.remainder_columns() > 0) shrink_remainder();
}

// k x (ancestors, cells)
Eigen::Map<const Matrix> MarginalProducts::panel(int c, Index unit) const {
  const ChainLevel& level = layout_.chain()[c];
  return Eigen::Map<const Matrix>(factor_.panel(c).data() + level.panel_start[unit], level.columns,
                                  level.ancestor_columns + level.cells(unit));
}

Matrix MarginalProducts::alpha(int c, Index unit) const {
  const Index k = layout_.chain()[c].columns;
  return ConstMatrixMap(factor_.own(c).data() + unit * k * k, k, k).selfadjointView<Eigen::Lower>();
}

ConstMatrixMap MarginalProducts::shrink(int c, Index unit) const {
  const Index k = layout_.chain()[c].columns;
  return ConstMatrixMap(shrink_[c].data() + unit * k * k, k, k);
}

void MarginalProducts::shrink_units() {
  const auto& chain = layout_.chain();
  shrink_.resize(chain.size());
  for (std::size_t c = 0; c < chain.size(); ++c) {
    const Index k = chain[c].columns;
    const Matrix& lambda = factor_.lambda_[chain[c].grouping];
    const Matrix g = lambda * lambda.transpose();
    shrink_[c].resize(chain[c].units * k * k);
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      const Matrix sum = Matrix::Identity(k, k) + alpha(static_cast<int>(c), unit) * g;
      Eigen::Map<Matrix>(shrink_[c].data() + unit * k * k, k, k) = inverse(sum);
    }
  }
}

void MarginalProducts::shrink_remainder() {
  const auto& chain = layout_.chain();
  dense_ = cross_.remainder().selfadjointView<Eigen::Lower>();
  for (std::size_t c = 0; c < chain.size(); ++c) {
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      if (poll_ && (unit & 0x3ff) == 0) poll_();
      const Index cells = chain[c].cells(unit);
      if (cells == 0) continue;
      const Matrix half = factor_.unit_spread(static_cast<int>(c), unit).transpose() *
                          panel(static_cast<int>(c), unit).rightCols(cells);
      const int* column = chain[c].cell_column.data() + chain[c].cell_start[unit];
      for (Index j = 0; j < cells; ++j) {
        for (Index i = 0; i < cells; ++i)
          dense_(column[i], column[j]) -= half.col(i).dot(half.col(j));
      }
    }
  }
  inverse_from_cholesky(factor_.remainder_, dense_inverse_, poll_);
  factor_.scale_remainder(dense_inverse_, false);
  // C = I - A~W~, where G can be divided by it is G^-1 W~, which does not cancel.
  const Index q = dense_.rows();
  dense_shrink_ = Matrix::Identity(q, q);
  multiply_subtract_transposed(dense_shrink_, dense_, dense_inverse_, poll_);
  for (const int f : layout_.remainder()) {
    const Matrix& lambda = factor_.lambda_[f];
    if (!well_conditioned(lambda)) continue;
    const Grouping& own = layout_.groupings()[f];
    const Index k = own.columns, start = own.offset - layout_.remainder_offset();
    for (Index at = start; at < start + own.levels * k; at += k) {
      Matrix rows = dense_inverse_.middleRows(at, k);
      solve_lower(lambda, rows);
      solve_lower_transposed(lambda, rows);
      dense_shrink_.middleRows(at, k) = rows;
    }
  }
}

Matrix MarginalProducts::apply(Matrix t) const {
  const auto& chain = layout_.chain();
  const Index q = layout_.remainder_columns();
  for (std::size_t c = 0; c < chain.size(); ++c) {
    const Index k = chain[c].columns, offset = layout_.groupings()[chain[c].grouping].offset;
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      const int level = static_cast<int>(c);
      const ConstMatrixMap h = factor_.unit_spread(level, unit);
      const Matrix given = panel(level, unit).transpose() *
                           (h * (h.transpose() * t.middleRows(offset + unit * k, k)));
      Index i = 0;
      layout_.visit_coordinates(level, unit, [&](Index at) { t.row(at) -= given.row(i++); });
    }
  }
  Matrix out(t.rows(), t.cols()), b(t.rows(), t.cols());  // Z'V^-1 x and G Z'V^-1 x
  if (q > 0) {
    out.bottomRows(q) = dense_shrink_ * t.bottomRows(q);
    b.bottomRows(q) = dense_inverse_ * t.bottomRows(q);
  }
  Matrix above;
  for (int c = static_cast<int>(chain.size()) - 1; c >= 0; --c) {
    const Index k = chain[c].columns, offset = layout_.groupings()[chain[c].grouping].offset;
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      const auto a = panel(c, unit);
      above.resize(a.cols(), t.cols());
      Index i = 0;
      layout_.visit_coordinates(c, unit, [&](Index at) { above.row(i++) = b.row(at); });
      const Matrix left = t.middleRows(offset + unit * k, k) - a * above;
      const ConstMatrixMap h = factor_.unit_spread(c, unit);
      out.middleRows(offset + unit * k, k) = shrink(c, unit) * left;
      b.middleRows(offset + unit * k, k) = h * (h.transpose() * left);
    }
  }
  return out;
}

Matrix MarginalProducts::multiply(const Matrix& w) const {
  Matrix random, fixed;
  cross_.multiply(w, random, fixed);
  return apply(random);
}

MarginalProducts::Own MarginalProducts::own_level(Index level) const {
  const Matrix rest = shrink(0, level);
  return {rest, rest * alpha(0, level)};
}

Matrix MarginalProducts::spread(const Form& form, const Matrix& w) const {
  const Grouping& own = layout_.groupings()[form.grouping];
  Matrix out = Matrix::Zero(w.rows(), w.cols());
  for (Index x = 0; x < w.cols(); ++x) {
    Eigen::Map<Matrix>(out.col(x).data() + own.offset, own.columns, own.levels).noalias() =
        form.block *
        Eigen::Map<const Matrix>(w.col(x).data() + own.offset, own.columns, own.levels);
  }
  return out;
}

// The derivative of A~ above the form's own level.
void MarginalProducts::carry(const Form& form, int own_level, Carried& carried) const {
  const auto& chain = layout_.chain();
  carried.own.resize(chain.size());
  carried.panel.resize(chain.size());
  carried.dense = Matrix::Zero(layout_.remainder_columns(), layout_.remainder_columns());
  for (std::size_t c = own_level + 1; c < chain.size(); ++c) {
    const Index k = chain[c].columns;
    carried.own[c].assign(chain[c].units, Matrix::Zero(k, k));
    for (Index unit = 0; unit < chain[c].units; ++unit)
      carried.panel[c].push_back(Matrix::Zero(k, panel(static_cast<int>(c), unit).cols()));
  }
  for (int c = own_level; c < static_cast<int>(chain.size()); ++c) {
    for (Index unit = 0; unit < chain[c].units; ++unit) {
      if (poll_ && (unit & 0x3ff) == 0) poll_();
      const auto a = panel(c, unit);
      if (a.cols() == 0) continue;
      if (c == own_level) {
        const Matrix n = shrink(c, unit) * a;
        factor_.spread_update(c, unit, -(n.transpose() * form.block * n), carried);
        continue;
      }
      const ConstMatrixMap h = factor_.unit_spread(c, unit);
      const Matrix s = h * h.transpose(), left = s * a;
      const Matrix mixed = carried.panel[c][unit].transpose() * left;
      factor_.spread_update(
          c, unit, left.transpose() * carried.own[c][unit] * left - mixed - mixed.transpose(),
          carried);
    }
  }
}

void MarginalProducts::remainder_traces(const std::vector<Form>& forms,
                                        const std::vector<int>& own_level,
                                        const std::vector<Carried>& carried, Traces& out) const {
  const int count = static_cast<int>(forms.size());
  const int depth = static_cast<int>(layout_.chain().size());
  const Index q = layout_.remainder_columns();
  const auto product = [&](const Matrix& a, const Matrix& b_transposed) {
    Matrix minus = Matrix::Zero(a.rows(), b_transposed.rows());
    multiply_subtract_transposed(minus, a, b_transposed, poll_);
    return Matrix(-minus);
  };
  Matrix m;  // of the remainder
  for (int i = 0; i < count && m.size() == 0; ++i) {
    if (own_level[i] == depth) m = product(dense_shrink_, dense_);
  }
  std::vector<Matrix> left(count);  // E_i M, or D_i W~
  for (int i = 0; i < count; ++i) {
    if (own_level[i] < depth) {
      left[i] = product(carried[i].dense, dense_inverse_);
    } else {
      const Grouping& own = layout_.groupings()[forms[i].grouping];
      const Index k = own.columns, start = own.offset - layout_.remainder_offset();
      left[i] = Matrix::Zero(q, q);
      for (Index at = start; at < start + own.levels * k; at += k)
        left[i].middleRows(at, k) = forms[i].block * m.middleRows(at, k);
      out.first[i] += left[i].trace();
    }
    for (int j = 0; j <= i; ++j) {
      if ((own_level[i] < depth) == (own_level[j] < depth))
        out.second(i, j) += trace_of_product(left[i], left[j]);
    }
  }
  for (int i = 0; i < count; ++i) {
    if (own_level[i] == depth) continue;
    const Matrix moved = product(dense_shrink_, carried[i].dense);  // C D_i
    for (int j = 0; j < count; ++j) {
      if (own_level[j] < depth) continue;
      const Grouping& own = layout_.groupings()[forms[j].grouping];
      const Index k = own.columns, start = own.offset - layout_.remainder_offset();
      Matrix sum = Matrix::Zero(k, k);
      for (Index at = start; at < start + own.levels * k; at += k)
        sum += moved.middleRows(at, k) * dense_shrink_.middleRows(at, k).transpose();
      out.second(std::max(i, j), std::min(i, j)) -= forms[j].block.cwiseProduct(sum).sum();
    }
  }
}

namespace {

// Of a form at one unit: d, g, dS; C'e C and e m; S d, W~g', a W~g'.
struct FormAtUnit {
  bool own = false;
  Matrix e, d, g, ds, em, sd, weighted, mixed;
};

// What two forms have in common at a unit. `s`: S; `shrunk`: C; `quadratic`: a W~a'.
double pair_trace(const FormAtUnit& x, const FormAtUnit& y, const Matrix& s,
                  const ConstMatrixMap& shrunk, const Matrix& quadratic) {
  Matrix second;  // half of S_ij, up to its transpose
  double value = 0.0;
  if (x.own && y.own) {
    value += trace_of_product(x.em, y.em);
    second = -(shrunk.transpose() * x.em * (y.e * shrunk));
  } else if (!x.own && !y.own) {
    value += trace_of_product(x.sd, y.sd);
    second = x.sd * y.sd * s;
    value += 2.0 * (s * y.g * x.weighted).trace() + 2.0 * y.ds.cwiseProduct(x.mixed).sum() +
             2.0 * x.ds.cwiseProduct(y.mixed).sum();
  } else {
    const FormAtUnit& form = x.own ? x : y;
    const FormAtUnit& moved = x.own ? y : x;
    value -= moved.d.cwiseProduct(form.ds).sum();
    second = -(moved.sd * form.ds);
    value += 2.0 * form.ds.cwiseProduct(moved.mixed).sum();
  }
  return value + 2.0 * quadratic.cwiseProduct(second).sum();
}

}  // namespace

void MarginalProducts::level_traces(int c, const std::vector<Form>& forms,
                                    const std::vector<int>& own_level,
                                    const std::vector<Carried>& carried,
                                    BlockedCholesky::ScaledInverse& inverse, Traces& out) const {
  const int count = static_cast<int>(forms.size());
  std::vector<FormAtUnit> at(count);
  const auto add = [&](Index unit, const Matrix&, const Matrix&, const Matrix& block) {
    const auto a = panel(c, unit);
    const ConstMatrixMap h = factor_.unit_spread(c, unit), shrunk = shrink(c, unit);
    const Matrix s = h * h.transpose(), m = shrunk * alpha(c, unit);
    const Matrix weighted = block * a.transpose(), quadratic = a * weighted;
    for (int i = 0; i < count; ++i) {
      if (own_level[i] > c) continue;
      FormAtUnit& one = at[i];
      one.own = own_level[i] == c;
      if (one.own) {
        one.e = forms[i].block;
        one.em = one.e * m;
        one.ds = shrunk.transpose() * one.e * shrunk;
        out.first[i] += one.em.trace() - quadratic.cwiseProduct(one.ds).sum();
      } else {
        one.d = carried[i].own[c][unit];
        one.g = carried[i].panel[c][unit];
        one.sd = s * one.d;
        one.ds = -one.sd * s;
        one.weighted = block * one.g.transpose();
        one.mixed = a * one.weighted;
      }
    }
    for (int i = 0; i < count; ++i) {
      if (own_level[i] > c) continue;
      for (int j = 0; j <= i; ++j) {
        if (own_level[j] > c) continue;
        out.second(i, j) += pair_trace(at[i], at[j], s, shrunk, quadratic);
      }
    }
  };
  factor_.visit_level(c, inverse, add, true, poll_);
}

MarginalProducts::Traces MarginalProducts::traces(const std::vector<Form>& forms) const {
  const auto& chain = layout_.chain();
  const int count = static_cast<int>(forms.size()), depth = static_cast<int>(chain.size());
  std::vector<int> own_level(count, depth);  // depth: in the remainder
  std::vector<Carried> carried(count);
  for (int i = 0; i < count; ++i) {
    for (int c = 0; c < depth; ++c) {
      if (chain[c].grouping == forms[i].grouping) own_level[i] = c;
    }
    if (own_level[i] < depth) carry(forms[i], own_level[i], carried[i]);
  }
  Traces out{Vector::Zero(count), Matrix::Zero(count, count)};
  BlockedCholesky::ScaledInverse inverse;
  if (layout_.remainder_columns() > 0) {
    remainder_traces(forms, own_level, carried, out);
    inverse.dense = dense_inverse_;
  }
  factor_.start_levels(inverse);
  for (int c = depth - 1; c >= 0; --c) level_traces(c, forms, own_level, carried, inverse, out);
  out.second = Matrix(out.second.selfadjointView<Eigen::Lower>());
  return out;
}

}  // namespace tiers
