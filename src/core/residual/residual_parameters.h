// The parameters of a model with a residual structure on the scale on which users know them.
#pragma once

#include "../covariance/parameter_table.h"
#include "residual_structure.h"

namespace tiers {

// psi = (theta, phi, log sigma^2), without the last where sigma is no parameter. `user`: of the
// random effects' absolute factors; `sigma`: the user's.
ParameterTable structured_parameters(const CovarianceParameters& parameters,
                                     const ResidualStructure& structure, const Vector& psi,
                                     const UserScale& user, double sigma);

}  // namespace tiers
