#include "residual_moments.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "../covariance/shape_moments.h"

namespace tiers {

namespace {

// Distances up to this many count each for itself, more in classes of equal width in logarithms.
constexpr std::size_t kMostDistances = 60;
constexpr int kClasses = 24;
constexpr double kSameDistance = 1e-9;

struct PairClass {
  double products = 0.0, distances = 0.0, count = 0.0;
};

// Calls with (place a, place b, residual a, residual b) for a >= b of every subject of the group.
template <class Each>
void visit_pairs(const UnitPatterns& patterns, const PatternData& data, Index group,
                 const Each& each) {
  const Index last = data.columns() - 1;
  for (const UnitPattern& pattern : patterns.patterns()) {
    for (const auto& one : pattern.subjects) {
      const SubjectPattern& subject = patterns.subjects()[one.pattern];
      const PositionTable& table = patterns.tables()[subject.table];
      if (table.group != group) continue;
      const Index count = static_cast<Index>(subject.index.size());
      for (const Index unit : pattern.units) {
        const Index first = patterns.rows(unit) - patterns.rows(0) + one.first;
        for (Index b = 0; b < count; ++b) {
          const double rb = data.all_rows()(first + b, last) / pattern.scale[one.first + b];
          for (Index a = b; a < count; ++a) {
            const double ra = data.all_rows()(first + a, last) / pattern.scale[one.first + a];
            each(table.at, subject.index[a], subject.index[b], ra, rb);
          }
        }
      }
    }
  }
}

ShapeMoments by_visits(const UnitPatterns& patterns, const PatternData& data, Index group,
                       Index visits) {
  ShapeMoments out;
  out.covariance = Matrix::Zero(visits, visits);
  out.weight = Matrix::Zero(visits, visits);
  Index d = 0;
  for (const PositionTable& table : patterns.tables()) d = table.at.coordinates.cols();
  Matrix sum = Matrix::Zero(visits, d);
  visit_pairs(patterns, data, group,
              [&](const Positions& at, Index a, Index b, double ra, double rb) {
                const Index i = std::max(at.visits[a], at.visits[b]);
                const Index j = std::min(at.visits[a], at.visits[b]);
                out.covariance(i, j) += ra * rb;
                out.weight(i, j) += 1.0;
                if (i == j && d > 0) sum.row(i) += at.coordinates.row(a);
              });
  out.places = equally_spaced(visits);
  if (d > 0) out.places.coordinates = sum;
  for (Index j = 0; j < visits; ++j) {
    if (d > 0 && out.weight(j, j) > 0.0) out.places.coordinates.row(j) /= out.weight(j, j);
    for (Index i = j; i < visits; ++i) {
      if (out.weight(i, j) > 0.0) out.covariance(i, j) /= out.weight(i, j);
      out.covariance(j, i) = out.covariance(i, j);
      out.weight(j, i) = out.weight(i, j);
    }
  }
  return out;
}

// A place at zero, and one at each distance.
ShapeMoments by_distance(const UnitPatterns& patterns, const PatternData& data, Index group) {
  const auto distance_of = [](const Positions& at, Index a, Index b) {
    return at.coordinates.cols() > 0 ? distance(at, a, b) : 1.0;
  };
  Index d = 1;
  double low = kInfinity, high = 0.0;
  std::map<double, char> seen;
  for (const SubjectPattern& subject : patterns.subjects()) {
    const PositionTable& table = patterns.tables()[subject.table];
    if (table.group != group) continue;
    d = std::max(d, table.at.coordinates.cols());
    for (std::size_t b = 0; b < subject.index.size(); ++b) {
      for (std::size_t a = b + 1; a < subject.index.size(); ++a) {
        const double h = distance_of(table.at, subject.index[a], subject.index[b]);
        if (!(h > 0.0)) continue;
        low = std::min(low, h);
        high = std::max(high, h);
        if (seen.size() > kMostDistances) continue;
        const auto next = seen.lower_bound(h * (1.0 - kSameDistance));
        if (next == seen.end() || next->first > h * (1.0 + kSameDistance)) seen.emplace(h, 0);
      }
    }
  }
  const bool each = seen.size() <= kMostDistances;
  std::map<double, PairClass> classes;
  for (const auto& one : seen) {
    if (each) classes.emplace(one.first, PairClass{});
  }
  const double width = std::log(high / low) / kClasses;
  PairClass own;
  visit_pairs(patterns, data, group,
              [&](const Positions& at, Index a, Index b, double ra, double rb) {
                PairClass* mine = &own;
                if (a != b) {
                  const double h = distance_of(at, a, b);
                  if (!(h > 0.0)) return;
                  const double key = each ? classes.lower_bound(h * (1.0 - kSameDistance))->first
                                          : std::floor(std::log(h / low) / width);
                  mine = &classes[key];
                  mine->distances += h;
                }
                mine->products += ra * rb;
                mine->count += 1.0;
              });
  const Index places = static_cast<Index>(classes.size()) + 1;
  ShapeMoments out;
  out.places = {std::vector<Index>(places, 0), Matrix::Zero(places, d)};
  out.covariance = Matrix::Zero(places, places);
  out.weight = Matrix::Zero(places, places);
  out.covariance.diagonal().setConstant(own.count > 0.0 ? own.products / own.count : 1.0);
  out.weight(0, 0) = own.count;
  Index at = 0;
  for (const auto& [key, one] : classes) {
    ++at;
    if (!(one.count > 0.0)) continue;
    out.places.coordinates(at, 0) = one.distances / one.count;
    out.covariance(at, 0) = out.covariance(0, at) = one.products / one.count;
    out.weight(at, 0) = out.weight(0, at) = one.count;
  }
  return out;
}

}  // namespace

ShapeMoments residual_moments(const UnitPatterns& patterns, const PatternData& data,
                              const ResidualStructure& structure, Index group, Index visits,
                              double unit, double variance_share, double correlation_share) {
  ShapeMoments out = structure.shape().uses_visits() ? by_visits(patterns, data, group, visits)
                                                     : by_distance(patterns, data, group);
  const double n = static_cast<double>(patterns.used_rows());
  const double p = static_cast<double>(data.columns() - 1);
  const double factor = unit * unit * variance_share * (n > p ? n / (n - p) : 1.0);
  const Vector diagonal = factor * out.covariance.diagonal();
  out.covariance *= factor * correlation_share;
  out.covariance.diagonal() = diagonal;
  return out;
}

Vector shortest_distances(const UnitPatterns& patterns, Index groups) {
  Vector out = Vector::Constant(groups, kInfinity);
  for (const SubjectPattern& subject : patterns.subjects()) {
    const PositionTable& table = patterns.tables()[subject.table];
    if (table.at.coordinates.cols() == 0) continue;
    for (std::size_t b = 0; b < subject.index.size(); ++b) {
      for (std::size_t a = b + 1; a < subject.index.size(); ++a) {
        const double h = distance(table.at, subject.index[a], subject.index[b]);
        if (h > 0.0) out[table.group] = std::min(out[table.group], h);
      }
    }
  }
  for (Index g = 0; g < groups; ++g) out[g] = std::isfinite(out[g]) ? out[g] : 1.0;
  return out;
}

}  // namespace tiers
