#include "core/blocks/orthogonal_factor.h"

#include "catch.h"
#include "core/blocks/level_blocks.h"
#include "dense_twin.h"

using namespace tiers;
using namespace tiers_test;

namespace {

struct FromRows : FactorizedTwin<OrthogonalFactor> {
  explicit FromRows(unsigned seed) : FactorizedTwin(seed, nullptr) {}
};

}  // namespace

TEST_CASE("the factor from rows has the determinants and solves of the dense system") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const FromRows it(seed);
    const Matrix information = it.information();
    CHECK(it.factor.log_det_random() ==
          Approx(dense_log_det(it.omega())).epsilon(1e-12).margin(1e-11));
    CHECK(it.factor.log_det_fixed() ==
          Approx(dense_log_det(information)).epsilon(1e-11).margin(1e-10));
    const Matrix lower = it.factor.fixed_lower().triangularView<Eigen::Lower>();
    CHECK(distance(lower * lower.transpose(), information) < 1e-11);
    const Matrix right = Matrix::Random(it.q + it.p, 3), expected = it.system.ldlt().solve(right);
    Matrix random = right.topRows(it.q), fixed = right.bottomRows(it.p);
    it.factor.solve_forward(random, fixed);
    Matrix halfway(it.q + it.p, 3), solved(it.q + it.p, 3);
    halfway << random, fixed;
    CHECK(distance(halfway.transpose() * halfway, right.transpose() * expected) < 1e-10);
    it.factor.solve_backward(random, fixed);
    solved << random, fixed;
    CHECK(distance(solved, expected) < 1e-10);
    Matrix alone = right.topRows(it.q), none(0, 3);
    it.factor.solve_forward(alone, none);
    it.factor.solve_backward(alone, none);
    CHECK(distance(alone, it.omega().ldlt().solve(right.topRows(it.q))) < 1e-10);
    CHECK(distance(it.factor.fixed_projection(),
                   it.omega().ldlt().solve(it.system.topRightCorner(it.q, it.p))) < 1e-10);
  }
}

TEST_CASE("the factor from rows has the inverse blocks and traces of the other one") {
  for (unsigned seed = 1; seed <= kDesigns; ++seed) {
    const FromRows it(seed);
    BlockedCholesky blocked(it.twin.cross);
    REQUIRE(blocked.factorize(it.lambda, nullptr));
    const std::vector<Matrix> sums = it.factor.inverse_sums(nullptr),
                              expected = blocked.inverse_sums(nullptr);
    std::vector<LevelForm> forms;
    for (std::size_t f = 0; f < it.lambda.size(); ++f) {
      CHECK(distance(sums[f], expected[f]) < 1e-11);
      for (int copy = 0; copy < 2; ++copy) {
        const Matrix any = Matrix::Random(it.lambda[f].rows(), it.lambda[f].cols());
        forms.push_back({static_cast<int>(f), any + any.transpose()});
      }
    }
    CHECK(distance(it.factor.inverse_products(forms, nullptr),
                   blocked.inverse_products(forms, nullptr)) < 1e-11);
  }
}

// One factor of equal groups of n with an intercept: |Omega| = (1 + n theta^2)^g, X'V^-1X = n g /
// (1 + n theta^2), of which a difference of cross-products leaves nothing at theta = 1e9.
TEST_CASE("the factor from rows keeps its digits where random effects are huge") {
  const Index groups = 6, n = 4;
  Data data;
  data.n = groups * n;
  data.X = Matrix::Ones(data.n, 1);
  std::vector<int> codes(data.n);
  for (Index i = 0; i < data.n; ++i) codes[i] = 1 + static_cast<int>(i / n);
  data.terms.push_back({codes, groups, Matrix::Ones(data.n, 1), "us"});
  data.y = Vector::LinSpaced(data.n, 0.0, 1.0);
  const Specification spec = data.specification(true);
  const tiers::Design design(spec, scaling_of(spec));
  const BlockLayout layout(design);
  const CrossProducts cross(design, layout, nullptr);
  Vector x(1), z(1);
  design.fixed_row(0, x.data());
  design.random_row(0, 0, z.data());
  for (const double theta : {1e3, 1e6, 1e9}) {
    OrthogonalFactor factor(cross, nullptr);
    REQUIRE(factor.factorize({Matrix::Constant(1, 1, theta / z[0])}, nullptr));
    const double inner = 1.0 + static_cast<double>(n) * theta * theta;
    CHECK(factor.log_det_random() == Approx(static_cast<double>(groups) * std::log(inner)));
    const double information = x[0] * x[0] * static_cast<double>(data.n) / inner;
    CHECK(factor.log_det_fixed() == Approx(std::log(information)).epsilon(1e-9));
  }
}
