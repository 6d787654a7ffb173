// Profile likelihoods as R sees them. Called only from R/engine.R.
#include "convert.h"
#include "core/engine/profile.h"
// After bind_glmm.cpp in border.cpp: the reading of generalized models is its.

using Rcpp::_;
using Rcpp::List;

namespace {

// `which` is 1-based.
std::vector<tiers::ProfileRequest> requests_from_r(const std::vector<bool>& coefficient,
                                                   const std::vector<int>& which,
                                                   const std::vector<double>& error) {
  std::vector<tiers::ProfileRequest> out;
  for (std::size_t i = 0; i < which.size(); ++i) {
    out.push_back({coefficient[i], which[i] - 1, error[i]});
  }
  return out;
}

const char* end_name(tiers::ProfileEnd end) {
  switch (end) {
    case tiers::ProfileEnd::reached:
      return "reached";
    case tiers::ProfileEnd::end_of_range:
      return "end";
    case tiers::ProfileEnd::lower_found:
      return "lower";
    case tiers::ProfileEnd::not_reached:
      break;
  }
  return "not reached";
}

// One row a point: the value, the rise of the deviance, the parameters of the table.
List side_to_r(const tiers::ProfileSide& side) {
  const int rows = static_cast<int>(side.points.size());
  const int columns = rows > 0 ? static_cast<int>(side.points[0].parameters.size()) : 0;
  Rcpp::NumericMatrix parameters(rows, columns);
  Rcpp::NumericVector value(rows), rise(rows);
  for (int i = 0; i < rows; ++i) {
    const tiers::ProfilePoint& point = side.points[i];
    value[i] = point.value;
    rise[i] = point.rise;
    for (int j = 0; j < columns; ++j) parameters(i, j) = point.parameters[j];
  }
  return List::create(_["value"] = value, _["rise"] = rise, _["parameters"] = parameters,
                      _["limit"] = side.limit, _["end"] = end_name(side.end));
}

List profiles_to_r(const std::vector<tiers::ParameterProfile>& profiles) {
  List out(static_cast<R_xlen_t>(profiles.size()));
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    out[static_cast<R_xlen_t>(i)] = List::create(_["below"] = side_to_r(profiles[i].below),
                                                 _["above"] = side_to_r(profiles[i].above));
  }
  return out;
}

}  // namespace

// [[Rcpp::export]]
List profile_lmm_cpp(const List& spec, const List& control, const std::vector<bool>& coefficient,
                     const std::vector<int>& which, const std::vector<double>& error,
                     const std::vector<double>& zeta) {
  const tiers::Specification model = specification_from_r(spec);
  return profiles_to_r(tiers::profile_linear(model, requests_from_r(coefficient, which, error),
                                             zeta, control_from_r(control)));
}

// [[Rcpp::export]]
List profile_glmm_cpp(const List& spec, const List& control, const Rcpp::NumericVector& beta,
                      const List& lambda, const Rcpp::NumericVector& phi,
                      const std::vector<bool>& coefficient, const std::vector<int>& which,
                      const std::vector<double>& error, const std::vector<double>& zeta) {
  const Generalized model(spec);
  return profiles_to_r(tiers::profile_generalized(
      model.spec, point_from_r(model, beta, lambda, phi),
      requests_from_r(coefficient, which, error), zeta, control_from_r(control)));
}
