// What an optimizer sees of a model: a deviance (-2 log-likelihood or REML criterion) of a
// parameter vector, its exact gradient, and a curvature matrix from the same factor.
#pragma once

#include "../model/specification.h"

namespace tiers {

// What an objective's curvature is worth, and so how the optimizer works with it.
enum class CurvaturePlan {
  // It leads fast as a rule; where it does not, and for the last step, the Hessian is asked for.
  average_information,
  // The Hessian is dear and never asked for: the last pairs of steps and changes of the gradient
  // are laid
  // over the curvature as BFGS updates, and the objective's owner judges the end.
  secant,
  // The Hessian comes with the curvature, and leads but for the first steps from far off.
  exact,
};

class Objective {
 public:
  virtual ~Objective() = default;

  virtual Index size() const = 0;
  // The deviance; +infinity where it is not defined. Remembers the point.
  virtual double value(const Vector& psi) = 0;
  // Gradient and curvature (symmetric, an approximation of the Hessian that need not be positive
  // definite) at the point of the last value().
  virtual void derivatives(Vector& gradient, Matrix& curvature) = 0;
  // The Hessian itself at the point of the last value(), after derivatives(). Dearer than the
  // curvature: for the last word, and where the curvature leads slowly.
  virtual Matrix hessian() = 0;
  // A matrix that the Hessian (at the point of the last derivatives()) exceeds by something
  // positive semidefinite, where one comes at next to no cost: if it is positive, so is the
  // Hessian. Empty: none.
  virtual Matrix hessian_bound() const { return Matrix(); }
  virtual CurvaturePlan curvature_plan() const = 0;
  // By how much two values of about this size may differ without a reason.
  virtual double resolution(double value) const = 0;
  // Shortens a proposed step to where the curvature can be trusted: the factor in (0, 1].
  virtual double step_limit(const Vector& psi, const Vector& step) const = 0;
  // A point with a deviance not above that of the last derivatives(), by a step that needs no
  // line search (EM). The optimizer falls back on it when a Newton step fails.
  virtual Vector safe_step(const Vector& psi) = 0;
  // The same step along a path on which the objective is closer to a quadratic than along a line
  // in psi, and the part of the Hessian (of the last derivatives()) that is due to psi alone. An
  // empty result: there is no such path.
  virtual Vector follow_path(const Vector& psi, const Vector& step) const {
    static_cast<void>(psi);
    static_cast<void>(step);
    return Vector();
  }
  virtual Matrix path_correction() const { return Matrix(); }
  // Called once per iteration at the current point: may restore precision (and changes nothing
  // else). Returns true if the value at the point may have changed in its last digits.
  virtual bool refresh() { return false; }
};

}  // namespace tiers
