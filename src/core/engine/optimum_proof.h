#pragma once

#include "../objective/modal_deviance.h"
#include "boundary.h"

namespace tiers {

// A Newton step squares the error: from the 1e-2 or so at which a search by secant pairs can end
// wrongly two lead to rounding, and one is to spare.
inline constexpr int kVerdictSteps = 3;

// The last word on an optimum, by the exact Hessian over the free parameters: Newton steps as long
// as they gain, and a new search from below a saddle.
struct Proof {
  Matrix covariance;  // 2 H^-1 of the free parameters, zero for the others
  bool positive = false;
  double gain = 0.0;
  double enough = small_gain(Control());  // a gain below it is none
  bool holds() const { return positive && gain < enough; }
};

// Moves `found` to the optimum that was proved; its value is not finite where nothing can be said.
// A dispersion at its limit is no longer free.
Proof prove(ModalDeviance& objective, const CovarianceParameters& parameters,
            BoundaryOptimum& found, const Control& control);

}  // namespace tiers
