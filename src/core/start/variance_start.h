// Variances to start from, without iteration: the quadratic forms |Z_i's|^2 of the score s of a
// model without random effects against their expectations (MIVQUE0),
//   |Z_i's|^2 = tr(Z_i'P Z_i) + sum_j sigma_j^2 |Z_i'P Z_j|_F^2,  P = W - WX (X'WX)^-1 X'W,
// for every column i of every grouping; covariances start at 0.
#pragma once

#include "../blocks/cross_products.h"

namespace tiers {

// The linear system M sigma^2 = r, its columns in the order of the layout's groupings.
struct VarianceSystem {
  Matrix square;  // M
  Vector excess;  // r = |Z_i's|^2 - tr(Z_i'P Z_i)
};

// cross: [Z X]'W[Z X] with the weights of the fit that gave the score. random_score: Z's, in the
// layout's coordinates.
VarianceSystem variance_system(const CrossProducts& cross, const Vector& random_score);

// Per grouping of the layout, a diagonal k x k matrix of standard deviations between 0.05 and 2
// times `unit`, for columns of unit mean square: what counts as a change of order one in the linear
// predictor, 1 on the log and logit scales (ResponseFamily::predictor_unit()).
std::vector<Matrix> variance_start(const CrossProducts& cross, const Vector& random_score,
                                   double unit = 1.0);

}  // namespace tiers
