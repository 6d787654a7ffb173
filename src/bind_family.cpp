// The registry of response families as R sees it. Called only from R/family.R.
#include <numeric>

#include "convert_family.h"
#include "core/family/user_link.h"

using Rcpp::_;
using Rcpp::List;
using Rcpp::NumericVector;
using tiers::Index;

namespace {

// The rows that a link is asked for, as R counts them.
Rcpp::IntegerVector r_rows(const int* row, Index n) {
  Rcpp::IntegerVector out(n, 1);
  for (Index i = 0; row && i < n; ++i) out[i] = row[i] + 1;
  return out;
}

// A function of the user's link as one of vectors; a single value is recycled. By row it is a
// function of values and their rows.
tiers::LinkFunctions::Map vector_function(const List& link, const std::string& name, bool by_row) {
  if (!link.containsElementNamed(name.c_str()) || !Rf_isFunction(link[name])) {
    Rcpp::stop("the link has no function '%s'", name);
  }
  const Rcpp::Function f = link[name];
  return [f, name, by_row](const double* from, Index n, double* to, const int* row) {
    const NumericVector given(from, from + n);
    const Rcpp::RObject value = by_row ? f(given, r_rows(row, n)) : f(given);
    const bool number = Rf_isNumeric(value) || Rf_isLogical(value);
    const Index length = Rf_xlength(value);
    if (!number || (length != n && length != 1)) {
      Rcpp::stop("function '%s' of the link gave %d values for %d", name,
                 static_cast<int>(number ? length : 0), static_cast<int>(n));
    }
    const NumericVector values = Rcpp::as<NumericVector>(value);
    for (Index i = 0; i < n; ++i) to[i] = values[length == 1 ? 0 : i];
  };
}

// The functions of a link with a value for each row are those of its element "by_row".
tiers::LinkFunctions link_functions(const List& given) {
  tiers::LinkFunctions out;
  out.by_row = given.containsElementNamed("by_row");
  const List link = out.by_row ? List(given["by_row"]) : given;
  const Rcpp::RObject name = given.containsElementNamed("name") ? SEXP(given["name"]) : R_NilValue;
  out.name = Rf_isString(name) && Rf_xlength(name) > 0
                 ? Rcpp::as<std::vector<std::string>>(name).front()
                 : "user";
  out.eta = vector_function(link, "linkfun", out.by_row);
  out.mean = vector_function(link, "linkinv", out.by_row);
  out.slope = vector_function(link, "mu.eta", out.by_row);
  if (link.containsElementNamed("valideta") && Rf_isFunction(link["valideta"])) {
    const Rcpp::Function valid = link["valideta"];
    const bool by_row = out.by_row;
    out.valid = [valid, by_row](const double* eta, Index n, const int* row) {
      const NumericVector given_eta(eta, eta + n);
      const Rcpp::RObject value = by_row ? valid(given_eta, r_rows(row, n)) : valid(given_eta);
      for (const int inside : Rcpp::as<Rcpp::LogicalVector>(value)) {
        if (inside != TRUE) return false;
      }
      return true;
    };
  }
  return out;
}

const double* optional_values(const NumericVector& values, Index n, const char* name) {
  if (values.size() == 0) return nullptr;
  if (values.size() != n) {
    Rcpp::stop("'%s' has length %d instead of %d", name, static_cast<int>(values.size()),
               static_cast<int>(n));
  }
  return values.begin();
}

}  // namespace

std::unique_ptr<tiers::ResponseFamily> family_from_r(SEXP family, SEXP link) {
  const auto name = Rcpp::as<std::string>(family);
  if (Rf_isString(link)) return tiers::make_family(name, Rcpp::as<std::string>(link));
  if (TYPEOF(link) != VECSXP)
    Rcpp::stop("the link is neither a name nor an object of class link-glm");
  return tiers::make_family(
      name, tiers::make_user_link(tiers::family_range(name), link_functions(List(link))));
}

// [[Rcpp::export]]
std::vector<std::string> family_names_cpp() { return tiers::family_names(); }

// [[Rcpp::export]]
std::vector<std::string> family_links_cpp(std::string family) {
  return tiers::family_links(family);
}

// The first row with a response or a number of trials that the family cannot have, as R counts; 0:
// none. size: of length n = length(y) or 0.
// [[Rcpp::export]]
double first_invalid_response_cpp(std::string family, const NumericVector& y,
                                  const NumericVector& size) {
  tiers::ResponseRows rows;
  rows.n = y.size();
  rows.y = y.begin();
  rows.size = optional_values(size, rows.n, "size");
  return static_cast<double>(tiers::make_family(family, "")->first_invalid_response(rows) + 1);
}

// size and weights: of length n = length(eta) or 0; phi: n, 1 or 0. Without y only mu and variance.
// [[Rcpp::export]]
List family_cpp(SEXP family, SEXP link, const NumericVector& y, const NumericVector& size,
                const NumericVector& weights, const NumericVector& phi, const NumericVector& eta) {
  const auto model = family_from_r(family, link);
  const Index n = eta.size();
  tiers::ResponseRows rows;
  rows.n = n;
  rows.y = optional_values(y, n, "y");
  rows.size = optional_values(size, n, "size");
  rows.weight = optional_values(weights, n, "weights");
  rows.phi_by_row = phi.size() != 1;
  rows.phi = rows.phi_by_row ? optional_values(phi, n, "phi") : phi.begin();
  if (n > 0 && !rows.phi && model->dispersion_count() > 0) {
    Rcpp::stop("family '%s' needs 'phi', its log %s", model->name(), model->dispersion_name());
  }
  NumericVector logp(n), s(n), w(n), mu(n), variance(n);
  std::vector<int> row(n);
  std::iota(row.begin(), row.end(), 0);
  rows.row = row.data();
  model->mean(eta.begin(), n, mu.begin(), rows.row);
  model->variance(rows, mu.begin(), variance.begin());
  if (!rows.y) return List::create(_["mu"] = mu, _["variance"] = variance);
  tiers::RowDerivatives out;
  out.logp = logp.begin();
  out.s = s.begin();
  out.w = w.begin();
  model->evaluate(rows, eta.begin(), tiers::Detail::newton, out);
  return List::create(_["logp"] = logp, _["s"] = s, _["w"] = w, _["mu"] = mu,
                      _["variance"] = variance);
}
