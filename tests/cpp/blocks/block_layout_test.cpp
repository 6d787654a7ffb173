#include "core/blocks/block_layout.h"

#include <numeric>
#include <set>

#include "catch.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

namespace {

bool nested_in(const Grouping& inner, const Grouping& outer, Index n) {
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) {
      if (inner.codes[i] == inner.codes[j] && outer.codes[i] != outer.codes[j]) return false;
    }
  }
  return true;
}

// Columns of the largest set of factors of which each is nested in the next, by trying all sets.
Index widest_chain(const BlockLayout& layout, Index n) {
  const auto& groupings = layout.groupings();
  Index best = 0;
  for (unsigned set = 1; set < (1u << groupings.size()); ++set) {
    std::vector<int> members;
    Index columns = 0;
    for (std::size_t f = 0; f < groupings.size(); ++f) {
      if (!(set >> f & 1u)) continue;
      members.push_back(static_cast<int>(f));
      columns += groupings[f].levels * groupings[f].columns;
    }
    std::stable_sort(members.begin(), members.end(),
                     [&](int a, int b) { return groupings[a].levels > groupings[b].levels; });
    bool chain = true;
    for (std::size_t i = 0; i + 1 < members.size(); ++i) {
      chain = chain && nested_in(groupings[members[i]], groupings[members[i + 1]], n);
    }
    if (chain) best = std::max(best, columns);
  }
  return best;
}

}  // namespace

TEST_CASE("coordinates of the layout are all columns of Z once, the chain's first") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    const BlockLayout& layout = twin.layout;
    std::vector<char> taken(layout.random_columns(), 0);
    Index terms = 0;
    for (const Grouping& grouping : layout.groupings()) {
      terms += static_cast<Index>(grouping.terms.size());
      for (Index a = 0; a < grouping.levels * grouping.columns; ++a) ++taken[grouping.offset + a];
    }
    CHECK(terms == static_cast<Index>(twin.spec.terms.size()));
    CHECK(std::count(taken.begin(), taken.end(), 1) == layout.random_columns());
    Index in_chain = 0;
    for (const ChainLevel& level : layout.chain()) in_chain += level.units * level.columns;
    CHECK(in_chain == layout.remainder_offset());
    CHECK(in_chain == widest_chain(layout, twin.data.n));
    for (const int f : layout.remainder()) CHECK(layout.groupings()[f].offset >= in_chain);
  }
}

TEST_CASE("rows come in the order of the leaf's units and lie in their units' parents") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    const BlockLayout& layout = twin.layout;
    std::vector<int> order = layout.row_order();
    if (!layout.chain().empty()) {
      const int* leaf = layout.groupings()[layout.chain()[0].grouping].codes;
      CHECK(std::is_sorted(order.begin(), order.end(),
                           [&](int a, int b) { return leaf[a] < leaf[b]; }));
    }
    std::sort(order.begin(), order.end());
    std::vector<int> all(twin.data.n);
    std::iota(all.begin(), all.end(), 0);
    CHECK(order == all);
    for (std::size_t c = 0; c + 1 < layout.chain().size(); ++c) {
      const Grouping& inner = layout.groupings()[layout.chain()[c].grouping];
      const Grouping& outer = layout.groupings()[layout.chain()[c + 1].grouping];
      bool right = true;
      for (Index i = 0; i < twin.data.n; ++i) {
        right = right && layout.chain()[c].parent[inner.codes[i] - 1] == outer.codes[i] - 1;
      }
      CHECK(right);
    }
  }
}

TEST_CASE("a unit's cells are the columns of the remainder that its rows meet") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const DenseTwin twin(seed);
    const BlockLayout& layout = twin.layout;
    for (std::size_t c = 0; c < layout.chain().size(); ++c) {
      const ChainLevel& level = layout.chain()[c];
      const int* codes = layout.groupings()[level.grouping].codes;
      bool right = true;
      for (Index unit = 0; unit < level.units; ++unit) {
        std::set<int> met;
        for (Index i = 0; i < twin.data.n; ++i) {
          if (codes[i] - 1 != unit) continue;
          for (const int f : layout.remainder()) {
            for (Index a = 0; a < layout.groupings()[f].columns; ++a) {
              const Index at = layout.coordinate(f, layout.groupings()[f].codes[i] - 1) + a;
              met.insert(static_cast<int>(at - layout.remainder_offset()));
            }
          }
        }
        const auto start = level.cell_column.begin();
        const std::vector<int> cells(start + level.cell_start[unit],
                                     start + level.cell_start[unit + 1]);
        right = right && cells == std::vector<int>(met.begin(), met.end());
        right = right &&
                level.panel_start[unit + 1] - level.panel_start[unit] ==
                    level.columns * (level.ancestor_columns + level.cells(unit) + twin.X.cols());
        if (c + 1 == layout.chain().size()) continue;
        const ChainLevel& above = layout.chain()[c + 1];
        for (std::int64_t at = level.cell_start[unit]; at < level.cell_start[unit + 1]; ++at) {
          const auto in_parent = above.cell_start[level.parent[unit]] + level.cell_in_parent[at];
          right = right && above.cell_column[in_parent] == level.cell_column[at];
        }
      }
      CHECK(right);
    }
  }
}
