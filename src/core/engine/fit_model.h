// The core's entry: specification in, fit out. Every function is pure: the same specification and
// factors give the same bits.
#pragma once

#include "../model/fit_result.h"

namespace tiers {

// Copies of the terms with what their structures allow filled in.
Specification prepare(Specification spec);

FitResult fit_model(const Specification& spec, const Control& control);

// At given factors relative to sigma (user's scale), one per term:
Inference infer(const Specification& spec, const std::vector<Matrix>& lambda, const Control& control);
DevianceAt evaluate(const Specification& spec, const std::vector<Matrix>& lambda,
                    const Control& control);
// Var(b_l | y, beta) / sigma^2 of every level of every term: k x (k levels) per term.
std::vector<Matrix> conditional_variances(const Specification& spec,
                                          const std::vector<Matrix>& lambda,
                                          const Control& control);

}  // namespace tiers
