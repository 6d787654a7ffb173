#pragma once

#include "covariance_structure.h"

namespace tiers {
std::unique_ptr<CovarianceStructure> make_diagonal(Index columns);
std::unique_ptr<CovarianceStructure> make_identity(Index columns);
}  // namespace tiers
