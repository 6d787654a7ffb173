// A linear model at given factors relative to sigma (user's scale, one per term), whoever found
// them. Pure functions of the specification and the factors.
#pragma once

#include "../model/contrasts.h"
#include "../model/fit_result.h"

namespace tiers {

VarianceInformation variance_information(const Specification& spec,
                                         const std::vector<Matrix>& lambda,
                                         const VarianceForms& forms, const Control& control);
// Contrasts on the user's scale. The gradient is with respect to the parameters of the variances
// with that of the residual last: `linear`, or where it is null those of the search.
RowVariances contrast_rows(const Specification& spec, const std::vector<Matrix>& lambda,
                           const ContrastRows& rows, const LinearParameters* linear,
                           const Control& control);
BlockVariances contrast_block(const Specification& spec, const std::vector<Matrix>& lambda,
                              const ContrastBlock& contrasts, const LinearParameters* linear,
                              const Control& control);
DevianceAt evaluate(const Specification& spec, const std::vector<Matrix>& lambda,
                    const Control& control);
// Var(b_l | y, beta) / sigma^2 of every level of every term: k x (k levels) per term.
std::vector<Matrix> conditional_variances(const Specification& spec,
                                          const std::vector<Matrix>& lambda,
                                          const Control& control);

}  // namespace tiers
