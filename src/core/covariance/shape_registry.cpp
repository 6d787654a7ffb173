#include "shape_registry.h"

#include <stdexcept>

#include "shape_parts.h"

// The structures, compiled with the table that names them.
#include "antedependence_shape.cpp"
#include "arma_shape.cpp"
#include "autoregressive_shape.cpp"
#include "compound_shape.cpp"
#include "factor_analytic_shape.cpp"
#include "huynh_feldt_shape.cpp"
#include "independent_shape.cpp"
#include "linear_shape.cpp"
#include "matern_shape.cpp"
#include "partial_toeplitz_shape.cpp"
#include "range_shape.cpp"
#include "toeplitz_shape.cpp"
#include "unstructured_shape.cpp"

namespace tiers {

namespace {

using RecipeScale = StructureRecipe::Scale;

ShapePointer make_any_toeplitz(const StructureRecipe& recipe) {
  return recipe.partial ? make_partial_toeplitz_shape(recipe) : make_toeplitz_shape(recipe);
}

// What a recipe may or must say beside the name.
constexpr unsigned kDistances = 1, kSteps = 2, kLags = 4, kNugget = 8, kBand = 16, kSmoothness = 32,
                   kOrders = 64;
// No covariance matrix of residuals by itself: singular, or made of matrices that have to be given.
constexpr unsigned kNotAlone = 128;
constexpr unsigned kInTime = kDistances | kSteps, kAnywhere = kDistances | kNugget;

// by_name: the structure has variances of its own.
struct Entry {
  const char* name;
  ShapePointer (*make)(const StructureRecipe&);
  RecipeScale scale;
  unsigned takes = 0;
  // Structures that it is a special case of at any visits, where nothing is said beside the names.
  const char* within = "";
};

constexpr Entry kShapes[] = {
    {"us", make_unstructured_shape, RecipeScale::by_name},
    {"diag", make_independent_shape, RecipeScale::each, 0, "csh ar1h toeph ante us"},
    {"id", make_independent_shape, RecipeScale::common},
    {"cs", make_compound_shape, RecipeScale::common, 0, "csh toep toeph hf us"},
    {"csh", make_compound_shape, RecipeScale::each, 0, "us"},
    {"ar1", make_autoregressive_shape, RecipeScale::common, kInTime | kNugget,
     "ar1h toep toeph ante arma11 us"},
    {"ar1h", make_autoregressive_shape, RecipeScale::each, kInTime | kNugget, "ante toeph us"},
    {"ou", make_continuous_shape, RecipeScale::common, kAnywhere},
    {"sp_pow", make_continuous_shape, RecipeScale::common, kAnywhere},
    {"toep", make_any_toeplitz, RecipeScale::common, kInTime | kLags | kBand, "toeph us"},
    {"toeph", make_any_toeplitz, RecipeScale::each, kInTime | kLags | kBand, "us"},
    {"ante", make_antedependence_shape, RecipeScale::each, 0, "us"},
    {"arma11", make_arma11_shape, RecipeScale::common, kInTime, "toep toeph us"},
    {"arma", make_arma_shape, RecipeScale::common, kInTime | kOrders},
    {"hf", make_huynh_feldt_shape, RecipeScale::by_name, 0, "us"},
    {"fa", make_factor_analytic_shape, RecipeScale::by_name, 0, "us"},
    {"rr", make_reduced_rank_shape, RecipeScale::by_name, kNotAlone},
    {"lin", make_linear_shape, RecipeScale::by_name, kNotAlone},
    {"sp_exp", make_exponential_shape, RecipeScale::common, kAnywhere},
    {"sp_gau", make_gaussian_shape, RecipeScale::common, kAnywhere},
    {"sp_ratio", make_ratio_shape, RecipeScale::common, kAnywhere},
    {"sp_sph", make_spherical_shape, RecipeScale::common, kAnywhere},
    {"sp_lin", make_tent_shape, RecipeScale::common, kAnywhere},
    {"sp_mat", make_matern_shape, RecipeScale::common, kAnywhere | kSmoothness},
};

constexpr const char* kProduct = "kronecker";

const Entry& find_shape(const std::string& name) {
  for (const Entry& entry : kShapes) {
    if (name == entry.name) return entry;
  }
  throw std::invalid_argument("no covariance structure is called '" + name + "'");
}

ShapePointer make_product(const StructureRecipe& recipe) {
  if (recipe.children.size() != 2)
    throw std::invalid_argument("a Kronecker product has two structures");
  if (recipe.nugget) throw std::invalid_argument("the nugget goes with a structure in the product");
  StructureRecipe left = recipe.children[0], right = recipe.children[1];
  right.scale = RecipeScale::none;
  if (recipe.scale != RecipeScale::by_name) left.scale = recipe.scale;
  ShapePointer correlation = make_shape(right);
  if (!correlation->unit_diagonal()) {
    throw std::invalid_argument(
        "the second structure of a product must have no variances of its "
        "own: '" +
        right.name + "' has");
  }
  return make_kronecker_shape(make_shape(left), std::move(correlation), recipe);
}

}  // namespace

std::vector<ShapeTraits> shape_traits() {
  std::vector<ShapeTraits> all;
  for (const Entry& entry : kShapes) {
    const auto takes = [&](unsigned what) { return (entry.takes & what) != 0; };
    ShapeTraits one{entry.name,        entry.scale,       "",
                    takes(kDistances), takes(kSteps),     takes(kLags),
                    takes(kNugget),    takes(kBand),      takes(kSmoothness),
                    takes(kOrders),    !takes(kNotAlone), entry.within};
    for (const Entry& other : kShapes) {
      const bool scales =
          entry.scale != RecipeScale::by_name && other.scale != RecipeScale::by_name;
      if (scales && other.make == entry.make && other.scale != entry.scale)
        one.other_scale = other.name;
    }
    all.push_back(one);
  }
  return all;
}

RecipeScale scale_of(const StructureRecipe& recipe) {
  if (recipe.name == kProduct) return RecipeScale::by_name;
  const RecipeScale by_name = find_shape(recipe.name).scale;
  const bool own = by_name == RecipeScale::by_name || recipe.scale == RecipeScale::by_name;
  return own ? by_name : recipe.scale;
}

ShapePointer make_shape(const StructureRecipe& recipe) {
  if (recipe.visits < 1) throw std::invalid_argument("a structure has one position or more");
  if (recipe.name == kProduct) return make_product(recipe);
  const Entry& entry = find_shape(recipe.name);
  ShapePointer shape = entry.make(recipe);
  if (!shape->unit_diagonal()) {
    if (recipe.nugget || recipe.scale != RecipeScale::by_name) {
      throw std::invalid_argument("'" + recipe.name +
                                  "' has variances of its own, and takes no scale or nugget");
    }
    return shape;
  }
  if (recipe.nugget) shape = make_nugget_shape(std::move(shape));
  return make_scaled_shape(std::move(shape), scale_of(recipe), recipe.visits);
}

}  // namespace tiers
