// Shapes as structures of random effects: derivatives against differences, natural values there and
// back, ends.
#include <algorithm>

#include "catch.h"
#include "core/covariance/covariance_registry.h"
#include "core/covariance/natural_factor.h"
#include "core/covariance/shape_registry.h"
#include "differences.h"

using namespace tiers;

namespace {

struct Named {
  std::string name;
  std::unique_ptr<CovarianceStructure> structure;
};

// All that have no factor of their own, with gaps in time, some with a nugget.
std::vector<Named> shape_structures(Index k) {
  std::vector<Named> out;
  for (const auto& name : covariance_names()) {
    for (const bool nugget : {false, true}) {
      StructureRecipe recipe;
      recipe.name = name;
      recipe.visits = k;
      recipe.nugget = nugget;
      recipe.coordinates.resize(k, 1);
      for (Index a = 0; a < k; ++a)
        recipe.coordinates(a, 0) = static_cast<double>(a + (a > 1 ? 1 : 0));
      if (name.rfind("toep", 0) == 0) recipe.lags = {1.0, 2.0, 3.0, 4.0};
      if (name == "arma") recipe.ma = 0;
      auto made = make_covariance(recipe);
      if (made->factor_entries().empty())
        out.push_back({name + (nugget ? " with nugget" : ""), std::move(made)});
    }
  }
  return out;
}

Vector inner_theta(const CovarianceStructure& structure) {
  Vector theta(structure.parameter_count());
  const auto about = structure.natural_parameters();
  for (Index i = 0; i < theta.size(); ++i) {
    const bool sd = about[i].kind == NaturalParameter::Kind::sd;
    theta[i] = sd ? 0.9 + 0.1 * static_cast<double>(i) : 0.3 - 0.05 * static_cast<double>(i % 3);
  }
  return theta;
}

}  // namespace

TEST_CASE("derivatives of structures by shape are those of their factor", "[shape]") {
  for (const Named& one : shape_structures(4)) {
    INFO(one.name);
    const CovarianceStructure& structure = *one.structure;
    const Vector theta = inner_theta(structure);
    const Index count = structure.parameter_count();
    Matrix d(4, 4);
    for (Index i = 0; i < 4; ++i) {
      for (Index j = 0; j < 4; ++j) d(i, j) = 1.0 / static_cast<double>(1 + i + j);
    }
    const auto factor = [&](const Vector& at) { return structure.factor(at); };
    const Matrix lambda = factor(theta);
    REQUIRE(lambda.allFinite());
    CHECK(largest(Matrix(lambda.triangularView<Eigen::StrictlyUpper>())) == 0.0);
    const auto first = [&](const Vector& at) {
      Matrix out(count, 1);
      const Matrix l = structure.factor(at);
      for (Index i = 0; i < count; ++i)
        out(i, 0) = 2.0 * d.cwiseProduct(structure.factor_derivative(at, i) * l.transpose()).sum();
      return out;
    };
    const Matrix product = structure.second_derivative_product(theta, d);
    for (Index i = 0; i < count; ++i) {
      CHECK(largest(structure.factor_derivative(theta, i) - central_difference(factor, theta, i)) <
            1e-8);
      CHECK(largest(product.col(i) - central_difference(first, theta, i)) < 1e-7);
    }
    // Of a range, a smoothness and a nugget four columns do not tell each.
    if (one.name.find("nugget") == std::string::npos && one.name != "sp_mat")
      CHECK(largest(structure.parameters(lambda) - theta) < 1e-7);
    const Matrix again = structure.factor(structure.parameters(lambda));
    CHECK(largest(again * again.transpose() - lambda * lambda.transpose()) < 1e-12);
  }
}

TEST_CASE("natural values of structures by shape lead there and back", "[shape]") {
  for (const Named& one : shape_structures(4)) {
    INFO(one.name);
    const CovarianceStructure& structure = *one.structure;
    const Vector theta = inner_theta(structure);
    const Index count = structure.parameter_count();
    const Matrix map = Vector::Constant(4, 2.0).asDiagonal();
    const Vector natural = structure.natural(theta, map);
    const Matrix sigma = structure.factor(theta) * structure.factor(theta).transpose() * 4.0;
    CHECK(largest(structure.natural_covariance(natural) - sigma) < 1e-12);
    const Matrix lambda = structure.natural_factor(natural);
    CHECK(largest(lambda * lambda.transpose() - sigma) < 1e-12);
    CHECK(largest(structure.natural(structure.from_natural(natural), Matrix::Identity(4, 4)) -
                  natural) < 1e-12);
    const Matrix jacobian = structure.natural_jacobian(theta, map);
    const auto value = [&](const Vector& at) { return Matrix(structure.natural(at, map)); };
    const auto covariance = [&](const Vector& at) { return structure.natural_covariance(at); };
    for (Index i = 0; i < count; ++i) {
      CHECK(largest(jacobian.col(i) - central_difference(value, theta, i)) < 1e-8);
      CHECK(largest(structure.natural_derivative(natural, i) -
                    central_difference(covariance, natural, i)) < 1e-7);
    }
    // Under constraints, all by value.
    const NaturalFactor under(structure, std::vector<bool>(count, true), lambda);
    const auto rows = [&](const Vector& at) {
      std::vector<Jet> values;
      for (Index i = 0; i < count; ++i) values.push_back(Jet::variable(at[i], i, count));
      return under.lambda(values, values);
    };
    const auto jets = rows(natural);
    REQUIRE(jets.size() == 10);
    for (Index a = 0, at = 0; a < 4; ++a) {
      for (Index b = 0; b <= a; ++b, ++at) {
        CHECK(jets[at].value == Approx(lambda(a, b)).margin(1e-13));
        const auto entry = [&](const Vector& x) {
          return Matrix(Matrix::Constant(1, 1, rows(x)[at].value));
        };
        const auto slope = [&](const Vector& x) { return Matrix(rows(x)[at].first); };
        for (Index i = 0; i < count; ++i) {
          CHECK(largest(central_difference(entry, natural, i)) ==
                Approx(std::abs(jets[at].first[i])).margin(1e-8));
          CHECK(largest(jets[at].second.col(i) - central_difference(slope, natural, i)) < 1e-6);
        }
      }
    }
  }
}

TEST_CASE("structures by shape find their zeros and open them again", "[shape]") {
  const Matrix cross = Matrix::Identity(4, 4);
  for (const Named& one : shape_structures(4)) {
    INFO(one.name);
    const CovarianceStructure& structure = *one.structure;
    const auto about = structure.natural_parameters();
    const bool common = about[0].common;
    Vector theta = inner_theta(structure);
    std::vector<bool> free;
    CHECK(structure.reduce(theta, cross, 1e-6, free) == theta);
    CHECK(std::count(free.begin(), free.end(), false) == 0);
    theta[0] = 1e-6;
    const Vector reduced = structure.reduce(theta, cross, 1e-6, free);
    CHECK(reduced[0] == 0.0);
    CHECK(!free[0]);
    CHECK((std::count(free.begin(), free.end(), true) == 0) == common);
    const Matrix lambda = structure.factor(reduced);
    CHECK(largest(lambda.row(0)) == 0.0);
    const Boundary boundary = structure.boundary(reduced, Matrix::Identity(4, 4));
    REQUIRE(boundary.multipliers.size() == 1);
    CHECK(boundary.multipliers[0] == Approx(common ? 4.0 : 1.0));
    const Matrix opened =
        structure.factor(structure.reopen(reduced, boundary.directions.col(0), 0.25));
    CHECK(opened.row(0).norm() == Approx(0.5));
    const Vector natural = structure.natural(reduced, cross);
    CHECK(natural[0] == 0.0);
    CHECK(std::isnan(natural[natural.size() - 1]) == common);
    for (Index i = 0; i < theta.size(); ++i)
      CHECK(structure.factor_derivative(reduced, i).allFinite());
  }
}

TEST_CASE("correlations of one, and of the other end, are points like others", "[shape]") {
  StructureRecipe recipe;
  recipe.visits = 3;
  for (const char* name : {"cs", "csh", "ar1", "ar1h"}) {
    for (const bool upper : {true, false}) {
      INFO(name << upper);
      recipe.name = name;
      const auto structure = make_covariance(recipe);
      const auto about = structure->natural_parameters();
      const Index last = structure->parameter_count() - 1;
      const double end = upper ? about[last].upper : about[last].lower;
      Vector natural = Vector::Ones(last + 1);
      natural[last] = end;
      const Vector theta = structure->from_natural(natural);
      REQUIRE(theta.size() == last + 1);
      // Near by it is found.
      Vector near = theta;
      near[last] += 1e-4;
      std::vector<bool> free;
      const Vector reduced = structure->reduce(near, Matrix::Identity(3, 3), 1e-6, free);
      CHECK(!free[last]);
      CHECK(std::count(free.begin(), free.end(), false) == 1);
      const Matrix lambda = structure->factor(reduced), sigma = lambda * lambda.transpose();
      CHECK(sigma(1, 0) == Approx(end));
      CHECK(largest(structure->factor_derivative(reduced, last)) == 0.0);
      CHECK(largest(structure->parameters(lambda) - reduced) < 1e-7);
      // A deviance that falls with the correlation, or rises.
      Matrix d = Matrix::Zero(3, 3);
      d(1, 0) = d(0, 1) = upper ? -1.0 : 1.0;
      const Boundary boundary = structure->boundary(reduced, d);
      REQUIRE(boundary.multipliers.size() == 1);
      CHECK(boundary.multipliers[0] > 0.0);
      const Vector direction = boundary.directions.col(0);
      CHECK((lambda.transpose() * direction).norm() < 1e-7);
      const Vector opened = structure->reopen(reduced, direction, 0.1);
      const double inside = structure->natural(opened, Matrix::Identity(3, 3))[last];
      CHECK((inside > about[last].lower && inside < about[last].upper));
    }
  }
}
