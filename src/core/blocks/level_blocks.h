// What is done level by level with one small matrix for each grouping of the layout, and the linear
// predictor of the rows from vectors over all levels.
#pragma once

#include "block_layout.h"

namespace tiers {

// k x k zeros, one for each grouping.
std::vector<Matrix> zero_blocks(const BlockLayout& layout);

// Lambda u, or Lambda'v, for one lower factor per Grouping of the layout, column by column.
Matrix apply_lambdas(const BlockLayout& layout, const std::vector<Matrix>& by_grouping,
                     const Matrix& u, bool transposed);

// X beta + Z b for every row of the design (n), on its internal scale and without the offset.
Vector linear_predictor(const Design& design, const BlockLayout& layout, const Vector& beta,
                        const Vector& b);

}  // namespace tiers
