// A linear model without some of its rows, unit by unit: one scoring step for the variances, and
// the fixed effects at the variances that it leads to (vignettes/algorithm.Rmd 4.7). The
// cross-products of a unit's rows are taken off those of all rows.
#pragma once

#include "../model/fit_result.h"

namespace tiers {

// Where the step starts, on the user's scale: `psi` has the coefficients of `forms`, and last
// sigma^2. V is linear in them. The forms are those of H, G = A H A' of each term: the step may
// lead out of the covariance matrices, and what is nearest then is a matter of the coordinates.
struct DeletionStart {
  std::vector<Matrix> lambda;       // per term, relative to sigma
  std::vector<Matrix> coordinates;  // per term A
  std::vector<VarianceForm> forms;
  Vector psi;
  std::vector<int> unit;  // of each row, from 0; -1: in none
  Index units = 0;
};

// A column (of vcov: r columns) a unit. NaN where a coefficient is lost with the rows, or the step
// leads nowhere.
struct DeletionSteps {
  Matrix step;                // psi - what the step leads to
  Matrix change;              // r kept coefficients: without the rows - with all
  Matrix vcov;                // r x (r units)
  std::vector<Matrix> sigma;  // per term k x (k units): Sigma after the step
  Vector sigma2;
  Vector deviance;  // -2 log-likelihood of all rows at the estimates without the unit's
};

DeletionSteps delete_units(const Specification& spec, const DeletionStart& start,
                           const Control& control);

}  // namespace tiers
