// A fitted linear model whose residuals have a covariance structure, and points of one, on the
// user's scale; see engine/fit_structured.h and engine/at_point_structured.h for who fills them.
//
// psi = (theta, phi): theta the parameters of the random terms' factors, phi those of the residual
// structure, of each `by` group in turn, then the coefficients of the dispersion. Where the
// structure is a correlation matrix with one variance for all (has_sigma), sigma is the last
// parameter, and factors and R are relative to it; elsewhere sigma is 1 and both are absolute.
#pragma once

#include "fit_result.h"
#include "residual_term.h"

namespace tiers {

// FitResult as of fit_model(): `parameters` are those of the random terms, of the residual
// structure (kind residual, group by group), the coefficients of the dispersion (kind dispersion),
// and sigma where it is one. inference is of psi = (theta, phi[, log sigma^2]). `fitted` has the
// random effects.
struct StructuredResult : FitResult {
  Vector phi;
  bool has_sigma = true;
  std::vector<Vector> natural;  // per `by` group: in the order of CovarianceShape::parameters()
  // What the units are: rows that are connected by a subject or a level of a grouping factor.
  Index units = 0, largest_unit = 0, patterns = 0;
  // The search did not converge, and went towards a singular covariance matrix: the likelihood may
  // have no maximum.
  bool unbounded = false;
  // With status unidentified: places in `parameters` of those that the data cannot tell apart.
  std::vector<Index> flat;
};

// One factor per term, relative to sigma.
struct StructuredPoint {
  std::vector<Matrix> lambda;
  Vector phi;
  double sigma = 1.0;
};

struct StructuredAt {
  double deviance = 0.0;  // sigma profiled out where it is a parameter
  Vector gradient;        // by psi = (parameters of every term's user factor, phi)
};

// What is known of one unit at a point: rows in the order of the matrices (t of them), V_i and R_i.
struct UnitCovariance {
  std::vector<Index> rows;
  Matrix marginal, conditional;
};

// See VarianceInformation; here the parameters are psi (with log sigma^2 where sigma is one), in
// which W and the derivatives of the covariance matrix of the fixed effects are given (`ml` is
// empty). What the method takes from second derivatives depends on the parameters: these are
// sum_ab W_ab Phi X'V^-1 V_ab V^-1 X Phi for natural ones, the entries of the terms' Sigma, sigma^2
// and those of the structure: variances for SDs, and covariances where Sigma is linear in them (us,
// cs, toep). The adjusted covariance matrix is Phi + 2 (products - bend / 4); the linear form
// leaves bend out.
struct StructuredInformation : VarianceInformation {
  Matrix expected_bend, observed_bend;
};

}  // namespace tiers
