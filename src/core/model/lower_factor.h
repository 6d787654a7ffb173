#pragma once

#include "specification.h"

namespace tiers {

// Lower triangular L (k x k, diagonal >= 0) with L L' = A A' for A of k rows and any number of
// columns: the transposed R of a QR decomposition of A'. Exact zero rows stay exact.
Matrix lower_factor(const Matrix& a);
// Its derivative along da, of a square a.
Matrix lower_factor_derivative(const Matrix& a, const Matrix& da);

}  // namespace tiers
