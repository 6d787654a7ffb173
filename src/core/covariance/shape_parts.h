// Makers of what structures are made of: wrappers, and shapes that others call. They throw
// std::invalid_argument for a recipe that they cannot follow.
#pragma once

#include "covariance_shape.h"

namespace tiers {

ShapePointer make_toeplitz_shape(const StructureRecipe& recipe);
ShapePointer make_exponential_shape(const StructureRecipe& recipe);

// A correlation matrix with SDs, one or one for each visit; a correlation matrix of which a share
// is the position's own; the Kronecker product with a correlation matrix.
ShapePointer make_scaled_shape(ShapePointer correlation, StructureRecipe::Scale scale,
                               Index visits);
ShapePointer make_nugget_shape(ShapePointer correlation);
ShapePointer make_kronecker_shape(ShapePointer left, ShapePointer right,
                                  const StructureRecipe& recipe);

}  // namespace tiers
