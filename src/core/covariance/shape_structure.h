// A correlation matrix by shape (covariance_shape.h) with SDs as the covariance structure of a
// term's random effects, its columns being the visits.
#pragma once

#include <memory>

#include "covariance_structure.h"

namespace tiers {

// Throws std::invalid_argument for a structure whose variances are its own.
std::unique_ptr<CovarianceStructure> make_shape_structure(const StructureRecipe& recipe);

}  // namespace tiers
