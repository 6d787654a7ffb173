#pragma once
#include <RcppEigen.h>
#include "core/family/family_registry.h"
inline std::unique_ptr<tiers::ResponseFamily> family_from_r(SEXP family, SEXP link) {
  return tiers::make_family(Rcpp::as<std::string>(family), Rcpp::as<std::string>(link));
}
