// The prediction error of w'(b; beta), w = (m; l), in a linear mixed model at given covariance
// parameters, by one formula for fixed effects, random effects and both (Henderson 1975; Kackar and
// Harville 1984). With Psi the inverse of the mixed model equations, h = l - B'Lambda'm, g = Phi h
// and x = Omega^-1 Lambda'm - B g, at sigma = 1:
//   C = w'Psi w = m'Lambda Omega^-1 Lambda'm + h'Phi h,   dC_a = x'E_a x,
// E_a as in objective/variance_products.cpp. A level without data adds m'Sigma m
// (vignettes/algorithm.Rmd 4.10). linear_contrasts.h has the derivatives by parameters that V is
// linear in.
#pragma once

#include <memory>

#include "contrast_rows.h"

namespace tiers {

class ContrastVariance {
 public:
  // `derivatives`: are gradients wanted? Internal scale throughout.
  ContrastVariance(const CrossProducts& cross, const CovarianceParameters& parameters,
                   const Vector& theta, double sigma2, bool derivatives, const Poll& poll);

  // Gradients in theta at sigma = 1; without the part of `residual`. Of a row that meets levels of
  // the data the cost is that of LocalInverse for every new combination of levels.
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
  void fixed_rows(const ContrastRows& rows, RowVariances& out) const;
  void add_new_levels(const ContrastRows& rows, RowVariances& out) const;
  Matrix apply_form(const LevelForm& form, const Matrix& v) const;
  // Omega^-1 v.
  Matrix solve_random(const Matrix& v) const;
  const Point& derivative_point() const { return beside_ ? *beside_ : exact_; }

  const BlockLayout& layout_;
  const CovarianceParameters& parameters_;
  const Vector theta_;
  const double sigma2_;
  const Poll poll_;
  const TermPlaces places_;
  const Point exact_;
  std::unique_ptr<Point> beside_;  // just off zero, where Lambda has a zero on its diagonal
  std::vector<LevelForm> forms_;

  std::vector<Matrix> small_;   // U_a = B'E_a B
  std::vector<Matrix> solved_;  // Lambda Omega^-1 E_a B, q x p
};

}  // namespace tiers
