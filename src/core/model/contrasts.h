// Linear functions w'(b; beta) = m'b + l'beta of random and fixed effects, and what is known of the
// error with which they are estimated.
#pragma once

#include <vector>

#include "fit_result.h"

namespace tiers {

// What rows ask of one random term: of row i the columns in basis.row(i) of one level. A term may
// have several parts.
struct ContrastPart {
  int term = 0;
  std::vector<int> level;  // rows: counted from 1; kNewLevel: one that has no data; kNoLevel: none
  Matrix basis;            // rows x k
};
constexpr int kNewLevel = 0, kNoLevel = -1;

// Many rows, each with at most one level a part.
struct ContrastRows {
  Matrix fixed;  // rows x p
  std::vector<ContrastPart> parts;
  Vector residual;  // 1 / weight of a new observation for each row; empty: none
};

// A few contrasts with any coefficients.
struct ContrastBlock {
  Matrix fixed;                // contrasts x p
  std::vector<Matrix> random;  // per term: contrasts x (k levels), the columns of a level together
};

// Parameters of the variances that V is linear in: coefficients of symmetric forms (see
// kenward_roger.h) and, last, sigma^2. `psi` is where they are, `weight` their covariance matrix W.
struct LinearParameters {
  std::vector<VarianceForm> forms;
  Vector psi;
  Matrix weight;
};

// Of every row: the variance of the prediction error; its derivatives by the parameters psi of the
// variances, (theta, log sigma^2) or linear ones; with linear ones sum_ab W_ab K2_ab (see
// linear_contrasts.h).
struct RowVariances {
  Vector variance;
  Matrix gradient;  // rows x parameters
  Vector adjustment;
};

// The same for all pairs of contrasts, l x l each.
struct BlockVariances {
  Matrix variance;
  std::vector<Matrix> gradient;
  Matrix adjustment;
};

}  // namespace tiers
