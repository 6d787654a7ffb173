// The registry of covariance structures as R sees it. Called only from R/covariance.R.
#include <RcppEigen.h>

#include "convert.h"
#include "core/covariance/covariance_registry.h"
#include "core/covariance/semidefinite_factor.h"
#include "core/covariance/shape_registry.h"

using Rcpp::_;

namespace {

std::unique_ptr<tiers::CovarianceStructure> structure_from_r(SEXP structure, tiers::Index columns) {
  tiers::StructureRecipe recipe = recipe_from_r(structure);
  recipe.visits = columns;
  return tiers::make_covariance(recipe);
}

}  // namespace

// One row a structure: see ShapeTraits. `each`: with a variance for each column. `residual`: those
// of residuals, of which there are more than of random effects.
// [[Rcpp::export]]
Rcpp::List covariance_traits_cpp(bool residual) {
  const auto traits = residual ? tiers::shape_traits() : tiers::covariance_traits();
  const auto column = [&](auto of) {
    Rcpp::LogicalVector out(traits.size());
    for (std::size_t i = 0; i < traits.size(); ++i) out[i] = of(traits[i]);
    return out;
  };
  using Traits = tiers::ShapeTraits;
  Rcpp::CharacterVector name, other, within;
  for (const Traits& one : traits) {
    name.push_back(one.name);
    other.push_back(one.other_scale);
    within.push_back(one.within);
  }
  const auto common = tiers::StructureRecipe::Scale::common;
  return Rcpp::List::create(
      _["name"] = name, _["other_scale"] = other,
      _["each"] = column([&](const Traits& one) { return one.scale != common; }),
      _["distances"] = column([](const Traits& one) { return one.distances; }),
      _["steps"] = column([](const Traits& one) { return one.steps; }),
      _["lags"] = column([](const Traits& one) { return one.lags; }),
      _["nugget"] = column([](const Traits& one) { return one.nugget; }),
      _["band"] = column([](const Traits& one) { return one.band; }),
      _["smoothness"] = column([](const Traits& one) { return one.smoothness; }),
      _["orders"] = column([](const Traits& one) { return one.orders; }),
      _["alone"] = column([](const Traits& one) { return one.alone; }), _["within"] = within);
}

// [[Rcpp::export]]
int covariance_parameter_count_cpp(SEXP structure, int columns) {
  return static_cast<int>(structure_from_r(structure, columns)->parameter_count());
}

// [[Rcpp::export]]
std::vector<std::string> covariance_parameter_names_cpp(SEXP structure,
                                                        std::vector<std::string> columns) {
  const auto size = static_cast<tiers::Index>(columns.size());
  return structure_from_r(structure, size)->parameter_names(columns);
}

// The natural parameters of a structure of that many columns: what they are, the row and column of
// the covariance matrix where they stand (from 1; 0: of all columns or pairs), and their bounds.
// [[Rcpp::export]]
Rcpp::List covariance_parameters_cpp(SEXP structure, int columns) {
  const auto natural = structure_from_r(structure, columns)->natural_parameters();
  const int size = static_cast<int>(natural.size());
  Rcpp::CharacterVector type(size);
  Rcpp::IntegerVector row(size), column(size);
  Rcpp::NumericVector lower(size), upper(size);
  for (int i = 0; i < size; ++i) {
    const tiers::NaturalParameter& one = natural[i];
    using Kind = tiers::NaturalParameter::Kind;
    type[i] = "structure";
    if (one.kind == Kind::correlation && one.of_pairs) type[i] = "cor";
    if (one.kind == Kind::sd) type[i] = "sd";
    row[i] = one.common ? 0 : static_cast<int>(one.row) + 1;
    column[i] = one.common ? 0 : static_cast<int>(one.column) + 1;
    lower[i] = one.lower;
    upper[i] = one.upper;
  }
  return Rcpp::List::create(_["type"] = type, _["row"] = row, _["column"] = column,
                            _["lower"] = lower, _["upper"] = upper);
}

// Where its parameters stand in the factor, one row each (from 1); no rows: they are no entries.
// [[Rcpp::export]]
Rcpp::IntegerMatrix covariance_entries_cpp(SEXP structure, int columns) {
  const auto entries = structure_from_r(structure, columns)->factor_entries();
  Rcpp::IntegerMatrix out(static_cast<int>(entries.size()), 2);
  for (int i = 0; i < out.nrow(); ++i) {
    out(i, 0) = static_cast<int>(entries[i].row) + 1;
    out(i, 1) = static_cast<int>(entries[i].column) + 1;
  }
  return out;
}

// The factor of given natural values (k x k); 0 x 0 where no covariance matrix has them.
// [[Rcpp::export]]
Eigen::MatrixXd covariance_factor_cpp(SEXP structure, int columns, const Eigen::VectorXd& natural) {
  const auto made = structure_from_r(structure, columns);
  if (natural.size() != made->parameter_count()) Rcpp::stop("a value is needed for each parameter");
  const tiers::Vector theta = made->from_natural(natural);
  return theta.size() == made->parameter_count() ? made->factor(theta) : Eigen::MatrixXd(0, 0);
}

// Natural values of a covariance matrix (of the nearest one of the structure), and derivatives of
// the matrix by them there.
// [[Rcpp::export]]
Rcpp::List covariance_natural_cpp(SEXP structure, const Eigen::MatrixXd& sigma) {
  const tiers::Index k = sigma.rows();
  const auto made = structure_from_r(structure, k);
  const tiers::Matrix unit = tiers::Matrix::Identity(k, k);
  const tiers::Vector natural =
      made->natural(made->parameters(tiers::semidefinite_factor(sigma)), unit);
  Rcpp::List directions(static_cast<int>(natural.size()));
  for (int i = 0; i < directions.size(); ++i) directions[i] = made->natural_derivative(natural, i);
  return Rcpp::List::create(_["value"] = natural, _["directions"] = directions);
}
