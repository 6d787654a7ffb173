#include "covariance_structure.h"

namespace tiers {

Matrix CovarianceStructure::second_derivative_product(const Vector& theta, const Matrix& d) const {
  const Index count = parameter_count();
  std::vector<Matrix> derivative(count);
  for (Index i = 0; i < count; ++i) derivative[i] = factor_derivative(theta, i);
  Matrix product(count, count);
  for (Index i = 0; i < count; ++i) {
    const Matrix d_li = d * derivative[i];
    for (Index j = 0; j <= i; ++j) {
      product(i, j) = product(j, i) = 2.0 * d_li.cwiseProduct(derivative[j]).sum();
    }
  }
  return product;
}

}  // namespace tiers
