// A generalized model at a given point, whoever found it. Pure functions of the specification and
// the point.
#pragma once

#include "../model/contrasts.h"
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
// Variances of linear predictors m'b + l'beta, and covariances of a few of them. vcov_psi: that of
// the fit.
Vector link_variances(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                      const ContrastRows& rows, const Matrix& vcov_psi, const Control& control);
Matrix link_covariance(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                       const ContrastBlock& contrasts, const Matrix& vcov_psi,
                       const Control& control);
// Var(b_l | y) of every level of every term at the modes: k x (k levels) per term.
std::vector<Matrix> conditional_variances(const GeneralizedSpecification& spec,
                                          const GeneralizedPoint& point, const Control& control);

}  // namespace tiers
