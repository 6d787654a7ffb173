// Covariance of the covariance parameters from the observed Hessian of the deviance, and the
// derivatives of vcov(beta): what Satterthwaite's and related degrees of freedom need.
#pragma once

#include "../model/fit_result.h"
#include "../objective/profiled_deviance.h"

namespace tiers {

// psi = (free theta, log sigma^2); internal scale of X and y.
Inference covariance_inference(ProfiledDeviance& objective, const Vector& theta,
                               const std::vector<bool>& free);

}  // namespace tiers
