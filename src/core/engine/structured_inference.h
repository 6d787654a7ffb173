// Covariance of the variance parameters of a model with a residual structure, derivatives of that
// of the fixed effects, and the table of parameters.
#pragma once

#include "structured_engine.h"

namespace tiers {

// At psi, the point of the last value(); after sigma and the factors. `ended`: residual parameters
// at the end of their range.
void write_structured_inference(StructuredEngine& engine, const Vector& psi,
                                const std::vector<bool>& free, const std::vector<Index>& ended,
                                StructuredResult& out);
// The table alone.
void write_residual_parameters(const StructuredEngine& engine, const Vector& psi,
                               StructuredResult& out);

}  // namespace tiers
