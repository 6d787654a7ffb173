#include "catch.h"
#include "differences.h"
#include "shape_cases.h"

using namespace tiers;

namespace {

Vector to_vector(const std::vector<double>& values) {
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

ShapeMoments moments_of(const CovarianceShape& shape, const Vector& phi, const Positions& at) {
  ShapeMoments out{at, Matrix(), Matrix::Ones(at.size(), at.size())};
  shape.value(phi, at, out.covariance);
  return out;
}

Positions all_visits(const ShapeCase& one) {
  Positions at = equally_spaced(one.recipe.visits);
  const double times[] = {0.0, 1.0, 3.0, 4.0, 7.0};
  for (Index v = 0; v < at.size(); ++v) {
    if (!one.recipe.children.empty())
      at.coordinates(v, 0) = static_cast<double>(v % 3);
    else if (at.size() <= 5 && !one.recipe.partial)
      at.coordinates(v, 0) = times[v];
  }
  return at;
}

}  // namespace

TEST_CASE("each shape is its formula, positive definite, and so is every part of it", "[shape]") {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    INFO(one.recipe.name);
    const auto shape = make_shape(one.recipe);
    const Vector phi = to_vector(one.phi);
    REQUIRE(shape->parameter_count() == phi.size());
    CHECK(static_cast<Index>(shape->parameters().size()) == phi.size());
    CHECK(shape->unit_diagonal() == one.has_scale);
    const std::vector<Place> places = some_places(one);
    const Index m = static_cast<Index>(places.size());
    Matrix sigma, expected(m, m);
    shape->value(phi, positions_of(places), sigma);
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < m; ++j) expected(i, j) = one.entry(one.phi, places[i], places[j]);
    }
    CHECK(largest(sigma - expected) < 1e-13);
    if (one.is_definite) {
      const Eigen::LLT<Matrix> factor(sigma);
      CHECK(factor.info() == Eigen::Success);
    }
    Matrix part;
    shape->value(phi, positions_of({places[2], places[0]}), part);
    CHECK(part(0, 0) == sigma(2, 2));
    CHECK(part(1, 0) == sigma(0, 2));
    CHECK(part(1, 1) == sigma(0, 0));
  }
}

TEST_CASE("each shape's derivatives are those of its values", "[shape]") {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    INFO(one.recipe.name);
    const auto shape = make_shape(one.recipe);
    const Vector phi = to_vector(one.phi);
    const Positions at = positions_of(some_places(one));
    const auto value = [&](const Vector& x) {
      Matrix out;
      shape->value(x, at, out);
      return out;
    };
    for (Index k = 0; k < phi.size(); ++k) {
      Matrix first;
      shape->first(phi, at, k, first);
      CHECK(largest(first - central_difference(value, phi, k)) < 1e-7);
      for (Index l = 0; l < phi.size(); ++l) {
        const auto slope = [&](const Vector& x) {
          Matrix out;
          shape->first(x, at, k, out);
          return out;
        };
        Matrix second;
        if (!shape->second(phi, at, k, l, second)) second = Matrix::Zero(at.size(), at.size());
        CHECK(largest(second - central_difference(slope, phi, l)) < 1e-7);
      }
    }
  }
}

TEST_CASE("natural values of shapes lead back to their parameters", "[shape]") {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    INFO(one.recipe.name);
    const auto shape = make_shape(one.recipe);
    const Vector phi = to_vector(one.phi);
    const Vector natural = shape->natural(phi);
    const auto about = shape->parameters();
    Vector lower, upper;
    shape->box(lower, upper);
    for (Index k = 0; k < phi.size(); ++k) {
      CHECK((natural[k] > about[k].lower && natural[k] < about[k].upper));
      CHECK((phi[k] > lower[k] && phi[k] < upper[k]));
    }
    const Vector back = shape->from_natural(natural);
    REQUIRE(back.size() == phi.size());
    CHECK(largest(back - phi) < 1e-12);
    const Matrix slope = shape->natural_slope(phi);
    for (Index k = 0; k < phi.size(); ++k) {
      const auto value = [&](const Vector& x) { return Matrix(shape->natural(x)); };
      CHECK(largest(slope.col(k) - central_difference(value, phi, k)) < 1e-8);
      const auto row = [&](const Vector& x) { return Matrix(shape->natural_slope(x).row(k)); };
      const Matrix bend = shape->natural_bend(phi, k);
      for (Index l = 0; l < phi.size(); ++l)
        CHECK(largest(bend.row(l) - central_difference(row, phi, l)) < 1e-7);
    }
  }
}

TEST_CASE("natural values are those of the covariance matrix", "[shape]") {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    using Kind = ShapeParameter::Kind;
    const auto shape = make_shape(one.recipe);
    if (shape->children() > 1) continue;
    const Vector natural = shape->natural(to_vector(one.phi));
    const Positions at = all_visits(one);
    Matrix sigma;
    shape->value(to_vector(one.phi), at, sigma);
    const double share = one.recipe.nugget ? 1.0 - one.phi.back() : 1.0;
    const auto about = shape->parameters();
    for (Index k = 0; k < natural.size(); ++k) {
      const Index a = std::max<Index>(about[k].row, 0), b = std::max<Index>(about[k].column, 0);
      INFO(one.recipe.name << " " << about[k].word);
      if (about[k].kind == Kind::sd)
        CHECK(natural[k] == Approx(std::sqrt(sigma(a, a))).epsilon(1e-13));
      if (about[k].kind == Kind::variance && about[k].row >= 0)
        CHECK(natural[k] == Approx(sigma(a, a)).epsilon(1e-13));
      if (about[k].kind == Kind::correlation && about[k].row >= 0) {
        CHECK(natural[k] ==
              Approx(sigma(a, b) / std::sqrt(sigma(a, a) * sigma(b, b)) / share).epsilon(1e-13));
      }
      if (about[k].word == "cor") {
        const Index next = about[k].row >= 0 ? a : 1, first = about[k].row >= 0 ? b : 0;
        CHECK(natural[k] == Approx(sigma(next, first) /
                                   std::sqrt(sigma(next, next) * sigma(first, first)) / share)
                                .epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("moments of a structure start it there or nearby, inside", "[shape]") {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    INFO(one.recipe.name);
    const auto shape = make_shape(one.recipe);
    const Positions at = all_visits(one);
    ShapeMoments moments = moments_of(*shape, to_vector(one.phi), at);
    Vector lower, upper;
    shape->box(lower, upper);
    // As it is, and with nothing known of a visit.
    for (const bool gap : {false, true}) {
      if (gap) {
        moments.weight.row(1).setZero();
        moments.weight.col(1).setZero();
        moments.covariance.row(1).setConstant(std::nan(""));
        moments.covariance.col(1).setConstant(std::nan(""));
      }
      const Vector phi = shape->start(moments);
      REQUIRE(phi.size() == shape->parameter_count());
      REQUIRE(phi.allFinite());
      for (Index k = 0; k < phi.size(); ++k) CHECK((phi[k] > lower[k] && phi[k] < upper[k]));
      Matrix sigma;
      shape->value(phi, at, sigma);
      if (!one.is_definite) sigma.diagonal().array() += 1e-8;
      const Eigen::LLT<Matrix> factor(sigma);
      CHECK(factor.info() == Eigen::Success);
    }
  }
}

TEST_CASE("without anything known shapes start too", "[shape]") {
  for (const ShapeCase& one : wrapped_shape_cases()) {
    INFO(one.recipe.name);
    const auto shape = make_shape(one.recipe);
    const Positions at = all_visits(one);
    const Vector phi =
        shape->start({at, Matrix::Zero(at.size(), at.size()), Matrix::Zero(at.size(), at.size())});
    REQUIRE(phi.allFinite());
    Matrix sigma;
    shape->value(phi, at, sigma);
    if (!one.is_definite) sigma.diagonal().array() += 1e-8;
    const Eigen::LLT<Matrix> factor(sigma);
    CHECK(factor.info() == Eigen::Success);
  }
}

TEST_CASE("parameters of shapes have names", "[shape]") {
  const auto names = [](StructureRecipe recipe, const std::vector<VisitLabels>& labels) {
    std::string out;
    for (const auto& name : shape_parameter_names(*make_shape(recipe), labels)) out += name + " ";
    return out;
  };
  const VisitLabels week{"week", {"w1", "w2", "w3"}}, trait{"trait", {"a", "b"}};
  StructureRecipe recipe;
  recipe.visits = 3;
  CHECK(names(recipe, {week}) == "sd_w1 sd_w2 sd_w3 cor_w2.w1 cor_w3.w1 cor_w3.w2 ");
  recipe.band = 2;
  CHECK(names(recipe, {week}) == "sd_w1 sd_w2 sd_w3 cor_w2.w1 cor_w3.w2 ");
  recipe.name = "toep";
  recipe.band = 0;
  CHECK(names(recipe, {{"", {}}}) == "sd cor_lag1 cor_lag2 ");
  recipe.name = "ar1h";
  recipe.nugget = true;
  CHECK(names(recipe, {week}) == "sd_w1 sd_w2 sd_w3 cor_week nugget_week ");
  recipe.nugget = false;
  recipe.name = "fa";
  CHECK(names(recipe, {week}) ==
        "loading_w1.1 loading_w2.1 loading_w3.1 uniqueness_w1 "
        "uniqueness_w2 uniqueness_w3 ");
  recipe.name = "sp_mat";
  CHECK(names(recipe, {week}) == "sd_week range_week smoothness_week ");
  StructureRecipe product;
  product.name = "kronecker";
  product.visits = 6;
  product.children.resize(2);
  product.children[0].visits = 2;
  product.children[1].name = "ar1";
  product.children[1].visits = 3;
  CHECK(names(product, {trait, week}) == "sd_a sd_b cor_b.a cor_week ");
}

TEST_CASE("recipes that a structure cannot follow are told", "[shape]") {
  StructureRecipe recipe;
  recipe.name = "ar2";
  CHECK_THROWS_AS(make_shape(recipe), std::invalid_argument);
  recipe.name = "us";
  recipe.nugget = true;
  CHECK_THROWS_AS(make_shape(recipe), std::invalid_argument);
  recipe.nugget = false;
  recipe.name = "fa";
  recipe.rank = 2;
  CHECK_THROWS_AS(make_shape(recipe), std::invalid_argument);
  recipe.name = "sp_lin";
  recipe.dimensions = 2;
  CHECK_THROWS_AS(make_shape(recipe), std::invalid_argument);
  recipe.name = "lin";
  recipe.matrices = {Matrix::Identity(3, 3)};
  CHECK_THROWS_AS(make_shape(recipe), std::invalid_argument);
}

TEST_CASE("correlations of far and near places are numbers", "[shape]") {
  for (const ShapeCase& one : shape_cases()) {
    if (one.recipe.name.rfind("sp_", 0) != 0 && one.recipe.name != "ou") continue;
    StructureRecipe recipe = one.recipe;
    recipe.scale = StructureRecipe::Scale::none;
    const auto shape = make_shape(recipe);
    Vector phi = to_vector(one.phi);
    Positions at = equally_spaced(3);
    at.coordinates << 0.0, 1e-9, 1e9;
    for (const double log_range : {-250.0, -20.0, 0.0, 20.0, 250.0}) {
      phi[0] = log_range;
      Matrix m;
      shape->value(phi, at, m);
      INFO(one.recipe.name << " " << log_range);
      CHECK(m.allFinite());
      CHECK(m.cwiseAbs().maxCoeff() == 1.0);
      for (Index k = 0; k < phi.size(); ++k) {
        shape->first(phi, at, k, m);
        CHECK(m.allFinite());
        for (Index l = 0; l < phi.size(); ++l) {
          if (shape->second(phi, at, k, l, m)) CHECK(m.allFinite());
        }
      }
    }
  }
}
