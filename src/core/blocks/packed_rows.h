// The rows that count, packed for many passes: in the order of the leaf's units, on the internal
// scale, values of one row side by side. What an objective that is not a function of
// cross-products alone works on.
#pragma once

#include "block_layout.h"

namespace tiers {

class PackedRows {
 public:
  // same(a, b): whether two rows with equal values of X and Z are equal in everything else too.
  // Equal rows are then packed as one, with their number as its frequency(). Without it all are
  // kept.
  using Same = std::function<bool(Index, Index)>;
  PackedRows(const Design& design, const BlockLayout& layout, const Same& same = Same());

  Index size() const { return static_cast<Index>(source_.size()); }
  const std::vector<int>& source() const {
    return source_;
  }  // row of the design, of each packed row
  // Packed row of each row of the design; -1 for those that do not count.
  const std::vector<int>& packed() const { return packed_; }
  const Vector& frequency() const { return frequency_; }  // empty: 1 each
  const BlockLayout& layout() const { return layout_; }
  const Matrix& fixed() const { return fixed_; }  // p x n
  const Matrix& random() const {
    return random_;
  }  // all groupings' columns side by side, k_total x n
  Index random_start(int grouping) const {
    return random_start_[grouping];
  }  // first of a grouping's columns
  Index level(Index row, int grouping) const { return level_[row * groupings_ + grouping]; }
  // First coordinate of a row's level of a grouping.
  Index first(Index row, int grouping) const {
    return layout_.coordinate(grouping, level(row, grouping));
  }
  // Place among the leaf unit's cells of a row's level of the r-th grouping of the remainder.
  Index cell(Index row, Index r) const { return cell_[row * remainder_ + r]; }
  // Rows of one leaf unit: [unit_start(u), unit_start(u + 1)).
  Index unit_start(Index unit) const { return unit_start_[unit]; }

  // to += Z b (n), b a vector over all coordinates.
  void add_random(const Vector& b, Vector& to) const { add_random(b, 0, size(), to); }
  Vector project_random(const Vector& r) const;                                           // Z'r, q
  Vector project_fixed(const Vector& r) const { return fixed_ * r; }                      // X'r, p
  Vector fixed_predictor(const Vector& beta) const { return fixed_.transpose() * beta; }  // X beta

  // Rows that a pass of several steps takes through all of them before it goes on: they stay in the
  // first caches meanwhile.
  static constexpr Index kStrip = 256;
  // The same for rows [start, start + count) alone; project_random() adds to `to`.
  void add_random(const Vector& b, Index start, Index count, Vector& to) const;
  void project_random(const Vector& r, Index start, Index count, Vector& to) const;

 private:
  void choose_rows(const Design& design, const Same& same);
  void pack(const Design& design);

  const BlockLayout& layout_;
  Index groupings_ = 0, remainder_ = 0;
  std::vector<int> source_, packed_;
  Vector frequency_;
  Matrix fixed_, random_;
  std::vector<Index> random_start_;
  std::vector<int> level_, cell_;
  std::vector<Index> unit_start_;
};

// A row's random columns among the coordinates of its leaf unit: the unit's own, its ancestors',
// its cells (BlockLayout's panel order, with the unit's own columns before it).
class LocalRows {
 public:
  explicit LocalRows(const PackedRows& rows);
  // Coordinates and values of a row: count() of each.
  void move_to(Index row);
  Index count() const { return static_cast<Index>(place_.size()); }
  Index place(Index a) const { return place_[a]; }
  double value(Index a) const { return value_[a]; }
  // z'mz for a symmetric matrix over the local coordinates.
  double quadratic(const Matrix& m) const;

 private:
  const PackedRows& rows_;
  std::vector<Index> place_,
      remainder_at_;  // remainder_at_: first entry of each grouping of the remainder
  std::vector<double> value_;
  std::vector<Index> source_;  // entry -> row of PackedRows::random()
  Index ancestors_ = 0;        // leaf's columns and its ancestors'
};

}  // namespace tiers
