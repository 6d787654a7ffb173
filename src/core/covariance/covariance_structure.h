// One covariance structure: Sigma(theta) = Lambda Lambda', Lambda k x k lower triangular, both
// relative to sigma^2. A structure knows its parameters, Lambda and the derivatives, how it may be
// rescaled, and its boundary; it knows nothing of data. Add one: a file with a subclass and one
// line in covariance_registry.cpp.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "../model/scaling.h"

namespace tiers {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

// A parameter as users know it: the standard deviation of a column of the term, or the correlation
// of two, read off Sigma; or what all correlations follow from (a range, say).
struct NaturalParameter {
  enum class Kind { sd, correlation, other };
  Kind kind;
  Index row, column;  // where it stands in Sigma: (a, a), or below the diagonal
  bool common;        // the same for all columns (or pairs), so that its name has none
  double lower, upper;
  std::string word = std::string();  // that its name begins with; empty: "sd" or "cor"
  // Of a correlation: is it that of the pair, or of all pairs where it is common? Else others
  // follow from it.
  bool of_pairs = true;
};

// An entry of Lambda.
struct FactorEntry {
  Index row, column;
};

// The correlation matrix as a function of what follows the SDs among the natural parameters, with
// first and second derivatives (of i and l at i q + l).
struct CorrelationCurve {
  Matrix value;
  std::vector<Matrix> first, second;
};

struct Boundary {
  Matrix directions;   // k x d
  Vector multipliers;  // d
};

class CovarianceStructure {
 public:
  explicit CovarianceStructure(Index columns) : columns_(columns) {}
  virtual ~CovarianceStructure() = default;

  Index columns() const { return columns_; }
  virtual Index parameter_count() const = 0;
  virtual Rescaling rescaling() const = 0;

  // SDs first, then correlations; as many as there are parameters.
  virtual std::vector<NaturalParameter> natural_parameters() const = 0;
  // "sd_x", "cor_x.z"; a common one "sd", "cor".
  std::vector<std::string> parameter_names(const std::vector<std::string>& columns) const;
  // Is there more than standard deviations?
  bool has_correlation() const;
  // Their values in map Sigma map' (map: from the scale of theta to the one asked for, k x k), and
  // d natural / d theta (count x count). An SD of zero has a row of NaN, and so have its
  // correlations, which are NaN themselves.
  virtual Vector natural(const Vector& theta, const Matrix& map) const;
  virtual Matrix natural_jacobian(const Vector& theta, const Matrix& map) const;
  // Sigma of given values. The default gives a common parameter to all columns or pairs, and no
  // correlation to pairs without one.
  virtual Matrix natural_covariance(const Vector& natural) const;
  // Its derivative with respect to one of them. The default is of correlation matrices that are
  // linear in theirs.
  virtual Matrix natural_derivative(const Vector& natural, Index i) const;
  // False: the correlation matrix is linear in natural parameters. Else the curve there, its value
  // empty where there is none.
  virtual bool correlation_curve(const Vector& natural, CorrelationCurve& out) const {
    static_cast<void>(natural);
    static_cast<void>(out);
    return false;
  }
  // Lower factor of it, columns of zero where a pivot is rounding; empty where no covariance matrix
  // has these values.
  Matrix natural_factor(const Vector& natural) const;
  // theta of given values; empty where no covariance matrix has them.
  virtual Vector from_natural(const Vector& natural) const;
  // Where theta stands in Lambda, for structures whose parameters are entries of it; empty: others.
  virtual std::vector<FactorEntry> factor_entries() const { return {}; }

  // Parameters whose factor is nearest to a given lower triangular one.
  virtual Vector parameters(const Matrix& lambda) const = 0;
  virtual Matrix factor(const Vector& theta) const = 0;
  // dLambda / dtheta_i (k x k lower).
  virtual Matrix factor_derivative(const Vector& theta, Index i) const = 0;
  // corr_ij = <D, d2 Sigma / dtheta_i dtheta_j>, D symmetric k x k. The default is exact when
  // Lambda is linear in theta: Sigma_ij = L_i L_j' + L_j L_i'.
  virtual Matrix second_derivative_product(const Vector& theta, const Matrix& d) const;

  // Sets parameters to their boundary (a variance of exactly zero) where the variance of the
  // linear predictor that they carry, weighed by mean_cross = mean over levels of Z_l'Z_l, is
  // below `threshold`; says which parameters stay free.
  virtual Vector reduce(const Vector& theta, const Matrix& mean_cross, double threshold,
                        std::vector<bool>& free) const = 0;
  // Which parameters stay free where the data do not tell the variance along `directions` (k x d,
  // orthonormal): the others are zero, and what is left describes every Sigma up to these
  // directions.
  virtual std::vector<bool> free_without(const Matrix& directions) const;
  // Which parameters, the others zero, describe all Sigma of at most that rank. Empty: no such.
  virtual std::vector<bool> free_of_rank(Index rank) const {
    static_cast<void>(rank);
    return {};
  }
  // Where Sigma is singular: the unit directions (k x d) with zero variance that may be opened, and
  // for each the derivative of the deviance with respect to the variance along it, given
  // D = d deviance / d Sigma (k x k). Non-negative at a minimum.
  virtual Boundary boundary(const Vector& theta, const Matrix& d) const = 0;
  // Parameters of the nearest Sigma of one rank less, nearness weighed by mean_cross; empty where
  // there is none but zero, or the structure has no such notion.
  virtual Vector lower_rank(const Vector& theta, const Matrix& mean_cross) const {
    static_cast<void>(theta);
    static_cast<void>(mean_cross);
    return Vector();
  }
  // The same Sigma by a factor whose columns of zeros come last, and which parameters describe
  // those of its rank: where they come first, the others cannot turn towards them. Empty: it is
  // that, or there is no such notion.
  virtual Vector zeros_last(const Vector& theta, std::vector<bool>& free) const {
    static_cast<void>(theta);
    static_cast<void>(free);
    return Vector();
  }
  // Parameters with `variance` added along one of those directions.
  virtual Vector reopen(const Vector& theta, const Vector& direction, double variance) const = 0;

 private:
  Index columns_;
};

}  // namespace tiers
