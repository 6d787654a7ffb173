// Whether the data can tell all variances and covariances apart. The covariance of the response
// depends on them through V = sum_j Z_j (I (x) Sigma_j) Z_j' + sigma^2 W^-1, and they are
// identified where the derivatives V_a are linearly independent: where their Gram matrix tr(V_a
// V_b) has full rank. With A_lm = Z_l'WZ_m of two levels,
//   tr(V_a V_b) = sum over pairs of levels of tr(E_a A_lm E_b A_lm'),  E = dSigma / dtheta,
// so that it comes from cross-products that are there already; no n x n matrix is made.
#pragma once

#include "../blocks/cross_products.h"
#include "../covariance/covariance_parameters.h"
#include "../model/fit_result.h"

namespace tiers {

// cross: of the rows that count, in a generalized model with weights of one. residual: whether the
// rows have an unknown variance of their own. free: which covariance parameters are.
Unidentified find_unidentified(const CrossProducts& cross, const CovarianceParameters& parameters,
                               const std::vector<bool>& free, bool residual, const Poll& poll);

}  // namespace tiers
