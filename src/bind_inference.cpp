// Parts of tests as R sees them. Called only from R/engine.R.
#include "convert.h"
#include "core/inference/boundary_weights.h"
#include "core/inference/quadratic_forms.h"

// [[Rcpp::export]]
Rcpp::NumericVector projected_squares_cpp(const Eigen::MatrixXd& metric,
                                          const std::vector<int>& sizes,
                                          const Eigen::MatrixXd& draws) {
  const std::vector<tiers::Index> blocks(sizes.begin(), sizes.end());
  return plain_vector(tiers::projected_squares(metric, blocks, draws, poll_only().poll));
}

// [[Rcpp::export]]
Eigen::MatrixXd quadratic_forms_cpp(const Eigen::Map<Eigen::MatrixXd>& rows,
                                    const std::vector<Eigen::MatrixXd>& forms) {
  return tiers::quadratic_forms(rows, forms);
}
