// Minimization under constraints that ends at standard deviations of exactly zero and correlations
// of exactly one, where these are minima, and the verdict by the exact Hessian.
#pragma once

#include <memory>

#include "../objective/constrained_objective.h"
#include "optimum_proof.h"

namespace tiers {

// `rest`: number of entries of psi after theta that are not in the table of parameters.
Constraints constraints_of(const HeldParameters& held, Index theta, Index free_rest,
                           Index table_rest);
// Of a linear model, psi = (theta, log sigma), sigma in units of `unit`.
Constraints linear_constraints(const HeldParameters& held, Index theta, double unit);

// Of phi; coordinates not `allowed` (empty: all are) keep their start.
Optimum minimize_constrained(ConstrainedObjective& objective, const Vector& start,
                             const Control& control, const std::vector<bool>& allowed = {});

// A search; what the coordinates mean depends on where it started.
struct ConstrainedOptimum {
  std::unique_ptr<ConstrainedObjective> objective;
  Optimum optimum;
};

// Constraints may leave several minima: the best of searches from each of `starts` (psi) and from
// the ends that it could have come to, with the work of all.
using MakeConstrained = std::function<std::unique_ptr<ConstrainedObjective>(const Vector& psi)>;
ConstrainedOptimum search_constrained(const MakeConstrained& make,
                                      const std::vector<Vector>& starts, const Control& control);

// The last word: moves `optimum` by Newton steps as long as they gain. The covariance is that of
// psi. `at_boundary` becomes true where a coordinate is at its end.
Proof prove_constrained(ConstrainedObjective& objective, Optimum& optimum, bool& at_boundary);

}  // namespace tiers
