// fa: loadings on q factors and uniquenesses. rr: loadings alone, of rank q.
#include <stdexcept>

#include "covariance_shape.h"
#include "loading_shape.h"

namespace tiers {

namespace {

ShapePointer make_loadings(const StructureRecipe& recipe, StructureRecipe::Uniqueness uniqueness) {
  if (recipe.rank < 1 || recipe.rank > recipe.visits)
    throw std::invalid_argument("the number of factors must be from 1 to the number of positions");
  return std::make_unique<LoadingShape>(recipe.visits, recipe.rank, recipe.visits, uniqueness);
}

}  // namespace

ShapePointer make_factor_analytic_shape(const StructureRecipe& recipe) {
  return make_loadings(recipe, recipe.uniqueness);
}
ShapePointer make_reduced_rank_shape(const StructureRecipe& recipe) {
  return make_loadings(recipe, StructureRecipe::Uniqueness::none);
}

}  // namespace tiers
