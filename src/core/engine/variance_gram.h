// The Gram matrix of the derivatives of V = sum_j Z_j (I (x) Sigma_j) Z_j' + sigma^2 W^-1 with
// respect to every variance and covariance, from cross-products that are there already; no n x n
// matrix is made. With A_lm = Z_l'WZ_m of two levels, and E = dSigma,
//   tr(V_a V_b) = sum over pairs of levels of tr(E_a A_lm E_b A_lm').
// What the residuals of the fixed effects, the data of REML, know of V is M V M, M = I - QQ', Q an
// orthonormal basis of X:
//   tr(M V_a M V_b) = tr(V_a V_b) - 2 tr(Q'V_a V_b Q) + tr(Q'V_a Q Q'V_b Q),
// of which the second is the sum of tr(E_a A_lm E_b K_lm'), K_lm = (Q'Z_l)'Q'Z_m
// (vignettes/algorithm.Rmd 4.14). Rows are multiplied by the roots of their weights.
#pragma once

#include "../blocks/cross_products.h"
#include "variance_directions.h"

namespace tiers {

// Sigma_ab of one term, a >= b.
struct VarianceEntry {
  int term;
  Index row, column;        // within the term
  Index at_row, at_column;  // within its grouping
};

class VarianceGram {
 public:
  // Entries: those that some direction moves. projected: M V M instead of V.
  VarianceGram(const CrossProducts& cross, const std::vector<VarianceDirection>& directions,
               bool projected, const Poll& poll);

  const std::vector<VarianceEntry>& entries() const { return entries_; }
  // Is the residual's variance, which comes last, among what some direction moves?
  bool residual() const { return residual_; }
  Index residual_at() const { return static_cast<Index>(entries_.size()); }
  Index size() const { return residual_at() + (residual_ ? 1 : 0); }
  const Matrix& gram() const { return gram_; }
  // Diagonal without the projection.
  const Vector& whole() const { return whole_; }
  // Entries and residual x directions.
  const Matrix& tangent() const { return tangent_; }
  // The random columns may be of any size (that of the linear predictor's unit): products of two
  // are taken times this, the inverse of the largest square.
  double scale() const { return scale_; }

 private:
  void find_entries(const std::vector<VarianceDirection>& directions);
  void project();
  void accumulate();
  void add_chain(int c);
  void add_remainder();
  void add_fixed_part();
  template <class Block>
  void add(int f, Index at_f, int g, Index at_g, const Block& block);
  template <class Block>
  void add_own(int f, Index level, const Block& block);

  const CrossProducts& cross_;
  const Poll& poll_;
  bool residual_ = false;
  std::vector<VarianceEntry> entries_;
  std::vector<std::vector<Index>> by_grouping_;  // entries of each grouping
  Matrix gram_, tangent_;
  Vector whole_;
  Matrix fixed_;  // Q'Z (p x q); 0 x 0: without the projection
  double scale_ = 1.0;
};

}  // namespace tiers
