// The prediction error of w'(b; beta), w = (m; l), in a linear mixed model at given covariance
// parameters, by one formula for fixed effects, random effects and both (Henderson 1975; Kackar and
// Harville 1984). With Psi the inverse of the mixed model equations, h = l - B'Lambda'm, g = Phi h
// and x = Omega^-1 Lambda'm - B g, at sigma = 1:
//   C = w'Psi w = m'Lambda Omega^-1 Lambda'm + h'Phi h,
//   dC_a = kappa'Gdot_a kappa = x'E_a x,   Lambda'kappa = -x,
//   K2_ab = kappa'Gdot_a Z'PZ Gdot_b kappa = x'E_a (N - b b') E_b x,
// E_a and N - b b' as in objective/variance_products.cpp. Parameters are the linear coordinates g
// of kenward_roger.h; what belongs to sigma^2 follows from C being homogeneous of degree one in
// them and K2 of degree minus one, sum_b psi_b K2_ab = 0. A level without data adds m'Sigma m and
// no K2 (vignettes/algorithm.Rmd 4.10).
#pragma once

#include <memory>

#include "contrast_rows.h"

namespace tiers {

class ContrastVariance {
 public:
  // `weight`: W over (g, sigma^2), or empty: no adjustment. Internal scale throughout.
  ContrastVariance(const CrossProducts& cross, const CovarianceParameters& parameters,
                   const Vector& theta, double sigma2, const Matrix& weight, const Poll& poll);

  // Gradients in g; without the part of `residual`. Of a row that meets levels of the data the cost
  // is that of LocalInverse for every new combination of levels, with an adjustment K solves more
  // where factors are crossed or nested.
  RowVariances rows(const ContrastRows& rows) const;
  // One solve each.
  BlockVariances block(const ContrastBlock& contrasts) const;

 private:
  // The factor at one Lambda.
  struct Point {
    Point(const CrossProducts& cross, const std::vector<Matrix>& lambda, const Poll& poll);
    BlockedCholesky factor;
    Matrix phi;        // (X'V^-1X)^-1 at sigma = 1, p x p
    Matrix b;          // B, q x p
    Matrix projected;  // Lambda B
  };
  void prepare_derivatives();
  void prepare_adjustment(const Matrix& weight);
  void add_new_levels(const ContrastRows& rows, RowVariances& out) const;
  Matrix square_products(const CombinedRows& here) const;
  // sum_r lambda_r (E_r v)'(N - b b')(E_r v) for vectors over all coordinates.
  Matrix weighted_squares(const Matrix& v) const;
  Matrix apply_form(const std::vector<Matrix>& blocks, const Matrix& v) const;
  // Omega^-1 v.
  Matrix solve_random(const Matrix& v) const;
  const Point& derivative_point() const { return beside_ ? *beside_ : exact_; }

  const BlockLayout& layout_;
  const CovarianceParameters& parameters_;
  const Vector theta_;
  const double sigma2_;
  const Poll poll_;
  const TermPlaces places_;
  const Index count_;  // K
  const Point exact_;
  std::unique_ptr<Point> beside_;  // just off zero, where Lambda has a zero on its diagonal
  std::vector<LevelForm> forms_;

  std::vector<Matrix> small_;   // U_a = B'E_a B
  std::vector<Matrix> solved_;  // Lambda Omega^-1 E_a B, q x p

  bool adjust_ = false;
  bool separate_ = false;                      // is Omega block diagonal over the levels?
  Vector share_;                               // lambda_r
  std::vector<std::vector<Matrix>> combined_;  // E_r: one block per factor
  Matrix b_root_;                              // b = B L_XX^-T
  Matrix fixed_squares_;                       // B'Z2, Z2 = sum lambda_r E_r (N - b b') E_r B
  Matrix mixed_squares_;                       // Lambda Omega^-1 Z2
};

}  // namespace tiers
