#include "block_layout.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace tiers {

namespace {

// Refused before anything is allocated: 25,800 columns outside the chain, three matrices of which
// are what a machine of 16 GB or more can hold.
constexpr double kMaxDenseBytes = 16e9;

// parent[level of inner] = level of outer, or empty if inner is not nested in outer.
std::vector<int> nesting(const Grouping& inner, const Grouping& outer, Index rows) {
  std::vector<int> parent(inner.levels, -1);
  for (Index i = 0; i < rows; ++i) {
    int& found = parent[inner.codes[i] - 1];
    const int level = outer.codes[i] - 1;
    if (found < 0) {
      found = level;
    } else if (found != level) {
      return {};
    }
  }
  for (int& level : parent) level = std::max(level, 0);  // a level without rows: anywhere
  return parent;
}

}  // namespace

BlockLayout::BlockLayout(const Design& design) : fixed_columns_(design.rank()) {
  merge_terms(design);
  choose_chain(design.rows());
  build_chain(design.rows());
}

void BlockLayout::require_memory() const {
  const double q = static_cast<double>(remainder_columns_);
  const double bytes = 3.0 * 8.0 * q * q;
  if (bytes > kMaxDenseBytes) throw MemoryError(bytes);
}

void BlockLayout::merge_terms(const Design& design) {
  const auto& terms = design.specification().terms;
  const Index n = design.rows();
  for (std::size_t j = 0; j < terms.size(); ++j) {
    Grouping* home = nullptr;
    for (auto& grouping : groupings_) {
      if (grouping.levels != terms[j].n_levels) continue;
      if (grouping.codes == terms[j].codes ||
          std::equal(grouping.codes, grouping.codes + n, terms[j].codes)) {
        home = &grouping;
        break;
      }
    }
    if (!home) {
      groupings_.emplace_back();
      home = &groupings_.back();
      home->codes = terms[j].codes;
      home->levels = terms[j].n_levels;
    }
    home->terms.push_back(static_cast<int>(j));
    home->first_column.push_back(home->columns);
    home->columns += terms[j].columns;
  }
}

// The chain of nested groupings with most columns, leaf first.
void BlockLayout::choose_chain(Index rows) {
  const int count = static_cast<int>(groupings_.size());
  if (count == 0) return;
  std::vector<int> by_levels(count);
  std::iota(by_levels.begin(), by_levels.end(), 0);
  std::stable_sort(by_levels.begin(), by_levels.end(),
                   [&](int a, int b) { return groupings_[a].levels < groupings_[b].levels; });
  std::vector<Index> weight(count);
  std::vector<int> next(count, -1);
  for (int i = 0; i < count; ++i) {
    const int inner = by_levels[i];
    weight[inner] = groupings_[inner].levels * groupings_[inner].columns;
    Index best = 0;
    for (int j = 0; j < i; ++j) {
      const int outer = by_levels[j];
      if (weight[outer] > best && !nesting(groupings_[inner], groupings_[outer], rows).empty()) {
        best = weight[outer];
        next[inner] = outer;
      }
    }
    weight[inner] += best;
  }
  int leaf = by_levels[0];
  for (int f : by_levels) {
    if (weight[f] > weight[leaf]) leaf = f;
  }
  for (int f = leaf; f >= 0; f = next[f]) chain_groupings_.push_back(f);
  for (int f = 0; f < count; ++f) {
    if (std::find(chain_groupings_.begin(), chain_groupings_.end(), f) == chain_groupings_.end()) {
      remainder_.push_back(f);
    }
  }
}

// Coordinates: the chain's groupings leaf first, then the remainder's.
void BlockLayout::place_groupings() {
  const auto place = [this](const std::vector<int>& groupings) {
    for (const int f : groupings) {
      groupings_[f].offset = random_columns_;
      random_columns_ += groupings_[f].levels * groupings_[f].columns;
    }
  };
  place(chain_groupings_);
  const Index in_chain = random_columns_;
  place(remainder_);
  remainder_columns_ = random_columns_ - in_chain;
  if (remainder_columns_ > std::numeric_limits<int>::max()) {
    throw std::length_error("too many random-effect columns outside the nested chain");
  }
}

// Rows by the leaf's units, in data order within one; first of each unit in that order.
std::vector<std::int64_t> BlockLayout::order_rows(Index n) {
  row_order_.resize(n);
  if (chain_groupings_.empty()) {
    std::iota(row_order_.begin(), row_order_.end(), 0);
    return {};
  }
  const Grouping& leaf = groupings_[chain_groupings_[0]];
  std::vector<std::int64_t> start(leaf.levels + 1, 0);
  for (Index i = 0; i < n; ++i) ++start[leaf.codes[i]];
  std::partial_sum(start.begin(), start.end(), start.begin());
  auto at = start;
  for (Index i = 0; i < n; ++i) row_order_[at[leaf.codes[i] - 1]++] = static_cast<int>(i);
  return start;
}

void BlockLayout::link_chain(Index n) {
  const int depth = static_cast<int>(chain_groupings_.size());
  chain_.resize(depth);
  for (int c = 0; c < depth; ++c) {
    ChainLevel& level = chain_[c];
    const Grouping& grouping = groupings_[chain_groupings_[c]];
    level.grouping = chain_groupings_[c];
    level.units = grouping.levels;
    level.columns = grouping.columns;
    for (int up = c + 1; up < depth; ++up) {
      level.ancestor_columns += groupings_[chain_groupings_[up]].columns;
    }
    if (c + 1 < depth) level.parent = nesting(grouping, groupings_[chain_groupings_[c + 1]], n);
    level.cell_start.assign(level.units + 1, 0);
  }
}

// Columns of the grouping of the remainder that a coordinate of it belongs to.
Index BlockLayout::remainder_width(Index coordinate) const {
  for (const int f : remainder_) {
    const Index position = coordinate - groupings_[f].offset;
    if (position >= 0 && position < groupings_[f].levels * groupings_[f].columns) {
      return groupings_[f].columns;
    }
  }
  return 1;
}

// Cells of the leaf from its rows, which lie at row_start (units + 1) of the row order.
void BlockLayout::find_leaf_cells(const std::vector<std::int64_t>& row_start) {
  const Index base = remainder_offset();
  ChainLevel& leaf = chain_[0];
  std::vector<int> found;
  for (Index unit = 0; unit < leaf.units; ++unit) {
    found.clear();
    for (std::int64_t at = row_start[unit]; at < row_start[unit + 1]; ++at) {
      const int row = row_order_[at];
      for (const int f : remainder_) {
        found.push_back(static_cast<int>(coordinate(f, groupings_[f].codes[row] - 1) - base));
      }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    // A level's first coordinate stands for all its columns.
    for (const int first : found) {
      const Index width = remainder_width(first + base);
      for (Index a = 0; a < width; ++a) leaf.cell_column.push_back(first + static_cast<int>(a));
    }
    leaf.cell_start[unit + 1] = static_cast<std::int64_t>(leaf.cell_column.size());
  }
}

// Cells of a level as the union over its children's.
void BlockLayout::merge_cells(const ChainLevel& child, ChainLevel& above) const {
  std::vector<std::vector<int>> merged(above.units);
  for (Index unit = 0; unit < child.units; ++unit) {
    auto& cells = merged[child.parent[unit]];
    cells.insert(cells.end(), child.cell_column.begin() + child.cell_start[unit],
                 child.cell_column.begin() + child.cell_start[unit + 1]);
  }
  for (Index unit = 0; unit < above.units; ++unit) {
    auto& cells = merged[unit];
    std::sort(cells.begin(), cells.end());
    cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
    above.cell_column.insert(above.cell_column.end(), cells.begin(), cells.end());
    above.cell_start[unit + 1] = static_cast<std::int64_t>(above.cell_column.size());
  }
}

// Where each cell of a child lies among its parent's.
void BlockLayout::find_in_parents(ChainLevel& child, const ChainLevel& above) const {
  child.cell_in_parent.resize(child.cell_column.size());
  for (Index unit = 0; unit < child.units; ++unit) {
    const auto first = above.cell_column.begin() + above.cell_start[child.parent[unit]];
    const auto last = above.cell_column.begin() + above.cell_start[child.parent[unit] + 1];
    for (std::int64_t at = child.cell_start[unit]; at < child.cell_start[unit + 1]; ++at) {
      const auto found = std::lower_bound(first, last, child.cell_column[at]);
      child.cell_in_parent[at] = static_cast<int>(found - first);
    }
  }
}

void BlockLayout::place_panels() {
  for (auto& level : chain_) {
    level.panel_start.assign(level.units + 1, 0);
    for (Index unit = 0; unit < level.units; ++unit) {
      const Index columns = level.ancestor_columns + level.cells(unit) + fixed_columns_;
      level.panel_start[unit + 1] = level.panel_start[unit] + level.columns * columns;
    }
  }
}

void BlockLayout::build_chain(Index n) {
  place_groupings();
  const std::vector<std::int64_t> row_start = order_rows(n);
  link_chain(n);
  if (!remainder_.empty()) {  // then there is a chain too
    find_leaf_cells(row_start);
    for (std::size_t c = 0; c + 1 < chain_.size(); ++c) {
      merge_cells(chain_[c], chain_[c + 1]);
      find_in_parents(chain_[c], chain_[c + 1]);
    }
  }
  place_panels();
}

}  // namespace tiers
