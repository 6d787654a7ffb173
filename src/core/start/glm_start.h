// Where a generalized mixed model starts: the same model without random effects, fitted by
// iteratively reweighted least squares with the families' positive weights.
//
// Nothing here throws on hard data. A separated design, a response at the edge of a link's domain
// or an impossible offset end the climb early; what comes back is the best point seen.
#pragma once

#include "../family/response_family.h"

namespace tiers {

struct GlmStart {
  Vector beta;                  // p
  Vector phi;                   // d coefficients of the log dispersion
  Vector phi_by_row;            // n, their linear predictor; empty in a family without dispersion
  Vector eta;                   // n, offset included
  Vector score;                 // n, dlogp/deta at eta
  Vector weight;                // n, the positive weights at eta
  double log_likelihood = 0.0;  // -infinity: no point inside the domain of the link was found
  int iterations = 0;
  // Full steps shrank below 1e-3 in every eta within ten of them, as they do near a finite maximum:
  // then the design is not separated. False proves nothing.
  bool quadratic = false;
};

// x: p x n, one column a row of the data, of full rank and scaled. offset: n values or nullptr.
// rows.phi is not read. dispersion: n x d, of the log dispersion; it is started by the multiple of
// its columns next to a constant.
GlmStart fit_glm_start(const ResponseFamily& family, const ResponseRows& rows,
                       const ConstMatrixMap& x, const double* offset,
                       const ConstMatrixMap& dispersion, const Poll& poll);

}  // namespace tiers
