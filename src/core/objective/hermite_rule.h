// Gauss-Hermite rules for the standard normal density: sum_q exp(log_weight_q) f(node_q).
#pragma once

#include "../model/specification.h"

namespace tiers {

struct HermiteRule {
  Matrix nodes;        // k x Q^k
  Vector log_weights;  // Q^k; the weights sum to 1
};

// Product rule with `points` nodes in each of k dimensions.
HermiteRule hermite_rule(int points, Index k);

}  // namespace tiers
