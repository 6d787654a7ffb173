// The rows of one cluster with their part of V = R + U U', R = diag(variance), U = Z Lambda, both
// relative to sigma^2, in a basis of the fixed columns in which X'V^-1X = I over all rows.
#pragma once

#include <vector>

#include "../model/specification.h"

namespace tiers {

// Levels of a term in the cluster, and its columns of U by row.
struct BlockTerm {
  Index columns = 0, levels = 0;
  std::vector<int> level;  // m, of each row
  Matrix u;                // m x k: row z_i'Lambda
};

struct ClusterBlock {
  Matrix X, H;  // m x p; H: rows of V^-1X
  Vector residual, variance;
  std::vector<BlockTerm> terms;
  bool contained = false;  // no term has a level in another cluster: H = V_ii^-1 X

  Index rows() const { return X.rows(); }
  Index random_columns() const {
    Index out = 0;
    for (const BlockTerm& term : terms) out += term.levels * term.columns;
    return out;
  }
  // U'A by term, level and column (q x columns of A).
  Matrix project(const Matrix& A) const {
    Matrix out = Matrix::Zero(random_columns(), A.cols());
    Index start = 0;
    for (const BlockTerm& term : terms) {
      for (Index i = 0; i < rows(); ++i) {
        out.middleRows(start + term.level[i] * term.columns, term.columns) +=
            term.u.row(i).transpose() * A.row(i);
      }
      start += term.levels * term.columns;
    }
    return out;
  }
  // U B (m x columns of B).
  Matrix expand(const Matrix& B) const {
    Matrix out = Matrix::Zero(rows(), B.cols());
    Index start = 0;
    for (const BlockTerm& term : terms) {
      for (Index i = 0; i < rows(); ++i) {
        out.row(i) +=
            term.u.row(i) * B.middleRows(start + term.level[i] * term.columns, term.columns);
      }
      start += term.levels * term.columns;
    }
    return out;
  }
};

}  // namespace tiers
