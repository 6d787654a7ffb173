// theta as a function of a root L of Sigma = L L' (k x k, of any form) near one L: its value, and
// what changes of L make of it. Where parameters are entries of Lambda and L has its form, these
// are read off; elsewhere Sigma's derivatives are solved for them, with S_t = dSigma/dtheta_t:
//   sum_t S_t dtheta_t = dSigma,
//   sum_t S_t d2theta_t = d2Sigma - sum_ts S_ts dtheta_t dtheta_s.
#pragma once

#include "covariance_structure.h"

namespace tiers {

class ParameterMap {
 public:
  ParameterMap(const CovarianceStructure& structure, const Matrix& root);

  const Vector& parameters() const { return theta_; }
  // dtheta for a change of L.
  Vector change(const Matrix& d) const;

  // sum_t weight_t d2theta_t for changes a and b of L and their second change ab.
  class Weighted {
   public:
    Weighted(const ParameterMap& map, const Vector& weight);
    double first(const Matrix& d) const { return weight_.dot(map_.change(d)); }
    double second(const Matrix& a, const Matrix& b, const Matrix& ab) const;

   private:
    const ParameterMap& map_;
    const Vector weight_;
    Matrix form_;       // D in the span of the S_t with <D, S_t> = weight_t
    Matrix curvature_;  // <D, S_ts>
  };

 private:
  Vector entries(const Matrix& m) const;

  const CovarianceStructure& structure_;
  const std::vector<FactorEntry> places_;
  Matrix root_;
  Vector theta_;
  std::vector<Matrix> sigma_;  // S_t
  Matrix inverse_;             // of the matrix of <S_t, S_s>, zero where nothing moves
};

}  // namespace tiers
