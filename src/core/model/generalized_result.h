// A fitted generalized model and points of one, on the user's scale; see fit_generalized.h for who
// fills them. Factors and modes are absolute here: Sigma = Lambda Lambda'.
#pragma once

#include "fit_result.h"

namespace tiers {

enum class SeparationKind {
  none,
  quasi,
  complete
};  // complete: every row that counts is separated

// How far Laplace's approximation is off at its optimum, by adaptive quadrature with few points.
struct LaplaceCheck {
  int points = 0;           // of the quadrature in each dimension; 0: there was no comparison
  double difference = 0.0;  // -2 log-likelihood by quadrature less that by Laplace
  // Per term and column: log of the standard deviation that the best fit by quadrature is predicted
  // to have over that of this one.
  std::vector<Vector> log_sd_move;
};

struct GeneralizedResult : FitResult {
  Vector linear_predictor;  // n, offset included; `fitted` is the mean at it
  Vector dispersion;        // d coefficients of the log dispersion
  Matrix vcov_dispersion;
  int inner_steps = 0;                         // Newton steps for the modes, in all
  std::vector<int> points;                     // of quadrature, per term
  double accuracy = 0.0, largest_error = 0.0;  // bound on the quadrature's error; NaN: not known
  LaplaceCheck laplace;
  // Of the fixed effects, in the user's columns. Deviance and everything finite are the limit in
  // that direction; infinite coefficients have its sign, if it has one: the data may not tell it.
  SeparationKind separation = SeparationKind::none;
  std::vector<Index> infinite;
  Vector separating_direction;  // p
  // What stays finite, in the user's columns: l'beta for every l with l'd = 0 for the columns d (p
  // x r) of unidentified_directions. Its estimate is l'finite_coefficients, its variance
  // l'finite_vcov l (p x p).
  Vector finite_coefficients;
  Matrix finite_vcov, unidentified_directions;
  // Terms whose groups are separated: one, or several of crossed groupings that separate the data
  // together.
  std::vector<int> separated_terms;
};

// All columns of X (those dropped are not read), one factor per term.
struct GeneralizedPoint {
  Vector coefficients;
  std::vector<Matrix> lambda;
  Vector dispersion;
  // Random effects from which the search for the modes starts, levels x k per term; empty: not
  // known, from zero, which need not be in the domain of the link.
  std::vector<Matrix> modes;
};

struct GeneralizedAt {
  double deviance = 0.0;
  Vector gradient;  // kept coefficients, parameters of every term's user factor, dispersion
  std::vector<Matrix> modes;
  double accuracy = 0.0, largest_error = 0.0;  // as in GeneralizedResult
};

// Mean and covariance of the random effects given the data: levels x k, and k x (k levels), per
// term.
struct RandomMoments {
  std::vector<Matrix> means, variances;
};

}  // namespace tiers
