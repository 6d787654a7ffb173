// Newton's method on an Objective's own curvature, with a line search that shortens or lengthens
// the step. It stops on the decrease of the deviance that the next step would bring, which does not
// depend on the scale of anything. By the objective's CurvaturePlan:
//   average_information   the curvature; the Hessian where that is slow, and at the end, to say
//   whether
//                         it is a minimum, unless a bound already says so;
//   secant                the curvature with BFGS updates on top;
//   exact                 the Hessian, but for the first steps while these gain much.
#pragma once

#include "../objective/objective.h"

namespace tiers {

struct Convergence {
  bool converged = false;
  Ending ending = Ending::stuck;
  double gain = 0.0;           // predicted decrease of the deviance still to be had
  double gradient_norm = 0.0;  // largest component
  int iterations = 0, evaluations = 0;
};

struct Optimum {
  Vector psi;
  double value = 0.0;
  Vector gradient;  // zero, as the curvature, in parameters that are not free
  Matrix curvature;
  Convergence convergence;
};

// Minimizes over the parameters marked free; the others keep their start value. Where the deviance
// is not finite at the start, that start comes back with it.
Optimum minimize(Objective& objective, const Vector& start, const std::vector<bool>& free,
                 const Control& control);

// The gain below which a fit is finished whatever the tolerance, or the tolerance if that is
// larger: a step that gains less (a ten-thousandth of a standard error) is taken without a line
// search, because the deviance hardly resolves it.
double small_gain(const Control& control);

// What a Hessian (or a model of it) says about a point with this gradient.
struct Verdict {
  Vector step;            // Newton step; goes down also where the Hessian is not positive
  double gain = 0.0;      // decrease that the step promises: g'H^-1 g / 2
  double smallest = 0.0;  // smallest eigenvalue of the Hessian scaled to unit diagonal
  bool positive = true;   // no direction bends down by more than rounding
  Vector downward;        // of length 1 in that scale: the direction of the smallest eigenvalue
};

// Eigenvalues below `floor` times the largest count as that; the step is finite for any Hessian.
Verdict judge(const Matrix& hessian, const Vector& gradient, double floor = 1e-8);
// Over the free parameters only; step and direction are zero in the others.
Verdict judge(const Matrix& hessian, const Vector& gradient, const std::vector<bool>& free);

// A point below a saddle, on either side along `downward`; empty where the deviance does not fall
// there by more than rounding, so that the negative curvature was rounding too.
Vector point_below(Objective& objective, const Vector& psi, Vector downward);

}  // namespace tiers
