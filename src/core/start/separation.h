// Separation: directions along which the likelihood of the fixed effects rises for ever, so that it
// has no finite maximum. They exist for a mixed model, at any variances, exactly where they exist
// for the model without random effects; so the columns of X and the responses decide alone.
//
// A row at the edge of its response (no success, no failure, a count of zero) wants its linear
// predictor to go one way and never back: a_i'd >= 0 with a_i = +-x_i. Any other row allows no
// change: x_i'd = 0. The directions d that all rows allow form a cone; a row with a_i'd > 0 for one
// of them is separated. Non-negative least squares decides (see cone.h).
#pragma once

#include <vector>

#include "../blocks/packed_rows.h"
#include "../family/response_family.h"
#include "../model/generalized_result.h"

namespace tiers {

struct Separation {
  using Kind = SeparationKind;
  Kind kind = Kind::none;
  Vector direction;  // p; allowed by every row, strictly by the separated ones
  // p x r, orthonormal: what the rows that are not separated say nothing about. The coefficients
  // with a zero row here keep finite estimates; the others are infinite or not identified.
  Matrix unidentified;
  std::vector<char> separated_row;  // n
  // True: rows have a density in the limit, of a mean of zero, that depends on the dispersion
  // (gaussian, log link). False: a probability of one.
  bool rows_inform = false;
};

// x: p x n, one column a row of the data, of full rank. Families whose likelihood cannot separate
// return none at once.
Separation find_separation(const ResponseFamily& family, const ResponseRows& rows,
                           const ConstMatrixMap& x, const Poll& poll);

// Random effects b_l of binary data (or counts of successes), z_i'b_l in the rows of level l: are
// there d and for every level v_l by which x_i'd + z_i'v_l is positive for all successes and
// negative for all failures? (A level's v_l then fill an open cone, so the likelihood stays above
// zero as d, and the covariance matrix with it, grows without end.) Rows with z_i = 0 need no more
// than x_i'd = 0, or of the sign of their response. Few rows a level are always told apart by
// enough columns: that the likelihood has no maximum for finite variances follows only where they
// are found to be large. codes: n, 1-based. z: k x n. Rows of prior weight 0 do not count.
bool groups_separated(const int* codes, Index levels, const ConstMatrixMap& z,
                      const ResponseRows& rows, const ConstMatrixMap& x, const Poll& poll);
// The same for a grouping of the layout with its estimated k x k Lambda, with the random
// effects of all others as if they were fixed. Asked for all directions of its effects where these
// have a large standard deviation in most rows, and for those that leave alone the rows in which it
// is moderate. `alone`: without the random effects of the others.
bool groups_separated(const PackedRows& packed, int grouping, const Matrix& lambda,
                      const ResponseRows& rows, bool alone, const Poll& poll);
// Whether the effects of a grouping have a large standard deviation in a row.
bool has_large_effects(const PackedRows& packed, int grouping, const Matrix& lambda);

}  // namespace tiers
