#include "observed_hessian.h"

#include <cmath>

namespace tiers {

Matrix observed_hessian(Objective& objective, const Vector& psi, const std::vector<bool>& free) {
  std::vector<Index> index;
  for (Index i = 0; i < psi.size(); ++i) {
    if (free[i]) index.push_back(i);
  }
  const Index size = static_cast<Index>(index.size());
  Vector gradient;
  Matrix curvature;
  objective.value(psi);
  objective.derivatives(gradient, curvature);
  Matrix hessian(size, size);
  for (Index i = 0; i < size; ++i) {
    // 2 / curvature is the conditional variance: a hundredth of that standard error.
    const double bend = std::abs(curvature(index[i], index[i]));
    const double step = 1e-2 * std::sqrt(2.0 / std::max(bend, 1e-12));
    const double at[4] = {-2.0, -1.0, 1.0, 2.0};
    const double weight[4] = {1.0, -8.0, 8.0, -1.0};
    Vector sum = Vector::Zero(psi.size());
    for (int k = 0; k < 4; ++k) {
      Vector moved = psi;
      moved[index[i]] += at[k] * step;
      objective.value(moved);
      objective.derivatives(gradient, curvature);
      sum += weight[k] * gradient;
    }
    for (Index j = 0; j < size; ++j) hessian(j, i) = sum[index[j]] / (12.0 * step);
  }
  objective.value(psi);
  objective.derivatives(gradient, curvature);
  return 0.5 * (hessian + hessian.transpose());
}

}  // namespace tiers
