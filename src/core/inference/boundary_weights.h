// Where tests of variances need more than tables: projections on a product of cones of positive
// semidefinite matrices in a metric (vignettes/algorithm.Rmd 4.6).
#pragma once

#include <vector>

#include "../model/specification.h"

namespace tiers {

// Of each standard normal draw e (a column, c x N) the part |x|^2_I of the projection x of z = L^-T
// e on the cone, in the metric I = L L' (c x c): |e|^2 is |z|^2_I. Coordinates are the lower
// triangles, column by column, of symmetric matrices of these sizes, each of which is to be
// positive semidefinite; c = sum k (k + 1) / 2. A variance alone is a matrix of size one.
Vector projected_squares(const Matrix& metric, const std::vector<Index>& sizes, const Matrix& draws,
                         const Poll& poll);

}  // namespace tiers
