// The factor of penalized_factor.h from the rows themselves, by orthogonal transformations of
//   [ W^1/2 Z Lambda   W^1/2 X ]
//   [ I                0       ],
// where random effects are so much larger than the residual that the cross-products cancel. With
// theta the ratio of the standard deviations, differences of cross-products lose theta^2 of 1e16,
// this loses theta of it (vignettes/algorithm.Rmd 2.8). L' = R, upper triangular.
//
// The rows of one level of the leaf (a unit) are reduced once to no more than they have columns:
// the leaf's own k and those of the root that they touch, the root being all other random columns
// and X. For each Lambda a unit's own columns are eliminated, and what is left of its rows goes on
// to the root, which is dense.
#pragma once

#include "cross_products.h"
#include "penalized_factor.h"

namespace tiers {

class OrthogonalFactor final : public PenalizedFactor {
 public:
  OrthogonalFactor(const CrossProducts& cross, const Poll& poll);

  // Multiplications of one factorization, about.
  static double work(const CrossProducts& cross);

  bool factorize(const std::vector<Matrix>& lambda, const Poll& poll) override;
  bool fixed_definite() const override { return fixed_definite_; }
  double log_det_random() const override { return log_det_random_; }
  double log_det_fixed() const override { return log_det_fixed_; }
  const Matrix& fixed_lower() const override { return fixed_lower_; }
  void solve_forward(Matrix& random, Matrix& fixed) const override;
  void solve_backward(Matrix& random, Matrix& fixed) const override;
  Matrix fixed_projection() const override;
  std::vector<Matrix> inverse_sums(const Poll& poll) const override;
  Matrix inverse_products(const std::vector<LevelForm>& forms, const Poll& poll) const override;

 private:
  struct Unit {
    std::vector<Index> columns;  // of the root's random ones, those that the rows touch
    Matrix rows;                 // r x (k + columns + p), before Lambda
    Matrix own, beside;          // of R: k x k, and k x (columns + p)
  };
  void add_unit(Index level, const std::vector<int>& rows);
  Matrix scaled_rows(const Unit& unit, const std::vector<Matrix>& lambda) const;
  void eliminate(Unit& unit, Matrix& rows) const;
  // Entries of the root that a unit's columns are, of a matrix with one row for each random one.
  Matrix gather(const Unit& unit, const Matrix& of_root) const;
  void solve_random(Matrix& random, const Matrix& fixed) const;
  // own^-1 beside over the random columns: how the unit's effects follow the root's (sign apart).
  Matrix follow(const Unit& unit) const;

  const CrossProducts& cross_;
  const Index leaf_columns_;  // k; 0: there is no leaf
  const Index first_;         // coordinate of the root's first column
  const Index random_, fixed_;
  std::vector<Unit> units_;
  std::vector<int> grouping_;    // of each random column of the root
  std::vector<Index> in_level_;  // its place in the k of its level
  Matrix root_;                  // of R, (random + fixed) squared
  Matrix fixed_lower_;
  bool fixed_definite_ = true;
  double log_det_random_ = 0.0, log_det_fixed_ = 0.0;
};

}  // namespace tiers
