// The compiled fit of generalized models as R sees it. Called only from R/engine.R.
#include <memory>

#include "convert.h"
#include "convert_family.h"
#include "core/covariance/covariance_parameters.h"
#include "core/engine/at_point_generalized.h"
#include "core/engine/cluster_scores.h"
#include "core/engine/fit_generalized.h"

using Rcpp::_;
using Rcpp::List;
using tiers::Index;
using tiers::Matrix;
using tiers::Vector;

namespace {

// The specification with what it points to; the R list must outlive it.
struct Generalized {
  explicit Generalized(const List& list)
      : family(family_from_r(list["family"], list["link"])), spec{specification_from_r(list)} {
    spec.family = family.get();
    const Rcpp::NumericVector size = list["size"];
    if (size.size() > 0) {
      if (size.size() != spec.model.n) Rcpp::stop("element 'size' has the wrong length");
      spec.size = REAL(size);
    }
    const Rcpp::NumericMatrix dispersion = list["dispersion"];
    if (dispersion.nrow() != spec.model.n)
      Rcpp::stop("element 'dispersion' has the wrong number of rows");
    new (&spec.dispersion)
        tiers::ConstMatrixMap(REAL(dispersion), dispersion.nrow(), dispersion.ncol());
    spec.points = Rcpp::as<std::vector<int>>(list["points"]);
    if (spec.points.size() != spec.model.terms.size())
      Rcpp::stop("element 'points' has the wrong length");
    spec.row_variance =
        list.containsElementNamed("row_variance") && Rcpp::as<bool>(list["row_variance"]);
    if (list.containsElementNamed("start_beta"))
      spec.start_fixed = Rcpp::as<Vector>(list["start_beta"]);
    if (list.containsElementNamed("start_phi"))
      spec.start_dispersion = Rcpp::as<Vector>(list["start_phi"]);
    if (list.containsElementNamed("modes")) read_modes(list["modes"]);
  }
  void read_modes(const List& list) {
    if (list.size() != static_cast<R_xlen_t>(spec.model.terms.size()))
      Rcpp::stop("element 'modes' has the wrong length");
    for (R_xlen_t j = 0; j < list.size(); ++j) {
      modes.push_back(Rcpp::as<Matrix>(list[j]));
      const tiers::RandomTerm& term = spec.model.terms[j];
      if (modes.back().rows() != term.n_levels || modes.back().cols() != term.columns)
        Rcpp::stop("a matrix of element 'modes' has the wrong size");
    }
  }
  std::unique_ptr<tiers::ResponseFamily> family;
  tiers::GeneralizedSpecification spec;
  std::vector<Matrix> modes;  // of the point at which the model is asked about; empty: not known
};

tiers::GeneralizedPoint point_from_r(const Generalized& model, const Rcpp::NumericVector& beta,
                                     const List& lambda, const Rcpp::NumericVector& phi) {
  tiers::GeneralizedPoint point;
  if (beta.size() != model.spec.model.X.cols()) Rcpp::stop("'beta' has the wrong length");
  if (phi.size() != model.spec.dispersion.cols()) Rcpp::stop("'phi' has the wrong length");
  point.coefficients = Rcpp::as<Vector>(beta);
  point.lambda = factors_from_r(model.spec.model, lambda);
  point.dispersion = Rcpp::as<Vector>(phi);
  point.modes = model.modes;
  return point;
}

double number(double x) { return std::isnan(x) ? NA_REAL : x; }

}  // namespace

// [[Rcpp::export]]
List fit_glmm_cpp(const List& spec, const List& control) {
  const Generalized model(spec);
  const tiers::GeneralizedResult fit = tiers::fit_generalized(model.spec, control_from_r(control));
  List out = fit_to_r(fit);
  out["eta"] = plain_vector(fit.linear_predictor);
  out["dispersion"] = plain_vector(fit.dispersion);
  out["vcov_dispersion"] = fit.vcov_dispersion;
  out["inner"] = fit.inner_steps;
  out["points"] = Rcpp::wrap(fit.points);
  out["accuracy"] = number(fit.accuracy);
  out["accuracy_max"] = number(fit.largest_error);
  out["laplace"] = R_NilValue;
  if (fit.laplace.points > 0) {
    out["laplace"] =
        List::create(_["points"] = fit.laplace.points, _["difference"] = fit.laplace.difference,
                     _["log_sd_move"] = Rcpp::wrap(fit.laplace.log_sd_move));
  }
  out["separation"] = R_NilValue;
  if (fit.separation != tiers::SeparationKind::none) {
    std::vector<int> columns;
    std::vector<double> direction;
    for (const Index a : fit.infinite) {
      columns.push_back(static_cast<int>(a) + 1);
      direction.push_back(fit.separating_direction[a]);
    }
    const bool complete = fit.separation == tiers::SeparationKind::complete;
    out["separation"] = List::create(
        _["kind"] = complete ? "complete" : "quasi", _["columns"] = columns,
        _["direction"] = direction, _["finite"] = plain_vector(fit.finite_coefficients),
        _["finite_vcov"] = fit.finite_vcov, _["unidentified"] = fit.unidentified_directions);
  }
  out["group_separation"] = R_NilValue;
  if (!fit.separated_terms.empty()) {
    Rcpp::IntegerVector terms;
    for (const int j : fit.separated_terms) terms.push_back(j + 1);
    out["group_separation"] = List::create(_["term"] = terms);
  }
  return out;
}

// [[Rcpp::export]]
List evaluate_glmm_cpp(const List& spec, const Rcpp::NumericVector& beta, const List& lambda,
                       const Rcpp::NumericVector& phi) {
  const Generalized model(spec);
  const auto at =
      tiers::evaluate_generalized(model.spec, point_from_r(model, beta, lambda, phi), poll_only());
  return List::create(_["deviance"] = at.deviance, _["gradient"] = plain_vector(at.gradient),
                      _["modes"] = Rcpp::wrap(at.modes), _["accuracy"] = number(at.accuracy),
                      _["accuracy_max"] = number(at.largest_error));
}

// [[Rcpp::export]]
List cluster_scores_cpp(const List& spec, const Rcpp::NumericVector& beta, const List& lambda,
                        const Rcpp::NumericVector& phi, const Rcpp::IntegerVector& cluster,
                        int clusters, const Rcpp::NumericVector& steps) {
  const Generalized model(spec);
  const auto point = point_from_r(model, beta, lambda, phi);
  Index count = point.coefficients.size() + point.dispersion.size();
  count += tiers::CovarianceParameters(model.spec.model.terms).size();
  if (steps.size() != count) Rcpp::stop("'steps' has the wrong length");
  if (cluster.size() != model.spec.model.n) Rcpp::stop("'cluster' has the wrong length");
  for (const int c : cluster) {
    if (c < 1 || c > clusters) Rcpp::stop("a cluster is out of range");
  }
  const auto scores = tiers::cluster_scores(model.spec, point, INTEGER(cluster), clusters,
                                            Rcpp::as<Vector>(steps), poll_only());
  return List::create(_["gradients"] = scores.gradients, _["hessians"] = scores.hessians,
                      _["defined"] = scores.defined);
}

// [[Rcpp::export]]
List means_glmm_cpp(const List& spec, const Rcpp::NumericVector& beta, const List& lambda,
                    const Rcpp::NumericVector& phi) {
  const Generalized model(spec);
  const auto moments =
      tiers::random_moments(model.spec, point_from_r(model, beta, lambda, phi), poll_only());
  return List::create(_["means"] = Rcpp::wrap(moments.means),
                      _["variances"] = level_arrays(model.spec.model, moments.variances, 1.0));
}

// [[Rcpp::export]]
List condvar_glmm_cpp(const List& spec, const Rcpp::NumericVector& beta, const List& lambda,
                      const Rcpp::NumericVector& phi) {
  const Generalized model(spec);
  const auto variances =
      tiers::conditional_variances(model.spec, point_from_r(model, beta, lambda, phi), poll_only());
  return level_arrays(model.spec.model, variances, 1.0);
}

// [[Rcpp::export]]
Rcpp::NumericVector contrast_rows_glmm_cpp(const List& spec, const Rcpp::NumericVector& beta,
                                           const List& lambda, const Rcpp::NumericVector& phi,
                                           const List& rows, const Rcpp::NumericMatrix& vcov) {
  const Generalized model(spec);
  return plain_vector(tiers::link_variances(model.spec, point_from_r(model, beta, lambda, phi),
                                            contrast_rows_from_r(model.spec.model, rows),
                                            Rcpp::as<Matrix>(vcov), poll_only()));
}

// [[Rcpp::export]]
Rcpp::NumericMatrix contrast_block_glmm_cpp(const List& spec, const Rcpp::NumericVector& beta,
                                            const List& lambda, const Rcpp::NumericVector& phi,
                                            const List& contrasts,
                                            const Rcpp::NumericMatrix& vcov) {
  const Generalized model(spec);
  return Rcpp::wrap(tiers::link_covariance(model.spec, point_from_r(model, beta, lambda, phi),
                                           contrast_block_from_r(model.spec.model, contrasts),
                                           Rcpp::as<Matrix>(vcov), poll_only()));
}
