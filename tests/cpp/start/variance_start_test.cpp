#include "core/start/variance_start.h"

#include "catch.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

namespace {

// Internal values of the rows: X, and for each grouping its columns, each n x levels.
Matrix dense_fixed(const tiers::Design& design) {
  Matrix x(design.rank(), design.rows());
  for (Index i = 0; i < design.rows(); ++i) design.fixed_row(i, x.col(i).data());
  return x.transpose();
}
std::vector<Matrix> dense_columns(const tiers::Design& design, const Grouping& grouping) {
  std::vector<Matrix> out(grouping.columns, Matrix::Zero(design.rows(), grouping.levels));
  Vector z(grouping.columns);
  for (Index i = 0; i < design.rows(); ++i) {
    grouping_row(design, grouping, i, z.data());
    for (Index a = 0; a < grouping.columns; ++a) out[a](i, grouping.codes[i] - 1) = z[a];
  }
  return out;
}

}  // namespace

TEST_CASE("the system for start variances is that of dense matrices") {
  for (const auto kind : all_designs()) {
    Data data = simulate(kind, 3);
    const Specification spec = data.specification(false);
    const tiers::Design design(spec, scaling_of(spec));
    const BlockLayout layout(design);
    const CrossProducts cross(design, layout, Poll());

    const Matrix x = dense_fixed(design);
    Vector w(data.n);
    for (Index i = 0; i < data.n; ++i) w[i] = design.weight(i);
    const Matrix wx = w.asDiagonal() * x;
    const Matrix p = Matrix(w.asDiagonal()) - wx * (x.transpose() * wx).inverse() * wx.transpose();
    const Vector s = p * data.y;

    std::vector<Matrix> z;
    Vector score(layout.random_columns());
    for (const Grouping& grouping : layout.groupings()) {
      const auto columns = dense_columns(design, grouping);
      for (Index a = 0; a < grouping.columns; ++a) {
        const Vector of_column = columns[a].transpose() * s;
        for (Index l = 0; l < grouping.levels; ++l) {
          score[grouping.offset + l * grouping.columns + a] = of_column[l];
        }
        z.push_back(columns[a]);
      }
    }
    const Index m = static_cast<Index>(z.size());
    Matrix square(m, m);
    Vector excess(m);
    for (Index i = 0; i < m; ++i) {
      excess[i] = (z[i].transpose() * s).squaredNorm() - (z[i].transpose() * p * z[i]).trace();
      for (Index j = 0; j < m; ++j) square(i, j) = (z[i].transpose() * p * z[j]).squaredNorm();
    }
    const VarianceSystem found = variance_system(cross, score);
    CHECK((found.square - square).cwiseAbs().maxCoeff() <= 1e-10 * square.cwiseAbs().maxCoeff());
    CHECK((found.excess - excess).cwiseAbs().maxCoeff() <= 1e-10 * excess.cwiseAbs().maxCoeff());

    // The solution of least norm on the scaled system: two columns that are the same share alike.
    const Vector scale = square.diagonal().cwiseSqrt().cwiseInverse();
    Eigen::CompleteOrthogonalDecomposition<Matrix> grouping;
    grouping.setThreshold(1e-10);
    grouping.compute(scale.asDiagonal() * square * scale.asDiagonal());
    const Vector variance = scale.cwiseProduct(grouping.solve(scale.cwiseProduct(excess)));
    const double unit = 1.5;
    const auto start = variance_start(cross, score, unit);
    Index at = 0;
    for (std::size_t f = 0; f < start.size(); ++f) {
      REQUIRE(start[f].rows() == layout.groupings()[f].columns);
      for (Index a = 0; a < start[f].rows(); ++a, ++at) {
        const double sd = std::sqrt(std::max(variance[at], 0.0));
        CHECK(start[f](a, a) ==
              Approx(std::min(2.0 * unit, std::max(0.05 * unit, sd))).epsilon(1e-7));
        CHECK(start[f].row(a).cwiseAbs().sum() == start[f](a, a));
      }
    }
  }
}

TEST_CASE("start variances find those that data were made with") {
  std::mt19937 engine(8);
  std::normal_distribution<double> normal;
  Data data;
  data.n = 20000;
  data.X = Matrix::Ones(data.n, 1);
  data.y = Vector(data.n);
  data.terms.resize(2);
  const Index levels[] = {400, 150};
  const double sd[] = {0.8, 0.3};
  for (int t = 0; t < 2; ++t) {
    data.terms[t].levels = levels[t];
    data.terms[t].basis = Matrix::Ones(data.n, 1);
    Vector b(levels[t]);
    for (Index l = 0; l < levels[t]; ++l) b[l] = sd[t] * normal(engine);
    for (Index i = 0; i < data.n; ++i) {
      const Index level = engine() % levels[t];
      data.terms[t].codes.push_back(static_cast<int>(level) + 1);
      data.y[i] = (t == 0 ? normal(engine) : data.y[i]) + b[level];
    }
  }
  const Specification spec = data.specification(false);
  const tiers::Design design(spec, scaling_of(spec));
  const BlockLayout layout(design);
  const CrossProducts cross(design, layout, Poll());
  // The score of a gaussian model with residual variance 1.
  const Vector residual = data.y.array() - data.y.mean();
  Vector score = Vector::Zero(layout.random_columns());
  for (const Grouping& grouping : layout.groupings()) {
    for (Index i = 0; i < data.n; ++i)
      score[grouping.offset + grouping.codes[i] - 1] += residual[i];
  }
  const auto start = variance_start(cross, score);
  for (std::size_t f = 0; f < 2; ++f) {
    const double made_with = sd[layout.groupings()[f].terms.front()];
    CHECK(start[f](0, 0) == Approx(made_with).epsilon(0.12));
  }
}
