// A fitted linear mixed model on the user's scale; see fit_model.h for who fills it.
#pragma once

#include <limits>

#include "specification.h"

namespace tiers {

// undefined: no point with a finite likelihood was found, or none that could be evaluated once
// more; unidentified: variances that cannot be told apart, found before the search. Then, and with
// a perfect fit, nothing else is filled.
enum class FitStatus { converged, boundary, not_converged, perfect_fit, undefined, unidentified };

struct TermBoundary {
  Matrix directions;   // k x d: combinations of the term's columns with zero variance
  Vector multipliers;  // d: derivative of the deviance with respect to that variance
};

// A parameter beside the fixed effects, on the scale on which users know it.
struct ModelParameter {
  // structure: what correlations follow from, told apart by its word; residual: of the structure of
  // the residuals, told apart by `role`.
  enum class Kind { sd, correlation, structure, sigma, dispersion, residual };
  Kind kind;
  std::string word;
  int term = -1;                // of a random effect
  Index row = -1, column = -1;  // in the term's Sigma; row -1: of all columns or pairs
  double value = 0.0, lower = 0.0, upper = std::numeric_limits<double>::infinity();
  bool at_boundary = false;
  bool fixed = false;  // at the user's value
  // Of the residuals: row and column are visits of a structure of the product (child), or a factor;
  // the role is what CovarianceShape calls its kind ("sd", "variance", "correlation", "covariance",
  // "range", "nugget", "smoothness", "loading", "uniqueness", "coefficient").
  std::string role;
  int by = -1;  // 0-based group; -1: there are none
  int child = 0;
};

// Of psi, the parameters that the covariance matrix of the fixed effects depends on.
struct Inference {
  Matrix vcov_psi;            // zero in parameters that are not free
  std::vector<Matrix> dvcov;  // of the kept coefficients' covariance, for every psi
  // Of a generalized model on the user's scale: covariance of the kept coefficients, the entries of
  // every term's Sigma (lower triangle by columns) and the coefficients of the log dispersion.
  Matrix vcov_natural;
};

// What can be said of variances that cannot be told apart. An entry is a variance or a covariance
// of one term, Sigma_ab with a >= b; on the user's scale.
struct Unidentified {
  struct Entry {
    int term;
    Index row, column;
  };
  bool found = false;
  std::vector<Entry> entries;
  // tr(V_e V_f) for all entries and, last, the residual's where it is a parameter; those of a term
  // in a unit of their own.
  Matrix gram;
  // The derivatives of the entries (and of the residual's variance) along each free direction.
  Matrix tangent;
  bool residual = false;
  // Only the fixed effects make it so: `gram` is of what they leave of V, which is all that REML
  // sees.
  bool by_fixed = false;
};

struct FitResult {
  FitStatus status = FitStatus::not_converged;
  Ending ending = Ending::converged;
  Vector coefficients;      // p, NaN for columns dropped
  std::vector<Index> kept;  // columns of X kept
  Matrix vcov;              // of the kept coefficients
  double sigma = 0.0;
  std::vector<Matrix> lambda;  // per term, relative to sigma
  std::vector<Matrix> modes;   // per term, levels x k
  Vector fitted;               // n, offset included
  double deviance = 0.0;       // -2 log-likelihood or REML criterion
  Index used_rows = 0, parameter_count = 0;
  double gain = 0.0, gradient_norm = 0.0, reciprocal_condition = 1.0;
  int iterations = 0, evaluations = 0;
  std::vector<TermBoundary> boundary;  // per term
  // Per term the columns (0-based) whose variance is zero because the fixed effects take up all
  // that the levels could do.
  std::vector<std::vector<Index>> saturated;
  Unidentified unidentified;
  std::vector<Vector> theta;  // per term: the structure's parameters of lambda
  std::vector<ModelParameter> parameters;
  Matrix vcov_parameters;  // NaN for those at their boundary
  // psi = (theta, log sigma^2) of a linear model; of a generalized one (theta, beta, phi) on the
  // internal scale, without derivatives.
  Inference inference;
};

// Symmetric k x k matrices, each of one term, on the user's scale.
struct VarianceForm {
  int term;
  Matrix block;
};
struct VarianceForms {
  std::vector<VarianceForm> entries;
  // Covariance matrix of (theta, log sigma^2) as Inference has it; 0 x 0: the information alone is
  // wanted.
  Matrix vcov_psi;
  // The expected information counts every entry; else what vcov_psi says is free, and these
  // directions (a row for each entry, and one for sigma^2).
  bool all_free = true;
  Matrix also_free;
};

// See inference/kenward_roger.h. Every matrix has a row for each form, and one for sigma^2.
struct VarianceInformation {
  Vector psi;
  Matrix ml, reml;  // T of V^-1 and of P
  // W = twice the inverse of the expected (T of P) and of the observed information about psi, with
  // zeros for what is not free, and sum_ab W_ab A_ab, p x p.
  Matrix expected, observed;
  Matrix expected_products, observed_products;
  std::vector<Matrix> derivatives;  // D_a, p x p
};

struct DevianceAt {
  double deviance = 0.0;
  Vector gradient;  // per term, with respect to the structure's parameters of the user's factor
};

}  // namespace tiers
