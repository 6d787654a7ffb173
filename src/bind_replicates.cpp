// Fits of many responses as R sees them. Called only from R/engine.R.
#include "convert.h"
#include "core/engine/replicates.h"
// After bind_glmm.cpp in border.cpp: the reading of generalized models is its.

using Rcpp::_;
using Rcpp::List;

namespace {

tiers::ConstMatrixMap responses_from_r(const Rcpp::NumericMatrix& responses, tiers::Index n) {
  if (responses.nrow() != n) Rcpp::stop("'responses' has the wrong number of rows");
  return tiers::ConstMatrixMap(REAL(responses), responses.nrow(), responses.ncol());
}

// A column a replicate.
List replicates_to_r(const tiers::Replicates& found) {
  Rcpp::CharacterVector status(found.status.size());
  for (std::size_t b = 0; b < found.status.size(); ++b) status[b] = status_name(found.status[b]);
  return List::create(_["coefficients"] = found.coefficients, _["parameters"] = found.parameters,
                      _["deviance"] = plain_vector(found.deviance), _["status"] = status);
}

}  // namespace

// [[Rcpp::export]]
List replicates_lmm_cpp(const List& spec, const List& control,
                        const Rcpp::NumericMatrix& responses) {
  const tiers::Specification model = specification_from_r(spec);
  return replicates_to_r(
      tiers::fit_replicates(model, responses_from_r(responses, model.n), control_from_r(control)));
}

// [[Rcpp::export]]
List replicates_glmm_cpp(const List& spec, const List& control,
                         const Rcpp::NumericMatrix& responses) {
  const Generalized model(spec);
  return replicates_to_r(tiers::fit_replicates(
      model.spec, responses_from_r(responses, model.spec.model.n), control_from_r(control)));
}
