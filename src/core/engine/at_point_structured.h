// A linear model with a residual structure at given parameters, whoever found them. Pure functions
// of the specification and the point.
#pragma once

#include "../model/contrasts.h"
#include "../model/structured_result.h"

namespace tiers {

StructuredAt evaluate(const StructuredSpecification& spec, const StructuredPoint& point,
                      const Control& control);

// L_i^-1 of every unit's rows of `columns` (n x q), with L_i L_i' = R_i or V_i times sigma^2; a
// row's result stands in its place. Rows of a subject count in the order of visits or times. The
// same for V^-1 in place of L^-1. Rows that do not count (weight zero) are zero.
enum class UnitMatrix { conditional, marginal };
Matrix whiten(const StructuredSpecification& spec, const StructuredPoint& point, UnitMatrix which,
              const Matrix& columns, const Control& control);
Matrix solve_units(const StructuredSpecification& spec, const StructuredPoint& point,
                   UnitMatrix which, const Matrix& columns, const Control& control);

// Of the unit that a row (0-based) stands in, and of the rows of its subject alone.
UnitCovariance unit_covariance(const StructuredSpecification& spec, const StructuredPoint& point,
                               Index row, const Control& control);

// Var(b_l | y, beta) of every level of every term, absolute: k x (k levels) per term.
std::vector<Matrix> conditional_variances(const StructuredSpecification& spec,
                                          const StructuredPoint& point, const Control& control);

// Variance of the error of w'(b; beta) and its derivatives by (theta, phi[, log sigma^2]), as
// at_point.h. `residual` of rows is not read.
RowVariances contrast_rows(const StructuredSpecification& spec, const StructuredPoint& point,
                           const ContrastRows& rows, const Control& control);
BlockVariances contrast_block(const StructuredSpecification& spec, const StructuredPoint& point,
                              const ContrastBlock& contrasts, const Control& control);

// `vcov_psi`: of Inference; it says which parameters are free.
StructuredInformation variance_information(const StructuredSpecification& spec,
                                           const StructuredPoint& point, const Matrix& vcov_psi,
                                           const Control& control);

}  // namespace tiers
