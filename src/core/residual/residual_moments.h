// Covariances of the least-squares residuals of pairs of rows of a subject: where the parameters of
// a residual structure start from.
#pragma once

#include "pattern_data.h"

namespace tiers {

// Of one `by` group, in the units of the user's response, weights taken out: by pairs of visits
// where the structure knows visits, else by distance. `variance_share` and `correlation_share`: of
// what is seen, the rest being random effects'.
ShapeMoments residual_moments(const UnitPatterns& patterns, const PatternData& data,
                              const ResidualStructure& structure, Index group, Index visits,
                              double unit, double variance_share, double correlation_share);

// Smallest distance of two rows of a subject of each group; 1 where there is none.
Vector shortest_distances(const UnitPatterns& patterns, Index groups);

}  // namespace tiers
