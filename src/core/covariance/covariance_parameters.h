// The covariance parameters of all terms of a model as one vector theta, and the chain rule
// between it and the terms' lambdas. Shared by every objective with random effects.
#pragma once

#include "covariance_structure.h"

namespace tiers {

class CovarianceParameters {
 public:
  explicit CovarianceParameters(const std::vector<RandomTerm>& terms);
  explicit CovarianceParameters(std::vector<std::unique_ptr<CovarianceStructure>> structures);

  Index size() const { return size_; }
  int terms() const { return static_cast<int>(structures_.size()); }
  const CovarianceStructure& structure(int term) const { return *structures_[term]; }
  Index offset(int term) const { return offset_[term]; }
  Vector part(const Vector& theta, int term) const {
    return theta.segment(offset_[term], structures_[term]->parameter_count());
  }

  std::vector<Rescaling> rescaling() const;  // per term
  std::vector<Matrix> lambdas(const Vector& theta) const;
  Vector parameters(const std::vector<Matrix>& lambdas) const;

  // d f / d theta from G_j = d f / d Lambda_j (full k x k; only its product with dLambda counts).
  Vector gradient(const Vector& theta, const std::vector<Matrix>& by_lambda) const;
  // <D_j, d2 Sigma_j / dtheta dtheta'>: block diagonal over terms (size x size).
  Matrix second_derivative_product(const Vector& theta, const std::vector<Matrix>& d) const;

 private:
  void place();

  std::vector<std::unique_ptr<CovarianceStructure>> structures_;
  std::vector<Index> offset_;
  Index size_ = 0;
};

}  // namespace tiers
