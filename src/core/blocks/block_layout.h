// Which blocks of the penalized normal equations exist and in which order they are eliminated.
//
// Terms of the same grouping factor are one Grouping. A chain of nested groupings (leaf first:
// pupil, class, school) is eliminated level by level without fill outside each unit's own ancestors
// and cells; all other groupings form one dense remainder. The chain is the one with most columns.
//
// A "unit" is a level of a chain grouping. Its panel holds one k-vector for each column of: its
// ancestors (in chain order), the remainder's columns that it meets (its "cells"), and X.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "../model/design.h"

namespace tiers {

struct Grouping {
  std::vector<int> terms;
  std::vector<Index> first_column;  // of each term within the grouping
  const int* codes = nullptr;
  Index levels = 0, columns = 0;  // q, k
  Index offset = 0;               // first coordinate in a z-vector
};

struct ChainLevel {
  int grouping = 0;
  Index units = 0, columns = 0;
  Index ancestor_columns = 0;
  std::vector<int> parent;                // unit of the next level up
  std::vector<std::int64_t> cell_start;   // units + 1, into cell_column
  std::vector<int> cell_column;           // remainder columns, ascending within a unit
  std::vector<int> cell_in_parent;        // position of each among the parent's cells
  std::vector<std::int64_t> panel_start;  // units + 1, in doubles
  Index cells(Index unit) const { return cell_start[unit + 1] - cell_start[unit]; }
};

// The dense remainder would not fit into memory: what() says how many bytes it needs.
struct MemoryError : std::runtime_error {
  explicit MemoryError(double bytes)
      : std::runtime_error("the random effects outside the nested chain need " +
                           std::to_string(bytes / 1e9) + " GB of memory"),
        bytes(bytes) {}
  double bytes;
};

class BlockLayout {
 public:
  explicit BlockLayout(const Design& design);

  const std::vector<Grouping>& groupings() const { return groupings_; }
  const std::vector<ChainLevel>& chain() const { return chain_; }
  const std::vector<int>& remainder() const { return remainder_; }
  Index random_columns() const { return random_columns_; }        // q
  Index remainder_columns() const { return remainder_columns_; }  // of the dense block
  // Throws MemoryError where the dense remainder, its factor and its inverse would be too large.
  void require_memory() const;
  Index remainder_offset() const { return random_columns_ - remainder_columns_; }
  Index fixed_columns() const { return fixed_columns_; }  // p
  // Rows in the order of the leaf's units; in data order where there is no chain.
  const std::vector<int>& row_order() const { return row_order_; }
  // Calls f(coordinate) for the ancestors and cells of a unit, in the order of its panel.
  template <class F>
  void visit_coordinates(int c, Index unit, const F& f) const {
    const ChainLevel& level = chain_[c];
    Index above = unit;
    for (std::size_t up = c + 1; up < chain_.size(); ++up) {
      above = chain_[up - 1].parent[above];
      const Index at = groupings_[chain_[up].grouping].offset + above * chain_[up].columns;
      for (Index a = 0; a < chain_[up].columns; ++a) f(at + a);
    }
    const Index base = remainder_offset();
    for (auto cell = level.cell_start[unit]; cell < level.cell_start[unit + 1]; ++cell) {
      f(base + level.cell_column[cell]);
    }
  }
  // Coordinate in a z-vector of column `column` of level `level` (0-based) of a grouping.
  Index coordinate(int grouping, Index level) const {
    return groupings_[grouping].offset + level * groupings_[grouping].columns;
  }

 private:
  void merge_terms(const Design& design);
  void choose_chain(Index rows);
  void build_chain(Index rows);
  void place_groupings();
  std::vector<std::int64_t> order_rows(Index rows);
  void link_chain(Index rows);
  Index remainder_width(Index coordinate) const;
  void find_leaf_cells(const std::vector<std::int64_t>& row_start);
  void merge_cells(const ChainLevel& child, ChainLevel& above) const;
  void find_in_parents(ChainLevel& child, const ChainLevel& above) const;
  void place_panels();

  std::vector<Grouping> groupings_;
  std::vector<ChainLevel> chain_;
  std::vector<int> remainder_;
  std::vector<int> chain_groupings_;
  std::vector<int> row_order_;
  Index random_columns_ = 0, remainder_columns_ = 0, fixed_columns_ = 0;
};

// Values of the random columns of a grouping in one row: the terms side by side (k values).
inline void grouping_row(const Design& design, const Grouping& grouping, Index row, double* z) {
  for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
    design.random_row(grouping.terms[t], row, z + grouping.first_column[t]);
  }
}

}  // namespace tiers
