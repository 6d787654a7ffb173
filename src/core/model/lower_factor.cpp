#include "lower_factor.h"

#include "dense_algebra.h"

namespace tiers {

Matrix lower_factor(const Matrix& a) {
  const Index k = a.rows();
  Matrix transposed = Matrix::Zero(std::max(a.cols(), k), k);
  transposed.topRows(a.cols()) = a.transpose();
  Matrix lower = QrFactor(transposed).r().transpose();
  for (Index j = 0; j < k; ++j) {
    if (lower(j, j) < 0.0) lower.col(j) = -lower.col(j);
  }
  return lower;
}

// L = a Q with Q orthogonal, so dL = da Q + L S with S skew, the one that leaves dL lower
// triangular: row by row from the top. A zero pivot leaves its row of S open, and a column of L
// that is zero feels none of it.
Matrix lower_factor_derivative(const Matrix& a, const Matrix& da) {
  const Index k = a.rows();
  const QrFactor qr(a.transpose());
  const Matrix lower = lower_factor(a);
  Matrix turn = qr.q(a.cols());
  for (Index j = 0; j < k; ++j) {
    if (qr.r()(j, j) < 0.0) turn.col(j) = -turn.col(j);
  }
  Matrix out = da * turn, skew = Matrix::Zero(k, k);
  for (Index i = 0; i < k; ++i) {
    for (Index j = i + 1; j < k && lower(i, i) != 0.0; ++j) {
      const double above = out(i, j) + lower.row(i).head(i).dot(skew.col(j).head(i));
      skew(i, j) = -above / lower(i, i);
      skew(j, i) = -skew(i, j);
    }
  }
  out += lower * skew;
  return out.triangularView<Eigen::Lower>();
}

}  // namespace tiers
