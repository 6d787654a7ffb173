// Random small designs of every shape that the blocks know, with plain dense matrices of the same.
#pragma once

#include <stdexcept>

#include "core/blocks/blocked_cholesky.h"
#include "simulated_data.h"

namespace tiers_test {

// What is written out here for a seed: a chain of 0 to 3 nested groupings, 0 to 2 others, crossed
// with it fully or in part, 1 to 3 columns each, sometimes two terms of one grouping, weights, rows
// that do not count, equal rows.
inline Data random_data(unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  const auto below = [&](int count) { return static_cast<int>(engine() % count); };
  Data data;
  data.n = 30 + below(40);
  const Index n = data.n;
  data.X = Matrix::Ones(n, 1 + below(3));
  for (Index i = 0; i < n; ++i) {
    for (Index j = 1; j < data.X.cols(); ++j) data.X(i, j) = std::round(2.0 * normal(engine)) / 2.0;
  }
  const auto add = [&](const std::vector<int>& codes, Index levels) {
    Matrix basis = Matrix::Ones(n, 1 + below(3));
    for (Index j = 1; j < basis.cols(); ++j) {
      for (Index i = 0; i < n; ++i) basis(i, j) = std::round(normal(engine)) + 0.1 * j;
    }
    data.terms.push_back({codes, levels, basis, "us"});
  };
  const int depth = below(4), crossed = depth == 0 ? 1 + below(2) : below(3);
  const int sizes[] = {12, 6, 2};
  std::vector<int> codes(n);
  for (Index i = 0; i < n; ++i)
    codes[i] = 1 + (i < sizes[0] ? static_cast<int>(i) : below(sizes[0]));
  for (int c = 0; c < depth; ++c) {
    for (int& code : codes) code = 1 + (code - 1) % sizes[c];
    add(codes, sizes[c]);
  }
  for (int r = 0; r < crossed; ++r) {
    const int levels = 3 + below(4);
    const bool in_part = below(2) == 1;
    for (Index i = 0; i < n; ++i) {
      const int level = in_part ? static_cast<int>(i * levels / n) : below(levels);
      codes[i] = 1 + (i < levels ? static_cast<int>(i) : level);
    }
    add(codes, levels);
  }
  if (below(3) == 0) add(data.terms[0].codes, data.terms[0].levels);
  data.y = Vector::NullaryExpr(n, [&]() { return normal(engine); });
  if (below(2) == 0) {
    data.weights = Vector::NullaryExpr(n, [&]() { return 0.2 + std::abs(normal(engine)); });
    if (below(2) == 0) data.weights[n / 2] = 0.0;
  }
  return data;
}

struct DenseTwin {
  explicit DenseTwin(unsigned seed)
      : data(random_data(seed)),
        spec(data.specification(false)),
        design(spec, scaling_of(spec)),
        layout(design),
        rows(design, layout),
        cross(design, layout, nullptr) {
    const Index n = design.rows();
    X = Matrix(n, design.rank());
    Z = Matrix::Zero(n, layout.random_columns());
    w = Vector(n);
    Vector x(design.rank()), z;
    for (Index i = 0; i < n; ++i) {
      design.fixed_row(i, x.data());
      X.row(i) = x.transpose();
      w[i] = design.weight(i);
      for (std::size_t f = 0; f < layout.groupings().size(); ++f) {
        const tiers::Grouping& grouping = layout.groupings()[f];
        z.resize(grouping.columns);
        tiers::grouping_row(design, grouping, i, z.data());
        Z.row(i).segment(layout.coordinate(static_cast<int>(f), grouping.codes[i] - 1),
                         grouping.columns) = z.transpose();
      }
    }
  }

  // Lower factors, one for each of the layout's; every third seed has a zero column, every fourth a
  // factor that is zero.
  std::vector<Matrix> lambda(unsigned seed) const {
    std::mt19937 engine(seed);
    std::normal_distribution<double> normal;
    std::vector<Matrix> out;
    for (const auto& grouping : layout.groupings()) {
      Matrix one = Matrix::Zero(grouping.columns, grouping.columns);
      for (Index j = 0; j < one.cols(); ++j) {
        for (Index i = j; i < one.rows(); ++i) one(i, j) = normal(engine);
      }
      if (seed % 3 == 0) one.col(one.cols() - 1).setZero();
      out.push_back(one);
    }
    if (seed % 4 == 0) out.back().setZero();
    return out;
  }
  // One block for each level (q x q).
  Matrix spread(const std::vector<Matrix>& by_grouping) const {
    Matrix out = Matrix::Zero(layout.random_columns(), layout.random_columns());
    for (std::size_t f = 0; f < by_grouping.size(); ++f) {
      const Index k = by_grouping[f].rows();
      for (Index level = 0; level < layout.groupings()[f].levels; ++level) {
        const Index at = layout.coordinate(static_cast<int>(f), level);
        out.block(at, at, k, k) = by_grouping[f];
      }
    }
    return out;
  }
  // [Lambda'Z'WZ Lambda + I, Lambda'Z'WX; X'WZ Lambda, X'WX].
  Matrix system(const std::vector<Matrix>& by_grouping) const {
    const Index q = Z.cols(), p = X.cols();
    Matrix joint(Z.rows(), q + p);
    joint << Z * spread(by_grouping), X;
    Matrix out = joint.transpose() * w.asDiagonal() * joint;
    out.topLeftCorner(q, q).diagonal().array() += 1.0;
    return out;
  }
  // Coordinates of the ancestors and cells of a unit (0-based), in the order of its panel.
  std::vector<Index> coordinates(int c, Index unit) const {
    std::vector<Index> out;
    layout.visit_coordinates(c, unit, [&](Index at) { out.push_back(at); });
    return out;
  }

  const Data data;
  const tiers::Specification spec;
  const tiers::Design design;
  const tiers::BlockLayout layout;
  const tiers::PackedRows rows;
  tiers::CrossProducts cross;
  Matrix X, Z;
  Vector w;
};

// A factor of the twin's system: BlockedCholesky, or OrthogonalFactor with its poll.
template <class Factor>
struct FactorizedTwin {
  template <class... More>
  explicit FactorizedTwin(unsigned seed, More... more)
      : twin(seed),
        lambda(twin.lambda(seed)),
        system(twin.system(lambda)),
        factor(twin.cross, more...),
        q(twin.Z.cols()),
        p(twin.X.cols()) {
    if (!factor.factorize(lambda, nullptr) || !factor.fixed_definite())
      throw std::runtime_error("the twin has no factor");
  }
  Matrix omega() const { return system.topLeftCorner(q, q); }
  // X'V^-1X.
  Matrix information() const {
    const Matrix cross = system.bottomLeftCorner(p, q);
    return system.bottomRightCorner(p, p) - cross * omega().ldlt().solve(Matrix(cross.transpose()));
  }
  DenseTwin twin;
  std::vector<Matrix> lambda;
  Matrix system;
  Factor factor;
  tiers::Index q, p;
};

inline double dense_log_det(const Matrix& m) {
  return 2.0 * Matrix(m.llt().matrixL()).diagonal().array().log().sum();
}

// Largest difference relative to the size of the second.
inline double distance(const Matrix& a, const Matrix& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return 1e300;
  return a.size() == 0 ? 0.0 : (a - b).cwiseAbs().maxCoeff() / (1.0 + b.cwiseAbs().maxCoeff());
}

constexpr unsigned kDesigns = 40;

}  // namespace tiers_test
