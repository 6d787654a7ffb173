// The registry of covariance structures as R sees it. Called only from R/covariance.R.
#include <RcppEigen.h>

#include "core/covariance/covariance_registry.h"

// [[Rcpp::export]]
std::vector<std::string> covariance_names_cpp() { return tiers::covariance_names(); }

// [[Rcpp::export]]
int covariance_parameter_count_cpp(std::string structure, int columns) {
  return static_cast<int>(tiers::make_covariance(structure, columns)->parameter_count());
}

// [[Rcpp::export]]
std::vector<std::string> covariance_parameter_names_cpp(std::string structure,
                                                        std::vector<std::string> columns) {
  const auto size = static_cast<tiers::Index>(columns.size());
  return tiers::make_covariance(structure, size)->parameter_names(columns);
}
