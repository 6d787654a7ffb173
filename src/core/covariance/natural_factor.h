// Lambda as a function of standard deviations and correlations, Lambda = S C with S their diagonal
// matrix and C C' the correlation matrix, and its derivatives: what fits under constraints work
// with. For structures whose correlation matrix is linear in its parameters.
#pragma once

#include "covariance_structure.h"

namespace tiers {

class NaturalFactor {
 public:
  NaturalFactor(const CovarianceStructure& structure, const Vector& natural);

  // False: no covariance matrix has these values.
  bool defined() const { return lambda_.size() > 0; }
  const Matrix& lambda() const { return lambda_; }
  // NaN for correlations where the correlation matrix is singular.
  const Matrix& derivative(Index i) const { return first_[i]; }
  Matrix second_derivative(Index i, Index l) const;

 private:
  Matrix below(const Matrix& change) const;  // C low(C^-1 change C^-T)

  std::vector<NaturalParameter> parameters_;
  Matrix s_, c_, lambda_;
  std::vector<Matrix> unit_;  // dS of a standard deviation, dC of a correlation
  std::vector<Matrix> first_;
};

}  // namespace tiers
