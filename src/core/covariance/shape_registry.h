// The one place that knows which shapes exist.
#pragma once

#include <memory>

#include "covariance_shape.h"

namespace tiers {

// Without the products of others, whose recipes have children.
std::vector<std::string> shape_names();
// The scale that a recipe ends with; by_name: the structure's own.
StructureRecipe::Scale scale_of(const StructureRecipe& recipe);
// Throws std::invalid_argument for a name that is not registered, and for a recipe that its
// structure cannot follow (the message says why).
std::unique_ptr<CovarianceShape> make_shape(const StructureRecipe& recipe);

}  // namespace tiers
