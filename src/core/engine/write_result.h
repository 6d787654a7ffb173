// From the internal scale of an engine to the fields of a result, and factors the other way: what
// linear and generalized models write alike.
#pragma once

#include <limits>

#include "../blocks/blocked_cholesky.h"
#include "../covariance/parameter_table.h"
#include "../model/contrasts.h"
#include "../model/fit_result.h"
#include "boundary.h"
#include "saturation.h"

namespace tiers {

// What the structures allow; under constraints on single parameters no more than a scale for each
// column.
std::vector<Rescaling> rescaling_of(const CovarianceParameters& parameters,
                                    const Specification& spec);

// Of factors on the user's scale, one per term.
Vector internal_parameters(const Design& design, const CovarianceParameters& parameters,
                           const std::vector<Matrix>& lambda);

// Of contrasts on the user's scale.
ContrastRows internal_contrasts(const Design& design, const ContrastRows& rows);
ContrastBlock internal_contrasts(const Design& design, const ContrastBlock& contrasts);

// Rows used, columns kept, condition and the number of parameters, `others` beside the fixed
// effects'.
void write_design(const Design& design, Index others, FitResult& out);
// How the search went, and the status.
void write_search(const Convergence& convergence, bool at_boundary, FitResult& out);
// Factors, boundary and saturated columns of every term. psi begins with the covariance parameters.
void write_covariances(const Design& design, const CovarianceParameters& parameters,
                       const Saturation& saturation, const BoundaryOptimum& found, FitResult& out);

// Parameters and their covariance matrix from that of psi, after the factors.
void write_parameters(ParameterTable table, const Matrix& vcov_psi, const HeldParameters& held,
                      const CovarianceParameters& parameters, FitResult& out);
// From the internal scale of theta; `sigma`: the user's, where factors are relative to it, or 1.
UserScale user_scale(const Design& design, double sigma);

// map_j (H^-1)_ll map_j' of every level of every term: k x (k levels) per term.
std::vector<Matrix> level_variances(const BlockedCholesky& factor, const BlockLayout& layout,
                                    const std::vector<Matrix>& map, const Poll& poll);

}  // namespace tiers
