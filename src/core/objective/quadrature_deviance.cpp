#include "quadrature_deviance.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Probabilities from log terms, in place; returns the log of their sum.
double normalize(Vector& log_terms) {
  const double largest = log_terms.maxCoeff();
  if (!(largest > -kInfinity)) {
    log_terms.setZero();
    return -kInfinity;
  }
  log_terms = (log_terms.array() - largest).exp();
  const double sum = log_terms.sum();
  log_terms /= sum;
  return largest + std::log(sum);
}

// Symmetric: the upper triangle mirrored.
Matrix mirrored(const Matrix& m) {
  Matrix out = m.triangularView<Eigen::Upper>();
  out.triangularView<Eigen::StrictlyLower>() = m.transpose();
  return out;
}

}  // namespace

QuadratureDeviance::QuadratureDeviance(ConditionalMode& mode,
                                       const CovarianceParameters& parameters,
                                       const std::vector<int>& points)
    : ModalDeviance(mode, parameters, 1e-4) {
  const BlockLayout& layout = mode.rows().layout();
  if (!layout.remainder().empty()) throw std::logic_error("quadrature needs nested groupings");
  const int depth = static_cast<int>(layout.chain().size());
  start_.push_back(0);
  for (int c = 0; c < depth; ++c) {
    const ChainLevel& level = layout.chain()[c];
    rules_.push_back(hermite_rule(points[c], level.columns));
    log_scale_.push_back(rules_[c].log_weights +
                         0.5 * rules_[c].nodes.colwise().squaredNorm().transpose());
    start_.push_back(start_.back() + level.columns);
    children_.emplace_back();
    if (c == 0) continue;
    children_[c].resize(level.units);
    const auto& parent = layout.chain()[c - 1].parent;
    for (std::size_t unit = 0; unit < parent.size(); ++unit) {
      children_[c][parent[unit]].push_back(static_cast<int>(unit));
    }
  }
}

bool QuadratureDeviance::integrate(Integral& out) {
  const PackedRows& rows = mode().rows();
  const BlockLayout& layout = rows.layout();
  const int depth = static_cast<int>(layout.chain().size());
  const Index n = rows.size();
  out.u = mode().u();
  out.score_at_mode = mode().s();
  out.score = Vector::Zero(n);
  out.dispersion_score = Vector::Zero(n);
  out.leverage = Vector::Zero(n);
  out.node_score = Vector::Zero(out.u.size());
  products_.resize(depth);
  mean_.clear();
  second_moment_.clear();
  for (const auto& grouping : layout.groupings()) {
    out.outer.push_back(Matrix::Zero(grouping.columns, grouping.columns));
    out.variance.push_back(Matrix::Zero(grouping.columns, grouping.columns));
    mean_.push_back(Matrix::Zero(grouping.columns, grouping.levels));
    second_moment_.push_back(Matrix::Zero(grouping.columns, grouping.columns * grouping.levels));
  }
  for (int c = 0; c < depth; ++c) {
    const ChainLevel& level = layout.chain()[c];
    products_[c].assign(level.units,
                        Matrix::Zero(level.columns, level.columns + level.ancestor_columns));
  }

  out.value = mode().factor().log_det_random();
  if (depth == 0) {
    out.value -= 2.0 * mode().logp().sum();
    out.score = mode().s();
    out.dispersion_score = mode().dlogp_dphi();
    return true;
  }
  Point point;
  point.shift = Vector::Zero(start_.back());
  point.x = Vector::Zero(start_.back());
  point.u.resize(depth);
  for (Index root = 0; root < layout.chain()[depth - 1].units; ++root) {
    if (mode().poll()) mode().poll()();
    used_visits_ = 0;
    Index visit = 0;
    const double log_integral = descend(depth - 1, root, point, visit);
    if (!std::isfinite(log_integral)) return false;
    out.value -= 2.0 * log_integral;
    ascend(depth - 1, root, visit, 1.0, point, out);
  }
  if (!couple_levels(out)) return false;
  spread_over_rows(out);
  return true;
}

// log of the integral over a unit's columns and everything below it, given its ancestors' nodes.
double QuadratureDeviance::descend(int c, Index unit, Point& point, Index& visit_index) {
  const PackedRows& rows = mode().rows();
  const BlockLayout& layout = rows.layout();
  const Grouping& grouping = layout.groupings()[layout.chain()[c].grouping];
  const Index k = grouping.columns, nodes = rules_[c].nodes.cols();
  visit_index = used_visits_++;
  if (static_cast<Index>(visits_.size()) < used_visits_) visits_.resize(used_visits_);

  const ConstMatrixMap lower = mode().factor().unit_lower(c, unit);
  Vector centre = Vector::Zero(k);
  const Index above = start_.back() - start_[c + 1];
  if (above > 0) {
    centre = mode().factor().unit_spread(c, unit).transpose() *
             (mode().factor().unit_ancestors(c, unit) * point.shift.tail(above));
  }
  Matrix moved = rules_[c].nodes.colwise() - centre;
  solve_lower_transposed(lower, moved);
  {
    Visit& visit = visits_[visit_index];
    visit.shift.noalias() = lambda()[layout.chain()[c].grouping] * moved;
    visit.u = moved.colwise() + mode().u().segment(grouping.offset + unit * k, k);
    visit.below.clear();
  }
  Vector log_terms =
      log_scale_[c] - 0.5 * visits_[visit_index].u.colwise().squaredNorm().transpose();
  if (c == 0) {
    evaluate_leaf(unit, point, visits_[visit_index], log_terms);
  } else {
    for (Index q = 0; q < nodes; ++q) {
      point.shift.segment(start_[c], k) = visits_[visit_index].shift.col(q);
      for (const int child : children_[c][unit]) {
        Index below = 0;
        log_terms[q] += descend(c - 1, child, point, below);
        visits_[visit_index].below.push_back(below);
      }
    }
  }
  const double log_sum = normalize(log_terms);
  visits_[visit_index].probability = log_terms;
  return log_sum;
}

// Adds the rows' log density at every node of a leaf unit.
void QuadratureDeviance::evaluate_leaf(Index unit, const Point& point, Visit& visit,
                                       Vector& log_density) {
  const PackedRows& rows = mode().rows();
  const BlockLayout& layout = rows.layout();
  const int depth = static_cast<int>(layout.chain().size());
  const Index first = rows.unit_start(unit), count = rows.unit_start(unit + 1) - first;
  const Index nodes = rules_[0].nodes.cols(), k = layout.chain()[0].columns;
  const bool dispersed = mode().family().dispersion_count() > 0;
  visit.score.resize(count, nodes);
  visit.dispersion.resize(dispersed ? count : 0, nodes);
  if (count == 0) return;

  rest_ = mode().eta().segment(first, count);
  for (int c = 1; c < depth; ++c) {
    const Index at = rows.random_start(layout.chain()[c].grouping),
                width = layout.chain()[c].columns;
    rest_.noalias() += rows.random().block(at, first, width, count).transpose() *
                       point.shift.segment(start_[c], width);
  }
  const ResponseRows part = part_of(mode().response().rows(), first, count);
  const auto z =
      rows.random().block(rows.random_start(layout.chain()[0].grouping), first, k, count);
  Vector& eta = leaf_rows_.eta;
  for (Vector* v : {&eta, &leaf_rows_.logp, &leaf_rows_.w, &leaf_rows_.dw, &leaf_rows_.ds_dphi,
                    &leaf_rows_.dw_dphi}) {
    if (v->size() < count) v->resize(count);
  }
  RowDerivatives out;
  out.logp = leaf_rows_.logp.data();
  out.w = leaf_rows_.w.data();
  out.dw = leaf_rows_.dw.data();
  out.ds_dphi = leaf_rows_.ds_dphi.data();
  out.dw_dphi = leaf_rows_.dw_dphi.data();
  for (Index q = 0; q < nodes; ++q) {
    if (k == 1) {
      const double shift = visit.shift(0, q);
      for (Index i = 0; i < count; ++i) eta[i] = rest_[i] + z(0, i) * shift;
    } else {
      eta.head(count) = rest_ + z.transpose() * visit.shift.col(q);
    }
    out.s = visit.score.col(q).data();
    if (dispersed) out.dlogp_dphi = visit.dispersion.col(q).data();
    mode().family().evaluate(part, eta.data(), dispersed ? Detail::gradient : Detail::score, out);
    log_density[q] += leaf_rows_.logp.head(count).sum();
  }
}

// Means over the nodes, once the probability of what lies above a visit is known.
void QuadratureDeviance::ascend(int c, Index unit, Index visit_index, double weight, Point& point,
                                Integral& out) {
  const BlockLayout& layout = mode().rows().layout();
  const int f = layout.chain()[c].grouping;
  const Grouping& grouping = layout.groupings()[f];
  const Index k = grouping.columns, above = start_.back() - start_[c + 1];
  const std::size_t children = c > 0 ? children_[c][unit].size() : 0;
  const Visit& visit = visits_[visit_index];
  for (Index q = 0; q < visit.probability.size(); ++q) {
    const double p = weight * visit.probability[q];
    if (p == 0.0) continue;
    const auto u = visit.u.col(q);
    const auto x = rules_[c].nodes.col(q);
    out.node_score.segment(grouping.offset + unit * k, k) -= p * u;
    Matrix& product = products_[c][unit];
    product.leftCols(k).noalias() -= (p * u) * x.transpose();
    if (above > 0) product.rightCols(above).noalias() -= (p * u) * point.x.tail(above).transpose();
    mean_[f].col(unit) += p * u;
    second_moment_[f].middleCols(unit * k, k).noalias() += (p * u) * u.transpose();
    if (c == 0) continue;
    point.x.segment(start_[c], k) = x;
    point.u[c] = u;
    for (std::size_t j = 0; j < children; ++j) {
      ascend(c - 1, children_[c][unit][j], visit.below[q * children + j], p, point, out);
    }
  }
  if (c == 0) ascend_leaf(unit, visit, weight, point, out);
}

// What the rows of a leaf unit add for every level of their path.
void QuadratureDeviance::ascend_leaf(Index unit, const Visit& visit, double weight, Point& point,
                                     Integral& out) {
  const PackedRows& rows = mode().rows();
  const BlockLayout& layout = rows.layout();
  const int depth = static_cast<int>(layout.chain().size());
  const Index first = rows.unit_start(unit), count = rows.unit_start(unit + 1) - first;
  if (count == 0) return;
  const Vector p = weight * visit.probability;
  const Vector score = visit.score * p;
  out.score.segment(first, count) += score;
  if (visit.dispersion.rows() > 0)
    out.dispersion_score.segment(first, count).noalias() += visit.dispersion * p;

  Index above_unit = unit;
  for (int c = 0; c < depth; ++c) {
    if (c > 0) above_unit = layout.chain()[c - 1].parent[above_unit];
    const int f = layout.chain()[c].grouping;
    const Grouping& grouping = layout.groupings()[f];
    const Index k = grouping.columns, above = start_.back() - start_[c + 1];
    const auto z = rows.random().block(rows.random_start(f), first, k, count);
    const Matrix& factor_lambda = lambda()[f];
    const Vector total = z * score;                      // mean of Z's
    const Vector g = factor_lambda.transpose() * total;  // and of U's
    out.node_score.segment(grouping.offset + above_unit * k, k) += g;
    Matrix& product = products_[c][above_unit];
    if (above > 0) product.rightCols(above).noalias() += g * point.x.tail(above).transpose();
    if (c > 0) {
      product.leftCols(k).noalias() += g * point.x.segment(start_[c], k).transpose();
      out.outer[f].noalias() -= 2.0 * total * point.u[c].transpose();
      continue;
    }
    const Matrix by_node = z * visit.score * p.asDiagonal();  // k x Q
    product.leftCols(k).noalias() +=
        factor_lambda.transpose() * by_node * rules_[0].nodes.transpose();
    out.outer[f].noalias() -= 2.0 * by_node * visit.u.transpose();
  }
}

// From the means of g x' to S, leaf to root: T_a = C_a^-1 (G_a - sum over descendants b of C_ab
// T_b).
bool QuadratureDeviance::couple_levels(Integral& out) {
  const BlockLayout& layout = mode().rows().layout();
  const int depth = static_cast<int>(layout.chain().size());
  coupling_.resize(depth);
  Vector forward = out.node_score;  // C^-1 gbar
  Vector square_shift = Vector::Zero(layout.chain()[depth - 1].units), square_spread = square_shift;
  for (int c = 0; c < depth; ++c) {
    const ChainLevel& level = layout.chain()[c];
    const Grouping& grouping = layout.groupings()[level.grouping];
    const Index k = level.columns;
    coupling_[c].resize(level.units);
    for (Index unit = 0; unit < level.units; ++unit) {
      const ConstMatrixMap lower = mode().factor().unit_lower(c, unit);
      Matrix& t = products_[c][unit];
      solve_lower(lower, t);
      auto mine = forward.segment(grouping.offset + unit * k, k);
      solve_lower(lower, mine);
      Matrix& coupling = coupling_[c][unit];
      coupling.resize(level.ancestor_columns, k);
      Index above = unit;
      for (int up = c + 1; up < depth; ++up) {
        above = layout.chain()[up - 1].parent[above];
        const Grouping& upper = layout.groupings()[layout.chain()[up].grouping];
        const Index at = start_[up] - start_[c + 1], width = upper.columns;
        coupling.middleRows(at, width).noalias() =
            lambda()[layout.chain()[up].grouping].transpose() *
            mode().factor().unit_ancestors(c, unit).middleCols(at, width).transpose() *
            mode().factor().unit_spread(c, unit);
        products_[up][above].noalias() -=
            coupling.middleRows(at, width) * t.rightCols(start_.back() - start_[up]);
        forward.segment(upper.offset + above * width, width).noalias() -=
            coupling.middleRows(at, width) * mine;
      }
      t.leftCols(k) = mirrored(t.leftCols(k));
      square_shift[above] += mine.squaredNorm();
      square_spread[above] += (t.leftCols(k) + Matrix::Identity(k, k)).squaredNorm() +
                              2.0 * t.rightCols(level.ancestor_columns).squaredNorm();
    }
  }
  const Vector error = square_shift.cwiseSqrt() + square_spread.cwiseSqrt();
  accuracy_ = error.sum();
  largest_error_ = error.maxCoeff();
  return std::isfinite(accuracy_);
}

// h_i = U_i V U_i' and the sums Z'WUV with V = C^-T (I + S) C^-1; all rows of a leaf unit, which
// share their path, together (columns).
void QuadratureDeviance::spread_over_rows(Integral& out) {
  const PackedRows& rows = mode().rows();
  const BlockLayout& layout = rows.layout();
  const int depth = static_cast<int>(layout.chain().size());
  const Index total = start_.back();
  Matrix y, spread;
  std::vector<Index> unit(depth);
  for (unit[0] = 0; unit[0] < layout.chain()[0].units; ++unit[0]) {
    const Index first = rows.unit_start(unit[0]), count = rows.unit_start(unit[0] + 1) - first;
    if (count == 0) continue;
    for (int c = 1; c < depth; ++c) unit[c] = layout.chain()[c - 1].parent[unit[c - 1]];
    const auto random = [&](int c) {
      return rows.random().block(rows.random_start(layout.chain()[c].grouping), first,
                                 layout.chain()[c].columns, count);
    };
    y.resize(total, count);
    for (int c = 0; c < depth; ++c) {
      y.middleRows(start_[c], layout.chain()[c].columns).noalias() =
          lambda()[layout.chain()[c].grouping].transpose() * random(c);
    }
    for (int c = 0; c < depth; ++c) {
      const Index above = total - start_[c + 1];
      auto mine = y.middleRows(start_[c], layout.chain()[c].columns);
      solve_lower(mode().factor().unit_lower(c, unit[c]), mine);
      if (above > 0) y.bottomRows(above).noalias() -= coupling_[c][unit[c]] * mine;
    }
    spread = y;
    for (int c = 0; c < depth; ++c) {
      const Index k = layout.chain()[c].columns, above = total - start_[c + 1];
      const Matrix& s = products_[c][unit[c]];
      spread.middleRows(start_[c], k).noalias() += s * y.bottomRows(total - start_[c]);
      if (above > 0) {
        spread.bottomRows(above).noalias() +=
            s.rightCols(above).transpose() * y.middleRows(start_[c], k);
      }
    }
    out.leverage.segment(first, count) = spread.cwiseProduct(y).colwise().sum().transpose();
    for (int c = depth - 1; c >= 0; --c) {
      const Index above = total - start_[c + 1];
      auto mine = spread.middleRows(start_[c], layout.chain()[c].columns);
      if (above > 0) mine.noalias() -= coupling_[c][unit[c]].transpose() * spread.bottomRows(above);
      solve_lower_transposed(mode().factor().unit_lower(c, unit[c]), mine);
      out.variance[layout.chain()[c].grouping].noalias() +=
          2.0 * (random(c) * mode().w().segment(first, count).asDiagonal()) * mine.transpose();
    }
  }
}

}  // namespace tiers
