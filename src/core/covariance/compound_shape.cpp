// cs: one correlation rho, positive definite for up to t positions where rho > -1 / (t - 1).
#include <algorithm>

#include "covariance_shape.h"
#include "shape_moments.h"

namespace tiers {

namespace {

class CompoundShape final : public CovarianceShape {
 public:
  explicit CompoundShape(Index visits)
      : least_(visits > 1 ? -1.0 / static_cast<double>(visits - 1) : -1.0) {}

  Index parameter_count() const override { return 1; }
  std::vector<ShapeParameter> parameters() const override {
    return {{"cor", ShapeParameter::Kind::correlation, least_, 1.0}};
  }
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return false; }
  bool uses_coordinates() const override { return false; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    sigma = Matrix::Constant(at.size(), at.size(), phi[0]);
    sigma.diagonal().setOnes();
  }
  void first(const Vector&, const Positions& at, Index, Matrix& d) const override {
    d = Matrix::Ones(at.size(), at.size());
    d.diagonal().setZero();
  }
  bool second(const Vector&, const Positions&, Index, Index, Matrix&) const override {
    return false;
  }
  Vector start(const ShapeMoments& moments) const override {
    const double r = mean_correlation(correlated_pairs(moments), 0.0);
    return Vector::Constant(1, std::clamp(r, 0.9 * least_, 0.95));
  }

 private:
  double least_;
};

}  // namespace

ShapePointer make_compound_shape(const StructureRecipe& recipe) {
  return std::make_unique<CompoundShape>(recipe.visits);
}

}  // namespace tiers
