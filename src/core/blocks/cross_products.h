// A = [Z X]'W[Z X] by blocks, and Z'Wr, X'Wr, r'Wr of a response r: all that an evaluation of a
// linear mixed model needs of the rows. One pass over the data; Z is never formed. A generalized
// model makes A anew for each set of working weights, which may have both signs.
#pragma once

#include "packed_rows.h"

namespace tiers {

class CrossProducts {
 public:
  CrossProducts(const Design& design, const BlockLayout& layout, const Poll& poll);
  // Empty, until reweight().
  CrossProducts(const Design& design, const BlockLayout& layout);

  // A for weights w, one a packed row; without the parts of X unless `fixed`. At once, or from
  // clear() on by add() for rows [start, start + count).
  void reweight(const PackedRows& rows, const Vector& w, bool fixed, const Poll& poll);
  void clear(bool fixed);
  void add(const PackedRows& rows, const Vector& w, Index start, Index count);
  // Columns of X that are present: p or 0.
  Index fixed_columns() const { return fixed_columns_; }

  // r on the internal scale, one value a row.
  void set_response(const Vector& r);

  const BlockLayout& layout() const { return layout_; }
  const Design& design() const { return design_; }

  // own(c): units x (k x k); panel(c): see BlockLayout. Both column-major, k values contiguous.
  const std::vector<double>& own(int c) const { return own_[c]; }
  const std::vector<double>& panel(int c) const { return panel_[c]; }
  const Matrix& remainder() const { return remainder_; }              // q_R x q_R, lower triangle
  Matrix cross_fixed() const;                                         // Z'WX, q x p
  const Matrix& remainder_fixed() const { return remainder_fixed_; }  // q_R x p
  const Matrix& fixed() const { return fixed_; }                      // p x p, lower triangle

  const Vector& random_response() const { return random_response_; }  // q
  const Vector& fixed_response() const { return fixed_response_; }    // p
  double response_square() const { return response_square_; }

  // A_ZZ w (q x m) and A_XZ w (p x m).
  void multiply(const Matrix& w, Matrix& random, Matrix& fixed) const;
  // Mean over the levels of a grouping of Z_l'WZ_l (k x k).
  Matrix mean_own(int grouping) const;
  // Z_l'WZ_l of the grouping in position `i` of the remainder.
  Matrix remainder_own(int grouping, Index level) const;

 private:
  template <class Rows>
  void accumulate(Rows& rows, Index start, Index count);
  template <class Rows>
  void add_to_unit(const Rows& rows, int c, std::vector<Index>& cell);
  template <class Rows>
  void add_to_remainder(const Rows& rows, const std::vector<Index>& first);
  static void add_product(double w, const double* z, Index k, const double* other, Index columns,
                          double* to);
  void add_fixed(const double* x, double weight);
  void flush_fixed();

  // Rows of X, times the roots of their weights, that wait for one rank update of X'WX; those of
  // negative weight have their own.
  struct Waiting {
    Matrix rows;
    Index count = 0;
  };

  const Design& design_;
  const BlockLayout& layout_;
  std::vector<std::vector<double>> own_, panel_;
  Matrix remainder_, remainder_fixed_, fixed_;
  Waiting positive_, negative_;
  Vector random_response_, fixed_response_;
  double response_square_ = 0.0;
  Index fixed_columns_ = 0;
};

}  // namespace tiers
