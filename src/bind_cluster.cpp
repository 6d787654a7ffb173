// Sums of cluster-robust covariance matrices as R sees them. Called only from R/engine.R.
#include "convert.h"
#include "core/inference/cluster_robust.h"

using Rcpp::_;
using Rcpp::List;

// `rows`: X, H (n x p), residual, variance, cluster (n), clusters, contained, terms (as in a
// specification), lambda (one factor a term).
// [[Rcpp::export]]
List cluster_sums_cpp(const List& rows, const std::string& correction) {
  const Rcpp::NumericMatrix X = rows["X"], H = rows["H"];
  const Rcpp::NumericVector residual = rows["residual"], variance = rows["variance"];
  const Rcpp::IntegerVector cluster = rows["cluster"];
  const List lambda = rows["lambda"];
  const tiers::Index n = X.nrow(), p = X.ncol();
  if (H.nrow() != n || H.ncol() != p || residual.size() != n || variance.size() != n ||
      cluster.size() != n)
    Rcpp::stop("the rows of clusters have different lengths");
  tiers::ClusterRows model;
  new (&model.X) tiers::ConstMatrixMap(REAL(X), n, p);
  new (&model.H) tiers::ConstMatrixMap(REAL(H), n, p);
  model.residual = REAL(residual);
  model.variance = REAL(variance);
  model.cluster = INTEGER(cluster);
  model.clusters = Rcpp::as<int>(rows["clusters"]);
  model.contained = Rcpp::as<bool>(rows["contained"]);
  for (tiers::Index i = 0; i < n; ++i) {
    if (cluster[i] < 1 || cluster[i] > model.clusters) Rcpp::stop("a cluster is out of range");
  }
  model.terms = terms_from_r(rows["terms"], n);
  for (const SEXP factor : lambda) model.lambda.push_back(Rcpp::as<tiers::Matrix>(factor));
  if (model.lambda.size() != model.terms.size()) Rcpp::stop("not one factor for each term");
  const auto kind = correction == "bias_reduced" ? tiers::ClusterCorrection::bias_reduced
                    : correction == "jackknife"  ? tiers::ClusterCorrection::jackknife
                                                 : tiers::ClusterCorrection::none;
  const tiers::ClusterSums sums = tiers::cluster_sums(model, kind, poll_only().poll);
  return List::create(
      _["scores"] = sums.scores, _["fixed"] = sums.fixed, _["variances"] = sums.variances,
      _["random"] = sums.random, _["coordinate"] = Rcpp::wrap(sums.coordinate),
      _["cluster"] = Rcpp::wrap(sums.cluster), _["failed"] = Rcpp::wrap(sums.failed),
      _["size"] = static_cast<double>(sums.size));
}
