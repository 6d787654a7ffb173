// Everything between the rows of a linear model and its objective, in the order in which each needs
// the one before.
#pragma once

#include "../objective/profiled_deviance.h"
#include "saturation.h"

namespace tiers {

struct LinearEngine {
  LinearEngine(const Specification& spec, const Control& control);

  // The user's start, elsewhere standard deviations equal to the residual's on the internal scale;
  // where the deviance is not finite there, nearer to zero.
  Vector start();
  // True where X and Z reproduce the response to rounding: no residual variance is left.
  bool fits_perfectly();

  CovarianceParameters parameters;
  Saturation saturation;
  Design design;
  BlockLayout layout;
  CrossProducts cross;
  ProfiledDeviance objective;
};

}  // namespace tiers
