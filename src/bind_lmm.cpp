// The compiled fit as R sees it. Called only from R/engine.R.
#include "convert.h"

using Rcpp::_;
using Rcpp::List;
using tiers::Matrix;

// [[Rcpp::export]]
List fit_lmm_cpp(const List& spec, const List& control) {
  const tiers::Specification model = specification_from_r(spec);
  return fit_to_r(tiers::fit_model(model, control_from_r(control)));
}

// [[Rcpp::export]]
List kenward_roger_lmm_cpp(const List& spec, const List& lambda, const std::vector<bool>& free) {
  const tiers::Specification model = specification_from_r(spec);
  const auto factors = factors_from_r(model, lambda);
  const auto parts = tiers::kenward_roger(model, factors, free, poll_only());
  return List::create(_["derivatives"] = Rcpp::wrap(parts.derivatives),
                      _["expected"] = parts.expected, _["observed"] = parts.observed,
                      _["expected_products"] = parts.expected_products,
                      _["observed_products"] = parts.observed_products);
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
