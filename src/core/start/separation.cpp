#include "separation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cone.h"

namespace tiers {

namespace {

// Which way a row with this response wants its linear predictor to go without end: +1, -1, or 0 if
// its likelihood has a best point (or rises to the edge of the link's domain).
signed char endless_way(const ResponseFamily& family, double y, double m) {
  constexpr int half = 5;
  const double sizes[half] = {30.0, 10.0, 3.0, 1.0, 0.3};
  double eta[2 * half], logp[2 * half], s[2 * half];
  for (int i = 0; i < half; ++i) {
    eta[i] = -sizes[i];
    eta[2 * half - 1 - i] = sizes[i];
  }
  const std::vector<double> ys(2 * half, y), ms(2 * half, m);
  const double phi = 0.0;
  ResponseRows rows;
  rows.n = 2 * half;
  rows.y = ys.data();
  rows.size = ms.data();
  rows.phi = &phi;
  RowDerivatives out;
  out.logp = logp;
  out.s = s;
  family.evaluate(rows, eta, Detail::score, out);
  double best = -std::numeric_limits<double>::infinity();
  for (const double value : logp) best = std::max(best, value);
  const double below = logp[0], above = logp[2 * half - 1];
  if (!(best > -std::numeric_limits<double>::infinity()) || below == above) return 0;
  if (below == best) return -1;
  return above == best ? 1 : 0;
}

// Entries of an orthonormal null space below it are zero.
constexpr double column_tolerance = 1e-7;

// Powers of two that bring the columns to a mean square near one; 1 where they are there.
Vector column_scale(const ConstMatrixMap& x) {
  Vector scale = x.rowwise().squaredNorm() / static_cast<double>(std::max<Index>(x.cols(), 1));
  for (Index j = 0; j < scale.size(); ++j) {
    const double root = std::sqrt(scale[j]);
    const bool near = root > 0.25 && root < 4.0;
    scale[j] = near || !(root > 0.0) || !std::isfinite(root)
                   ? 1.0
                   : std::exp2(-std::round(std::log2(root)));
  }
  return scale;
}

bool counts(const ResponseRows& rows, Index i) {
  return !(rows.weight && rows.weight[i] == 0.0) && size_of(rows, i) > 0.0;
}

// x with the random effects of all other factors beside it, without linear combinations. Where that is
// too wide to be worth it, x alone.
Matrix fixed_and_other_effects(const PackedRows& rows, int factor) {
  const auto& factors = rows.layout().factors();
  constexpr Index most_columns = 300;
  Index columns = rows.fixed().rows();
  std::vector<int> others;
  for (std::size_t f = 0; f < factors.size(); ++f) {
    if (static_cast<int>(f) == factor) continue;
    others.push_back(static_cast<int>(f));
    columns += factors[f].levels * factors[f].columns;
  }
  if (others.empty() || columns > most_columns) return rows.fixed();
  Matrix wide = Matrix::Zero(rows.size(), columns);
  wide.leftCols(rows.fixed().rows()) = rows.fixed().transpose();
  Index at = rows.fixed().rows();
  for (const int f : others) {
    for (Index i = 0; i < rows.size(); ++i) {
      const Index k = factors[f].columns;
      wide.row(i).segment(at + rows.level(i, f) * k, k) = rows.random().col(i).segment(rows.random_start(f), k);
    }
    at += factors[f].levels * factors[f].columns;
  }
  const Eigen::ColPivHouseholderQR<Matrix> qr(wide);
  Matrix out(qr.rank(), rows.size());
  for (Index a = 0; a < out.rows(); ++a) out.row(a) = wide.col(qr.colsPermutation().indices()[a]);
  return out;
}

}  // namespace

Separation find_separation(const ResponseFamily& family, const ResponseRows& rows,
                           const ConstMatrixMap& x, const Poll& poll) {
  const Index n = rows.n, p = x.rows();
  Separation out;
  out.direction = Vector::Zero(p);
  out.unidentified = Matrix::Zero(p, 0);
  out.separated_row.assign(n, 0);

  const signed char at_zero = endless_way(family, 0.0, 1.0);
  const signed char at_full = family.uses_trials() ? endless_way(family, 1.0, 1.0) : 0;
  std::vector<signed char> sign(n, 0);
  std::vector<char> fixed(n, 0);
  Index open = 0, used = 0;
  for (Index i = 0; i < n; ++i) {
    if (!counts(rows, i)) continue;
    ++used;
    if (rows.y[i] == 0.0) sign[i] = at_zero;
    if (family.uses_trials() && rows.y[i] == size_of(rows, i)) sign[i] = at_full;
    fixed[i] = sign[i] == 0;
    open += sign[i] != 0;
  }
  if (open == 0 || p == 0) return out;
  // Columns of length near sqrt(n), so that one tolerance serves all.
  const Vector scale = column_scale(x);
  Matrix copy;
  if ((scale.array() != 1.0).any()) copy = scale.asDiagonal() * x;
  const ConstMatrixMap scaled(copy.size() > 0 ? copy.data() : x.data(), p, n);
  Matrix within = Matrix::Identity(p, p);
  if (open < used) within = null_space(scaled, fixed, within, poll);
  if (within.cols() == 0) return out;
  const Cone cone = find_cone(scaled, sign, within, poll);
  if (!cone.any()) return out;

  Index separated = 0;
  for (const char row : cone.separated) separated += row;
  out.kind = separated == used ? Separation::Kind::complete : Separation::Kind::quasi;
  out.separated_row = cone.separated;
  out.direction = cone.direction;
  for (Index j = 0; j < p; ++j) {
    const bool open_column = cone.null_space.row(j).norm() > column_tolerance;
    if (!open_column || std::fabs(out.direction[j]) < cone_tolerance) out.direction[j] = 0.0;
  }
  out.direction = scale.cwiseProduct(out.direction).normalized();
  out.unidentified = scale.asDiagonal() * cone.null_space;
  const Eigen::HouseholderQR<Matrix> factor(out.unidentified);
  out.unidentified = factor.householderQ() * Matrix::Identity(p, out.unidentified.cols());
  return out;
}

bool groups_separated(const int* codes, Index levels, const ResponseRows& rows,
                      const ConstMatrixMap& x, const Poll& poll) {
  const Index n = rows.n, p = x.rows();
  std::vector<Index> success(levels, -1), failure(levels, -1);
  for (Index i = 0; i < n; ++i) {
    if (!counts(rows, i)) continue;
    const double y = rows.y[i], m = size_of(rows, i);
    if (y > 0.0 && y < m) return false;  // both outcomes in one row: nothing tells them apart
    (y > 0.0 ? success : failure)[codes[i] - 1] = i;
  }
  std::vector<Index> above, below;  // pairs to be told apart: success, failure
  for (Index g = 0; g < levels; ++g) {
    if (success[g] < 0 || failure[g] < 0) continue;
    above.push_back(success[g]);
    below.push_back(failure[g]);
  }
  if (above.empty()) return true;
  if (p == 0) return false;

  // A direction that tells some pairs apart is asked about all; the worst pair of a group in which
  // it fails joins them.
  constexpr std::size_t most_pairs = 2000;
  if (above.size() > most_pairs) {
    above.resize(most_pairs);
    below.resize(most_pairs);
  }
  for (int round = 0; round < 100; ++round) {
    const Index pairs = static_cast<Index>(above.size());
    Matrix difference(p, pairs);
    for (Index i = 0; i < pairs; ++i) difference.col(i) = x.col(above[i]) - x.col(below[i]);
    const ConstMatrixMap map(difference.data(), p, pairs);
    const Cone cone =
        find_cone(map, std::vector<signed char>(pairs, 1), Matrix::Identity(p, p), poll);
    for (const char row : cone.separated) {
      if (!row) return false;
    }
    std::vector<Index> lowest(levels, -1), highest(levels, -1);  // success, failure
    const Vector along = x.transpose() * cone.direction;
    for (Index i = 0; i < n; ++i) {
      if (!counts(rows, i)) continue;
      const Index g = codes[i] - 1;
      if (rows.y[i] > 0.0) {
        if (lowest[g] < 0 || along[i] < along[lowest[g]]) lowest[g] = i;
      } else {
        if (highest[g] < 0 || along[i] > along[highest[g]]) highest[g] = i;
      }
    }
    bool complete = true;
    for (Index g = 0; g < levels; ++g) {
      const Index a = lowest[g], b = highest[g];
      if (a < 0 || b < 0) continue;
      const double gap = (x.col(a) - x.col(b)).norm();
      if (along[a] - along[b] > cone_tolerance * gap) continue;
      complete = false;
      above.push_back(a);
      below.push_back(b);
    }
    if (complete) return true;
  }
  return false;
}

bool groups_separated(const PackedRows& packed, int factor, const ResponseRows& rows, const Poll& poll) {
  const Matrix x = fixed_and_other_effects(packed, factor);
  std::vector<int> codes(packed.size());
  for (Index i = 0; i < packed.size(); ++i) codes[i] = static_cast<int>(packed.level(i, factor)) + 1;
  return groups_separated(codes.data(), packed.layout().factors()[factor].levels, rows,
                          ConstMatrixMap(x.data(), x.rows(), x.cols()), poll);
}

}  // namespace tiers
