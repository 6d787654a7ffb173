// The core's entry for linear models whose residuals have a covariance structure, with or without
// random effects (vignettes/algorithm.Rmd 6).
#pragma once

#include "../model/structured_result.h"

namespace tiers {

// Throws std::invalid_argument for what the specification cannot mean and std::length_error where
// a unit has so many rows that its covariance matrix is out of reach.
StructuredResult fit_structured(const StructuredSpecification& spec, const Control& control);

}  // namespace tiers
