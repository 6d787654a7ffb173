// The core's entry for generalized models: specification in, fit out. A pure function.
#pragma once

#include "../model/generalized_result.h"

namespace tiers {

GeneralizedResult fit_generalized(const GeneralizedSpecification& spec, const Control& control);

}  // namespace tiers
