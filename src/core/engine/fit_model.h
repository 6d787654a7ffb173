// The core's entry: specification in, fit out. A pure function: the same specification gives the
// same bits.
#pragma once

#include "../model/fit_result.h"

namespace tiers {

FitResult fit_model(const Specification& spec, const Control& control);

}  // namespace tiers
