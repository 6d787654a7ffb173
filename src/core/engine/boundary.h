// The boundary of the covariance parameters: which variances are exactly zero, whether that is a
// minimum (its multipliers say so), and minimization that ends at one. The covariance parameters
// are the first of the objective's; others may follow.
#pragma once

#include "../covariance/covariance_parameters.h"
#include "../objective/mixed_objective.h"
#include "../optimizer/newton.h"

namespace tiers {

// A variance that carries less than this share of the residual variance in the mean level is tried
// at exactly zero. A try costs an evaluation and is taken over only where the deviance does not
// rise, so that a large share is safe; a search ends within 1e-8 of its minimum in deviance, which
// near zero, where the deviance has a slope of order one in the share, is far below this.
inline constexpr double kTryZero = 1e-4;

// Random columns up to which an evaluation costs next to nothing.
inline constexpr Index kCheapColumns = 300;

struct BoundaryOptimum {
  Optimum optimum;
  std::vector<Boundary> boundary;  // per term; no directions in the interior
  std::vector<bool> free;          // of all the objective's parameters
  bool at_boundary = false;
  std::vector<bool> allowed;  // as given
};

// Parameters not `allowed` (empty: all are) keep their start.
BoundaryOptimum minimize_with_boundary(MixedObjective& objective,
                                       const CovarianceParameters& parameters, const Vector& start,
                                       const Control& control,
                                       const std::vector<bool>& allowed = {});

// A fit never ends above a simpler one: where the deviance at one of `points` (the same model with
// variances of zero) is below what was found, the search goes on from there.
void go_on_from_lower(MixedObjective& objective, const CovarianceParameters& parameters,
                      const std::vector<Vector>& points, const Control& control,
                      BoundaryOptimum& found);

// Another search, whose end is taken where it is lower.
void search_again(MixedObjective& objective, const CovarianceParameters& parameters,
                  const Vector& start, const Control& control, BoundaryOptimum& found);

// What was found with each term alone at zero, where there are several and evaluations are cheap,
// or the term is of so little consequence that the model without it could be better.
std::vector<Vector> without_each_term(const CovarianceParameters& parameters, const Optimum& found,
                                      Index random_columns);

}  // namespace tiers
