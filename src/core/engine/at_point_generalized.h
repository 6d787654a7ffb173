// A generalized model at a given point, whoever found it. Pure functions of the specification and
// the point.
#pragma once

#include "../model/generalized_result.h"

namespace tiers {

struct GeneralizedEngine;

// The gradient of GeneralizedAt from that in the objective's parameters.
Vector user_gradient(const GeneralizedEngine& engine, const GeneralizedPoint& point,
                     const Vector& internal);
GeneralizedAt evaluate_generalized(const GeneralizedSpecification& spec,
                                   const GeneralizedPoint& point, const Control& control);
// By quadrature with the points of the specification.
RandomMoments random_moments(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                             const Control& control);
// Var(b_l | y) of every level of every term at the modes: k x (k levels) per term.
std::vector<Matrix> conditional_variances(const GeneralizedSpecification& spec,
                                          const GeneralizedPoint& point, const Control& control);

}  // namespace tiers
