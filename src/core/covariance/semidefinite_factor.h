// Cholesky factors of matrices that may be singular.
#pragma once

#include "../model/eigen.h"

namespace tiers {

// Lambda of a positive semidefinite Sigma, columns of zero where a pivot is rounding; empty where
// Sigma is not that.
Matrix semidefinite_factor(const Matrix& sigma);
// Its derivative along a change of Sigma that leaves the columns of zero what they are.
Matrix semidefinite_factor_derivative(const Matrix& factor, const Matrix& change);

}  // namespace tiers
