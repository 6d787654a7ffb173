// The search for the optimum of a model with a residual structure: starts, ends of parameters'
// ranges, and what can be said before and after it.
#pragma once

#include "boundary.h"
#include "structured_engine.h"

namespace tiers {

struct StructuredOptimum {
  BoundaryOptimum found;
  std::vector<Index> flat;   // places of parameters that the data cannot tell apart
  std::vector<Index> ended;  // residual parameters (in psi) at the end of their range
  // The search went on towards a singular covariance matrix, along which the deviance falls.
  bool unbounded = false;
};

// The objective is left anywhere. The value is not finite where no start has a finite one; with
// parameters that are flat, psi is the start.
StructuredOptimum search_structured(StructuredEngine& engine, const Control& control);

}  // namespace tiers
