#include "covariance_registry.h"

#include <algorithm>
#include <utility>

#include "diagonal.h"
#include "shape_registry.h"
#include "shape_structure.h"
#include "unstructured.h"

namespace tiers {

namespace {

using Maker = std::unique_ptr<CovarianceStructure> (*)(Index);

const std::vector<std::pair<std::string, Maker>>& registry() {
  static const std::vector<std::pair<std::string, Maker>> entries = {
      {"us", make_unstructured},
      {"diag", make_diagonal},
      {"id", make_identity},
  };
  return entries;
}

}  // namespace

std::vector<std::string> covariance_names() {
  std::vector<std::string> names;
  for (const auto& entry : registry()) names.push_back(entry.first);
  for (const std::string& name : shape_names()) {
    StructureRecipe recipe;
    recipe.name = name;
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (!known && scale_of(recipe) != StructureRecipe::Scale::by_name) names.push_back(name);
  }
  return names;
}

// The first ones have factors of their own, which are linear in theta.
std::unique_ptr<CovarianceStructure> make_covariance(const StructureRecipe& recipe) {
  for (const auto& entry : registry()) {
    if (entry.first == recipe.name) return entry.second(recipe.visits);
  }
  return make_shape_structure(recipe);
}

std::unique_ptr<CovarianceStructure> make_covariance(const std::string& name, Index columns) {
  StructureRecipe recipe;
  recipe.name = name;
  recipe.visits = columns;
  return make_covariance(recipe);
}

}  // namespace tiers
