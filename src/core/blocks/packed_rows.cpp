#include "packed_rows.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <unordered_map>

namespace tiers {

namespace {

// Rows seen after which the search for equal ones is given up where it finds next to none.
// A row found equal saves each later pass a row, so that few pay for the search.
constexpr Index kTrial = 4096;
constexpr double kWorthwhile = 0.05;

// The values of a row that decide whether it equals another: X, and level and columns of every
// grouping.
class RowValues {
 public:
  RowValues(const Design& design, const BlockLayout& layout)
      : design_(design), layout_(layout), values_(design.rank()) {
    for (const auto& grouping : layout.groupings())
      values_.resize(values_.size() + grouping.columns + 1);
  }
  const std::vector<double>& read(int row) {
    design_.fixed_row(row, values_.data());
    double* to = values_.data() + design_.rank();
    for (const auto& grouping : layout_.groupings()) {
      *to++ = grouping.codes[row];
      grouping_row(design_, grouping, row, to);
      to += grouping.columns;
    }
    return values_;
  }
  // Of the row read last.
  std::uint64_t hash() const {
    std::uint64_t hash = 1469598103934665603ull;
    for (const double value : values_) {
      const double plain = value + 0.0;  // -0 equals 0, but has other bits
      std::uint64_t bits;
      std::memcpy(&bits, &plain, sizeof bits);
      hash = (hash ^ bits) * 1099511628211ull;
      hash ^= hash >> 29;
    }
    return hash;
  }

 private:
  const Design& design_;
  const BlockLayout& layout_;
  std::vector<double> values_;
};

// Finds an equal row among those packed before. Equal rows lie in one leaf unit: there they are
// brought together by the hash of their values.
class TwinSearch {
 public:
  TwinSearch(const Design& design, const BlockLayout& layout, const PackedRows::Same& same,
             const std::vector<int>& source)
      : values_(design, layout),
        same_(same),
        source_(source),
        searching_(static_cast<bool>(same)),
        leaf_(layout.chain().empty() ? nullptr
                                     : layout.groupings()[layout.chain()[0].grouping].codes) {}

  // The packed row that equals this one; -1 if there is none, and then it is packed next.
  int find(int row) {
    if (searching_ && ++done_ == kTrial && static_cast<double>(found_) < kWorthwhile * kTrial) {
      searching_ = false;
    }
    if (!searching_) return -1;
    if (leaf_ && leaf_[row] != unit_) {
      seen_.clear();
      unit_ = leaf_[row];
    }
    values_.read(row);
    const std::uint64_t hash = values_.hash();
    const auto range = seen_.equal_range(hash);
    for (auto at = range.first; at != range.second; ++at) {
      if (!equal(source_[at->second], row)) continue;
      ++found_;
      return at->second;
    }
    seen_.emplace(hash, static_cast<int>(source_.size()));
    return -1;
  }
  Index found() const { return found_; }

 private:
  bool equal(int a, int b) {
    if (!same_(a, b)) return false;
    const std::vector<double> first = values_.read(a);
    return first == values_.read(b);
  }

  RowValues values_;
  const PackedRows::Same& same_;
  const std::vector<int>& source_;
  bool searching_;
  const int* leaf_;
  std::unordered_multimap<std::uint64_t, int> seen_;  // hash -> packed row, of one unit
  Index found_ = 0, done_ = 0;
  int unit_ = 0;
};

}  // namespace

PackedRows::PackedRows(const Design& design, const BlockLayout& layout, const Same& same)
    : layout_(layout),
      groupings_(static_cast<Index>(layout.groupings().size())),
      remainder_(static_cast<Index>(layout.remainder().size())) {
  if (layout.random_columns() > std::numeric_limits<int>::max()) {
    throw std::length_error("too many random effects");
  }
  choose_rows(design, same);
  pack(design);
}

void PackedRows::choose_rows(const Design& design, const Same& same) {
  packed_.assign(design.rows(), -1);
  TwinSearch twins(design, layout_, same, source_);
  std::vector<double> frequency;
  for (const int row : layout_.row_order()) {
    if (!(design.weight(row) > 0.0)) continue;
    const int twin = twins.find(row);
    if (twin >= 0) {
      frequency[twin] += 1.0;
      packed_[row] = twin;
      continue;
    }
    packed_[row] = static_cast<int>(source_.size());
    source_.push_back(row);
    frequency.push_back(1.0);
  }
  if (twins.found() > 0) {
    frequency_ = Eigen::Map<const Vector>(frequency.data(), frequency.size());
  }
}

void PackedRows::pack(const Design& design) {
  const BlockLayout& layout = layout_;
  const auto& groupings = layout.groupings();
  Index columns = 0;
  for (const auto& grouping : groupings) {
    random_start_.push_back(columns);
    columns += grouping.columns;
  }
  fixed_.resize(design.rank(), size());
  random_.resize(columns, size());
  level_.resize(size() * groupings_);
  cell_.resize(size() * remainder_);
  const Grouping* leaf = layout.chain().empty() ? nullptr : &groupings[layout.chain()[0].grouping];
  unit_start_.assign(leaf ? leaf->levels + 1 : 1, 0);
  for (Index i = 0; i < size(); ++i) {
    const int row = source_[i];
    design.fixed_row(row, fixed_.col(i).data());
    for (Index f = 0; f < groupings_; ++f) {
      grouping_row(design, groupings[f], row, random_.col(i).data() + random_start_[f]);
      level_[i * groupings_ + f] = groupings[f].codes[row] - 1;
    }
    if (!leaf) continue;
    const Index unit = leaf->codes[row] - 1;
    ++unit_start_[unit + 1];
    const ChainLevel& level = layout.chain()[0];
    const int* cells = level.cell_column.data() + level.cell_start[unit];
    for (Index r = 0; r < remainder_; ++r) {
      const int column =
          static_cast<int>(first(i, layout.remainder()[r]) - layout.remainder_offset());
      cell_[i * remainder_ + r] =
          static_cast<int>(std::lower_bound(cells, cells + level.cells(unit), column) - cells);
    }
  }
  for (std::size_t u = 1; u < unit_start_.size(); ++u) unit_start_[u] += unit_start_[u - 1];
}

void PackedRows::add_random(const Vector& b, Index start, Index count, Vector& to) const {
  for (Index f = 0; f < groupings_; ++f) {
    const Index k = layout_.groupings()[f].columns, column = random_start_[f];
    for (Index i = start; i < start + count; ++i) {
      const double* z = random_.data() + i * random_.rows() + column;
      const double* mine = b.data() + first(i, static_cast<int>(f));
      double sum = z[0] * mine[0];
      for (Index a = 1; a < k; ++a) sum += z[a] * mine[a];
      to[i] += sum;
    }
  }
}

Vector PackedRows::project_random(const Vector& r) const {
  Vector out = Vector::Zero(layout_.random_columns());
  project_random(r, 0, size(), out);
  return out;
}

void PackedRows::project_random(const Vector& r, Index start, Index count, Vector& to) const {
  for (Index f = 0; f < groupings_; ++f) {
    const Index k = layout_.groupings()[f].columns, column = random_start_[f];
    const double* z = random_.data() + start * random_.rows() + column;
    for (Index i = start; i < start + count;) {
      const Index at = first(i, static_cast<int>(f));
      // Rows of one level mostly lie together: their sum stays in a register.
      if (k == 1) {
        double sum = 0.0;
        do {
          sum += r[i] * *z;
          z += random_.rows();
        } while (++i < start + count && first(i, static_cast<int>(f)) == at);
        to[at] += sum;
        continue;
      }
      for (Index a = 0; a < k; ++a) to[at + a] += r[i] * z[a];
      z += random_.rows();
      ++i;
    }
  }
}

LocalRows::LocalRows(const PackedRows& rows) : rows_(rows) {
  const BlockLayout& layout = rows.layout();
  auto add = [&](int f) {
    for (Index a = 0; a < layout.groupings()[f].columns; ++a) {
      place_.push_back(static_cast<Index>(place_.size()));
      source_.push_back(rows.random_start(f) + a);
    }
  };
  for (const auto& level : layout.chain()) add(level.grouping);
  ancestors_ = static_cast<Index>(place_.size());
  for (const int f : layout.remainder()) {
    remainder_at_.push_back(static_cast<Index>(place_.size()));
    add(f);
  }
  value_.resize(place_.size());
}

void LocalRows::move_to(Index row) {
  const double* z = rows_.random().data() + row * rows_.random().rows();
  for (std::size_t a = 0; a < value_.size(); ++a) value_[a] = z[source_[a]];
  for (std::size_t r = 0; r < remainder_at_.size(); ++r) {
    const std::size_t end = r + 1 < remainder_at_.size() ? remainder_at_[r + 1] : place_.size();
    const Index first = ancestors_ + rows_.cell(row, static_cast<Index>(r));
    for (std::size_t a = remainder_at_[r]; a < end; ++a)
      place_[a] = first + static_cast<Index>(a) - remainder_at_[r];
  }
}

double LocalRows::quadratic(const Matrix& m) const {
  double sum = 0.0;
  for (Index a = 0; a < count(); ++a) {
    const double* column = m.data() + m.rows() * place_[a];
    double part = 0.5 * value_[a] * column[place_[a]];
    for (Index b = 0; b < a; ++b) part += value_[b] * column[place_[b]];
    sum += value_[a] * part;
  }
  return 2.0 * sum;
}

}  // namespace tiers
