// Omega^-1 and Omega^-1 E Omega^-1 at the few coordinates that a row of data touches, in the metric
// of b = Lambda u:
//   K = Lambda Omega^-1 Lambda',   K_i = Lambda Omega^-1 E_i Omega^-1 Lambda',
// E_i a form that repeats one block on all levels of a grouping. What a place costs is its path to
// the root of the chain and the square of the remainder's columns that the path meets; nothing
// grows with the number of levels (vignettes/algorithm.Rmd 4.10).
#pragma once

#include "blocked_cholesky.h"

namespace tiers {

// One coordinate: a column of a level of a grouping.
struct LevelPlace {
  int grouping;
  Index level, column;
};

class LocalInverse {
 public:
  // At the factor as it stands, which must outlive this and not change.
  LocalInverse(const BlockedCholesky& factor, std::vector<LevelForm> forms, const Poll& poll);

  // Works out K and all K_i at these places.
  void find(const std::vector<LevelPlace>& places);
  const Matrix& inverse() const { return inverse_; }
  const Matrix& form(int i) const { return form_[i]; }
  int forms() const { return static_cast<int>(forms_.size()); }

 private:
  // A unit of the chain that a place belongs to or lies below. s: what is asked of it, less what
  // the units below have taken up; y = l^-1 Lambda's; b = Lambda x for Omega x = Lambda's. One
  // column a place.
  struct Node {
    int c;
    Index unit;
    Matrix s, y, b;
  };
  void collect(const std::vector<LevelPlace>& places);
  Node* node(int c, Index unit);
  Index touch(Index column);
  void forward();
  void remainder_part();
  void backward();
  // The panel a of a node times the b of all that it touches: k x places.
  Matrix above(const Node& node, const Matrix& panel) const;

  const BlockedCholesky& factor_;
  const BlockLayout& layout_;
  const std::vector<LevelForm> forms_;
  BlockedCholesky::FormsAbove above_;
  std::vector<int> chain_level_;  // of each grouping; depth: in the remainder

  std::vector<Node> nodes_;     // leaf to root
  std::vector<int> position_;   // of a remainder column among the touched ones; -1: not touched
  std::vector<Index> touched_;  // remainder columns
  std::vector<Vector> asked_;   // s of each, one entry a place
  Matrix remainder_b_;          // touched x places
  Matrix inverse_;
  std::vector<Matrix> form_;
};

}  // namespace tiers
