// The one place that knows which shapes exist.
#pragma once

#include <memory>

#include "covariance_shape.h"

namespace tiers {

// What a structure is and takes beside its name.
struct ShapeTraits {
  std::string name;
  StructureRecipe::Scale scale;  // by_name: its own
  std::string other_scale;       // the same correlations with one variance or with each; or none
  bool distances, steps, lags;   // of coordinates: any, whole steps in time, a parameter each
  bool nugget, band, smoothness, orders;
  bool alone;          // can it be all that residuals have?
  std::string within;  // names of structures that it is a special case of, with blanks between
};

// Without the products of others, whose recipes have children.
std::vector<ShapeTraits> shape_traits();
// The scale that a recipe ends with; by_name: the structure's own.
StructureRecipe::Scale scale_of(const StructureRecipe& recipe);
// Throws std::invalid_argument for a name that is not registered, and for a recipe that its
// structure cannot follow (the message says why).
std::unique_ptr<CovarianceShape> make_shape(const StructureRecipe& recipe);

}  // namespace tiers
