// The rows of U = [X r] of the units of each pattern, r the response less its least-squares fit:
// as they are, or, where a pattern has many units, as moments from which all that is asked for
// follows. Per pair of places a >= b the symmetric sums over units
//   M_aa = sum x_a x_a',  M_ab = sum x_a x_b' + x_b x_a',
// both triangles packed as vech, so that sum_i U_i'W U_i = sum_ab W_ab M_ab for symmetric W.
#pragma once

#include "unit_patterns.h"

namespace tiers {

class PatternData {
 public:
  PatternData(const Design& design, const UnitPatterns& patterns, const Poll& poll);

  Index columns() const { return columns_; }  // P = rank + 1
  // Coefficients of the least-squares fit, internal.
  const Vector& least_squares() const { return least_squares_; }
  // Weighed sum of squares of r, and per unit its rows of [X r] (t x P).
  double residual_square() const { return residual_square_; }
  Matrix unit_rows(Index unit) const;
  const Matrix& all_rows() const { return all_; }  // used rows x P, in the order of units

  bool has_moments(Index pattern) const { return !moments_[pattern].empty(); }
  // t x (P N): the units' rows side by side; of patterns without moments.
  Matrix rows(const UnitPattern& pattern) const;
  // For W_k packed by columns (t(t+1)/2 x K) the P(P+1)/2 x K packed sums of U_i'W_kU_i.
  Matrix contract(Index pattern, const Matrix& weights) const;
  // sum_i U_i C U_i' for symmetric C (P x P): t x t.
  Matrix spread(Index pattern, const Matrix& c) const;

 private:
  void replace_response(const Design& design);
  Matrix make_moments(const UnitPattern& pattern) const;

  const UnitPatterns& patterns_;
  Index columns_ = 0;
  Matrix all_;
  Vector least_squares_;
  double residual_square_ = 0.0;
  std::vector<std::vector<Matrix>> moments_;  // per pattern: one, or none
};

// Lower triangle by columns.
inline Index packed_size(Index n) { return n * (n + 1) / 2; }
Vector packed(const Matrix& symmetric);
Matrix unpacked(const Vector& values, Index n);

}  // namespace tiers
