// What each cluster adds to the gradient and the Hessian of a generalized model's deviance at given
// parameters. Clusters that contain the groups are independent: each is a model of its own.
#pragma once

#include "../model/generalized_result.h"

namespace tiers {

struct ClusterScores {
  // All parameters, as in GeneralizedAt: P x J, and P x P J (zero for parameters that are not
  // free).
  Matrix gradients, hessians;
  bool defined = true;  // false: some value is not finite
};

// `cluster` has the 1-based cluster of each row; `steps` (P) are those of the central differences
// of the exact gradient, 0 for parameters that are not free. For models whose fixed effects are not
// part of the mode.
ClusterScores cluster_scores(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                             const int* cluster, Index clusters, const Vector& steps,
                             const Control& control);

}  // namespace tiers
