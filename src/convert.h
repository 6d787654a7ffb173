// Between R's lists and the core's structs. Lengths and types are checked here, once; the core
// trusts them. A Specification points into the list it was made from, which must outlive it.
#pragma once

#include <RcppEigen.h>

#include "core/engine/at_point.h"
#include "core/engine/fit_model.h"
#include "interrupt.h"

tiers::StructureRecipe recipe_from_r(SEXP what);
tiers::Specification specification_from_r(const Rcpp::List& spec);
std::vector<tiers::RandomTerm> terms_from_r(const Rcpp::List& terms, tiers::Index n);
std::vector<tiers::Matrix> factors_from_r(const tiers::Specification& spec,
                                          const Rcpp::List& lambda);
tiers::ContrastRows contrast_rows_from_r(const tiers::Specification& spec, const Rcpp::List& rows);
tiers::ContrastBlock contrast_block_from_r(const tiers::Specification& spec,
                                           const Rcpp::List& contrasts);
tiers::Control control_from_r(const Rcpp::List& control);
// A vector without dimensions, which Rcpp would give an Eigen vector.
inline Rcpp::NumericVector plain_vector(const tiers::Vector& x) {
  return Rcpp::NumericVector(x.data(), x.data() + x.size());
}
const char* status_name(tiers::FitStatus status);
const char* ending_name(tiers::Ending ending);
// What fits of all kinds have in common.
Rcpp::List fit_to_r(const tiers::FitResult& fit);
// Defaults that can be interrupted.
tiers::Control poll_only();
// Blocks of all levels of each term, times a factor, as k x k x levels arrays.
Rcpp::List level_arrays(const tiers::Specification& spec, const std::vector<tiers::Matrix>& blocks,
                        double factor);
