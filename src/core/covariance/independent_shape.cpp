// id and diag: no correlations.
#include "covariance_shape.h"

namespace tiers {

namespace {

class IndependentShape final : public CovarianceShape {
 public:
  Index parameter_count() const override { return 0; }
  std::vector<ShapeParameter> parameters() const override { return {}; }
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return false; }
  bool uses_coordinates() const override { return false; }
  bool markov() const override { return true; }

  void value(const Vector&, const Positions& at, Matrix& sigma) const override {
    sigma = Matrix::Identity(at.size(), at.size());
  }
  void first(const Vector&, const Positions&, Index, Matrix&) const override {}
  bool second(const Vector&, const Positions&, Index, Index, Matrix&) const override {
    return false;
  }
  Vector start(const ShapeMoments&) const override { return Vector(); }
};

}  // namespace

ShapePointer make_independent_shape(const StructureRecipe&) {
  return std::make_unique<IndependentShape>();
}

}  // namespace tiers
