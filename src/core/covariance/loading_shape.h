// Sigma = F F' + diag(delta_a^2), F (t x q) zero above its diagonal: factor-analytic structures,
// and with q = t and no delta the unstructured one, F being its Cholesky factor. Neither F's
// diagonal nor delta has a sign, so that zero is a point like others.
#pragma once

#include <utility>

#include "shape_moments.h"

namespace tiers {

class LoadingShape : public CovarianceShape {
 public:
  using Uniqueness = StructureRecipe::Uniqueness;
  // Entries (a, b) with b <= a < b + band of F are parameters, column by column.
  LoadingShape(Index visits, Index rank, Index band, Uniqueness uniqueness);

  Index parameter_count() const override { return loadings() + uniquenesses_; }
  std::vector<ShapeParameter> parameters() const override;
  bool unit_diagonal() const override { return false; }
  bool uses_visits() const override { return true; }
  bool uses_coordinates() const override { return false; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override;
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override;
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override;

  Vector start(const ShapeMoments& moments) const override;

 protected:
  Index visits() const { return visits_; }
  Index loadings() const { return static_cast<Index>(entries_.size()); }
  const std::pair<Index, Index>& entry(Index k) const { return entries_[k]; }
  Matrix factor(const Vector& phi) const;       // t x q
  Vector parameters_of(const Matrix& f) const;  // of F alone

 private:
  // Does delta_k belong to a visit?
  bool is_own(Index k, Index visit) const { return uniquenesses_ == 1 || k - loadings() == visit; }

  Index visits_, rank_;
  Index uniquenesses_;  // 0, 1 or t
  std::vector<std::pair<Index, Index>> entries_;
};

}  // namespace tiers
