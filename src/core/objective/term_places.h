// Where each random term sits among the groupings of the layout, and what the objectives of mixed
// models compute alike from that.
#pragma once

#include "../blocks/blocked_cholesky.h"
#include "../covariance/covariance_parameters.h"

namespace tiers {

class TermPlaces {
 public:
  TermPlaces(const BlockLayout& layout, const CovarianceParameters& parameters);

  int grouping(int term) const { return grouping_[term]; }
  Index column(int term) const { return column_[term]; }  // first of the term's within its grouping
  // Lambda of every grouping, block diagonal over its terms. psi begins with the covariance
  // parameters.
  std::vector<Matrix> lambdas(const Vector& psi) const;
  // The term's diagonal block of one matrix per grouping (k x k).
  Matrix block(const std::vector<Matrix>& by_grouping, int term) const;
  // The term's entries of a vector over all coordinates (k x levels).
  Matrix part(const Vector& v, int term) const;

  // The other way round: one column for each row of the terms' matrices of rows x (k levels).
  Matrix coordinates(const std::vector<Matrix>& by_term) const;
  // dLambda / dpsi_i of every grouping, for a covariance parameter.
  std::vector<Matrix> lambda_derivatives(const Vector& psi, Index i) const;

  // Ldot_i u + Lambda Ldot_i'z for every covariance parameter (q x parameters): how b moves with
  // it.
  Matrix directions(const Vector& psi, const std::vector<Matrix>& lambda, const Vector& u,
                    const Vector& z) const;

  // E_i = Lambda^-1 Ldot_i + (.)' of every covariance parameter: what V_i is in u-space.
  std::vector<LevelForm> variance_forms(const Vector& psi, const std::vector<Matrix>& lambda) const;

  // The factor in (0, 1] by which a step in the covariance parameters (the first of psi's and
  // step's) is shortened: no term's parameters move by more than `reach` times their size and half
  // a residual standard deviation, over which their curvature changes.
  double step_limit(const Vector& psi, const Vector& step, double reach) const;

 private:
  const BlockLayout& layout_;
  const CovarianceParameters& parameters_;
  std::vector<int> grouping_;
  std::vector<Index> column_;
};

// W'Z'KZ W for directions W of b, K = V^-1, or without the part that X explains: the average
// information of them.
Matrix average_information(const CrossProducts& cross, const PenalizedFactor& factor,
                           const std::vector<Matrix>& lambda, const Matrix& directions,
                           bool without_fixed);

// Lambda with every diagonal element so far from zero that derivatives can divide by it: by 1e-4 of
// what makes the term as large as the noise, given the mean over levels of Z_l'WZ_l. D moves by the
// square of that, so 8 digits of D survive at a zero variance.
std::vector<Matrix> away_from_zero(const std::vector<Matrix>& lambda,
                                   const std::vector<Matrix>& mean_own);

}  // namespace tiers
