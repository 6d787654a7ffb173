#include "core/start/separation.h"

#include <cmath>
#include <functional>
#include <random>

#include "catch.h"
#include "core/family/family_registry.h"
#include "core/start/cone.h"

using namespace tiers;

namespace {

struct Problem {
  Matrix x;  // p x n
  std::vector<double> y, m;
  ResponseRows rows() const {
    ResponseRows out;
    out.n = x.cols();
    out.y = y.data();
    if (!m.empty()) out.size = m.data();
    return out;
  }
  ConstMatrixMap map() const { return ConstMatrixMap(x.data(), x.rows(), x.cols()); }
};

Index rank_of(const Matrix& a) {
  if (a.size() == 0) return 0;
  Eigen::FullPivLU<Matrix> lu(a);
  lu.setThreshold(1e-9);
  return lu.rank();
}

// All extreme rays of { d : a_i'd >= 0, e_j'd = 0 }, each the null vector of p - 1 rows; for
// designs of full rank and small whole numbers. Their sum is strict wherever any d is.
Vector sum_of_rays(const Matrix& x, const std::vector<int>& sign) {
  const Index p = x.rows(), n = x.cols();
  Vector sum = Vector::Zero(p);
  std::vector<Index> pick(p - 1);
  const auto try_ray = [&] {
    Matrix chosen(p - 1, p);
    for (Index i = 0; i < p - 1; ++i) chosen.row(i) = x.col(pick[i]).transpose();
    Vector ray = Vector::Ones(1);
    if (p > 1) {
      Eigen::FullPivLU<Matrix> lu(chosen);
      lu.setThreshold(1e-9);
      if (lu.dimensionOfKernel() != 1) return;
      ray = lu.kernel().col(0).normalized();
    }
    for (const double way : {1.0, -1.0}) {
      bool allowed = true;
      for (Index i = 0; i < n && allowed; ++i) {
        const double along = way * x.col(i).dot(ray);
        allowed = sign[i] == 0 ? std::fabs(along) < 1e-9 : sign[i] * along > -1e-9;
      }
      if (allowed) sum += way * ray;
    }
  };
  const std::function<void(Index, Index)> choose = [&](Index at, Index from) {
    if (at == p - 1) return try_ray();
    for (Index i = from; i < n; ++i) {
      pick[at] = i;
      choose(at + 1, i + 1);
    }
  };
  choose(0, 0);
  return sum;
}

// A random problem; `kind` 0: 0/1 responses, 1: counts of successes, 2: counts.
Problem random_problem(std::mt19937& engine, int kind, Index p) {
  Problem out;
  const Index n = p + 1 + engine() % (p > 3 ? 7 : 10);
  out.x = Matrix(p, n);
  const int width = 2 + engine() % 3;
  for (Index i = 0; i < out.x.size(); ++i) {
    out.x.data()[i] = static_cast<double>(static_cast<int>(engine() % width)) - (engine() % 2);
  }
  if (engine() % 2) out.x.row(0).setOnes();
  for (Index i = 0; i < n; ++i) {
    const double trials = kind == 1 ? 1.0 + engine() % 3 : 1.0;
    double y = static_cast<double>(engine() % 2);
    if (kind == 1) y = engine() % 4 ? y * trials : static_cast<double>(engine() % 4);
    if (kind == 1) out.m.push_back(trials);
    out.y.push_back(std::min(y, kind == 1 ? trials : 9.0));
  }
  return out;
}

}  // namespace

TEST_CASE("separation is what the enumeration of all extreme rays says") {
  std::mt19937 engine(11);
  const char* names[] = {"binomial", "binomial", "poisson"};
  int count[3] = {0, 0, 0};
  for (int trial = 0; trial < 1500; ++trial) {
    const int kind = trial % 3;
    const Index p = 1 + trial / 3 % 5;
    const Problem problem = random_problem(engine, kind, p);
    if (rank_of(problem.x) < p) continue;
    const auto family = make_family(names[kind], "");
    const Separation found = find_separation(*family, problem.rows(), problem.map(), Poll());

    const Index n = problem.x.cols();
    std::vector<int> sign(n);
    for (Index i = 0; i < n; ++i) {
      const double m = problem.m.empty() ? 1.0 : problem.m[i];
      sign[i] = problem.y[i] == 0.0 ? -1 : kind < 2 && problem.y[i] == m ? 1 : 0;
    }
    const Vector sum = sum_of_rays(problem.x, sign);
    Index separated = 0;
    Matrix left(p, n);
    Index others = 0;
    INFO("trial " << trial << " p " << p << " n " << n);
    for (Index i = 0; i < n; ++i) {
      const bool strict = sign[i] * problem.x.col(i).dot(sum) > 1e-9;
      CHECK(static_cast<bool>(found.separated_row[i]) == strict);
      const double along = problem.x.col(i).dot(found.direction);
      if (strict) {
        CHECK(sign[i] * along > 0.0);
        ++separated;
      } else {
        CHECK(std::fabs(along) < 1e-8);
        left.col(others++) = problem.x.col(i);
      }
    }
    const auto kind_of = separated == 0   ? Separation::Kind::none
                         : separated == n ? Separation::Kind::complete
                                          : Separation::Kind::quasi;
    CHECK(found.kind == kind_of);
    ++count[static_cast<int>(kind_of)];
    if (separated == 0) continue;
    CHECK(found.unidentified.cols() == p - rank_of(left.leftCols(others)));
    CHECK((left.leftCols(others).transpose() * found.unidentified).cwiseAbs().sum() < 1e-8);
    for (Index j = 0; j < p; ++j) {
      // Column j is not identified where adding its unit vector raises the rank.
      Matrix with(p, others + 1);
      with << left.leftCols(others), Vector::Unit(p, j);
      const bool infinite = rank_of(with) > rank_of(left.leftCols(others));
      CHECK((found.unidentified.row(j).norm() > 1e-9) == infinite);
    }
  }
  for (const int seen : count) CHECK(seen > 50);
}

TEST_CASE("the scale of columns and the number of rows do not matter") {
  std::mt19937 engine(5);
  std::normal_distribution<double> normal;
  const Index n = 40000, p = 6;
  Problem problem;
  problem.x = Matrix(p, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) problem.x(j, i) = normal(engine);
    problem.x(0, i) = 1.0;
    problem.y.push_back(engine() % 2);
  }
  const auto family = make_family("binomial", "probit");
  for (const double size : {1e-6, 1.0, 1e6}) {
    problem.x.row(5).setZero();
    problem.x(5, 777) = size;  // a dummy of one row
    problem.x.row(3) *= size;
    const Separation one = find_separation(*family, problem.rows(), problem.map(), Poll());
    CHECK(one.kind == Separation::Kind::quasi);
    CHECK(one.unidentified.topRows(5).norm() < 1e-9);
    CHECK(one.unidentified.row(5).norm() == Approx(1.0));
    CHECK(one.direction[5] * (2.0 * problem.y[777] - 1.0) > 0.0);
    Index rows = 0;
    for (const char row : one.separated_row) rows += row;
    CHECK(rows == 1);
    CHECK(one.separated_row[777] == 1);

    for (Index i = 0; i < n; ++i) problem.x(5, i) = i % 100 == 0 ? size : 0.0;
    CHECK(find_separation(*family, problem.rows(), problem.map(), Poll()).kind ==
          Separation::Kind::none);

    // Quasi-complete: an order with ties at its edge; complete without them.
    for (const double tie : {0.0, 1e-5}) {
      for (Index i = 0; i < n; ++i) {
        const double way = 2.0 * problem.y[i] - 1.0;
        problem.x(5, i) = size * way * (i % 50 == 0 ? tie : 0.01 + std::fabs(normal(engine)));
      }
      const Separation order = find_separation(*family, problem.rows(), problem.map(), Poll());
      CHECK(order.kind == (tie == 0.0 ? Separation::Kind::quasi : Separation::Kind::complete));
      CHECK(order.direction[5] > 0.0);
    }
  }
}

TEST_CASE("families differ in the rows that can separate") {
  Problem problem;
  problem.x = Matrix(2, 4);
  problem.x << 1, 1, 1, 1, 0, 0, 1, 1;
  const auto kind = [&](const char* family, const char* link, std::vector<double> y) {
    problem.y = y;
    return find_separation(*make_family(family, link), problem.rows(), problem.map(), Poll()).kind;
  };
  using Kind = Separation::Kind;
  CHECK(kind("binomial", "logit", {0, 1, 1, 1}) == Kind::quasi);
  CHECK(kind("binomial", "cauchit", {0, 0, 1, 1}) == Kind::complete);
  CHECK(kind("betabinomial", "logit", {0, 0, 1, 1}) == Kind::complete);
  CHECK(kind("binomial", "logit", {0, 1, 0, 1}) == Kind::none);
  // With a log link of a probability only failures drive eta away.
  CHECK(kind("binomial", "log", {0, 1, 1, 1}) == Kind::none);
  CHECK(kind("binomial", "log", {0, 1, 0, 0}) == Kind::quasi);
  for (const char* name : {"poisson", "nbinom1", "nbinom2"}) {
    CHECK(kind(name, "log", {3, 0, 0, 0}) == Kind::quasi);
    CHECK(kind(name, "log", {3, 0, 0, 1}) == Kind::none);
    CHECK(kind(name, "log", {0, 0, 0, 0}) == Kind::complete);
    CHECK(kind(name, "identity", {3, 0, 0, 0}) == Kind::none);
    CHECK(kind(name, "inverse", {3, 1, 0, 0}) == Kind::quasi);
  }
  CHECK(kind("gaussian", "identity", {0, 0, 1, 1}) == Kind::none);
  CHECK(kind("gaussian", "inverse", {0, 0, 1, 1}) == Kind::none);
  CHECK(kind("gaussian", "log", {1, 2, 0, -1}) == Kind::quasi);
  const auto inform = [&](const char* family) {
    return find_separation(*make_family(family, "log"), problem.rows(), problem.map(), Poll())
        .rows_inform;
  };
  CHECK(inform("gaussian"));
  CHECK_FALSE(inform("nbinom2"));
  CHECK_FALSE(inform("poisson"));
  CHECK(kind("Gamma", "log", {1, 1, 2, 2}) == Kind::none);
  CHECK(kind("beta", "logit", {0.1, 0.1, 0.2, 0.2}) == Kind::none);

  // A row of weight 0 counts for nothing.
  problem.y = {0, 1, 1, 0};
  const std::vector<double> weight = {1, 1, 1, 0};
  ResponseRows rows = problem.rows();
  rows.weight = weight.data();
  const auto logit = make_family("binomial", "logit");
  const auto found = find_separation(*logit, rows, problem.map(), Poll());
  CHECK(found.kind == Kind::quasi);
  CHECK(found.separated_row == std::vector<char>({0, 0, 1, 0}));
}

namespace {

ConstMatrixMap map_of(const Matrix& m) { return ConstMatrixMap(m.data(), m.rows(), m.cols()); }

// All of d and v_1, v_2 ... at once, in one cone whose every row must be strict.
bool separated_at_once(const std::vector<int>& codes, int levels, const Matrix& z, const Matrix& x,
                       const std::vector<double>& y) {
  const Index n = x.cols(), p = x.rows(), k = z.rows();
  Matrix wide = Matrix::Zero(p + k * levels, n);
  std::vector<signed char> sign(n);
  for (Index i = 0; i < n; ++i) {
    wide.col(i).head(p) = x.col(i);
    wide.col(i).segment(p + k * (codes[i] - 1), k) = z.col(i);
    sign[i] = y[i] > 0.0 ? 1 : -1;
  }
  const Cone cone =
      find_cone(map_of(wide), sign, Matrix::Identity(wide.rows(), wide.rows()), Poll());
  for (const char row : cone.separated) {
    if (!row) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("groups with several random effects are separated as one wide design is") {
  std::mt19937 engine(11);
  std::normal_distribution<double> normal;
  int yes = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const int levels = 3, n = 15 + trial % 7, k = 1 + trial % 3, p = trial % 4;
    Problem problem;
    problem.x = Matrix::NullaryExpr(p, n, [&] { return normal(engine); });
    Matrix z = Matrix::NullaryExpr(k, n, [&] { return normal(engine); });
    z.row(0).setOnes();
    const Vector d = Vector::NullaryExpr(p, [&] { return normal(engine); });
    const Matrix v = Matrix::NullaryExpr(k, levels, [&] { return normal(engine); });
    std::vector<int> codes;
    for (Index i = 0; i < n; ++i) {
      codes.push_back(1 + static_cast<int>(i) % levels);
      const double noise = trial % 2 == 0 ? 0.0 : 0.5 * normal(engine);
      problem.y.push_back(problem.x.col(i).dot(d) + z.col(i).dot(v.col(i % levels)) + noise > 0.0);
    }
    CAPTURE(trial);
    const bool expected = separated_at_once(codes, levels, z, problem.x, problem.y);
    yes += expected;
    CHECK(groups_separated(codes.data(), levels, map_of(z), problem.rows(), problem.map(),
                           Poll()) == expected);
  }
  CHECK(yes > 220);
  CHECK(yes < 380);
}

TEST_CASE("rows without random effects need only be allowed by the fixed effects") {
  const std::vector<int> codes = {1, 1, 2, 2, 1, 2};
  Matrix z(1, 6);
  z << 1, 1, 1, 1, 0, 0;
  Problem problem;
  problem.x = Matrix(1, 6);
  problem.x << 0.0, 1.0, 0.5, 2.0, 1.0, 0.0;
  const auto separated = [&](std::vector<double> y, std::vector<double> m = {}) {
    problem.y = y;
    problem.m = m;
    return groups_separated(codes.data(), 2, map_of(z), problem.rows(), problem.map(), Poll());
  };
  CHECK(separated({0, 0, 1, 1, 1, 0}));
  CHECK(separated({0, 1, 1, 1, 1, 0}));
  CHECK_FALSE(separated({0, 1, 1, 1, 0, 0}));  // x must rise in group 1, and may not in row 5
  CHECK(separated({0, 0, 1, 1, 1, 1}, {1, 1, 1, 1, 2, 2}));
  CHECK_FALSE(separated({0, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 2, 2}));
  z.setZero();
  CHECK_FALSE(separated({0, 0, 1, 1, 1, 0}));
}

TEST_CASE("groups without a mixed one, or ordered within by X, are separated") {
  const std::vector<int> codes = {1, 1, 2, 2, 3, 3, 3};
  Problem problem;
  problem.x = Matrix(1, 7);
  problem.x << 0.3, 1.0, -2.0, 0.4, 1.0, 1.5, 2.0;
  const Matrix ones = Matrix::Ones(1, 7);
  const auto separated = [&](std::vector<double> y, std::vector<double> m = {}) {
    problem.y = y;
    problem.m = m;
    return groups_separated(codes.data(), 3, map_of(ones), problem.rows(), problem.map(), Poll());
  };
  CHECK(separated({0, 0, 1, 1, 1, 1, 1}));
  CHECK(separated({0, 1, 1, 1, 0, 0, 1}));
  CHECK(separated({1, 0, 1, 0, 1, 1, 0}));
  CHECK_FALSE(separated({0, 1, 1, 0, 0, 0, 1}));
  CHECK_FALSE(separated({0, 0, 1, 1, 0, 1, 0}));
  CHECK_FALSE(separated({0, 0, 1, 1, 2, 2, 1}, {2, 2, 1, 1, 2, 2, 2}));
  CHECK(separated({0, 0, 1, 1, 2, 2, 2}, {2, 2, 1, 1, 2, 2, 2}));
  problem.x = Matrix(0, 7);
  CHECK(separated({0, 0, 1, 1, 1, 1, 1}));
  CHECK_FALSE(separated({0, 1, 1, 1, 1, 1, 1}));
}

TEST_CASE("ordered groups are told from nearly ordered ones among very many") {
  std::mt19937 engine(3);
  std::normal_distribution<double> normal;
  const Index groups = 5000, n = 4 * groups;
  std::vector<int> codes;
  Problem problem;
  problem.x = Matrix(2, n);
  for (Index i = 0; i < n; ++i) {
    codes.push_back(1 + static_cast<int>(i / 4));
    problem.x.col(i) << normal(engine), normal(engine);
  }
  // Success where x1 + x2/2 is above the group's middle.
  problem.y.assign(n, 0.0);
  const Matrix ones = Matrix::Ones(1, n);
  for (Index g = 0; g < groups; ++g) {
    const Vector score = problem.x.middleCols(4 * g, 4).transpose() * Eigen::Vector2d(1.0, 0.5);
    for (Index a = 0; a < 4; ++a) problem.y[4 * g + a] = score[a] > score.mean() ? 1.0 : 0.0;
  }
  CHECK(
      groups_separated(codes.data(), groups, map_of(ones), problem.rows(), problem.map(), Poll()));
  for (Index a = 0; a < 4; ++a) problem.y[4 * 4321 + a] = 1.0 - problem.y[4 * 4321 + a];
  CHECK_FALSE(
      groups_separated(codes.data(), groups, map_of(ones), problem.rows(), problem.map(), Poll()));
}
