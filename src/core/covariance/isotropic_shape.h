// Correlations that are a function of the distance of two positions alone.
#pragma once

#include "shape_moments.h"

namespace tiers {

class IsotropicShape : public CovarianceShape {
 public:
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return false; }
  bool uses_coordinates() const override { return true; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const final;
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const final;
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const final;

 protected:
  // At distance h > 0, or of two positions at the same place. The derivatives there are what the
  // functions say, zero for all but structures with a part of their own.
  virtual double correlation(const Vector& phi, double h) const = 0;
  virtual double slope(const Vector& phi, double h, Index k) const = 0;
  virtual double curvature(const Vector& phi, double h, Index k, Index l) const = 0;
  // Is the second derivative not zero throughout?
  virtual bool bends(Index k, Index l) const = 0;
};

}  // namespace tiers
