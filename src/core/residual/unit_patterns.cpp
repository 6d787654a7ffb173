#include "unit_patterns.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace tiers {

namespace {

// Differences of coordinates that are this share of the range apart are equal: rounding of times
// that are sums.
constexpr double kSamePlace = 1e-11;
// Of a table that several patterns share: beyond, most of its pairs belong to none of them.
constexpr std::size_t kLargestTable = 64;

class RowSets {
 public:
  explicit RowSets(Index rows) : parent_(rows) {
    std::iota(parent_.begin(), parent_.end(), Index{0});
  }
  Index find(Index row) {
    while (parent_[row] != row) row = parent_[row] = parent_[parent_[row]];
    return row;
  }
  // The first row of a set stands for it.
  void join(Index a, Index b) {
    a = find(a);
    b = find(b);
    if (a != b) parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<Index> parent_;
};

void join_codes(const int* codes, Index levels, const std::vector<char>& used, RowSets& sets) {
  std::vector<Index> first(levels, -1);
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    Index& mine = first[codes[i] - 1];
    if (mine < 0)
      mine = static_cast<Index>(i);
    else
      sets.join(mine, static_cast<Index>(i));
  }
}

using Key = std::vector<double>;

}  // namespace

// What is known of rows and subjects while the patterns are made.
struct UnitPatterns::Builder {
  Builder(const Design& of, const ResidualTerm& term, const ResidualStructure& structure)
      : design(of),
        residual(term),
        visits(term.visit && structure.shape().uses_visits()),
        coordinates(structure.shape().uses_coordinates() && term.coordinates.size() > 0),
        centre(structure.centre()) {
    const Index d = term.coordinates.cols();
    tolerance = Vector::Ones(d);
    for (Index a = 0; a < d && coordinates; ++a) {
      const auto column = term.coordinates.col(a);
      const double range = column.maxCoeff() - column.minCoeff();
      tolerance[a] = range > 0.0 ? kSamePlace * range : 1.0;
    }
    if (coordinates) origin = term.coordinates.colwise().minCoeff();
  }

  double coordinate(Index row, Index a) const { return residual.coordinates(row, a); }
  Index subject_of(Index row) const { return residual.subject ? residual.subject[row] - 1 : row; }
  bool before(Index a, Index b) const {
    if (residual.visit && residual.visit[a] != residual.visit[b])
      return residual.visit[a] < residual.visit[b];
    for (Index d = 0; d < residual.coordinates.cols(); ++d) {
      if (coordinate(a, d) != coordinate(b, d)) return coordinate(a, d) < coordinate(b, d);
    }
    return a < b;
  }

  // Places of a subject's rows: of coordinates only differences count, so that without visits they
  // are those from the first row. A place that occurs again is another one.
  std::vector<Key> places(const Index* rows, Index count) const {
    std::vector<Key> out;
    std::map<Key, double> seen;
    for (Index i = 0; i < count; ++i) {
      Key key;
      if (visits) key.push_back(residual.visit[rows[i]]);
      for (Index d = 0; d < tolerance.size() && coordinates; ++d) {
        const double from = visits ? origin[d] : coordinate(rows[0], d);
        key.push_back(std::round((coordinate(rows[i], d) - from) / tolerance[d]));
      }
      key.push_back(seen[key]++);
      out.push_back(key);
    }
    return out;
  }
  void set_positions(const Index* rows, Index count, Index at, Positions& out) const {
    for (Index i = 0; i < count; ++i) {
      out.visits[at + i] = residual.visit ? residual.visit[rows[i]] : 0;
      for (Index d = 0; d < out.coordinates.cols(); ++d) {
        const double from = visits ? origin[d] : coordinate(rows[0], d);
        out.coordinates(at + i, d) = coordinate(rows[i], d) - from;
      }
    }
  }

  const Design& design;
  const ResidualTerm& residual;
  const bool visits, coordinates;
  const Vector centre;
  Vector tolerance, origin;
  std::map<Key, Index> subject_index, unit_index;
  std::vector<std::vector<Key>> subject_places;  // of each subject pattern
  std::vector<std::vector<Index>> subject_rows;  // of one that has it
  std::vector<Index> subject_group;
};

UnitPatterns::UnitPatterns(const Design& design, const ResidualTerm& residual,
                           const ResidualStructure& structure, const Poll& poll) {
  const Specification& spec = design.specification();
  std::vector<char> used(spec.n);
  for (Index i = 0; i < spec.n; ++i) used[i] = !spec.weights || spec.weights[i] > 0.0;
  RowSets sets(spec.n);
  if (residual.subject) join_codes(residual.subject, residual.n_subjects, used, sets);
  for (const RandomTerm& term : spec.terms) join_codes(term.codes, term.n_levels, used, sets);

  // Units in the order of their first rows, their rows by subject (in the order of first rows too).
  unit_of_.assign(spec.n, -1);
  std::vector<Index> size;
  for (Index i = 0; i < spec.n; ++i) {
    if (!used[i]) continue;
    const Index root = sets.find(i);
    if (root == i) {
      unit_of_[i] = static_cast<Index>(size.size());
      size.push_back(0);
    }
    unit_of_[i] = unit_of_[root];
    ++size[unit_of_[i]];
  }
  first_.assign(1, 0);
  for (const Index count : size) first_.push_back(first_.back() + count);
  order_.resize(first_.back());
  std::vector<Index> next(first_.begin(), first_.end() - 1);
  for (Index i = 0; i < spec.n; ++i) {
    if (used[i]) order_[next[unit_of_[i]]++] = i;
  }

  Builder builder(design, residual, structure);
  std::vector<Index> first_row(residual.subject ? residual.n_subjects : 0, -1);
  for (Index i = 0; i < spec.n && residual.subject; ++i) {
    Index& mine = first_row[residual.subject[i] - 1];
    if (used[i] && mine < 0) mine = i;
  }
  const auto rank_of = [&](Index row) {
    return residual.subject ? first_row[residual.subject[row] - 1] : row;
  };
  const std::size_t terms = spec.terms.size();
  std::vector<std::vector<Index>> number(terms);
  for (std::size_t j = 0; j < terms; ++j) number[j].assign(spec.terms[j].n_levels, -1);
  std::vector<double> z;
  for (Index u = 0; u < units(); ++u) {
    if (poll && u % 1024 == 0) poll();
    Index* rows = order_.data() + first_[u];
    const Index t = unit_size(u);
    std::sort(rows, rows + t, [&](Index a, Index b) {
      const Index ra = rank_of(a), rb = rank_of(b);
      return ra != rb ? ra < rb : builder.before(a, b);
    });
    UnitPattern found;
    found.size = t;
    Key key = {static_cast<double>(t)};
    for (Index i = 0; i < t;) {
      Index end = i + 1;
      while (end < t && rank_of(rows[end]) == rank_of(rows[i])) ++end;
      const double group = residual.by ? residual.by[rows[i]] - 1 : 0;
      const auto places = builder.places(rows + i, end - i);
      Key own = {group, static_cast<double>(end - i)};
      for (const Key& one : places) own.insert(own.end(), one.begin(), one.end());
      const auto [at, is_new] =
          builder.subject_index.emplace(own, static_cast<Index>(builder.subject_group.size()));
      if (is_new) {
        builder.subject_places.push_back(places);
        builder.subject_rows.emplace_back(rows + i, rows + end);
        builder.subject_group.push_back(static_cast<Index>(group));
      }
      found.subjects.push_back({at->second, i});
      key.push_back(static_cast<double>(at->second));
      i = end;
    }
    for (Index i = 0; i < t && spec.weights; ++i) key.push_back(design.weight(rows[i]));
    for (Index d = 0; d < builder.centre.size(); ++d) {
      for (Index i = 0; i < t; ++i) key.push_back(residual.dispersion(rows[i], d));
    }
    for (std::size_t j = 0; j < terms; ++j) {
      const RandomTerm& term = spec.terms[j];
      found.basis.emplace_back(t, term.columns);
      found.level.emplace_back(t);
      z.resize(term.columns);
      Index count = 0;
      for (Index i = 0; i < t; ++i) {
        design.random_row(static_cast<int>(j), rows[i], z.data());
        Index& mine = number[j][term.codes[rows[i]] - 1];
        if (mine < 0) mine = count++;
        found.level[j][i] = mine;
        key.push_back(static_cast<double>(mine));
        for (Index a = 0; a < term.columns; ++a) {
          found.basis[j](i, a) = z[a];
          if (term.basis) key.push_back(z[a]);
        }
      }
      for (Index i = 0; i < t; ++i) number[j][term.codes[rows[i]] - 1] = -1;
      found.levels.push_back(count);
    }
    const auto [at, is_new] =
        builder.unit_index.emplace(std::move(key), static_cast<Index>(patterns_.size()));
    if (is_new) {
      found.scale.resize(t);
      found.dispersion.resize(t, builder.centre.size());
      for (Index i = 0; i < t; ++i) {
        found.scale[i] = std::sqrt(1.0 / design.weight(rows[i]));
        for (Index d = 0; d < builder.centre.size(); ++d)
          found.dispersion(i, d) = residual.dispersion(rows[i], d) - builder.centre[d];
      }
      patterns_.push_back(std::move(found));
    }
    patterns_[at->second].units.push_back(u);
  }

  // Tables: one for each group where its places are few, else one for each subject pattern.
  const Index d = builder.coordinates ? residual.coordinates.cols() : 0;
  std::vector<std::map<Key, Index>> all(structure.groups());
  for (std::size_t s = 0; s < builder.subject_group.size(); ++s) {
    auto& mine = all[builder.subject_group[s]];
    for (const Key& one : builder.subject_places[s]) {
      if (mine.size() <= kLargestTable) mine.emplace(one, static_cast<Index>(mine.size()));
    }
  }
  std::vector<Index> shared(all.size(), -1);
  for (std::size_t g = 0; g < all.size(); ++g) {
    const Index count = static_cast<Index>(all[g].size());
    if (all[g].empty() || all[g].size() > kLargestTable) continue;
    shared[g] = static_cast<Index>(tables_.size());
    tables_.push_back({static_cast<Index>(g), {std::vector<Index>(count), Matrix(count, d)}});
  }
  for (std::size_t s = 0; s < builder.subject_group.size(); ++s) {
    const Index group = builder.subject_group[s], table = shared[group];
    const auto& rows = builder.subject_rows[s];
    const Index count = static_cast<Index>(rows.size());
    Positions own{std::vector<Index>(count), Matrix(count, d)};
    builder.set_positions(rows.data(), count, 0, own);
    SubjectPattern out;
    out.index.resize(count);
    if (table < 0) {
      std::iota(out.index.begin(), out.index.end(), Index{0});
      out.table = static_cast<Index>(tables_.size());
      tables_.push_back({group, own});
    } else {
      out.table = table;
      for (Index i = 0; i < count; ++i) {
        const Index at = all[group].at(builder.subject_places[s][i]);
        out.index[i] = at;
        tables_[table].at.visits[at] = own.visits[i];
        tables_[table].at.coordinates.row(at) = own.coordinates.row(i);
      }
    }
    subjects_.push_back(out);
  }
}

Index UnitPatterns::largest() const {
  Index out = 0;
  for (const UnitPattern& one : patterns_) out = std::max(out, one.size);
  return out;
}

}  // namespace tiers
