// A_i H_i of a large cluster by quadrature, in work linear in its rows.
#pragma once

#include "cluster_block.h"

namespace tiers {

// M = A H with A S A = V, S = V - X X'. False where S is singular, nearly so, or where the levels
// outside of the term with the most are more than a dense matrix should hold.
bool contour_adjusted(const ClusterBlock& block, Matrix& M, const Poll& poll);

}  // namespace tiers
