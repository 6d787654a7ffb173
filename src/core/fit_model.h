// The core's entry: specification in, fit out. Every function is pure: the same specification and
// factors give the same bits.
#pragma once

#include <stdexcept>

#include "model/fit_result.h"

namespace tiers {

// The dense remainder would not fit: what() says how many bytes it needs.
struct MemoryError : std::runtime_error {
  explicit MemoryError(double bytes)
      : std::runtime_error("the random effects outside the nested chain need " +
                           std::to_string(bytes / 1e9) + " GB of memory"),
        bytes(bytes) {}
  double bytes;
};

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
