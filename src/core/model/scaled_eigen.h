// Eigenvalues of a symmetric matrix scaled to unit diagonal, so that the units of the parameters do
// not matter: matrix = S^-1 V D V' S^-1, S = diag(scale).
#pragma once

#include <cmath>
#include <limits>

#include "dense_algebra.h"

namespace tiers {

struct ScaledEigen {
  explicit ScaledEigen(const Matrix& matrix) : scale(matrix.rows()) {
    if (matrix.rows() == 0) return;
    const double largest = matrix.diagonal().cwiseAbs().maxCoeff();
    for (Index i = 0; i < scale.size(); ++i) {
      scale[i] = 1.0 / std::sqrt(std::max(std::abs(matrix(i, i)), largest * 1e-14 + 1e-300));
    }
    eigen.compute(scaled_both_ways(matrix, scale));
  }
  // Absolute values, none below `floor` times the largest.
  Vector positive_values(double floor) const {
    const Vector sizes = eigen.eigenvalues().cwiseAbs();
    return sizes.cwiseMax(floor * sizes.maxCoeff());
  }
  Matrix pseudo_inverse() const {
    if (scale.size() == 0) return Matrix(0, 0);
    const Vector sizes = eigen.eigenvalues().cwiseAbs();
    const double zero = std::numeric_limits<double>::epsilon() * static_cast<double>(scale.size()) *
                        sizes.maxCoeff();
    const Vector inverse = (sizes.array() > zero).select(eigen.eigenvalues().cwiseInverse(), 0.0);
    const Matrix half = scale.asDiagonal() * eigen.eigenvectors();
    return half * inverse.asDiagonal() * half.transpose();
  }
  Vector scale;
  SymmetricEigen eigen;
};

}  // namespace tiers
