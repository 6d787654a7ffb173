#include "cluster_robust.h"

#include <algorithm>
#include <cmath>

#include "../model/dense_algebra.h"
#include "cluster_contour.h"

namespace tiers {

namespace {

// Rows (after the reduction) up to which A_i is formed by an eigendecomposition; where S_i is
// singular, up to the second.
constexpr Index kDenseRows = 160, kMostDenseRows = 2000;
// Share of a fixed direction's information above which a cluster has all of it.
constexpr double kAbsorbed = 1.0 - 1e-10;

// Rows of each cluster, one after the other.
std::vector<std::vector<int>> rows_of_clusters(const ClusterRows& rows) {
  std::vector<std::vector<int>> out(rows.clusters);
  for (Index i = 0; i < rows.X.rows(); ++i) {
    out[rows.cluster[i] - 1].push_back(static_cast<int>(i));
  }
  return out;
}

// `local`: per term one -1 for each level, put back. `global`: the levels of each term here.
ClusterBlock take_block(const ClusterRows& rows, const std::vector<int>& at,
                        std::vector<std::vector<int>>& local,
                        std::vector<std::vector<int>>& global) {
  const Index m = static_cast<Index>(at.size()), p = rows.X.cols();
  ClusterBlock out;
  out.contained = rows.contained;
  out.X.resize(m, p);
  out.H.resize(m, p);
  out.residual.resize(m);
  out.variance.resize(m);
  for (Index l = 0; l < m; ++l) {
    out.X.row(l) = rows.X.row(at[l]);
    out.H.row(l) = rows.H.row(at[l]);
    out.residual[l] = rows.residual[at[l]];
    out.variance[l] = rows.variance[at[l]];
  }
  for (std::size_t j = 0; j < rows.terms.size(); ++j) {
    const RandomTerm& term = rows.terms[j];
    BlockTerm part;
    part.columns = term.columns;
    part.level.resize(m);
    part.u.resize(m, term.columns);
    global[j].clear();
    for (Index l = 0; l < m; ++l) {
      int& place = local[j][term.codes[at[l]] - 1];
      if (place < 0) {
        place = static_cast<int>(global[j].size());
        global[j].push_back(term.codes[at[l]] - 1);
      }
      part.level[l] = place;
      for (Index a = 0; a < term.columns; ++a) part.u(l, a) = term.value(at[l], a);
    }
    part.u *= rows.lambda[j];
    for (const int level : global[j]) local[j][level] = -1;
    part.levels = static_cast<Index>(global[j].size());
    out.terms.push_back(part);
  }
  return out;
}

// V_ii and what multiplies it in fewer coordinates. Rows of one variance among which the columns of
// U and X span less than all: A_i is the identity on the rest, on which nothing of H stands.
struct Coordinates {
  Matrix U, X, H;
  Vector residual, variance;
};

// Number of rows of each variance, by its value.
std::vector<std::vector<int>> rows_by_variance(const Vector& variance) {
  std::vector<int> order(variance.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return variance[a] < variance[b]; });
  std::vector<std::vector<int>> out;
  for (const int i : order) {
    if (out.empty() || variance[out.back().front()] != variance[i]) out.emplace_back();
    out.back().push_back(i);
  }
  return out;
}

Index reduced_size(const std::vector<std::vector<int>>& classes, Index columns) {
  Index out = 0;
  for (const auto& part : classes) out += std::min(static_cast<Index>(part.size()), columns);
  return out;
}

Coordinates reduce(const ClusterBlock& block, const std::vector<std::vector<int>>& classes) {
  const Index q = block.random_columns(), p = block.X.cols();
  const Index total = reduced_size(classes, q + p);
  Matrix all(total, q + 2 * p + 1);
  Coordinates out;
  out.variance.resize(total);
  Index row = 0;
  for (const auto& part : classes) {
    const Index m = static_cast<Index>(part.size());
    Matrix own = Matrix::Zero(m, q + 2 * p + 1);
    for (Index l = 0; l < m; ++l) {
      Index start = 0;
      for (const BlockTerm& term : block.terms) {
        own.row(l).segment(start + term.level[part[l]] * term.columns, term.columns) =
            term.u.row(part[l]);
        start += term.levels * term.columns;
      }
      own.row(l).segment(q, p) = block.X.row(part[l]);
      own.row(l).segment(q + p, p) = block.H.row(part[l]);
      own(l, q + 2 * p) = block.residual[part[l]];
    }
    Index size = m;
    if (m > q + p) {
      Matrix span = own.leftCols(q + p);
      for (Index a = 0; a < span.cols(); ++a) {
        const double norm = span.col(a).norm();
        if (norm > 0.0) span.col(a) /= norm;
      }
      const PivotedQr parts(span);
      size = parts.rank();
      parts.apply_q_transposed(own);
    }
    all.middleRows(row, size) = own.topRows(size);
    out.variance.segment(row, size).setConstant(block.variance[part.front()]);
    row += size;
  }
  out.U = all.topRows(row).leftCols(q);
  out.X = all.topRows(row).middleCols(q, p);
  out.H = all.topRows(row).middleCols(q + p, p);
  out.residual = all.topRows(row).col(q + 2 * p);
  out.variance.conservativeResize(row);
  return out;
}

// A H with A = L (L'S L)^(-1/2) L', V = L L'. S has as many directions without variance as the
// cluster has of X for itself: they get no weight.
Matrix dense_adjusted(const Coordinates& at) {
  Matrix V = at.U * at.U.transpose();
  V.diagonal() += at.variance;
  const Matrix lower = CholeskyFactor(V).lower();
  Matrix white = at.X;
  solve_lower(lower, white);
  const Vector shares =
      SymmetricEigen(white.transpose() * white, SymmetricEigen::Wanted::values).eigenvalues();
  const Index absorbed = (shares.array() > kAbsorbed).count();
  V -= at.X * at.X.transpose();
  const Matrix inner = lower.transpose() * V * lower;
  const SymmetricEigen parts(0.5 * (inner + inner.transpose()));
  Vector root = parts.eigenvalues();
  root.head(absorbed).setZero();
  for (Index i = absorbed; i < root.size(); ++i) {
    root[i] = root[i] > 0.0 ? 1.0 / std::sqrt(root[i]) : 0.0;
  }
  const Matrix turned = parts.eigenvectors().transpose() * (lower.transpose() * at.H);
  return lower * (parts.eigenvectors() * (root.asDiagonal() * turned));
}

// What the sums take of a cluster.
struct Part {
  Matrix random;  // U'M
  Matrix fixed, variances;
  Vector score;
};

Part part_of(const Matrix& M, const Matrix& X, const Vector& residual, const Vector& variance,
             const Matrix& random) {
  Part out;
  out.random = random;
  out.fixed = X.transpose() * M;
  out.variances = M.transpose() * variance.asDiagonal() * M + random.transpose() * random;
  out.score = M.transpose() * residual;
  return out;
}

bool bias_reduced(const ClusterBlock& block, Part& out, Index& size, const Poll& poll) {
  const auto classes = rows_by_variance(block.variance);
  size = reduced_size(classes, block.random_columns() + block.X.cols());
  Matrix M;
  if (size > kDenseRows && contour_adjusted(block, M, poll)) {
    out = part_of(M, block.X, block.residual, block.variance, block.project(M));
    return true;
  }
  if (size > kMostDenseRows) return false;
  const Coordinates at = reduce(block, classes);
  M = dense_adjusted(at);
  out = part_of(M, at.X, at.residual, at.variance, at.U.transpose() * M);
  return true;
}

// M = H (I - X'H)^-1.
bool jackknife(const ClusterBlock& block, Matrix& M) {
  const Index p = block.X.cols();
  const Matrix left = Matrix::Identity(p, p) - block.X.transpose() * block.H;
  if (p > 0 && singular_values(left).minCoeff() < 1.0 - kAbsorbed) return false;
  M = block.H * inverse(left);
  return true;
}

}  // namespace

ClusterSums cluster_sums(const ClusterRows& rows, ClusterCorrection correction, const Poll& poll) {
  const Index p = rows.X.cols();
  ClusterSums out;
  out.scores.resize(p, rows.clusters);
  out.fixed.resize(p, p * rows.clusters);
  out.variances.resize(p, p * rows.clusters);
  std::vector<std::vector<int>> local, global(rows.terms.size());
  std::vector<Index> first;  // coordinate of the first level of each term
  Index coordinates = 0;
  for (const RandomTerm& term : rows.terms) {
    local.emplace_back(term.n_levels, -1);
    first.push_back(coordinates);
    coordinates += term.n_levels * term.columns;
  }
  std::vector<Matrix> random;
  const auto by_cluster = rows_of_clusters(rows);
  for (Index c = 0; c < rows.clusters; ++c) {
    if (poll) poll();
    const ClusterBlock block = take_block(rows, by_cluster[c], local, global);
    Part part;
    Index size = block.rows();
    bool found = true;
    if (correction == ClusterCorrection::bias_reduced) {
      found = bias_reduced(block, part, size, poll);
    } else {
      Matrix M = block.H;
      if (correction == ClusterCorrection::jackknife) found = jackknife(block, M);
      if (found) part = part_of(M, block.X, block.residual, block.variance, block.project(M));
    }
    if (!found) {
      out.failed.push_back(static_cast<int>(c));
      out.size = std::max(out.size, size);
      continue;
    }
    out.scores.col(c) = part.score;
    out.fixed.middleCols(p * c, p) = part.fixed;
    out.variances.middleCols(p * c, p) = part.variances;
    if (rows.contained) continue;
    for (std::size_t j = 0; j < global.size(); ++j) {
      for (const int level : global[j]) {
        for (Index a = 0; a < rows.terms[j].columns; ++a) {
          out.coordinate.push_back(static_cast<int>(first[j] + level * rows.terms[j].columns + a));
          out.cluster.push_back(static_cast<int>(c));
        }
      }
    }
    random.push_back(part.random.transpose());
  }
  out.random.resize(p, static_cast<Index>(out.coordinate.size()));
  Index column = 0;
  for (const Matrix& part : random) {
    out.random.middleCols(column, part.cols()) = part;
    column += part.cols();
  }
  return out;
}

}  // namespace tiers
