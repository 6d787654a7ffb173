#include <algorithm>

#include "catch.h"
#include "compound_symmetry.h"

using namespace tiers;

namespace {

Vector some_parameters(Index count) {
  Vector theta(count);
  for (Index i = 0; i < count; ++i) theta[i] = 0.9 - 0.35 * static_cast<double>(i);
  return theta;
}

}  // namespace

TEST_CASE("each structure's derivatives are those of its factor") {
  for (const auto& name : factor_names()) {
    for (const Index k : {1, 2, 3}) {
      const auto structure = make_covariance(name, k);
      const Index count = structure->parameter_count();
      const Vector theta = some_parameters(count);
      Matrix d(k, k);
      for (Index i = 0; i < k; ++i) {
        for (Index j = 0; j < k; ++j) d(i, j) = 1.0 / static_cast<double>(1 + i + j);
      }
      const auto sigma = [&](const Vector& at) {
        const Matrix lambda = structure->factor(at);
        return Matrix(lambda * lambda.transpose());
      };
      const Matrix product = structure->second_derivative_product(theta, d);
      const double h = 1e-4;
      for (Index i = 0; i < count; ++i) {
        Vector up = theta, down = theta;
        up[i] += h;
        down[i] -= h;
        const Matrix difference = (structure->factor(up) - structure->factor(down)) / (2.0 * h);
        CHECK((difference - structure->factor_derivative(theta, i)).cwiseAbs().maxCoeff() < 1e-9);
        for (Index j = 0; j < count; ++j) {
          Vector pp = up, pm = up, mp = down, mm = down;
          pp[j] += h;
          pm[j] -= h;
          mp[j] += h;
          mm[j] -= h;
          const Matrix second = (sigma(pp) - sigma(pm) - sigma(mp) + sigma(mm)) / (4.0 * h * h);
          CHECK(product(i, j) == Approx(second.cwiseProduct(d).sum()).margin(1e-6));
        }
      }
      CHECK((structure->parameters(structure->factor(theta.cwiseAbs())) - theta.cwiseAbs()).norm() <
            1e-14);
    }
  }
}

TEST_CASE("each structure finds its zeros and opens them again") {
  for (const auto& name : factor_names()) {
    const Index k = 2;
    const auto structure = make_covariance(name, k);
    // The last SD next to zero.
    Vector natural = Vector::Ones(structure->parameter_count());
    Index last = 0;
    const auto about = structure->natural_parameters();
    for (Index i = 0; i < natural.size(); ++i) {
      if (about[i].kind == NaturalParameter::Kind::sd)
        last = i;
      else
        natural[i] = 0.5;
    }
    natural[last] = 1e-8;
    std::vector<bool> free;
    const Vector reduced =
        structure->reduce(structure->from_natural(natural), Matrix::Identity(k, k), 1e-10, free);
    CHECK(std::count(free.begin(), free.end(), false) == 1);
    CHECK(reduced[std::find(free.begin(), free.end(), false) - free.begin()] == 0.0);
    Matrix d(2, 2);
    d << 3.0, 1.0, 1.0, 2.0;
    const Boundary boundary = structure->boundary(reduced, d);
    REQUIRE(boundary.directions.cols() == 1);
    const Matrix lambda = structure->factor(reduced);
    CHECK((lambda.transpose() * boundary.directions.col(0)).norm() < 1e-12);
    const double h = 1e-6;
    const Matrix opened =
        structure->factor(structure->reopen(reduced, boundary.directions.col(0), h));
    const Matrix change = opened * opened.transpose() - lambda * lambda.transpose();
    CHECK(change.cwiseProduct(d).sum() == Approx(h * boundary.multipliers[0]).epsilon(1e-6));
  }
}

TEST_CASE("an unknown structure is an error that names it") {
  CHECK_THROWS_WITH(make_covariance("uss", 2), Catch::Contains("uss"));
}

TEST_CASE("what stays free beside directions that the data do not tell") {
  Matrix first(3, 1), last(3, 1), mixed(3, 2);
  first << 1.0, 0.0, 0.0;
  last << 0.0, 0.0, 1.0;
  mixed << 1.0, 0.0, 0.0, std::sqrt(0.5), 0.0, std::sqrt(0.5);
  const Matrix all = Matrix::Identity(3, 3);
  const auto free = [](const char* name, const Matrix& directions) {
    return make_covariance(name, 3)->free_without(directions);
  };
  using Flags = std::vector<bool>;
  // us: 11 21 31 22 32 33.
  CHECK(free("us", first) == Flags{false, false, false, true, true, true});
  CHECK(free("us", last) == Flags{true, true, false, true, false, false});
  CHECK(free("us", mixed) == Flags{false, false, false, true, false, false});
  CHECK(free("diag", first) == Flags{false, true, true});
  CHECK(free("diag", mixed) == Flags{false, true, true});
  CHECK(free("id", mixed) == Flags{true});
  for (const auto& name : factor_names()) {
    const auto structure = make_covariance(name, 3);
    CHECK(structure->free_without(Matrix(3, 0)) == Flags(structure->parameter_count(), true));
    CHECK(structure->free_without(all) == Flags(structure->parameter_count(), false));
  }
}
