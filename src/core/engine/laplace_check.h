#pragma once

#include "generalized_engine.h"

namespace tiers {

// At the optimum psi of engine.objective, with the covariance (2 H^-1 of the free parameters)
// there; engine.mode is at psi, and is left there. No comparison where the groupings are crossed,
// where Laplace is exact, or where it would take more than a small part of the work of the fit.
LaplaceCheck check_laplace(GeneralizedEngine& engine, const Vector& psi, double deviance,
                           const Matrix& covariance);

}  // namespace tiers
