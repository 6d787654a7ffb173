// Units: sets of rows that are connected by a subject of the residual structure or by a level of a
// grouping factor, so that V is block diagonal over them. Units that have all of what V_i depends
// on in common are one pattern, whose V_i and factor are made once.
#pragma once

#include "../model/design.h"
#include "residual_structure.h"

namespace tiers {

// Positions of which those of subjects are taken, so that a structure is evaluated once for many.
struct PositionTable {
  Index group = 0;  // `by`
  Positions at;
};

// Subjects with equal positions and group.
struct SubjectPattern {
  Index table = 0;
  std::vector<Index> index;  // places in the table's positions
};

struct UnitPattern {
  struct Subject {
    Index pattern, first;  // its rows are first, first + 1, ...
  };
  Index size = 0;  // t
  std::vector<Subject> subjects;
  Vector scale;                           // t: square root of 1 / weight
  Matrix dispersion;                      // t x q, centred
  std::vector<Matrix> basis;              // per term t x k
  std::vector<std::vector<Index>> level;  // per term t: levels numbered within the unit
  std::vector<Index> levels;              // per term: how many
  std::vector<Index> units;               // ascending
  Index count() const { return static_cast<Index>(units.size()); }
};

class UnitPatterns {
 public:
  UnitPatterns(const Design& design, const ResidualTerm& residual,
               const ResidualStructure& structure, const Poll& poll);

  Index units() const { return static_cast<Index>(first_.size()) - 1; }
  Index unit_size(Index unit) const { return first_[unit + 1] - first_[unit]; }
  // Rows (of the user) of a unit, in the order of the pattern's matrices.
  const Index* rows(Index unit) const { return order_.data() + first_[unit]; }
  Index used_rows() const { return static_cast<Index>(order_.size()); }
  // -1: the row does not count.
  Index unit_of(Index row) const { return unit_of_[row]; }

  const std::vector<UnitPattern>& patterns() const { return patterns_; }
  const std::vector<SubjectPattern>& subjects() const { return subjects_; }
  const std::vector<PositionTable>& tables() const { return tables_; }
  Index largest() const;

 private:
  struct Builder;

  std::vector<Index> order_, first_, unit_of_;
  std::vector<UnitPattern> patterns_;
  std::vector<SubjectPattern> subjects_;
  std::vector<PositionTable> tables_;
};

}  // namespace tiers
