// Natural parameters of every structure, and of one with fewer parameters than columns that has
// correlations: nothing may be concluded from the number of parameters.
#include "core/covariance/parameter_table.h"

#include <cmath>

#include "catch.h"
#include "compound_symmetry.h"
#include "core/covariance/covariance_registry.h"

using namespace tiers;

namespace {

std::unique_ptr<CovarianceStructure> make(const std::string& name, Index k) {
  if (name == "symmetric") return std::make_unique<CompoundSymmetry>(k);
  return make_covariance(name, k);
}

std::vector<std::string> all_names() {
  auto names = factor_names();
  names.push_back("symmetric");
  return names;
}

Matrix some_map(Index k) {
  Matrix map = 1.5 * Matrix::Identity(k, k);
  for (Index i = 1; i < k; ++i) map(0, i) = -0.3 * static_cast<double>(i);
  return map;
}

}  // namespace

TEST_CASE("a structure goes from natural values to its parameters and back") {
  for (const auto& name : all_names()) {
    for (const Index k : {1, 2, 3, 4}) {
      if (name == "symmetric" && k == 1) continue;
      const auto structure = make(name, k);
      const Vector natural = some_natural(*structure);
      const Vector theta = structure->from_natural(natural);
      REQUIRE(theta.size() == structure->parameter_count());
      const Matrix one = Matrix::Identity(k, k);
      CHECK((structure->natural(theta, one) - natural).cwiseAbs().maxCoeff() < 1e-13);
      const Matrix lambda = structure->factor(theta);
      CHECK((lambda * lambda.transpose() - structure->natural_covariance(natural)).norm() < 1e-13);
    }
  }
}

TEST_CASE("derivatives of natural values are those of differences, on any scale") {
  for (const auto& name : all_names()) {
    for (const Index k : {1, 2, 3}) {
      if (name == "symmetric" && k == 1) continue;
      const auto structure = make(name, k);
      const Vector theta = structure->from_natural(some_natural(*structure));
      const Index count = theta.size();
      const Matrix map = some_map(k), jacobian = structure->natural_jacobian(theta, map);
      for (Index j = 0; j < count; ++j) {
        const double h = 1e-5;
        Vector up = theta, down = theta;
        up[j] += h;
        down[j] -= h;
        const Vector first =
            (structure->natural(up, map) - structure->natural(down, map)) / (2.0 * h);
        CHECK((jacobian.col(j) - first).cwiseAbs().maxCoeff() < 1e-8);
      }
    }
  }
}

TEST_CASE("values that no covariance matrix has are refused, singular ones are not") {
  const auto structure = make_covariance("us", 3);
  Vector natural(6);
  natural << 1.0, 2.0, 3.0, 0.9, 0.9, -0.9;
  CHECK(structure->from_natural(natural).size() == 0);
  natural << 1.0, 2.0, 3.0, 1.0, 0.5, 0.4;  // the first two are one, but differ in the third
  CHECK(structure->from_natural(natural).size() == 0);
  natural << 1.0, 2.0, 3.0, 1.0, 0.5, 0.5;
  const Vector theta = structure->from_natural(natural);
  REQUIRE(theta.size() == 6);
  CHECK((structure->natural(theta, Matrix::Identity(3, 3)) - natural).norm() < 1e-12);
  natural << 1.0, 0.0, 3.0, 0.0, 0.5, 0.0;
  REQUIRE(structure->from_natural(natural).size() == 6);
  CHECK(
      std::isnan(structure->natural(structure->from_natural(natural), Matrix::Identity(3, 3))[3]));
}

TEST_CASE("names say what is common to all columns") {
  const std::vector<std::string> columns = {"a", "b", "c"};
  CHECK(CompoundSymmetry(3).parameter_names(columns) == std::vector<std::string>{"sd", "cor"});
  CHECK(make_covariance("us", 3)->parameter_names(columns) ==
        std::vector<std::string>{"sd_a", "sd_b", "sd_c", "cor_b.a", "cor_c.a", "cor_c.b"});
  CHECK(CompoundSymmetry(3).has_correlation());
  CHECK_FALSE(make_covariance("diag", 3)->has_correlation());
  CHECK_FALSE(make_covariance("id", 3)->has_correlation());
}

TEST_CASE("the table of a model with fewer parameters than columns") {
  std::vector<std::unique_ptr<CovarianceStructure>> structures;
  structures.push_back(std::make_unique<CompoundSymmetry>(3));
  structures.push_back(make_covariance("us", 2));
  const CovarianceParameters parameters(std::move(structures));
  Vector theta(5);
  theta << 0.8, 0.3, 1.2, -0.5, 0.0;  // the second has rank one
  UserScale user;
  user.maps = {2.0 * Matrix::Identity(3, 3), Matrix::Identity(2, 2)};
  user.scale = 10.0;
  const ParameterTable table = linear_parameters(parameters, theta, user);
  REQUIRE(table.rows.size() == 6);
  CHECK(table.rows[0].value == Approx(16.0));
  CHECK(table.rows[0].row == -1);
  CHECK(table.rows[1].kind == ModelParameter::Kind::correlation);
  CHECK(table.rows[1].value == Approx(0.3));
  CHECK(table.rows[1].lower == -0.5);
  CHECK(table.rows[4].value == Approx(-1.0));
  CHECK(table.rows[4].at_boundary);
  CHECK(table.rows[5].kind == ModelParameter::Kind::sigma);

  Matrix vcov = Matrix::Zero(6, 6);
  for (Index i : {0, 1, 2, 3, 5}) vcov(i, i) = 0.01 * static_cast<double>(i + 1);
  const Matrix covariance = table.covariance(vcov);
  // sd = 20 theta_1 = 2 sigma theta_1, sigma = 10: d sd / d log sigma^2 = 8.
  CHECK(covariance(0, 0) == Approx(400.0 * 0.01 + 64.0 * 0.06));
  CHECK(covariance(5, 5) == Approx(25.0 * 0.06));
  CHECK(covariance(0, 5) == Approx(8.0 * 5.0 * 0.06));
  CHECK(std::isnan(covariance(4, 4)));
  CHECK(std::isnan(covariance(4, 0)));
}
