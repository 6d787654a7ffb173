// Many responses fitted to one specification, each from the start that the specification has: what
// a bootstrap asks for. See vignettes/algorithm.Rmd 4.13.
#pragma once

#include "../model/generalized_result.h"

namespace tiers {

// A column a response. Without a fit (perfect, unidentified, undefined) numbers are NaN.
struct Replicates {
  Replicates(Index coefficients, Index parameters, Index count);
  void lose(Index which, FitStatus why);

  Matrix coefficients;  // of all columns of X, NaN for those dropped
  Matrix parameters;    // rows of the table of parameters (fit_result.h)
  Vector deviance;
  std::vector<FitStatus> status;
};

// Cross-products of X and Z are made once; of a response its products with them change.
Replicates fit_replicates(const Specification& spec, const ConstMatrixMap& responses,
                          const Control& control);
// Rows are packed anew for each response, equal ones as one.
Replicates fit_replicates(const GeneralizedSpecification& spec, const ConstMatrixMap& responses,
                          const Control& control);

}  // namespace tiers
