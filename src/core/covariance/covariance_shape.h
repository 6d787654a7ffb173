// One covariance structure as a function of positions: Sigma(phi) of any m of them, with first and
// second derivatives. It serves both sides of a model: residuals of a subject's visits, and
// random effects whose columns are visits. A shape is a file with a subclass and its maker, named
// in shape_registry.cpp; scale, nugget and products are wrapped around it.
//
// phi is what is searched over: correlations themselves, logarithms of SDs and ranges, entries of
// Cholesky factors. Users know natural values, by the names and in the order of parameters().
//
// Not every phi in the box gives a positive definite Sigma (toep, lin): a Cholesky factorization
// tells. The same holds for NaN, as a negative correlation gives at a gap that is not whole.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "../model/structure_recipe.h"

namespace tiers {

// Where the m rows of a Sigma stand. A structure reads one of the two, or both where the variances
// of ar1h and the like are those of visits and the correlations those of times. Distances are in
// the units of the coordinates: ranges come out in them.
struct Positions {
  std::vector<Index> visits;  // m, 0-based: which of the structure's visits
  Matrix coordinates;         // m x d, a row a position; lags are differences of column 0

  Index size() const { return static_cast<Index>(visits.size()); }
};

// The positions 0, ..., t - 1 at times 0, ..., t - 1.
Positions equally_spaced(Index visits);

// A parameter as users know it.
struct ShapeParameter {
  // sd to correlation are read off Sigma; nugget: the share of the variance.
  enum class Kind {
    sd,
    variance,
    correlation,
    covariance,  // of lin: what a matrix is multiplied by
    range,
    nugget,
    smoothness,
    loading,
    uniqueness,
    coefficient  // of a time series
  };
  // value = phi, e^phi, phi^2; none: by the structure's natural().
  enum class Map { identity, exponential, square, other };

  std::string word;  // what its name begins with: "sd", "cor", "range", "cor_lag2", ...
  Kind kind;
  double lower = 0.0, upper = std::numeric_limits<double>::infinity();
  Map map = Map::identity;
  // The visits that it belongs to, for names: row alone of an SD or a uniqueness, both of a
  // correlation; of a loading the column is the factor's number. -1: none, it is common.
  Index row = -1, column = -1;
  int child = 0;  // of a product: whose visits these are
  // phi is the logarithm of a range, with which correlations vanish.
  bool log_range = false;
};

// Where parameters start from: covariances of residuals (or of predicted effects) at t places,
// pair by pair, and how much each pair weighs, for instance the number of subjects that have it. A
// weight of zero: unknown. Visits are their own places, place v being visit v. Where times are each
// subject's own, a place at zero and one at each of some distances, with weights in the first
// column and row, say how the covariance falls.
struct ShapeMoments {
  Positions places;
  Matrix covariance, weight;  // t x t, symmetric
};

class CovarianceShape {
 public:
  virtual ~CovarianceShape() = default;

  virtual Index parameter_count() const = 0;
  virtual std::vector<ShapeParameter> parameters() const = 0;
  // A correlation matrix: the scale is the caller's.
  virtual bool unit_diagonal() const = 0;
  // What of positions Sigma depends on: rows with the same have the same Sigma. Of coordinates only
  // differences count.
  virtual bool uses_visits() const = 0;
  virtual bool uses_coordinates() const = 0;
  // Sigma^-1 is tridiagonal where positions are in the order of visits and of the only coordinate.
  virtual bool markov() const { return false; }

  // How many sets of visits names are made from: of a product one for each of its parts.
  virtual int children() const { return 1; }

  // m x m. Derivatives by phi_k, and by phi_k and phi_l; false: that one is zero, and `d` is
  // untouched. Matrices are resized.
  virtual void value(const Vector& phi, const Positions& at, Matrix& sigma) const = 0;
  virtual void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const = 0;
  virtual bool second(const Vector& phi, const Positions& at, Index k, Index l,
                      Matrix& d) const = 0;

  // Inside the box, positive definite.
  virtual Vector start(const ShapeMoments& moments) const = 0;

  // Natural values in the order of parameters(); d natural / d phi (count x count); phi of natural
  // values, empty where none has them. The defaults go by ShapeParameter::map.
  virtual Vector natural(const Vector& phi) const;
  virtual Matrix natural_slope(const Vector& phi) const;
  virtual Vector from_natural(const Vector& natural) const;
  // d2 natural_i / d phi d phi' (count x count).
  virtual Matrix natural_bend(const Vector& phi, Index i) const;
  // Open box of phi; infinite ends where there is none.
  virtual void box(Vector& lower, Vector& upper) const;
};

using ShapePointer = std::unique_ptr<CovarianceShape>;

// What a set of visits is called in the data.
struct VisitLabels {
  std::string variable;             // empty: none
  std::vector<std::string> visits;  // t; of structures by coordinate alone not needed
};

// "sd_week1", "cor_week2.week1", and with the variable "cor_week", "range_time" for what is common.
std::vector<std::string> shape_parameter_names(const CovarianceShape& shape,
                                               const std::vector<VisitLabels>& labels);

}  // namespace tiers
