#include "semidefinite_factor.h"

#include <cmath>

namespace tiers {

namespace {

// Share of a column's variance that is rounding.
constexpr double kRoundingShare = 1e-12;

}  // namespace

Matrix semidefinite_factor(const Matrix& sigma) {
  const Index k = sigma.rows();
  Matrix left = sigma, lambda = Matrix::Zero(k, k);
  for (Index j = 0; j < k; ++j) {
    const double rounding = kRoundingShare * sigma(j, j);
    if (!(left(j, j) >= -rounding)) return Matrix();
    if (left(j, j) <= rounding) {
      for (Index i = j + 1; i < k; ++i) {
        if (std::abs(left(i, j)) > std::sqrt(kRoundingShare * sigma(i, i) * sigma(j, j)))
          return Matrix();
      }
      continue;
    }
    lambda.col(j).tail(k - j) = left.col(j).tail(k - j) / std::sqrt(left(j, j));
    left -= lambda.col(j) * lambda.col(j).transpose();
  }
  return lambda;
}

// The same steps differentiated: with l a column and m what is left of the change,
// dl_j = m_jj / (2 l_j), dl_i = (m_ij - l_i dl_j) / l_j.
Matrix semidefinite_factor_derivative(const Matrix& factor, const Matrix& change) {
  const Index k = factor.rows();
  Matrix left = change, out = Matrix::Zero(k, k);
  for (Index j = 0; j < k; ++j) {
    const double pivot = factor(j, j);
    if (pivot == 0.0) continue;
    out(j, j) = 0.5 * left(j, j) / pivot;
    for (Index i = j + 1; i < k; ++i) out(i, j) = (left(i, j) - factor(i, j) * out(j, j)) / pivot;
    for (Index b = j; b < k; ++b) {
      for (Index a = j; a < k; ++a)
        left(a, b) -= out(a, j) * factor(b, j) + factor(a, j) * out(b, j);
    }
  }
  return out;
}

}  // namespace tiers
