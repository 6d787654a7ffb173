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

// Of phi; coordinates not `allowed` (empty: all are) keep their start.
Optimum minimize_constrained(ConstrainedObjective& objective, const Vector& start,
                             const Control& control, const std::vector<bool>& allowed = {});

// A search; what the coordinates mean depends on where it started.
struct ConstrainedOptimum {
  explicit ConstrainedOptimum(std::unique_ptr<ConstrainedObjective> of)
      : objective(std::move(of)) {}
  void minimize(const Control& control) {
    optimum = minimize_constrained(*objective, objective->start(), control);
  }

  std::unique_ptr<ConstrainedObjective> objective;
  Optimum optimum;
};

// The best of several searches, with the work of all.
ConstrainedOptimum lowest(std::vector<ConstrainedOptimum> searches);

// The last word: moves `optimum` by Newton steps as long as they gain. The covariance is that of
// psi. `at_boundary` becomes true where a coordinate is at its end.
Proof prove_constrained(ConstrainedObjective& objective, Optimum& optimum, bool& at_boundary);

}  // namespace tiers
