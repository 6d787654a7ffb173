#include "hermite_rule.h"

#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Orthonormal Hermite polynomials h_0 .. h_n at x: x h_j = sqrt(j + 1) h_{j+1} + sqrt(j) h_{j-1}.
Vector hermite_values(double x, int n) {
  Vector h(n + 1);
  h[0] = 1.0;
  if (n > 0) h[1] = x;
  for (int j = 1; j < n; ++j) h[j + 1] = (x * h[j] - std::sqrt(j) * h[j - 1]) / std::sqrt(j + 1.0);
  return h;
}

}  // namespace

HermiteRule hermite_rule(int points, Index k) {
  // Nodes are the eigenvalues of the Jacobi matrix, polished by Newton's method on h_Q; the weights
  // 1 / sum_j h_j(x)^2 keep their relative accuracy far out, where eigenvectors lose it.
  Matrix jacobi = Matrix::Zero(points, points);
  for (int j = 1; j < points; ++j) jacobi(j, j - 1) = std::sqrt(j);
  Vector node = SymmetricEigen(jacobi, SymmetricEigen::Wanted::values).eigenvalues();
  Vector log_weight(points);
  for (int q = 0; q < points; ++q) {
    for (int step = 0; step < 3; ++step) {
      const Vector h = hermite_values(node[q], points);
      node[q] -= h[points] / (std::sqrt(points) * h[points - 1]);
    }
    log_weight[q] = -std::log(hermite_values(node[q], points - 1).squaredNorm());
  }

  HermiteRule rule;
  Index count = 1;
  for (Index a = 0; a < k; ++a) count *= points;
  rule.nodes.resize(k, count);
  rule.log_weights = Vector::Zero(count);
  for (Index q = 0; q < count; ++q) {
    Index rest = q;
    for (Index a = 0; a < k; ++a) {
      rule.nodes(a, q) = node[rest % points];
      rule.log_weights[q] += log_weight[rest % points];
      rest /= points;
    }
  }
  return rule;
}

}  // namespace tiers
