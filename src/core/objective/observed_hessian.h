#pragma once

#include "objective.h"

namespace tiers {

// Hessian over the free parameters from the exact gradient, by central differences of fourth order
// with steps in proportion to the standard errors that the curvature promises. Costs four
// gradients a parameter. Leaves the objective at `psi`, with its derivatives.
Matrix observed_hessian(Objective& objective, const Vector& psi, const std::vector<bool>& free);

}  // namespace tiers
