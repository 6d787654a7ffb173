// An Objective whose parameters are (or contain) the covariance parameters of random-effect terms.
#pragma once

#include "objective.h"

namespace tiers {

class MixedObjective : public Objective {
 public:
  // D_j = d deviance / d Sigma_j for every term (k x k), of the last derivatives(); also where
  // Sigma_j is singular.
  virtual const std::vector<Matrix>& sigma_gradient() const = 0;
  // Mean over the levels of a term of Z_l'WZ_l: what one unit of its variance does to the data.
  virtual Matrix mean_cross(int term) const = 0;
};

}  // namespace tiers
