// What makes each shape. They throw std::invalid_argument for a recipe that they cannot follow.
#pragma once

#include <memory>

#include "covariance_shape.h"

namespace tiers {

using ShapePointer = std::unique_ptr<CovarianceShape>;

ShapePointer make_unstructured_shape(const StructureRecipe& recipe);
ShapePointer make_independent_shape(const StructureRecipe& recipe);
ShapePointer make_compound_shape(const StructureRecipe& recipe);
ShapePointer make_autoregressive_shape(const StructureRecipe& recipe);
ShapePointer make_toeplitz_shape(const StructureRecipe& recipe);
ShapePointer make_partial_toeplitz_shape(const StructureRecipe& recipe);
ShapePointer make_antedependence_shape(const StructureRecipe& recipe);
ShapePointer make_arma11_shape(const StructureRecipe& recipe);
ShapePointer make_arma_shape(const StructureRecipe& recipe);
ShapePointer make_huynh_feldt_shape(const StructureRecipe& recipe);
ShapePointer make_factor_analytic_shape(const StructureRecipe& recipe);
ShapePointer make_reduced_rank_shape(const StructureRecipe& recipe);
ShapePointer make_linear_shape(const StructureRecipe& recipe);
ShapePointer make_continuous_shape(const StructureRecipe& recipe);
ShapePointer make_exponential_shape(const StructureRecipe& recipe);
ShapePointer make_gaussian_shape(const StructureRecipe& recipe);
ShapePointer make_ratio_shape(const StructureRecipe& recipe);
ShapePointer make_spherical_shape(const StructureRecipe& recipe);
ShapePointer make_tent_shape(const StructureRecipe& recipe);
ShapePointer make_matern_shape(const StructureRecipe& recipe);

// Wrappers. A correlation matrix with SDs, one or one for each visit; a correlation matrix of which
// a share is the position's own; the Kronecker product with a correlation matrix.
ShapePointer make_scaled_shape(ShapePointer correlation, StructureRecipe::Scale scale,
                               Index visits);
ShapePointer make_nugget_shape(ShapePointer correlation);
ShapePointer make_kronecker_shape(ShapePointer left, ShapePointer right,
                                  const StructureRecipe& recipe);

}  // namespace tiers
