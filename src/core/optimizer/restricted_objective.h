// An Objective as a function of its free parameters, the others held; counts evaluations.
#pragma once

#include "../model/free_parameters.h"
#include "../objective/objective.h"

namespace tiers {

class RestrictedObjective {
 public:
  RestrictedObjective(Objective& objective, const Vector& start, const std::vector<bool>& free)
      : objective_(objective), full_(start), free_(free) {}

  Index size() const { return free_.size(); }
  int evaluations() const { return evaluations_; }
  Objective& whole() { return objective_; }

  Vector expand(const Vector& psi) const { return free_.put(psi, full_); }
  // A step or a gradient: zero in the parameters that are held.
  Vector expand_step(const Vector& step) const { return free_.spread(step); }
  Matrix expand_matrix(const Matrix& matrix) const { return free_.spread(matrix); }
  Vector reduce(const Vector& full) const { return free_.take(full); }
  Matrix reduce(const Matrix& full) const { return free_.take(full); }

  double value(const Vector& psi) {
    ++evaluations_;
    at_ = psi;
    return objective_.value(expand(psi));
  }
  // Makes psi the point of the last value(), where it is not already.
  void return_to(const Vector& psi) {
    if (at_.size() != psi.size() || at_ != psi) value(psi);
  }
  void derivatives(Vector& gradient, Matrix& curvature) {
    Vector full_gradient;
    Matrix full_curvature;
    objective_.derivatives(full_gradient, full_curvature);
    gradient = reduce(full_gradient);
    curvature = reduce(full_curvature);
  }
  Matrix hessian() { return reduce(objective_.hessian()); }
  Matrix hessian_bound() const {
    const Matrix bound = objective_.hessian_bound();
    return bound.size() == 0 ? Matrix() : reduce(bound);
  }
  // The Hessian without the part that is due to the parametrization; empty where there is no path.
  Matrix straight_hessian(const Matrix& hessian) const {
    const Matrix correction = objective_.path_correction();
    return correction.size() == 0 ? Matrix() : Matrix(hessian - reduce(correction));
  }
  Vector follow_path(const Vector& psi, const Vector& step) const {
    return reduce(objective_.follow_path(expand(psi), expand_step(step)));
  }
  double step_limit(const Vector& psi, const Vector& step) const {
    return objective_.step_limit(expand(psi), expand_step(step));
  }
  Vector safe_step(const Vector& psi) { return reduce(objective_.safe_step(expand(psi))); }
  bool refresh() { return objective_.refresh(); }
  CurvaturePlan curvature_plan() const { return objective_.curvature_plan(); }

 private:
  Objective& objective_;
  Vector full_, at_;
  const FreeParameters free_;
  int evaluations_ = 0;
};

}  // namespace tiers
