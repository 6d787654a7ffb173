#include "shape_moments.h"

#include <algorithm>
#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

constexpr double kLargestCorrelation = 0.99, kLeastEigenvalue = 0.05;
constexpr double kSameGap = 1e-8;

bool is_known(const ShapeMoments& moments, Index a, Index b) {
  return moments.weight(a, b) > 0.0 && std::isfinite(moments.covariance(a, b));
}

}  // namespace

double distance(const Positions& at, Index a, Index b) {
  if (at.coordinates.cols() == 1) return std::abs(at.coordinates(a, 0) - at.coordinates(b, 0));
  double square = 0.0;
  for (Index d = 0; d < at.coordinates.cols(); ++d) {
    const double step = at.coordinates(a, d) - at.coordinates(b, d);
    square += step * step;
  }
  return std::sqrt(square);
}

std::vector<CorrelatedPair> correlated_pairs(const ShapeMoments& moments) {
  std::vector<CorrelatedPair> out;
  const Matrix& s = moments.covariance;
  for (Index b = 0; b < s.rows(); ++b) {
    for (Index a = b + 1; a < s.rows(); ++a) {
      if (!is_known(moments, a, b) || !(s(a, a) > 0.0 && s(b, b) > 0.0)) continue;
      const double r = s(a, b) / std::sqrt(s(a, a) * s(b, b));
      out.push_back(
          {a, b, std::clamp(r, -kLargestCorrelation, kLargestCorrelation), moments.weight(a, b)});
    }
  }
  return out;
}

double mean_correlation(const std::vector<CorrelatedPair>& pairs, double otherwise) {
  double sum = 0.0, weights = 0.0;
  for (const CorrelatedPair& one : pairs) {
    sum += one.weight * one.correlation;
    weights += one.weight;
  }
  return weights > 0.0 ? sum / weights : otherwise;
}

double mean_variance(const ShapeMoments& moments) {
  double sum = 0.0, weights = 0.0;
  for (Index a = 0; a < moments.covariance.rows(); ++a) {
    if (!is_known(moments, a, a) || !(moments.covariance(a, a) > 0.0)) continue;
    sum += moments.weight(a, a) * moments.covariance(a, a);
    weights += moments.weight(a, a);
  }
  return weights > 0.0 ? sum / weights : 1.0;
}

Matrix completed_covariance(const ShapeMoments& moments) {
  const Index t = moments.covariance.rows();
  const auto pairs = correlated_pairs(moments);
  Matrix correlation = Matrix::Constant(t, t, mean_correlation(pairs, 0.0));
  correlation.diagonal().setOnes();
  for (const CorrelatedPair& one : pairs)
    correlation(one.a, one.b) = correlation(one.b, one.a) = one.correlation;
  const SymmetricEigen parts(correlation, SymmetricEigen::Wanted::values);
  const double least = t > 0 ? parts.eigenvalues()[0] : 1.0;
  // (1 - w) C + w I has the least eigenvalue (1 - w) least + w.
  const double shrink = least < kLeastEigenvalue ? (kLeastEigenvalue - least) / (1.0 - least) : 0.0;
  const double variance = mean_variance(moments);
  Vector sd(t);
  for (Index a = 0; a < t; ++a) {
    const bool known = is_known(moments, a, a) && moments.covariance(a, a) > 0.0;
    sd[a] = std::sqrt(known ? moments.covariance(a, a) : variance);
  }
  for (Index b = 0; b < t; ++b) {
    for (Index a = 0; a < t; ++a)
      correlation(a, b) *= sd[a] * sd[b] * (a == b ? 1.0 : 1.0 - shrink);
  }
  return correlation;
}

double step_correlation(const ShapeMoments& moments) {
  double gap = 0.0;
  std::vector<CorrelatedPair> nearest;
  for (const CorrelatedPair& one : correlated_pairs(moments)) {
    const double h = distance(moments.places, one.a, one.b);
    if (!(h > 0.0)) continue;
    if (nearest.empty() || h < gap - kSameGap) {
      nearest.clear();
      gap = h;
    }
    if (std::abs(h - gap) <= kSameGap) nearest.push_back(one);
  }
  const double r = mean_correlation(nearest, 0.0);
  if (nearest.empty() || r == 0.0) return 0.0;
  const double size = std::pow(std::abs(r), 1.0 / gap);
  if (r > 0.0) return size;
  const double odd = std::fmod(gap, 2.0);
  return std::abs(odd - 1.0) <= kSameGap ? -size : 0.0;
}

}  // namespace tiers
