#include "packed_rows.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <unordered_map>

namespace tiers {

namespace {

// Rows seen after which the search for equal ones is given up where it finds next to none.
constexpr Index kTrial = 4096;
constexpr double kWorthwhile = 0.05;

}  // namespace

PackedRows::PackedRows(const Design& design, const BlockLayout& layout, const Same& same)
    : layout_(layout), factors_(static_cast<Index>(layout.factors().size())),
      remainder_(static_cast<Index>(layout.remainder().size())) {
  if (layout.random_columns() > std::numeric_limits<int>::max()) {
    throw std::length_error("too many random effects");
  }
  choose_rows(design, same);
  pack(design);
}

// Equal rows lie in one leaf unit: there they are brought together by the hash of their values.
void PackedRows::choose_rows(const Design& design, const Same& same) {
  const auto& order = layout_.row_order();
  const auto& factors = layout_.factors();
  packed_.assign(design.rows(), -1);
  const int* leaf = layout_.chain().empty() ? nullptr : factors[layout_.chain()[0].factor].codes;
  std::vector<double> frequency, values(design.rank());
  for (const auto& factor : factors) values.resize(values.size() + factor.columns + 1);
  auto read = [&](int row) {
    design.fixed_row(row, values.data());
    double* to = values.data() + design.rank();
    for (const auto& factor : factors) {
      *to++ = factor.codes[row];
      factor_row(design, factor, row, to);
      to += factor.columns;
    }
  };
  auto equal_rows = [&](int a, int b) {
    if (!same(a, b)) return false;
    read(a);
    const std::vector<double> first = values;
    read(b);
    return first == values;
  };
  bool searching = static_cast<bool>(same);
  std::unordered_multimap<std::uint64_t, int> seen;  // hash -> packed row, of one unit
  Index found = 0, done = 0;
  int unit = 0;
  for (const int row : order) {
    if (!(design.weight(row) > 0.0)) continue;
    if (searching && ++done == kTrial && static_cast<double>(found) < kWorthwhile * kTrial) searching = false;
    int twin = -1;
    std::uint64_t hash = 1469598103934665603ull;
    if (searching) {
      if (leaf && leaf[row] != unit) {
        seen.clear();
        unit = leaf[row];
      }
      read(row);
      for (const double value : values) {
        std::uint64_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        hash = (hash ^ bits) * 1099511628211ull;
        hash ^= hash >> 29;
      }
      const auto range = seen.equal_range(hash);
      for (auto at = range.first; at != range.second && twin < 0; ++at) {
        if (equal_rows(source_[at->second], row)) twin = at->second;
      }
    }
    if (twin >= 0) {
      frequency[twin] += 1.0;
      packed_[row] = twin;
      ++found;
      continue;
    }
    packed_[row] = static_cast<int>(source_.size());
    if (searching) seen.emplace(hash, packed_[row]);
    source_.push_back(row);
    frequency.push_back(1.0);
  }
  if (found > 0) frequency_ = Eigen::Map<const Vector>(frequency.data(), frequency.size());
}

void PackedRows::pack(const Design& design) {
  const BlockLayout& layout = layout_;
  const auto& factors = layout.factors();
  Index columns = 0;
  for (const auto& factor : factors) {
    random_start_.push_back(columns);
    columns += factor.columns;
  }
  fixed_.resize(design.rank(), size());
  random_.resize(columns, size());
  level_.resize(size() * factors_);
  cell_.resize(size() * remainder_);
  const Factor* leaf = layout.chain().empty() ? nullptr : &factors[layout.chain()[0].factor];
  unit_start_.assign(leaf ? leaf->levels + 1 : 1, 0);
  for (Index i = 0; i < size(); ++i) {
    const int row = source_[i];
    design.fixed_row(row, fixed_.col(i).data());
    for (Index f = 0; f < factors_; ++f) {
      factor_row(design, factors[f], row, random_.col(i).data() + random_start_[f]);
      level_[i * factors_ + f] = factors[f].codes[row] - 1;
    }
    if (!leaf) continue;
    const Index unit = leaf->codes[row] - 1;
    ++unit_start_[unit + 1];
    const ChainLevel& level = layout.chain()[0];
    const int* cells = level.cell_column.data() + level.cell_start[unit];
    for (Index r = 0; r < remainder_; ++r) {
      const int column = static_cast<int>(first(i, layout.remainder()[r]) - layout.remainder_offset());
      cell_[i * remainder_ + r] =
          static_cast<int>(std::lower_bound(cells, cells + level.cells(unit), column) - cells);
    }
  }
  for (std::size_t u = 1; u < unit_start_.size(); ++u) unit_start_[u] += unit_start_[u - 1];
}

void PackedRows::add_random(const Vector& b, Index start, Index count, Vector& to) const {
  for (Index f = 0; f < factors_; ++f) {
    const Index k = layout_.factors()[f].columns, column = random_start_[f];
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
  for (Index f = 0; f < factors_; ++f) {
    const Index k = layout_.factors()[f].columns, column = random_start_[f];
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
    for (Index a = 0; a < layout.factors()[f].columns; ++a) {
      place_.push_back(static_cast<Index>(place_.size()));
      source_.push_back(rows.random_start(f) + a);
    }
  };
  for (const auto& level : layout.chain()) add(level.factor);
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
    for (std::size_t a = remainder_at_[r]; a < end; ++a) place_[a] = first + static_cast<Index>(a) - remainder_at_[r];
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
