// The core's entry for generalized models: specification in, fit out. A pure function.
#pragma once

#include "../model/generalized_result.h"

namespace tiers {

// `estimates`: without covariance matrices on the user's scale, and without the search for
// separated groups and the check of Laplace's approximation, which say something about the fit and
// nothing about its estimates.
enum class Extent { whole, estimates };

GeneralizedResult fit_generalized(const GeneralizedSpecification& spec, const Control& control,
                                  Extent extent = Extent::whole);

}  // namespace tiers
