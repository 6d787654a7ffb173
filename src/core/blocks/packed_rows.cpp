#include "packed_rows.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace tiers {

PackedRows::PackedRows(const Design& design, const BlockLayout& layout)
    : layout_(layout), factors_(static_cast<Index>(layout.factors().size())),
      remainder_(static_cast<Index>(layout.remainder().size())) {
  if (layout.random_columns() > std::numeric_limits<int>::max()) {
    throw std::length_error("too many random effects");
  }
  for (const int row : layout.row_order()) {
    if (design.weight(row) > 0.0) source_.push_back(row);
  }
  const auto& factors = layout.factors();
  Index columns = 0;
  for (const auto& factor : factors) {
    random_start_.push_back(columns);
    columns += factor.columns;
  }
  fixed_.resize(design.rank(), size());
  random_.resize(columns, size());
  first_.resize(size() * factors_);
  cell_.resize(size() * remainder_);
  const Factor* leaf = layout.chain().empty() ? nullptr : &factors[layout.chain()[0].factor];
  unit_start_.assign(leaf ? leaf->levels + 1 : 1, 0);
  for (Index i = 0; i < size(); ++i) {
    const int row = source_[i];
    design.fixed_row(row, fixed_.col(i).data());
    for (Index f = 0; f < factors_; ++f) {
      double* z = random_.col(i).data() + random_start_[f];
      for (std::size_t t = 0; t < factors[f].terms.size(); ++t) {
        design.random_row(factors[f].terms[t], row, z + factors[f].first_column[t]);
      }
      first_[i * factors_ + f] = static_cast<int>(layout.coordinate(static_cast<int>(f), factors[f].codes[row] - 1));
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

void PackedRows::add_random(const Vector& b, Vector& to) const {
  for (Index f = 0; f < factors_; ++f) {
    const Index k = layout_.factors()[f].columns, start = random_start_[f];
    for (Index i = 0; i < size(); ++i) {
      const double* z = random_.data() + i * random_.rows() + start;
      const double* mine = b.data() + first(i, static_cast<int>(f));
      double sum = z[0] * mine[0];
      for (Index a = 1; a < k; ++a) sum += z[a] * mine[a];
      to[i] += sum;
    }
  }
}

Vector PackedRows::project_random(const Vector& r) const {
  Vector out = Vector::Zero(layout_.random_columns());
  for (Index f = 0; f < factors_; ++f) {
    const Index k = layout_.factors()[f].columns, start = random_start_[f];
    for (Index i = 0; i < size(); ++i) {
      const double* z = random_.data() + i * random_.rows() + start;
      double* mine = out.data() + first(i, static_cast<int>(f));
      for (Index a = 0; a < k; ++a) mine[a] += r[i] * z[a];
    }
  }
  return out;
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
