// Newton's method on an Objective's own curvature (average information), on its Hessian where that
// is slow, with a line search that shortens or lengthens the step. It stops on the decrease of the
// deviance that the next step would bring, which does not depend on the scale of anything.
#pragma once

#include "../objective/objective.h"

namespace tiers {

struct Convergence {
  bool converged = false;
  double gain = 0.0;           // predicted decrease of the deviance still to be had
  double gradient_norm = 0.0;  // largest component
  double smallest_curvature = 0.0;  // smallest eigenvalue of the curvature scaled to unit diagonal
  int iterations = 0, evaluations = 0;
};

struct Optimum {
  Vector psi;
  double value = 0.0;
  Vector gradient;
  Matrix curvature;
  Convergence convergence;
};

// Minimizes over the parameters marked free; the others keep their start value.
Optimum minimize(Objective& objective, const Vector& start, const std::vector<bool>& free,
                 const Control& control);

}  // namespace tiers
