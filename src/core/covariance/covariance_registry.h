// The one place that knows which covariance structures exist.
#pragma once

#include "covariance_structure.h"
#include "shape_registry.h"

namespace tiers {

// Structures of random effects.
std::vector<ShapeTraits> covariance_traits();
std::vector<std::string> covariance_names();
// Of recipe.visits columns. Throws std::invalid_argument for a name that is not registered, and for
// a recipe that its structure cannot follow.
std::unique_ptr<CovarianceStructure> make_covariance(const StructureRecipe& recipe);
// Of a recipe that is a name alone.
std::unique_ptr<CovarianceStructure> make_covariance(const std::string& name, Index columns);

}  // namespace tiers
