#include "separation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../model/dense_algebra.h"
#include "cone.h"

namespace tiers {

namespace {

// Which way a row with this response wants its linear predictor to go without end: +1, -1, or 0 if
// its likelihood has a best point (or rises to the edge of the link's domain).
struct EndlessWay {
  signed char sign = 0;
  double limit = 0.0;  // log density there
};
EndlessWay endless_way(const ResponseFamily& family, double y, double m, double phi = 0.0) {
  constexpr int half = 5;
  const double sizes[half] = {30.0, 10.0, 3.0, 1.0, 0.3};
  double eta[2 * half], logp[2 * half], s[2 * half];
  for (int i = 0; i < half; ++i) {
    eta[i] = -sizes[i];
    eta[2 * half - 1 - i] = sizes[i];
  }
  const std::vector<double> ys(2 * half, y), ms(2 * half, m);
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
  if (!(best > -std::numeric_limits<double>::infinity()) || below == above) return {};
  return {static_cast<signed char>(below == best ? -1 : above == best ? 1 : 0), best};
}

// Entries of an orthonormal null space below it are zero.
constexpr double kColumnTolerance = 1e-7;

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

// x with the random effects of all other groupings beside it, without linear combinations. Where
// that is too wide to be worth it, x alone.
Matrix fixed_and_other_effects(const PackedRows& rows, int grouping) {
  const auto& groupings = rows.layout().groupings();
  constexpr Index kMostColumns = 300;  // the QR below is n x columns^2
  Index columns = rows.fixed().rows();
  std::vector<int> others;
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    if (static_cast<int>(f) == grouping) continue;
    others.push_back(static_cast<int>(f));
    columns += groupings[f].levels * groupings[f].columns;
  }
  if (others.empty() || columns > kMostColumns) return rows.fixed();
  Matrix wide = Matrix::Zero(rows.size(), columns);
  wide.leftCols(rows.fixed().rows()) = rows.fixed().transpose();
  Index at = rows.fixed().rows();
  for (const int f : others) {
    for (Index i = 0; i < rows.size(); ++i) {
      const Index k = groupings[f].columns;
      wide.row(i).segment(at + rows.level(i, f) * k, k) =
          rows.random().col(i).segment(rows.random_start(f), k);
    }
    at += groupings[f].levels * groupings[f].columns;
  }
  const PivotedQr qr(wide);
  Matrix out(qr.rank(), rows.size());
  for (Index a = 0; a < out.rows(); ++a) out.row(a) = wide.col(qr.permutation()[a]);
  return out;
}

constexpr double kLargeSd = 10.0;  // of random effects, in the linear predictor
constexpr int kMostRounds = 100;   // of cuts, each of which some group has asked for

// Of a grouping's effects in each row.
Vector effect_sd(const PackedRows& packed, int grouping, const Matrix& lambda) {
  const Index k = lambda.rows();
  return (lambda.transpose() * packed.random().middleRows(packed.random_start(grouping), k))
      .colwise()
      .norm();
}

// The rows that count, by what they say of the groups: side -1 where all trials failed, 1 where all
// succeeded, 0 else.
struct SidedRows {
  std::vector<signed char> side;
  std::vector<char> mixed;                 // rows without random effects and with both outcomes
  std::vector<Index> plain;                // rows without random effects and with one outcome
  std::vector<std::vector<Index>> groups;  // rows with random effects, no group empty
  // False: there is no group, or a row of one has both outcomes, which nothing tells apart.
  bool can_separate = true;

  SidedRows(const ResponseRows& rows, const int* codes, Index levels, const ConstMatrixMap& z)
      : side(rows.n, 0), mixed(rows.n, 0), groups(levels) {
    for (Index i = 0; i < rows.n; ++i) {
      if (!counts(rows, i)) continue;
      side[i] = rows.y[i] == 0.0 ? -1 : rows.y[i] == size_of(rows, i) ? 1 : 0;
      const bool random = z.col(i).norm() > kConeTolerance;
      if (random && side[i] == 0) can_separate = false;
      if (random) groups[codes[i] - 1].push_back(i);
      mixed[i] = !random && side[i] == 0;
      if (!random && side[i] != 0) plain.push_back(i);
    }
    groups.erase(std::remove_if(groups.begin(), groups.end(),
                                [](const auto& group) { return group.empty(); }),
                 groups.end());
    if (groups.empty()) can_separate = false;
  }
};

// False where some v separates a group's rows beside the direction d: side (z'v + x'd) > 0 in all
// of them. Else positive multiples of the rows add up to zero in z and to no more than zero in x'd,
// which proves that no v serves d, and their sum in x, `cut` (p), is a row that d must make
// positive.
bool needs_cut(const std::vector<Index>& group, const std::vector<signed char>& side,
               const ConstMatrixMap& z, const ConstMatrixMap& x, const Vector& d, Vector* cut,
               const Poll& poll) {
  const Index size = static_cast<Index>(group.size()), k = z.rows(), p = x.rows();
  Matrix joint = Matrix::Zero(k + 1, size + 1);
  joint(k, size) = 1.0;
  Vector length(size);
  for (Index a = 0; a < size; ++a) {
    const Index i = group[a];
    joint.col(a) << z.col(i), x.col(i).dot(d);
    length[a] = side[i] * joint.col(a).norm();
    joint.col(a) /= length[a];
  }
  const Vector weight = vanishing_combination(joint, poll);
  if (weight.size() == 0) return false;
  *cut = Vector::Zero(p);
  double scale = 0.0;
  for (Index a = 0; a < size; ++a) {
    *cut += weight[a] / length[a] * x.col(group[a]);
    scale += weight[a] / std::fabs(length[a]) * x.col(group[a]).norm();
  }
  if (cut->norm() > kConeTolerance * scale)
    *cut /= scale;
  else
    cut->setZero();
  return true;
}

// A direction that makes all cuts positive, and the rows without random effects not negative on
// their side; false: there is none.
bool direction_past(const std::vector<Vector>& cuts, const SidedRows& rows, const ConstMatrixMap& x,
                    const Matrix& within, const Poll& poll, Vector* d) {
  const Index count = static_cast<Index>(cuts.size());
  const Index others = static_cast<Index>(rows.plain.size()), p = x.rows();
  Matrix joined(p, count + others);
  std::vector<signed char> sign(count + others, 1);
  for (Index c = 0; c < count; ++c) joined.col(c) = cuts[c];
  for (Index a = 0; a < others; ++a) {
    joined.col(count + a) = x.col(rows.plain[a]);
    sign[count + a] = rows.side[rows.plain[a]];
  }
  const Cone cone = find_cone(ConstMatrixMap(joined.data(), p, count + others), sign, within, poll);
  for (Index c = 0; c < count; ++c) {
    if (!cone.separated[c]) return false;
  }
  *d = cone.direction;
  return true;
}

}  // namespace

Separation find_separation(const ResponseFamily& family, const ResponseRows& rows,
                           const ConstMatrixMap& x, const Poll& poll) {
  const Index n = rows.n, p = x.rows();
  Separation out;
  out.direction = Vector::Zero(p);
  out.unidentified = Matrix::Zero(p, 0);
  out.separated_row.assign(n, 0);

  const EndlessWay zero = endless_way(family, 0.0, 1.0);
  const signed char at_full = family.uses_trials() ? endless_way(family, 1.0, 1.0).sign : 0;
  // A gaussian loses 1; the rest are nearly zero at both.
  out.rows_inform = std::fabs(zero.limit - endless_way(family, 0.0, 1.0, 1.0).limit) > 0.5;
  std::vector<signed char> sign(n, 0);
  std::vector<char> fixed(n, 0);
  Index open = 0, used = 0;
  for (Index i = 0; i < n; ++i) {
    if (!counts(rows, i)) continue;
    ++used;
    if (rows.y[i] <= 0.0) sign[i] = zero.sign;  // below zero: a gaussian with a positive mean
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
    const bool open_column = cone.null_space.row(j).norm() > kColumnTolerance;
    if (!open_column || std::fabs(out.direction[j]) < kConeTolerance) out.direction[j] = 0.0;
  }
  out.direction = scale.cwiseProduct(out.direction).normalized();
  out.unidentified = scale.asDiagonal() * cone.null_space;
  out.unidentified = QrFactor(out.unidentified).q(out.unidentified.cols());
  return out;
}

bool groups_separated(const int* codes, Index levels, const ConstMatrixMap& z,
                      const ResponseRows& rows, const ConstMatrixMap& x, const Poll& poll) {
  SidedRows sided(rows, codes, levels, z);
  if (!sided.can_separate) return false;
  auto& groups = sided.groups;
  const Matrix within = null_space(x, sided.mixed, Matrix::Identity(x.rows(), x.rows()), poll);
  Vector d = Vector::Zero(x.rows());
  std::vector<Vector> cuts;
  for (int round = 0; round < kMostRounds; ++round) {
    const std::size_t before = cuts.size();
    const auto settled = [&](const std::vector<Index>& group) {
      Vector cut;
      if (!needs_cut(group, sided.side, z, x, d, &cut, poll))
        return round == 0;  // then for every d
      cuts.push_back(cut);
      return false;
    };
    groups.erase(std::remove_if(groups.begin(), groups.end(), settled), groups.end());
    if (cuts.size() == before) return true;
    if (!direction_past(cuts, sided, x, within, poll, &d)) return false;
  }
  return false;
}

bool groups_separated(const PackedRows& packed, int grouping, const Matrix& lambda,
                      const ResponseRows& rows, bool alone, const Poll& poll) {
  const Index k = lambda.rows(), n = packed.size();
  const Matrix z = packed.random().middleRows(packed.random_start(grouping), k);
  const Vector sd = effect_sd(packed, grouping, lambda);
  const Index wide = (sd.array() > kLargeSd).count();
  if (wide == 0) return false;

  std::vector<int> codes(n);
  std::vector<char> moderate(n);
  for (Index i = 0; i < n; ++i) {
    codes[i] = static_cast<int>(packed.level(i, grouping)) + 1;
    moderate[i] = !(sd[i] > kLargeSd);
  }
  const Matrix free =
      null_space(ConstMatrixMap(z.data(), k, n), moderate, Matrix::Identity(k, k), poll);
  const bool most = 2 * wide > n, some = free.cols() > 0 && free.cols() < k;
  if (!most && !some) return false;
  const Matrix x = alone ? packed.fixed() : fixed_and_other_effects(packed, grouping);
  const auto separated = [&](const Matrix& along) {
    return groups_separated(codes.data(), packed.layout().groupings()[grouping].levels,
                            ConstMatrixMap(along.data(), along.rows(), n), rows,
                            ConstMatrixMap(x.data(), x.rows(), n), poll);
  };
  return (most && separated(z)) || (some && separated(free.transpose() * z));
}

bool has_large_effects(const PackedRows& packed, int grouping, const Matrix& lambda) {
  return (effect_sd(packed, grouping, lambda).array() > kLargeSd).any();
}

}  // namespace tiers
