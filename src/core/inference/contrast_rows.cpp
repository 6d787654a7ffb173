#include "contrast_rows.h"

#include <algorithm>
#include <numeric>

namespace tiers {

CombinedRows::CombinedRows(const ContrastRows& rows, const BlockLayout& layout,
                           const TermPlaces& places)
    : rows_(rows), layout_(layout), places_(places), order_(rows.fixed.rows()) {
  std::iota(order_.begin(), order_.end(), Index{0});
  if (rows.parts.empty()) return;
  std::stable_sort(order_.begin(), order_.end(), [&rows](Index a, Index b) {
    for (const ContrastPart& part : rows.parts) {
      if (part.level[a] != part.level[b]) return part.level[a] < part.level[b];
    }
    return false;
  });
}

bool CombinedRows::same_levels(Index a, Index b) const {
  return std::all_of(rows_.parts.begin(), rows_.parts.end(),
                     [a, b](const ContrastPart& part) { return part.level[a] == part.level[b]; });
}

void CombinedRows::start_combination(Index row) {
  meets_.clear();
  at_.clear();
  start_.assign(rows_.parts.size(), -1);
  for (std::size_t i = 0; i < rows_.parts.size(); ++i) {
    const ContrastPart& part = rows_.parts[i];
    if (part.level[row] <= kNewLevel) continue;
    start_[i] = static_cast<Index>(meets_.size());
    const int f = places_.grouping(part.term);
    const Index level = part.level[row] - 1;
    for (Index a = 0; a < part.basis.cols(); ++a) {
      const Index column = places_.column(part.term) + a;
      meets_.push_back({f, level, column});
      at_.push_back(layout_.coordinate(f, level) + column);
    }
  }
  m_.resize(static_cast<Index>(meets_.size()));
}

bool CombinedRows::move_to(Index i) {
  const Index row = order_[i];
  const bool starts = i == 0 || !same_levels(row, order_[i - 1]);
  if (starts) start_combination(row);
  for (std::size_t part = 0; part < rows_.parts.size(); ++part) {
    if (start_[part] < 0) continue;
    const Matrix& basis = rows_.parts[part].basis;
    m_.segment(start_[part], basis.cols()) = basis.row(row).transpose();
  }
  return starts;
}

Matrix CombinedRows::take(const Matrix& from) const {
  Matrix out(static_cast<Index>(at_.size()), from.cols());
  for (std::size_t i = 0; i < at_.size(); ++i) out.row(static_cast<Index>(i)) = from.row(at_[i]);
  return out;
}

}  // namespace tiers
