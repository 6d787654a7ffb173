// The (RE)ML deviance of a linear mixed model as a function of psi = (theta, log sigma), sigma not
// profiled out: for constraints that tie sigma to standard deviations of random effects.
#pragma once

#include "profiled_deviance.h"

namespace tiers {

class JointDeviance final : public MixedObjective {
 public:
  explicit JointDeviance(ProfiledDeviance& given_sigma) : inner_(given_sigma) {}

  Index size() const override { return inner_.size() + 1; }
  double value(const Vector& psi) override;
  void derivatives(Vector& gradient, Matrix& curvature) override;
  Matrix hessian() override { return with_sigma(inner_.hessian()); }
  CurvaturePlan curvature_plan() const override { return inner_.curvature_plan(); }
  double resolution(double value) const override { return inner_.resolution(value); }
  double step_limit(const Vector& psi, const Vector& step) const override;
  // There is no step without a search here: the point itself.
  Vector safe_step(const Vector& psi) override { return psi; }
  bool refresh() override { return inner_.refresh(); }
  const std::vector<Matrix>& sigma_gradient() const override { return inner_.sigma_gradient(); }
  Matrix mean_cross(int term) const override { return inner_.mean_cross(term); }

 private:
  // With f_ell = 2m - 2 r2/sigma^2:  f_theta,ell = -2 (d r2 / d theta) / sigma^2, f_ell,ell = 4
  // r2/sigma^2.
  Matrix with_sigma(const Matrix& by_theta) const;

  ProfiledDeviance& inner_;
};

}  // namespace tiers
