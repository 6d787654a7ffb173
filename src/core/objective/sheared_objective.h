// An objective of psi in which one entry is replaced by a linear function of a stretch of psi, so
// that a coefficient on the user's scale, a sum of internal ones, can be held at a value:
//   psi'_pivot = constant + weight' psi_(first ...),   all other entries as they are.
#pragma once

#include "mixed_objective.h"

namespace tiers {

class ShearedObjective final : public MixedObjective {
 public:
  // pivot: the entry of psi that is replaced; its weight must not be zero.
  ShearedObjective(MixedObjective& inner, Index first, Vector weight, double constant, Index pivot);

  Index pivot() const { return pivot_; }
  Vector sheared(Vector psi) const;
  Vector inner(Vector sheared) const;

  Index size() const override { return inner_.size(); }
  double value(const Vector& psi) override { return inner_.value(inner(psi)); }
  void derivatives(Vector& gradient, Matrix& curvature) override;
  Matrix hessian() override { return back_.transpose() * inner_.hessian() * back_; }
  CurvaturePlan curvature_plan() const override { return inner_.curvature_plan(); }
  double resolution(double value) const override { return inner_.resolution(value); }
  double step_limit(const Vector& psi, const Vector& step) const override {
    return inner_.step_limit(inner(psi), back_ * step);
  }
  // There is no step without a search here: the point itself.
  Vector safe_step(const Vector& psi) override { return psi; }
  bool refresh() override { return inner_.refresh(); }
  const std::vector<Matrix>& sigma_gradient() const override { return inner_.sigma_gradient(); }
  Matrix mean_cross(int term) const override { return inner_.mean_cross(term); }

 private:
  MixedObjective& inner_;
  const Index first_;
  const Vector weight_;
  const double constant_;
  const Index pivot_;
  Matrix back_;  // d psi / d psi'
};

}  // namespace tiers
