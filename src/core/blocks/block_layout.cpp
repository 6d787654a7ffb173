#include "block_layout.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace tiers {

namespace {

constexpr double kMaxDenseBytes = 16e9;

// parent[level of inner] = level of outer, or empty if inner is not nested in outer.
std::vector<int> nesting(const Factor& inner, const Factor& outer, Index rows) {
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
  build_chain(design);
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
    Factor* home = nullptr;
    for (auto& factor : factors_) {
      if (factor.levels == terms[j].n_levels &&
          (factor.codes == terms[j].codes || std::equal(factor.codes, factor.codes + n, terms[j].codes))) {
        home = &factor;
        break;
      }
    }
    if (!home) {
      factors_.emplace_back();
      home = &factors_.back();
      home->codes = terms[j].codes;
      home->levels = terms[j].n_levels;
    }
    home->terms.push_back(static_cast<int>(j));
    home->first_column.push_back(home->columns);
    home->columns += terms[j].columns;
  }
}

// The chain of nested factors with most columns, leaf first.
void BlockLayout::choose_chain(Index rows) {
  const int count = static_cast<int>(factors_.size());
  if (count == 0) return;
  std::vector<int> by_levels(count);
  std::iota(by_levels.begin(), by_levels.end(), 0);
  std::stable_sort(by_levels.begin(), by_levels.end(),
                   [&](int a, int b) { return factors_[a].levels < factors_[b].levels; });
  std::vector<Index> weight(count);
  std::vector<int> next(count, -1);
  for (int i = 0; i < count; ++i) {
    const int inner = by_levels[i];
    weight[inner] = factors_[inner].levels * factors_[inner].columns;
    Index best = 0;
    for (int j = 0; j < i; ++j) {
      const int outer = by_levels[j];
      if (weight[outer] > best && !nesting(factors_[inner], factors_[outer], rows).empty()) {
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
  for (int f = leaf; f >= 0; f = next[f]) chain_factors_.push_back(f);
  for (int f = 0; f < count; ++f) {
    if (std::find(chain_factors_.begin(), chain_factors_.end(), f) == chain_factors_.end()) {
      remainder_.push_back(f);
    }
  }
}

void BlockLayout::build_chain(const Design& design) {
  const Index n = design.rows();
  for (int f : chain_factors_) {
    factors_[f].offset = random_columns_;
    random_columns_ += factors_[f].levels * factors_[f].columns;
  }
  for (int f : remainder_) {
    factors_[f].offset = random_columns_;
    random_columns_ += factors_[f].levels * factors_[f].columns;
    remainder_columns_ += factors_[f].levels * factors_[f].columns;
  }
  if (remainder_columns_ > std::numeric_limits<int>::max()) {
    throw std::length_error("too many random-effect columns outside the nested chain");
  }

  row_order_.resize(n);
  const int depth = static_cast<int>(chain_factors_.size());
  if (depth == 0) {
    std::iota(row_order_.begin(), row_order_.end(), 0);
    return;
  }
  const Factor& leaf = factors_[chain_factors_[0]];
  std::vector<std::int64_t> start(leaf.levels + 1, 0);
  for (Index i = 0; i < n; ++i) ++start[leaf.codes[i]];
  std::partial_sum(start.begin(), start.end(), start.begin());
  {
    auto at = start;
    for (Index i = 0; i < n; ++i) row_order_[at[leaf.codes[i] - 1]++] = static_cast<int>(i);
  }

  chain_.resize(depth);
  for (int c = 0; c < depth; ++c) {
    ChainLevel& level = chain_[c];
    const Factor& factor = factors_[chain_factors_[c]];
    level.factor = chain_factors_[c];
    level.units = factor.levels;
    level.columns = factor.columns;
    for (int up = c + 1; up < depth; ++up) level.ancestor_columns += factors_[chain_factors_[up]].columns;
    if (c + 1 < depth) level.parent = nesting(factor, factors_[chain_factors_[c + 1]], n);
    level.cell_start.assign(level.units + 1, 0);
  }

  // Cells of the leaf from the rows; of every higher level as the union over its children.
  const Index base = remainder_offset();
  std::vector<int> found;
  for (Index unit = 0; unit < chain_[0].units && !remainder_.empty(); ++unit) {
    found.clear();
    for (std::int64_t at = start[unit]; at < start[unit + 1]; ++at) {
      const int row = row_order_[at];
      for (int f : remainder_) {
        found.push_back(static_cast<int>(coordinate(f, factors_[f].codes[row] - 1) - base));
      }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    // A level's first coordinate stands for all its columns.
    for (int first : found) {
      Index width = 1;
      for (int f : remainder_) {
        const Index position = first + base - factors_[f].offset;
        if (position >= 0 && position < factors_[f].levels * factors_[f].columns) width = factors_[f].columns;
      }
      for (Index a = 0; a < width; ++a) chain_[0].cell_column.push_back(first + static_cast<int>(a));
    }
    chain_[0].cell_start[unit + 1] = static_cast<std::int64_t>(chain_[0].cell_column.size());
  }
  for (int c = 0; c + 1 < depth; ++c) {
    ChainLevel& child = chain_[c];
    ChainLevel& above = chain_[c + 1];
    std::vector<std::vector<int>> merged(remainder_.empty() ? 0 : above.units);
    for (Index unit = 0; unit < child.units && !merged.empty(); ++unit) {
      auto& cells = merged[child.parent[unit]];
      cells.insert(cells.end(), child.cell_column.begin() + child.cell_start[unit],
                   child.cell_column.begin() + child.cell_start[unit + 1]);
    }
    for (Index unit = 0; unit < above.units && !merged.empty(); ++unit) {
      auto& cells = merged[unit];
      std::sort(cells.begin(), cells.end());
      cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
      above.cell_column.insert(above.cell_column.end(), cells.begin(), cells.end());
      above.cell_start[unit + 1] = static_cast<std::int64_t>(above.cell_column.size());
    }
    child.cell_in_parent.resize(child.cell_column.size());
    for (Index unit = 0; unit < child.units; ++unit) {
      const auto first = above.cell_column.begin() + above.cell_start[child.parent[unit]];
      const auto last = above.cell_column.begin() + above.cell_start[child.parent[unit] + 1];
      for (std::int64_t at = child.cell_start[unit]; at < child.cell_start[unit + 1]; ++at) {
        child.cell_in_parent[at] = static_cast<int>(std::lower_bound(first, last, child.cell_column[at]) - first);
      }
    }
  }
  for (auto& level : chain_) {
    level.panel_start.assign(level.units + 1, 0);
    for (Index unit = 0; unit < level.units; ++unit) {
      level.panel_start[unit + 1] = level.panel_start[unit] +
          level.columns * (level.ancestor_columns + level.cells(unit) + fixed_columns_);
    }
  }
}

}  // namespace tiers
