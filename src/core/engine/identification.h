// Whether the data can tell all variances and covariances apart: whether the derivatives of the
// response's covariance along all free directions (under REML, of what the fixed effects leave of
// it) are linearly independent, so that their Gram matrix has full rank.
#pragma once

#include "../blocks/cross_products.h"
#include "../model/fit_result.h"
#include "variance_directions.h"

namespace tiers {

// cross: of the rows that count, in a generalized model with weights of one. projected: under REML.
Unidentified find_unidentified(const CrossProducts& cross,
                               const std::vector<VarianceDirection>& directions, bool projected,
                               const Poll& poll);

}  // namespace tiers
