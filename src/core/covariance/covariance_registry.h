// The one place that knows which covariance structures exist.
#pragma once

#include "covariance_structure.h"

namespace tiers {

std::vector<std::string> covariance_names();
// Throws std::invalid_argument for a name that is not registered.
std::unique_ptr<CovarianceStructure> make_covariance(const std::string& name, Index columns);

}  // namespace tiers
