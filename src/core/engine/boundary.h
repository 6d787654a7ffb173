// The boundary of the covariance parameters: which variances are exactly zero, whether that is a
// minimum (its multipliers say so), and minimization that ends at one. The covariance parameters are
// the first of the objective's; others may follow.
#pragma once

#include "../covariance/covariance_parameters.h"
#include "../objective/mixed_objective.h"
#include "../optimizer/newton.h"

namespace tiers {

struct BoundaryOptimum {
  Optimum optimum;
  std::vector<Boundary> boundary;  // per term; no directions in the interior
  std::vector<bool> free;  // of all the objective's parameters
  bool at_boundary = false;
  std::vector<bool> allowed;  // as given
};

// Parameters not `allowed` (empty: all are) keep their start.
BoundaryOptimum minimize_with_boundary(MixedObjective& objective,
                                       const CovarianceParameters& parameters, const Vector& start,
                                       const Control& control, const std::vector<bool>& allowed = {});

}  // namespace tiers
