// The cone { d : a_i'd >= 0 } of many rows and few columns, by non-negative least squares: minimize
// |sum (1 + lambda_i) a_i| over lambda >= 0. A minimum of zero is a positive combination of all
// rows that vanishes, so every d of the cone has a_i'd = 0 (Stiemke). Otherwise the minimizing
// vector itself is a d with a_i'd >= 0, not all zero.
#pragma once

#include <vector>

#include "../model/specification.h"

namespace tiers {

// Sines of angles below this are zero.
constexpr double kConeTolerance = 1e-9;

struct Cone {
  Vector direction;             // p, of length 1; zero if no row is separated
  std::vector<char> separated;  // rows with a'd > 0 for some d of the cone, and so for `direction`
  Matrix null_space;            // p x r, orthonormal: the d with a'd = 0 for all other rows
  bool any() const { return direction.size() > 0 && direction.squaredNorm() > 0.0; }
};

// Row i of the cone is sign[i] times column i of x; a sign of 0 leaves it out. d is confined to the
// columns of `within` (p x r, orthonormal).
Cone find_cone(const ConstMatrixMap& x, const std::vector<signed char>& sign, const Matrix& within,
               const Poll& poll);

// What is left of `within` under x_i'd = 0 for the columns of x that are `chosen`.
Matrix null_space(const ConstMatrixMap& x, const std::vector<char>& chosen, const Matrix& within,
                  const Poll& poll);

// d of length 1 with rows.col(i)'d >= -kConeTolerance, not all zero; of size 0: there is none.
// The columns of `rows` have length 1.
Vector find_cone_direction(const Matrix& rows, const Poll& poll);

// Weights >= 0 of sum 1 by which the columns add up to zero; of size 0: there are none, so that
// some d has a'd > 0 for every column. The columns have length 1.
Vector vanishing_combination(const Matrix& rows, const Poll& poll);

}  // namespace tiers
