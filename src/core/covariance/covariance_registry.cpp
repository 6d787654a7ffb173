#include "covariance_registry.h"

#include <algorithm>
#include <utility>

#include "diagonal.h"
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

// Those that random effects take: with a variance in all or for each column, and the first ones.
std::vector<ShapeTraits> covariance_traits() {
  std::vector<ShapeTraits> out;
  for (const ShapeTraits& one : shape_traits()) {
    const bool own = std::any_of(registry().begin(), registry().end(),
                                 [&](const auto& entry) { return entry.first == one.name; });
    if (own || one.scale != StructureRecipe::Scale::by_name) out.push_back(one);
  }
  return out;
}

std::vector<std::string> covariance_names() {
  std::vector<std::string> names;
  for (const ShapeTraits& one : covariance_traits()) names.push_back(one.name);
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
