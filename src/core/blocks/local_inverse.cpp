// Omega x = Lambda's for s = unit vectors of the places, with s zero off their paths. With F = a'H
// (a: a unit's panel, H = Lambda l^-T) the elimination of one unit leaves for the rest
//   y = l^-1 Lambda's_u = H's_u,   s_rest <- s_rest - a'H y,
// and gives back b_u = Lambda x_u = H (y - H'a b_rest). A form is E on the unit, pi between it and
// the rest; after the elimination (see inverse_products.cpp)
//   x'E x = y'p y + 2 y'(l^-1 pi x_rest - p H'a b_rest) + x_rest'E_rest x_rest,
// so that units off the path, which have y = 0, are in E_rest alone.
#include "local_inverse.h"

#include "dense_kernels.h"
#include "selected_inverse.h"

namespace tiers {

// What does not depend on the places: of every form what it leaves on the chain above its own
// level, and on the remainder K and Lambda Omega^-1 E Omega^-1 Lambda' of all its columns.
void BlockedCholesky::forms_above(const std::vector<LevelForm>& forms, FormsAbove& out,
                                  const Poll& poll) const {
  const BlockLayout& layout = cross_.layout();
  const int depth = static_cast<int>(layout.chain().size()), count = static_cast<int>(forms.size());
  const Index q = layout.remainder_columns();
  out.own_level.assign(count, depth);
  out.carried.resize(count);
  for (int i = 0; i < count; ++i) {
    for (int c = 0; c < depth; ++c) {
      if (layout.chain()[c].grouping == forms[i].grouping) out.own_level[i] = c;
    }
    if (out.own_level[i] < depth) carry_form(forms[i], out.own_level[i], out.carried[i], poll);
  }
  if (q == 0) return;
  inverse_from_cholesky(remainder_, out.inverse, poll);
  const Matrix minus = -out.inverse;
  out.remainder.resize(count);
  for (int i = 0; i < count; ++i) {
    const Matrix half =
        remainder_form(forms[i], out.own_level[i], out.carried[i], out.inverse, poll).transpose();
    out.carried[i].dense.resize(0, 0);
    out.remainder[i] = Matrix::Zero(q, q);
    multiply_subtract_transposed(out.remainder[i], minus, half, poll);
    scale_remainder(out.remainder[i], false);
  }
  scale_remainder(out.inverse, false);
}

LocalInverse::LocalInverse(const BlockedCholesky& factor, std::vector<LevelForm> forms,
                           const Poll& poll)
    : factor_(factor), layout_(factor.layout()), forms_(std::move(forms)) {
  const int depth = static_cast<int>(layout_.chain().size());
  chain_level_.assign(layout_.groupings().size(), depth);
  for (int c = 0; c < depth; ++c) chain_level_[layout_.chain()[c].grouping] = c;
  factor.forms_above(forms_, above_, poll);
  position_.assign(layout_.remainder_columns(), -1);
  form_.resize(forms_.size());
}

LocalInverse::Node* LocalInverse::node(int c, Index unit) {
  for (Node& one : nodes_) {
    if (one.c == c && one.unit == unit) return &one;
  }
  return nullptr;
}

// Place of a remainder column among the touched ones.
Index LocalInverse::touch(Index column) {
  if (position_[column] < 0) {
    position_[column] = static_cast<int>(touched_.size());
    touched_.push_back(column);
    asked_.push_back(Vector::Zero(inverse_.rows()));
  }
  return position_[column];
}

// The units of the places with all units above them, leaf to root.
void LocalInverse::collect(const std::vector<LevelPlace>& places) {
  const auto& chain = layout_.chain();
  const int depth = static_cast<int>(chain.size());
  const Index count = static_cast<Index>(places.size());
  for (const Index column : touched_) position_[column] = -1;
  touched_.clear();
  asked_.clear();
  nodes_.clear();
  inverse_ = Matrix::Zero(count, count);
  for (Matrix& form : form_) form = Matrix::Zero(count, count);
  for (int c = 0; c < depth; ++c) {
    const auto add = [&](Index unit) {
      if (node(c, unit) == nullptr)
        nodes_.push_back({c, unit, Matrix::Zero(chain[c].columns, count), Matrix(), Matrix()});
    };
    for (const LevelPlace& place : places) {
      if (chain_level_[place.grouping] == c) add(place.level);
    }
    const std::size_t known = nodes_.size();
    for (std::size_t i = 0; c > 0 && i < known; ++i) {
      if (nodes_[i].c == c - 1) add(chain[c - 1].parent[nodes_[i].unit]);
    }
  }
  for (Index i = 0; i < count; ++i) {
    const LevelPlace& place = places[i];
    const int c = chain_level_[place.grouping];
    if (c < depth) {
      node(c, place.level)->s(place.column, i) = 1.0;
    } else {
      const Index at = layout_.coordinate(place.grouping, place.level) + place.column;
      const Index position = touch(at - layout_.remainder_offset());
      asked_[position][i] = 1.0;
    }
  }
}

void LocalInverse::forward() {
  const auto& chain = layout_.chain();
  for (std::size_t at = 0; at < nodes_.size(); ++at) {
    Node& one = nodes_[at];
    const ChainLevel& level = chain[one.c];
    const ConstMatrixMap h = factor_.unit_spread(one.c, one.unit);
    one.y = h.transpose() * one.s;
    inverse_.noalias() += one.y.transpose() * one.y;
    const ConstMatrixMap a = factor_.unit_panel(one.c, one.unit);
    const Matrix taken = a.transpose() * (h * one.y);
    Index unit = one.unit, first = 0;
    for (std::size_t up = one.c + 1; up < chain.size(); ++up) {
      unit = chain[up - 1].parent[unit];
      node(static_cast<int>(up), unit)->s -= taken.middleRows(first, chain[up].columns);
      first += chain[up].columns;
    }
    for (auto cell = level.cell_start[one.unit]; cell < level.cell_start[one.unit + 1]; ++cell) {
      asked_[touch(level.cell_column[cell])] -= taken.row(first++).transpose();
    }
  }
}

void LocalInverse::remainder_part() {
  const Index size = static_cast<Index>(touched_.size()), count = inverse_.rows();
  remainder_b_.resize(size, count);
  if (size == 0) return;
  Matrix s(size, count), block(size, size);
  const auto gather = [&](const Matrix& from) {
    for (Index j = 0; j < size; ++j) {
      for (Index i = 0; i < size; ++i) block(i, j) = from(touched_[i], touched_[j]);
    }
  };
  for (Index i = 0; i < size; ++i) s.row(i) = asked_[i].transpose();
  gather(above_.inverse);
  remainder_b_.noalias() = block * s;
  inverse_.noalias() += s.transpose() * remainder_b_;
  for (std::size_t i = 0; i < form_.size(); ++i) {
    gather(above_.remainder[i]);
    form_[i].noalias() += s.transpose() * (block * s);
  }
}

Matrix LocalInverse::above(const Node& one, const Matrix& panel) const {
  const auto& chain = layout_.chain();
  Matrix out = Matrix::Zero(panel.rows(), inverse_.rows());
  Index unit = one.unit, first = 0;
  for (std::size_t up = one.c + 1; up < chain.size(); ++up) {
    unit = chain[up - 1].parent[unit];
    const Index k = chain[up].columns;
    for (const Node& other : nodes_) {
      if (other.c == static_cast<int>(up) && other.unit == unit)
        out.noalias() += panel.middleCols(first, k) * other.b;
    }
    first += k;
  }
  const ChainLevel& level = chain[one.c];
  for (auto cell = level.cell_start[one.unit]; cell < level.cell_start[one.unit + 1]; ++cell) {
    out.noalias() += panel.col(first++) * remainder_b_.row(position_[level.cell_column[cell]]);
  }
  return out;
}

void LocalInverse::backward() {
  for (auto one = nodes_.rbegin(); one != nodes_.rend(); ++one) {
    const ConstMatrixMap h = factor_.unit_spread(one->c, one->unit);
    const Matrix moved = h.transpose() * above(*one, factor_.unit_panel(one->c, one->unit));
    one->b = h * (one->y - moved);
    for (std::size_t i = 0; i < form_.size(); ++i) {
      if (above_.own_level[i] > one->c) continue;
      Matrix p, half;
      if (above_.own_level[i] == one->c) {
        p = whiten(factor_.unit_lower(one->c, one->unit), forms_[i].block);
        half = -p * moved;
      } else {
        const BlockedCholesky::Carried& carried = above_.carried[i];
        p = h.transpose() * carried.own[one->c][one->unit] * h;
        half = h.transpose() * above(*one, carried.panel[one->c][one->unit]) - p * moved;
      }
      const Matrix mixed = one->y.transpose() * half;
      form_[i] += one->y.transpose() * p * one->y + mixed + mixed.transpose();
    }
  }
}

void LocalInverse::find(const std::vector<LevelPlace>& places) {
  collect(places);
  forward();
  remainder_part();
  backward();
}

}  // namespace tiers
