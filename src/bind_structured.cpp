// Linear models whose residuals have a covariance structure, as R sees them. Called only from
// R/engine-structured.R.
#include "convert.h"
#include "core/covariance/shape_registry.h"
#include "core/engine/at_point_structured.h"
#include "core/engine/fit_structured.h"

using Rcpp::_;
using Rcpp::List;
using tiers::Matrix;

namespace {

// A matrix of doubles with a row for each row of the model, or NULL.
void map_rows(SEXP value, tiers::Index n, const char* name, tiers::ConstMatrixMap& out) {
  if (Rf_isNull(value)) return;
  if (TYPEOF(value) != REALSXP || !Rf_isMatrix(value) || Rf_nrows(value) != n)
    Rcpp::stop("'%s' is not a numeric matrix with %d rows", name, static_cast<int>(n));
  new (&out) tiers::ConstMatrixMap(REAL(value), n, Rf_ncols(value));
}

// Codes first, ..., first + levels - 1 of the rows, or NULL.
const int* map_codes(SEXP value, tiers::Index n, int first, tiers::Index levels, const char* name) {
  if (Rf_isNull(value)) return nullptr;
  if (TYPEOF(value) != INTSXP || Rf_xlength(value) != n)
    Rcpp::stop("'%s' has no integer for each of %d rows", name, static_cast<int>(n));
  const int* codes = INTEGER(value);
  for (tiers::Index i = 0; i < n; ++i) {
    if (codes[i] < first || codes[i] >= first + levels)
      Rcpp::stop("a code of '%s' is out of range", name);
  }
  return codes;
}

// The list must outlive what it is made into.
tiers::StructuredSpecification structured_from_r(const List& spec) {
  tiers::StructuredSpecification out{specification_from_r(spec), {}};
  const tiers::Index n = out.model.n;
  const List from = spec["residual"];
  tiers::ResidualTerm& term = out.residual;
  term.recipe = recipe_from_r(from["recipe"]);
  term.n_subjects = Rcpp::as<int>(from["n_subjects"]);
  term.subject = map_codes(from["subject"], n, 1, term.n_subjects, "subject");
  term.visit = map_codes(from["visit"], n, 0, term.recipe.visits, "visit");
  term.n_by = Rcpp::as<int>(from["n_by"]);
  term.by = map_codes(from["by"], n, 1, term.n_by, "by");
  map_rows(from["coordinates"], n, "coordinates", term.coordinates);
  map_rows(from["dispersion"], n, "dispersion", term.dispersion);
  return out;
}

// list(Lambda, phi, sigma).
tiers::StructuredPoint point_from_r(const tiers::StructuredSpecification& spec, const List& point) {
  tiers::StructuredPoint out;
  out.lambda = factors_from_r(spec.model, point["Lambda"]);
  out.phi = Rcpp::as<tiers::Vector>(point["phi"]);
  out.sigma = Rcpp::as<double>(point["sigma"]);
  return out;
}

const char* role_name(tiers::ShapeParameter::Kind kind) {
  using Kind = tiers::ShapeParameter::Kind;
  if (kind == Kind::sd) return "sd";
  return kind == Kind::correlation ? "correlation" : "other";
}

tiers::UnitMatrix unit_matrix(bool marginal) {
  return marginal ? tiers::UnitMatrix::marginal : tiers::UnitMatrix::conditional;
}

}  // namespace

// What a structure reads of rows and what its parameters are.
// [[Rcpp::export]]
List residual_shape_cpp(const List& recipe) {
  const auto shape = tiers::make_shape(recipe_from_r(recipe));
  Rcpp::CharacterVector role;
  Rcpp::LogicalVector common;
  for (const tiers::ShapeParameter& one : shape->parameters()) {
    role.push_back(role_name(one.kind));
    common.push_back(one.row < 0);
  }
  return List::create(_["visits"] = shape->uses_visits(),
                      _["coordinates"] = shape->uses_coordinates(), _["role"] = role,
                      _["common"] = common);
}

// [[Rcpp::export]]
List fit_structured_cpp(const List& spec, const List& control) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const tiers::StructuredResult fit = tiers::fit_structured(model, control_from_r(control));
  List out = fit_to_r(fit);
  out["has_sigma"] = fit.has_sigma;
  out["phi"] = plain_vector(fit.phi);
  out["unbounded"] = fit.unbounded;
  out["units"] = static_cast<int>(fit.units);
  out["largest_unit"] = static_cast<int>(fit.largest_unit);
  Rcpp::IntegerVector flat(fit.flat.begin(), fit.flat.end());
  out["flat"] = flat + 1;
  return out;
}

// [[Rcpp::export]]
List evaluate_structured_cpp(const List& spec, const List& point) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const auto at = tiers::evaluate(model, point_from_r(model, point), poll_only());
  return List::create(_["deviance"] = at.deviance, _["gradient"] = plain_vector(at.gradient));
}

// L^-1 (`half`) or V^-1 times the columns, of R or of V.
// [[Rcpp::export]]
Eigen::MatrixXd solve_units_cpp(const List& spec, const List& point, bool marginal, bool half,
                                const Eigen::MatrixXd& columns) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  if (columns.rows() != model.model.n) Rcpp::stop("'columns' has the wrong number of rows");
  const auto at = point_from_r(model, point);
  return half ? tiers::whiten(model, at, unit_matrix(marginal), columns, poll_only())
              : tiers::solve_units(model, at, unit_matrix(marginal), columns, poll_only());
}

// Of the unit that a row (from 1) stands in.
// [[Rcpp::export]]
List unit_covariance_cpp(const List& spec, const List& point, int row) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const auto found =
      tiers::unit_covariance(model, point_from_r(model, point), row - 1, poll_only());
  Rcpp::IntegerVector rows(found.rows.begin(), found.rows.end());
  return List::create(_["rows"] = rows + 1, _["marginal"] = found.marginal,
                      _["conditional"] = found.conditional);
}

// The structure at positions; `unit`: as a correlation matrix, where its scale is sigma.
// [[Rcpp::export]]
Eigen::MatrixXd residual_value_cpp(const List& recipe, bool unit, const Eigen::VectorXd& phi,
                                   const std::vector<int>& visits,
                                   const Eigen::MatrixXd& coordinates) {
  tiers::StructureRecipe what = recipe_from_r(recipe);
  if (unit) what.scale = tiers::StructureRecipe::Scale::none;
  const auto shape = tiers::make_shape(what);
  if (phi.size() != shape->parameter_count()) Rcpp::stop("a value is needed for each parameter");
  const tiers::Positions at{{visits.begin(), visits.end()}, coordinates};
  Matrix sigma;
  shape->value(phi, at, sigma);
  return sigma;
}

// Derivatives by phi of the variance at one position.
// [[Rcpp::export]]
Rcpp::NumericVector residual_slope_cpp(const List& recipe, const Eigen::VectorXd& phi, int visit,
                                       const Eigen::MatrixXd& coordinates) {
  const auto shape = tiers::make_shape(recipe_from_r(recipe));
  if (phi.size() != shape->parameter_count()) Rcpp::stop("a value is needed for each parameter");
  const tiers::Positions at{{visit}, coordinates};
  Rcpp::NumericVector out(phi.size());
  Matrix d;
  for (int k = 0; k < out.size(); ++k) {
    shape->first(phi, at, k, d);
    out[k] = d(0, 0);
  }
  return out;
}

// [[Rcpp::export]]
List condvar_structured_cpp(const List& spec, const List& point) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const auto variances =
      tiers::conditional_variances(model, point_from_r(model, point), poll_only());
  return level_arrays(model.model, variances, 1.0);
}

// As contrast_rows_lmm_cpp(), without the variance of new responses.
// [[Rcpp::export]]
List contrast_rows_structured_cpp(const List& spec, const List& point, const List& rows) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const auto found = tiers::contrast_rows(model, point_from_r(model, point),
                                          contrast_rows_from_r(model.model, rows), poll_only());
  return List::create(_["variance"] = plain_vector(found.variance), _["gradient"] = found.gradient);
}

// [[Rcpp::export]]
List contrast_block_structured_cpp(const List& spec, const List& point, const List& contrasts) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const auto found =
      tiers::contrast_block(model, point_from_r(model, point),
                            contrast_block_from_r(model.model, contrasts), poll_only());
  return List::create(_["variance"] = found.variance, _["gradient"] = Rcpp::wrap(found.gradient));
}

// [[Rcpp::export]]
List variance_information_structured_cpp(const List& spec, const List& point,
                                         const Eigen::MatrixXd& vcov_psi) {
  const tiers::StructuredSpecification model = structured_from_r(spec);
  const auto found =
      tiers::variance_information(model, point_from_r(model, point), vcov_psi, poll_only());
  return List::create(_["expected"] = found.expected, _["observed"] = found.observed,
                      _["derivatives"] = Rcpp::wrap(found.derivatives),
                      _["expected_products"] = found.expected_products,
                      _["observed_products"] = found.observed_products,
                      _["expected_bend"] = found.expected_bend,
                      _["observed_bend"] = found.observed_bend);
}
