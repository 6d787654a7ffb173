// Covariance of the covariance parameters from the observed Hessian of the deviance, and the
// derivatives of vcov(beta): what Satterthwaite's and related degrees of freedom need.
#pragma once

#include "../model/fit_result.h"
#include "../objective/profiled_deviance.h"

namespace tiers {

// psi = (theta, log sigma^2); internal scale of X and y. At the point of the last value(), theta.
Inference covariance_inference(ProfiledDeviance& objective, const std::vector<bool>& free);

}  // namespace tiers
