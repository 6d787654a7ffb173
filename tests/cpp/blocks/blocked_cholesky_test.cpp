#include "core/blocks/blocked_cholesky.h"

#include "catch.h"
#include "core/blocks/level_blocks.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

namespace {

using Factorized = FactorizedTwin<BlockedCholesky>;

}  // namespace

TEST_CASE("the elimination has the determinants and the information of the dense system") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const Factorized it(seed);
    CHECK(it.factor.log_det_random() ==
          Approx(dense_log_det(it.omega())).epsilon(1e-12).margin(1e-11));
    const Matrix information = it.information();
    CHECK(it.factor.log_det_fixed() ==
          Approx(dense_log_det(information)).epsilon(1e-11).margin(1e-10));
    CHECK(distance(Matrix(it.factor.fixed_information().selfadjointView<Eigen::Lower>()),
                   information) < 1e-11);
    const Matrix lower = it.factor.fixed_lower().triangularView<Eigen::Lower>();
    CHECK(distance(lower * lower.transpose(), information) < 1e-11);
  }
}

TEST_CASE("a unit's lower factor, spread and panel are blocks of the dense factor") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const Factorized it(seed);
    const Matrix l = it.omega().llt().matrixL();  // the layout's order is the order of elimination
    double worst = 0.0;
    for (std::size_t c = 0; c < it.twin.layout.chain().size(); ++c) {
      const ChainLevel& level = it.twin.layout.chain()[c];
      const Matrix& lambda = it.lambda[level.grouping];
      for (Index unit = 0; unit < level.units; ++unit) {
        const Index at = it.twin.layout.coordinate(level.grouping, unit), k = level.columns;
        const Matrix lower =
            it.factor.unit_lower(static_cast<int>(c), unit).triangularView<Eigen::Lower>();
        const Matrix spread = it.factor.unit_spread(static_cast<int>(c), unit);
        worst = std::max(worst, distance(lower, l.block(at, at, k, k)));
        worst = std::max(worst, distance(spread * lower.transpose(), lambda));
        const auto above = it.twin.coordinates(static_cast<int>(c), unit);
        const auto panel = it.factor.unit_ancestors(static_cast<int>(c), unit);
        Index first = 0;
        for (std::size_t up = c + 1; up < it.twin.layout.chain().size(); ++up) {
          const Index columns = it.twin.layout.chain()[up].columns;
          const Matrix block = it.lambda[it.twin.layout.chain()[up].grouping].transpose() *
                               panel.middleCols(first, columns).transpose() * spread;
          worst = std::max(worst, distance(block, l.block(above[first], at, columns, k)));
          first += columns;
        }
      }
    }
    CHECK(worst < 1e-11);
  }
}

TEST_CASE("a system that is not positive definite is told") {
  int told = 0;
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    DenseTwin twin(seed);
    std::vector<Matrix> lambda = twin.lambda(1);
    Vector w = Vector::Ones(twin.rows.size());
    for (Index i = 0; i < w.size(); i += 2) w[i] = -2.0;
    twin.cross.reweight(twin.rows, w, true, nullptr);
    for (Index i = 0; i < twin.rows.size(); ++i) twin.w[twin.rows.source()[i]] = w[i];
    const Matrix system = twin.system(lambda),
                 omega = system.topLeftCorner(twin.Z.cols(), twin.Z.cols());
    const double smallest = Eigen::SelfAdjointEigenSolver<Matrix>(omega).eigenvalues()[0];
    if (std::abs(smallest) < 1e-8) continue;
    BlockedCholesky factor(twin.cross);
    CHECK(factor.factorize(lambda, nullptr) == (smallest > 0.0));
    told += smallest < 0.0;
  }
  CHECK(told > 5);
}

TEST_CASE("solves forward and backward are those of the dense system") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const Factorized it(seed);
    const Matrix right = Matrix::Random(it.q + it.p, 3);
    Matrix random = right.topRows(it.q), fixed = right.bottomRows(it.p);
    it.factor.solve_forward(random, fixed);
    Matrix halfway(it.q + it.p, 3), solved(it.q + it.p, 3);
    halfway << random, fixed;
    const Matrix expected = it.system.ldlt().solve(right);
    CHECK(distance(halfway.transpose() * halfway, right.transpose() * expected) < 1e-10);
    it.factor.solve_backward(random, fixed);
    solved << random, fixed;
    CHECK(distance(solved, expected) < 1e-10);
    // With the factor of Omega alone.
    Matrix alone = right.topRows(it.q), none(0, 3);
    it.factor.solve_forward(alone, none);
    it.factor.solve_backward(alone, none);
    CHECK(distance(alone, it.omega().ldlt().solve(right.topRows(it.q))) < 1e-10);
    CHECK(distance(it.factor.fixed_projection(),
                   it.omega().ldlt().solve(it.system.topRightCorner(it.q, it.p))) < 1e-10);
  }
}

TEST_CASE("products with Lambda, and rows from coefficients, are those of dense matrices") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const Factorized it(seed);
    const Matrix lambda = it.twin.spread(it.lambda), u = Matrix::Random(it.q, 2);
    CHECK(distance(it.factor.apply_lambda(u, false), lambda * u) < 1e-13);
    CHECK(distance(it.factor.apply_lambda(u, true), lambda.transpose() * u) < 1e-13);
    CHECK(distance(apply_lambdas(it.twin.layout, it.lambda, u.col(0), false), lambda * u.col(0)) <
          1e-13);
    CHECK(distance(apply_lambdas(it.twin.layout, it.lambda, u.col(0), true),
                   lambda.transpose() * u.col(0)) < 1e-13);
    const Vector beta = Vector::Random(it.p);
    CHECK(distance(linear_predictor(it.twin.design, it.twin.layout, beta, u.col(0)),
                   it.twin.X * beta + it.twin.Z * u.col(0)) < 1e-13);
  }
}

TEST_CASE("selected blocks of the inverse are those of the dense inverse") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const Factorized it(seed);
    const Matrix inverse = it.omega().inverse(), lambda = it.twin.spread(it.lambda);
    const Matrix scaled = lambda * inverse * lambda.transpose();
    std::vector<Matrix> sums = zero_blocks(it.twin.layout);
    double worst = 0.0;
    Index blocks = 0, units = 0;
    it.factor.visit_inverse_blocks(
        [&](int f, Index level, const Matrix& block) {
          const Index at = it.twin.layout.coordinate(f, level);
          worst =
              std::max(worst, distance(block, inverse.block(at, at, block.rows(), block.cols())));
          sums[f] += block;
          ++blocks;
        },
        [&](Index unit, const Matrix& local) {
          const ChainLevel& leaf = it.twin.layout.chain()[0];
          std::vector<Index> at;
          for (Index a = 0; a < leaf.columns; ++a)
            at.push_back(it.twin.layout.coordinate(leaf.grouping, unit) + a);
          for (const Index other : it.twin.coordinates(0, unit)) at.push_back(other);
          REQUIRE(local.rows() == static_cast<Index>(at.size()));
          for (Index i = 0; i < local.rows(); ++i) {
            for (Index j = 0; j < local.cols(); ++j) {
              worst = std::max(worst, std::abs(local(i, j) - scaled(at[i], at[j])));
            }
          }
          ++units;
        },
        nullptr);
    CHECK(worst < 1e-11);
    Index levels = 0;
    for (const Grouping& grouping : it.twin.layout.groupings()) levels += grouping.levels;
    CHECK(blocks == levels);
    CHECK(units == it.twin.layout.chain()[0].units);
    const std::vector<Matrix> found = it.factor.inverse_sums(nullptr);
    for (std::size_t f = 0; f < sums.size(); ++f) CHECK(distance(found[f], sums[f]) < 1e-11);
  }
}

TEST_CASE("traces of products with the inverse are those of dense matrices") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const Factorized it(seed);
    const Matrix inverse = it.omega().inverse();
    std::vector<LevelForm> forms;
    std::vector<Matrix> dense;
    for (std::size_t f = 0; f < it.lambda.size(); ++f) {
      for (int copy = 0; copy < 2; ++copy) {
        std::vector<Matrix> blocks = zero_blocks(it.twin.layout);
        const Matrix any = Matrix::Random(blocks[f].rows(), blocks[f].cols());
        blocks[f] = any + any.transpose();
        forms.push_back({static_cast<int>(f), blocks[f]});
        dense.push_back(it.twin.spread(blocks) * inverse);
      }
    }
    const Matrix products = it.factor.inverse_products(forms, nullptr);
    Matrix expected(products.rows(), products.cols());
    for (Index i = 0; i < expected.rows(); ++i) {
      for (Index j = 0; j < expected.cols(); ++j) {
        expected(i, j) = dense[i].cwiseProduct(dense[j].transpose()).sum();
      }
    }
    CHECK(distance(products, expected) < 1e-11);
  }
}
