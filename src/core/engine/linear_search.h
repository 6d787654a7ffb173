// From the objective of a linear model to its optimum: the search with its boundary, under the
// constraints of the specification.
#pragma once

#include "../model/fit_result.h"
#include "boundary.h"
#include "linear_engine.h"

namespace tiers {

struct LinearOptimum {
  BoundaryOptimum found;
  Matrix vcov_psi;  // of psi = (theta, log sigma^2); empty: that of the information
  double value = 0.0;
  bool perfect = false;  // nothing is left of the response; then there is no optimum
};

// Of variances that are neither held nor tied.
Unidentified find_unidentified(const LinearEngine& engine, const HeldParameters& held,
                               const Control& control);

// From the start of the engine; the objective is left at the optimum.
LinearOptimum search_linear(LinearEngine& engine, const HeldParameters& held,
                            const Control& control);

}  // namespace tiers
