// The core's entry for generalized models: specification in, fit out. Every function is pure.
#pragma once

#include "../model/fit_result.h"
#include "../start/separation.h"

namespace tiers {

// Factors and modes are absolute here: Sigma = Lambda Lambda'.
struct GeneralizedResult : FitResult {
  Vector linear_predictor;  // n, offset included; `fitted` is the mean at it
  Vector dispersion;        // d coefficients of the log dispersion
  Matrix vcov_dispersion;
  int inner_steps = 0;      // Newton steps for the modes, in all
  std::vector<int> points;  // of quadrature, per term
  double accuracy = 0.0, largest_error = 0.0;  // bound on the quadrature's error; NaN: not known
  // Of the fixed effects, in the user's columns. Deviance and everything finite are the limit in that
  // direction; infinite coefficients have its sign, if it has one: the data may not tell it.
  Separation::Kind separation = Separation::Kind::none;
  std::vector<Index> infinite;
  Vector separating_direction;  // p
  int separated_term = -1;      // a random intercept whose groups are separated; -1: none
};

GeneralizedResult fit_generalized(const GeneralizedSpecification& spec, const Control& control);

// A point on the user's scale: all columns of X (those dropped are not read), one factor per term.
struct GeneralizedPoint {
  Vector coefficients;
  std::vector<Matrix> lambda;
  Vector dispersion;
};

struct GeneralizedAt {
  double deviance = 0.0;
  Vector gradient;  // kept coefficients, parameters of every term's user factor, dispersion
  std::vector<Matrix> modes;
  double accuracy = 0.0, largest_error = 0.0;  // as in GeneralizedResult
};

GeneralizedAt evaluate_generalized(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                                   const Control& control);
// Mean and covariance of the random effects given the data, by quadrature with the points of the
// specification: levels x k, and k x (k levels), per term.
struct RandomMoments {
  std::vector<Matrix> means, variances;
};
RandomMoments random_moments(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                             const Control& control);
// Var(b_l | y) of every level of every term at the modes: k x (k levels) per term.
std::vector<Matrix> conditional_variances(const GeneralizedSpecification& spec,
                                          const GeneralizedPoint& point, const Control& control);

}  // namespace tiers
