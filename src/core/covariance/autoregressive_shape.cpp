// ar1: rho^h at lag h. A negative rho has no power at a gap that is not whole.
#include <algorithm>
#include <cmath>

#include "covariance_shape.h"
#include "isotropic_shape.h"

namespace tiers {

namespace {

class AutoregressiveShape final : public IsotropicShape {
 public:
  Index parameter_count() const override { return 1; }
  std::vector<ShapeParameter> parameters() const override {
    return {{"cor", ShapeParameter::Kind::correlation, -1.0, 1.0}};
  }
  bool markov() const override { return true; }
  Vector start(const ShapeMoments& moments) const override {
    return Vector::Constant(1, std::clamp(step_correlation(moments), -0.95, 0.95));
  }

 protected:
  double correlation(const Vector& phi, double h) const override { return std::pow(phi[0], h); }
  double slope(const Vector& phi, double h, Index) const override {
    return h == 0.0 ? 0.0 : h * std::pow(phi[0], h - 1.0);
  }
  double curvature(const Vector& phi, double h, Index, Index) const override {
    return h == 0.0 || h == 1.0 ? 0.0 : h * (h - 1.0) * std::pow(phi[0], h - 2.0);
  }
  bool bends(Index, Index) const override { return true; }
};

}  // namespace

ShapePointer make_autoregressive_shape(const StructureRecipe&) {
  return std::make_unique<AutoregressiveShape>();
}

}  // namespace tiers
