// Profile likelihoods of the parameters of a fitted model, linear or generalized. Variance
// parameters of a linear model by the criterion of the specification; its coefficients always by
// maximum likelihood, which REML is none of for them.
#pragma once

#include "../model/generalized_result.h"
#include "profile_path.h"

namespace tiers {

// A row of the table of parameters (fit_result.h), or a column of X.
struct ProfileRequest {
  bool coefficient = false;
  Index which = 0;
  double error = 0.0;  // standard error; NaN: not known
};

// The terms' starts are the fitted factors, for a fit by maximum likelihood where coefficients are
// asked for.
std::vector<ParameterProfile> profile_linear(const Specification& spec,
                                             const std::vector<ProfileRequest>& requests,
                                             const std::vector<double>& zeta,
                                             const Control& control);
// At the fitted point.
std::vector<ParameterProfile> profile_generalized(const GeneralizedSpecification& spec,
                                                  const GeneralizedPoint& fitted,
                                                  const std::vector<ProfileRequest>& requests,
                                                  const std::vector<double>& zeta,
                                                  const Control& control);

}  // namespace tiers
