#include "pattern_data.h"

#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Doubles that moments may take beside the rows.
constexpr double kMostMoments = 1.3e8;

}  // namespace

Vector packed(const Matrix& symmetric) {
  const Index n = symmetric.rows();
  Vector out(packed_size(n));
  for (Index b = 0, at = 0; b < n; ++b) {
    for (Index a = b; a < n; ++a) out[at++] = symmetric(a, b);
  }
  return out;
}

Matrix unpacked(const Vector& values, Index n) {
  Matrix out(n, n);
  for (Index b = 0, at = 0; b < n; ++b) {
    for (Index a = b; a < n; ++a) out(a, b) = out(b, a) = values[at++];
  }
  return out;
}

PatternData::PatternData(const Design& design, const UnitPatterns& patterns, const Poll& poll)
    : patterns_(patterns), columns_(design.rank() + 1) {
  all_.resize(patterns.used_rows(), columns_);
  Vector x(design.rank());
  Index at = 0;
  for (Index u = 0; u < patterns.units(); ++u) {
    for (Index i = 0; i < patterns.unit_size(u); ++i, ++at) {
      const Index row = patterns.rows(u)[i];
      design.fixed_row(row, x.data());
      all_.row(at).head(design.rank()) = x.transpose();
      all_(at, design.rank()) = design.response(row);
    }
  }
  if (poll) poll();
  replace_response(design);

  // An evaluation costs about t^2 P^2 / 4 with moments, N t P (t + P) / 2 from rows.
  double taken = 0.0;
  for (const UnitPattern& one : patterns.patterns()) {
    moments_.emplace_back();
    const double t = static_cast<double>(one.size), p = static_cast<double>(columns_);
    const double count = static_cast<double>(one.count());
    const double size = static_cast<double>(packed_size(one.size) * packed_size(columns_));
    if (!(count > t * p / (2.0 * (t + p))) || taken + size > kMostMoments) continue;
    taken += size;
    if (poll) poll();
    moments_.back().push_back(make_moments(one));
  }
}

// Twice: the second time takes what rounding has left of the first.
void PatternData::replace_response(const Design& design) {
  const Index p = design.rank();
  least_squares_ = Vector::Zero(p);
  Vector root(all_.rows());
  Index at = 0;
  for (Index u = 0; u < patterns_.units(); ++u) {
    for (Index i = 0; i < patterns_.unit_size(u); ++i)
      root[at++] = std::sqrt(design.weight(patterns_.rows(u)[i]));
  }
  const Matrix x = root.asDiagonal() * all_.leftCols(p);
  const CholeskyFactor gram(x.transpose() * x);
  for (int pass = 0; pass < 2 && p > 0 && gram.positive_definite(); ++pass) {
    const Vector y = root.cwiseProduct(all_.col(p));
    const Vector more = gram.solve(x.transpose() * y);
    least_squares_ += more;
    all_.col(p) -= all_.leftCols(p) * more;
  }
  residual_square_ = root.cwiseProduct(all_.col(p)).squaredNorm();
}

Matrix PatternData::unit_rows(Index unit) const {
  const Index first = patterns_.rows(unit) - patterns_.rows(0);
  return all_.middleRows(first, patterns_.unit_size(unit));
}

Matrix PatternData::rows(const UnitPattern& pattern) const {
  Matrix out(pattern.size, columns_ * pattern.count());
  for (Index i = 0; i < pattern.count(); ++i)
    out.middleCols(i * columns_, columns_) = unit_rows(pattern.units[i]);
  return out;
}

Matrix PatternData::make_moments(const UnitPattern& pattern) const {
  const Index t = pattern.size, p = columns_;
  // Packed pairs of columns in rows, pairs of places in columns: the inner loop runs down a column.
  Matrix out = Matrix::Zero(packed_size(p), packed_size(t));
  Matrix x(p, t);
  for (const Index unit : pattern.units) {
    const Index first = patterns_.rows(unit) - patterns_.rows(0);
    x = all_.middleRows(first, t).transpose();
    Index pair = 0;
    for (Index b = 0; b < t; ++b) {
      const double* xb = x.col(b).data();
      for (Index a = b; a < t; ++a, ++pair) {
        const double* xa = x.col(a).data();
        double* sum = out.col(pair).data();
        for (Index j = 0; j < p; ++j) {
          const double aj = xa[j], bj = a == b ? 0.0 : xb[j];
          for (Index i = j; i < p; ++i) *sum++ += aj * xb[i] + bj * xa[i];
        }
      }
    }
  }
  return out;
}

Matrix PatternData::contract(Index pattern, const Matrix& weights) const {
  return moments_[pattern][0] * weights;
}

Matrix PatternData::spread(Index pattern, const Matrix& c) const {
  const Index t = patterns_.patterns()[pattern].size;
  Vector twice = packed(2.0 * c);
  for (Index j = 0, at = 0; j < columns_; at += columns_ - j, ++j) twice[at] *= 0.5;
  const Vector sums = moments_[pattern][0].transpose() * twice;
  Matrix out = unpacked(0.5 * sums, t);
  out.diagonal() *= 2.0;
  return out;
}

}  // namespace tiers
