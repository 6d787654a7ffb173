#pragma once

#include "covariance_structure.h"

namespace tiers {
std::unique_ptr<CovarianceStructure> make_unstructured(Index columns);
}
