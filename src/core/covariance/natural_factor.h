// Lambda = S C as a function of standard deviations and correlations, S their diagonal matrix and
// C C' the correlation matrix, with derivatives: what fits under constraints work with
// (vignettes/algorithm.Rmd 4.15).
//
// Where the correlation matrix is linear in its parameters, a correlation that is given by its
// value r makes the row C_a have the product r with an earlier one. What the given ones leave of a
// row is a point on a sphere, in coordinates z that are zero at a base point: a covariance matrix
// without full rank, C_aa = 0, is a point like others. Where it is a curve, C is its Cholesky
// factor.
#pragma once

#include <utility>
#include <vector>

#include "covariance_structure.h"
#include "jet.h"

namespace tiers {

class NaturalFactor {
 public:
  // by_value: which natural parameters are given by their values. lambda: a factor whose rows are
  // the base, on the scale of the natural parameters.
  NaturalFactor(const CovarianceStructure& structure, const std::vector<bool>& by_value,
                const Matrix& lambda);

  // In the order of the natural parameters: standard deviations; of correlations by value the
  // value, and the root of 1 - r^2 where it is known better (roots; else unused); of the others z.
  // Lower triangle by rows of Lambda; empty where no covariance matrix has the values.
  std::vector<Jet> lambda(const std::vector<Jet>& natural, const std::vector<Jet>& roots) const;

  // Rows of which something is free, by the natural parameter that is the last of its coordinates:
  // that towards C_aa where the base has none. -1: none.
  Index last_of_row(Index row) const {
    return rows_[row].free.empty() ? -1 : rows_[row].free.back();
  }
  const std::vector<Index>& row_coordinates(Index row) const { return rows_[row].free; }
  // C_aa at the base.
  double own_part(Index row) const { return rows_[row].base[rows_[row].base.size() - 1]; }
  // The base of a row becomes the one with these coordinates and this C_aa (relative to what is
  // free).
  void move_base(Index row, const Vector& z, double own);
  // What of the row's free part z means: C_aa over the length of the free part.
  double own_at(Index row, const Vector& z) const;

 private:
  // A correlation with an earlier row: a constant and multiples of parameters by value.
  struct Given {
    Index with;
    double constant;
    std::vector<std::pair<Index, double>> of;
    // The parameter that it is; -1: it is none.
    Index parameter() const {
      return constant == 0.0 && of.size() == 1 && of[0].second == 1.0 ? of[0].first : -1;
    }
  };
  struct Row {
    std::vector<Given> given;
    std::vector<Index> free;  // parameters that are coordinates
    Vector base;              // d, of length 1
    Matrix frame;             // a x d; the last column is the row's own
    Matrix tangent;           // d x (d - 1)
  };
  // Rows of C where the correlation matrix is a curve; empty: there is none.
  std::vector<std::vector<Jet>> curved_rows(const std::vector<Jet>& natural) const;
  static Matrix tangent_of(const Vector& base);
  void place(Index row, const Matrix& c);

  const CovarianceStructure* structure_;
  std::vector<NaturalParameter> parameters_;
  bool curved_ = false;
  std::vector<Row> rows_;
};

}  // namespace tiers
