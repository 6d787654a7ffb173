// Cluster-robust covariance of the fixed effects: what its sandwich and the degrees of freedom of
// tests with it are made of, cluster by cluster (Liang and Zeger 1986; Bell and McCaffrey 2002;
// Pustejovsky and Tipton 2018; vignettes/algorithm.Rmd 4.5). No matrix is larger than a cluster.
//
// With the marginal residuals r = y - X beta, H = V^-1X and M_i = A_i H_i the score of a cluster is
// s_i = M_i'r_i. A_i = I; (I - H_i Phi X_i')^-1 (the jackknife); or the symmetric A_i with
// A_i S_i A_i = V_ii, S_i = V_ii - X_i Phi X_i', which makes the sandwich unbiased where V is
// right.
#pragma once

#include "cluster_block.h"

namespace tiers {

enum class ClusterCorrection { none, bias_reduced, jackknife };

struct ClusterRows {
  ConstMatrixMap X{nullptr, 0, 0}, H{nullptr, 0, 0};  // n x p, in the basis of cluster_block.h
  const double* residual = nullptr;                   // n
  const double* variance = nullptr;                   // n
  std::vector<RandomTerm> terms;                      // no two with the same levels
  std::vector<Matrix> lambda;                         // relative to sigma
  const int* cluster = nullptr;                       // n, 1-based
  Index clusters = 0;
  bool contained = false;
};

struct ClusterSums {
  Matrix scores;     // p x J: s_i
  Matrix fixed;      // p x pJ: B_i = X_i'M_i
  Matrix variances;  // p x pJ: M_i'V_ii M_i
  // Lambda'Z_i'M_i by rows: the coordinate among all levels of all terms and the cluster of each
  // column (p x count). Where every cluster contains its levels nothing asks for it: empty.
  Matrix random;
  std::vector<int> coordinate, cluster;
  // Clusters (0-based) for which there is no result: without them a coefficient cannot be estimated
  // (jackknife), or their part of V is too large (its number of rows in `size`).
  std::vector<int> failed;
  Index size = 0;
};

ClusterSums cluster_sums(const ClusterRows& rows, ClusterCorrection correction, const Poll& poll);

}  // namespace tiers
