// Diagonal blocks of Omega^-1 from the factor (selected_inverse.cpp): what the walks over a chain's
// levels share.
#pragma once

#include "../model/dense_algebra.h"
#include "blocked_cholesky.h"

namespace tiers {

struct BlockedCholesky::ScaledInverse {
  Matrix dense;  // W~ of the remainder, full
  // Of every chain level above the leaf: W~_uu, and W~ between (ancestors, cells) and the unit.
  std::vector<std::vector<Matrix>> own, panel;
};

// l^-1 m l^-T
inline Matrix whiten(const ConstMatrixMap& l, const Matrix& m) {
  return lower_solution(l, lower_solution(l, m).transpose());
}

}  // namespace tiers
