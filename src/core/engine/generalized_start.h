// Where the search for a generalized model's optimum starts.
#pragma once

#include "../start/glm_start.h"
#include "generalized_engine.h"

namespace tiers {

// The model without random effects.
GlmStart glm_start(const GeneralizedEngine& engine, const Control& control);

// The user's start where there is one; `start` and quadratic unbiased variances at it otherwise.
Vector start_point(GeneralizedEngine& engine, const GlmStart& start, const Control& control);

// A start without a finite deviance is brought nearer to the model without random effects; empty if
// there is none on the way.
Vector finite_start(GeneralizedEngine& engine, Vector psi, const GlmStart& start);

bool has_start(const GeneralizedSpecification& spec);
GeneralizedSpecification without_start(const GeneralizedSpecification& spec);

}  // namespace tiers
