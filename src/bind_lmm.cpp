// The compiled fit as R sees it. Called only from R/engine.R.
#include <memory>

#include "convert.h"
#include "core/engine/deletion_step.h"

using Rcpp::_;
using Rcpp::List;
using tiers::Matrix;

// [[Rcpp::export]]
List fit_lmm_cpp(const List& spec, const List& control) {
  const tiers::Specification model = specification_from_r(spec);
  return fit_to_r(tiers::fit_model(model, control_from_r(control)));
}

namespace {

// Of list(term (from 1), block) each.
std::vector<tiers::VarianceForm> variance_forms_from_r(const List& forms) {
  std::vector<tiers::VarianceForm> out;
  for (R_xlen_t a = 0; a < forms.size(); ++a) {
    const List form = forms[a];
    out.push_back({Rcpp::as<int>(form["term"]) - 1, Rcpp::as<Matrix>(form["block"])});
  }
  return out;
}

std::unique_ptr<tiers::LinearParameters> linear_parameters_from_r(
    const Rcpp::Nullable<List>& given) {
  if (given.isNull()) return nullptr;
  const List list(given);
  auto out = std::make_unique<tiers::LinearParameters>();
  out->forms = variance_forms_from_r(list["forms"]);
  out->psi = Rcpp::as<tiers::Vector>(list["psi"]);
  out->weight = Rcpp::as<Matrix>(list["weight"]);
  return out;
}

}  // namespace

// [[Rcpp::export]]
List variance_information_lmm_cpp(const List& spec, const List& lambda, const List& forms,
                                  const Eigen::MatrixXd& vcov_psi, bool all_free,
                                  const Eigen::MatrixXd& also_free) {
  const tiers::Specification model = specification_from_r(spec);
  tiers::VarianceForms asked;
  asked.entries = variance_forms_from_r(forms);
  asked.vcov_psi = vcov_psi;
  asked.all_free = all_free;
  asked.also_free = also_free;
  const auto found =
      tiers::variance_information(model, factors_from_r(model, lambda), asked, poll_only());
  return List::create(_["psi"] = plain_vector(found.psi), _["ml"] = found.ml,
                      _["reml"] = found.reml, _["expected"] = found.expected,
                      _["observed"] = found.observed,
                      _["derivatives"] = Rcpp::wrap(found.derivatives),
                      _["expected_products"] = found.expected_products,
                      _["observed_products"] = found.observed_products);
}

// `rows`: fixed (rows x p), parts (term, level, basis), residual. `linear`: list(forms, psi,
// weight) of linear parameters, or NULL.
// [[Rcpp::export]]
List contrast_rows_lmm_cpp(const List& spec, const List& lambda, const List& rows,
                           Rcpp::Nullable<Rcpp::List> linear) {
  const tiers::Specification model = specification_from_r(spec);
  const auto asked = linear_parameters_from_r(linear);
  const auto found =
      tiers::contrast_rows(model, factors_from_r(model, lambda), contrast_rows_from_r(model, rows),
                           asked.get(), poll_only());
  return List::create(_["variance"] = plain_vector(found.variance), _["gradient"] = found.gradient,
                      _["adjustment"] = plain_vector(found.adjustment));
}

// [[Rcpp::export]]
List contrast_block_lmm_cpp(const List& spec, const List& lambda, const List& contrasts,
                            Rcpp::Nullable<Rcpp::List> linear) {
  const tiers::Specification model = specification_from_r(spec);
  const auto asked = linear_parameters_from_r(linear);
  const auto found =
      tiers::contrast_block(model, factors_from_r(model, lambda),
                            contrast_block_from_r(model, contrasts), asked.get(), poll_only());
  return List::create(_["variance"] = found.variance, _["gradient"] = Rcpp::wrap(found.gradient),
                      _["adjustment"] = found.adjustment);
}

// [[Rcpp::export]]
List condvar_lmm_cpp(const List& spec, const List& lambda, double sigma) {
  const tiers::Specification model = specification_from_r(spec);
  const auto variances =
      tiers::conditional_variances(model, factors_from_r(model, lambda), poll_only());
  return level_arrays(model, variances, sigma * sigma);
}

// [[Rcpp::export]]
List evaluate_lmm_cpp(const List& spec, const List& lambda) {
  const tiers::Specification model = specification_from_r(spec);
  const auto at = tiers::evaluate(model, factors_from_r(model, lambda), poll_only());
  return List::create(_["deviance"] = at.deviance,
                      _["gradient"] = Rcpp::NumericVector(at.gradient.data(),
                                                          at.gradient.data() + at.gradient.size()));
}

// `unit`: of each row, from 1; 0: in none. A column (k or r columns of a matrix) a unit.
// [[Rcpp::export]]
List delete_units_lmm_cpp(const List& spec, const List& lambda, const List& coordinates,
                          const List& forms, const Eigen::VectorXd& psi,
                          const Rcpp::IntegerVector& unit, int units) {
  const tiers::Specification model = specification_from_r(spec);
  if (unit.size() != model.n) Rcpp::stop("'unit' has the wrong length");
  tiers::DeletionStart start;
  start.lambda = factors_from_r(model, lambda);
  start.coordinates = factors_from_r(model, coordinates);
  start.forms = variance_forms_from_r(forms);
  start.psi = psi;
  for (const int one : unit) start.unit.push_back(one - 1);
  start.units = units;
  const auto found = tiers::delete_units(model, start, poll_only());
  return List::create(_["step"] = found.step, _["change"] = found.change, _["vcov"] = found.vcov,
                      _["Sigma"] = Rcpp::wrap(found.sigma),
                      _["sigma2"] = plain_vector(found.sigma2),
                      _["deviance"] = plain_vector(found.deviance));
}
