#include "lower_factor.h"

namespace tiers {

Matrix lower_factor(const Matrix& a) {
  const Index k = a.rows();
  Matrix transposed = Matrix::Zero(std::max(a.cols(), k), k);
  transposed.topRows(a.cols()) = a.transpose();
  Eigen::HouseholderQR<Matrix> qr(transposed);
  Matrix lower = Matrix(qr.matrixQR().topRows(k).triangularView<Eigen::Upper>()).transpose();
  for (Index j = 0; j < k; ++j) {
    if (lower(j, j) < 0.0) lower.col(j) = -lower.col(j);
  }
  return lower;
}

}  // namespace tiers
