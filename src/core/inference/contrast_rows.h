// Rows of contrasts by the levels that they meet: what is worked out for one combination of levels
// serves all of its rows.
#pragma once

#include "../blocks/local_inverse.h"
#include "../model/contrasts.h"
#include "../objective/term_places.h"

namespace tiers {

class CombinedRows {
 public:
  CombinedRows(const ContrastRows& rows, const BlockLayout& layout, const TermPlaces& places);

  Index size() const { return static_cast<Index>(order_.size()); }
  // The row in position i of an order that puts those with the same levels together.
  Index row(Index i) const { return order_[i]; }
  // Moves to position i, one after the other; says whether a new combination begins there.
  bool move_to(Index i);
  // Of the row moved to: the coordinates that it meets, and its coefficients there.
  const std::vector<LevelPlace>& places() const { return meets_; }
  const std::vector<Index>& at() const { return at_; }
  const Vector& coefficients() const { return m_; }
  // Those rows of a matrix over all coordinates.
  Matrix take(const Matrix& from) const;

 private:
  bool same_levels(Index a, Index b) const;
  void start_combination(Index row);

  const ContrastRows& rows_;
  const BlockLayout& layout_;
  const TermPlaces& places_;
  std::vector<Index> order_;
  std::vector<LevelPlace> meets_;
  std::vector<Index> at_;
  std::vector<Index> start_;  // of each part among the places; -1: it meets no level of the data
  Vector m_;
};

}  // namespace tiers
