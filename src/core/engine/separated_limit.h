// Where the data separate, the likelihood rises for ever in a direction of the fixed effects. The
// rows that it separates have probability one in the limit and say nothing more, so the rest is a
// fit without them, and the limit is put together from that. Where they do say more (a density in
// the limit), a fit of all rows goes far enough for the limit of its deviance.
#pragma once

#include "../start/separation.h"
#include "generalized_engine.h"

namespace tiers {

// What is left to fit. Moved, not copied: the specification points into the weights.
struct Rest {
  explicit Rest(const GeneralizedSpecification& whole) : spec(whole) {}
  Rest(Rest&&) = default;
  Rest(const Rest&) = delete;
  bool any = false;  // false: every row is separated and says nothing
  GeneralizedSpecification spec;
  std::vector<double> weights;
};
Rest rest_of(const GeneralizedEngine& whole, const Separation& separation);

// In the place of a fit of the rest where there is none.
GeneralizedResult nothing_left(const GeneralizedEngine& whole);

// The limit of the whole from the fit of the rest: infinite coefficients, linear predictors and
// variances beside those that are finite.
GeneralizedResult put_limit(GeneralizedResult of_rest, const GeneralizedEngine& whole,
                            const Separation& separation);

}  // namespace tiers
