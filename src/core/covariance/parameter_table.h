// The parameters of a fitted model beside its fixed effects, on the scale on which users know them:
// standard deviations and correlations of the random effects, sigma, the dispersion of a family.
// What standard errors, intervals, constraints and profiles are made of.
#pragma once

#include "../model/fit_result.h"
#include "covariance_parameters.h"

namespace tiers {

// Rows in the order of the terms, then the residual's or the dispersion's.
struct ParameterTable {
  std::vector<ModelParameter> rows;
  Matrix jacobian;  // d value / d psi (rows x size of psi); NaN where a value has no derivative
  void mark_held(const HeldParameters& held);
  // J V J' for V = covariance of psi, NaN for values that are held or at their boundary and those
  // without a derivative.
  Matrix covariance(const Matrix& vcov_psi) const;
};

// The way of a model from theta to the user's scale: Sigma_user = (scale map_j) Sigma_j (scale
// map_j)'.
struct UserScale {
  std::vector<Matrix> maps;  // k x k per term
  double scale = 1.0;        // sigma of the user, where Sigma is relative to it
};

// The rows of the random effects; psi goes on after theta with `more` entries.
ParameterTable random_parameters(const CovarianceParameters& parameters, const Vector& theta,
                                 const UserScale& user, Index more);
// psi = (theta, log sigma^2).
ParameterTable linear_parameters(const CovarianceParameters& parameters, const Vector& theta,
                                 const UserScale& user);
// psi = (theta, coefficients of the log dispersion), `slope` = d user's coefficients / d internal
// ones. A dispersion that is a constant is a parameter on its own scale; otherwise its coefficients
// are.
ParameterTable generalized_parameters(const CovarianceParameters& parameters, const Vector& theta,
                                      const UserScale& user, const Vector& coefficients,
                                      const Matrix& slope, bool constant, bool at_limit);

}  // namespace tiers
