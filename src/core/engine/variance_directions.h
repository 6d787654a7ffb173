// The ways in which the covariance of the response can move: dSigma_j of every term's covariance
// matrix and d sigma^2 along each free parameter, at generic values of these. Absolute, on the
// internal scale of the random columns.
#pragma once

#include "../covariance/covariance_parameters.h"
#include "../model/design.h"

namespace tiers {

struct VarianceDirection {
  std::vector<Matrix> sigma;  // k x k per term
  double residual = 0.0;
};

// Along single parameters of theta (those that are `free`), and sigma^2 where it is one.
std::vector<VarianceDirection> free_directions(const CovarianceParameters& parameters,
                                               const std::vector<bool>& free, bool residual);

// Along standard deviations and correlations on the user's scale that are not held, equal ones
// together. Parameters on which no covariance depends (correlations of effects without variance)
// have no direction. Empty where no covariance matrices have such values.
std::vector<VarianceDirection> held_directions(const Design& design,
                                               const CovarianceParameters& parameters,
                                               const HeldParameters& held, bool residual);

}  // namespace tiers
