#include <cmath>

#include "catch.h"
#include "core/engine/fit_model.h"
#include "core/engine/linear_engine.h"
#include "core/engine/variance_gram.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

using Shape = tiers_test::Design;

namespace {

// W^1/2 V_e W^1/2 of an entry, or of the residual.
Matrix derivative(const Data& data, const Unidentified::Entry& entry) {
  const Matrix z = data.dense_z(entry.term);
  const Index k = data.terms[entry.term].basis.cols();
  Matrix sigma = Matrix::Zero(z.cols(), z.cols());
  for (Index l = 0; l < data.terms[entry.term].levels; ++l) {
    sigma(l * k + entry.row, l * k + entry.column) =
        sigma(l * k + entry.column, l * k + entry.row) = 1.0;
  }
  Matrix v = z * sigma * z.transpose();
  if (data.weights.size() > 0) {
    const Vector root = data.weights.cwiseSqrt();
    v = (root.asDiagonal() * v * root.asDiagonal()).eval();
  }
  return v;
}

// The same of an entry on the internal scale, from rows as the engine has them.
Matrix internal_derivative(const Data& data, const tiers::Design& design,
                           const VarianceEntry& entry) {
  const auto& term = data.terms[entry.term];
  Matrix rows(data.n, term.basis.cols());
  for (Index i = 0; i < data.n; ++i) {
    Vector z(term.basis.cols());
    design.random_row(entry.term, i, z.data());
    rows.row(i) = std::sqrt(design.weight(i)) * z.transpose();
  }
  Matrix v = Matrix::Zero(data.n, data.n);
  for (Index i = 0; i < data.n; ++i) {
    for (Index j = 0; j < data.n; ++j) {
      if (term.codes[i] != term.codes[j]) continue;
      v(i, j) = rows(i, entry.row) * rows(j, entry.column);
      if (entry.row != entry.column) v(i, j) += rows(i, entry.column) * rows(j, entry.row);
    }
  }
  return v;
}

}  // namespace

TEST_CASE("the Gram matrix of variances is that of the dense derivatives, each in its own unit") {
  for (const auto which : all_designs()) {
    Data data = simulate(which);
    data.terms.push_back(data.terms[0]);
    const FitResult fit = fit_model(data.specification(true), Control());
    REQUIRE(fit.status == FitStatus::unidentified);
    const Unidentified& what = fit.unidentified;
    REQUIRE(what.found);
    CHECK(what.residual);
    std::vector<Matrix> dense;
    for (const auto& entry : what.entries) dense.push_back(derivative(data, entry));
    dense.push_back(Matrix::Identity(data.n, data.n));
    REQUIRE(what.gram.rows() == static_cast<Index>(dense.size()));
    for (std::size_t a = 0; a < dense.size(); ++a) {
      for (std::size_t b = 0; b < dense.size(); ++b) {
        const double cosine =
            dense[a].cwiseProduct(dense[b]).sum() / (dense[a].norm() * dense[b].norm());
        const double size = std::sqrt(what.gram(a, a) * what.gram(b, b));
        CHECK(what.gram(a, b) / size == Approx(cosine).margin(1e-9));
      }
    }
  }
}

TEST_CASE("designs that tell all variances are fitted") {
  for (const auto which : all_designs()) {
    for (const unsigned seed : {1u, 2u, 3u}) {
      const Data data = simulate(which, seed);
      CHECK(fit_model(data.specification(seed == 2u), Control()).status != FitStatus::unidentified);
    }
  }
}

TEST_CASE("a slope that has two values between groups and none within cannot be told") {
  Data data = simulate(Shape::one_factor);
  auto& term = data.terms[0];
  term.basis = Matrix::Ones(data.n, 2);
  for (Index i = 0; i < data.n; ++i) term.basis(i, 1) = term.codes[i] % 2;
  CHECK(fit_model(data.specification(true), Control()).status == FitStatus::unidentified);
  for (Index i = 0; i < data.n; ++i) term.basis(i, 1) = term.codes[i] % 3;
  CHECK(fit_model(data.specification(true), Control()).status != FitStatus::unidentified);
}

TEST_CASE("under REML the Gram matrix is that of what the fixed effects leave") {
  for (const auto which : all_designs()) {
    Data data = simulate(which);
    const Specification spec = data.specification(true);
    const LinearEngine engine(spec, Control());
    const auto directions =
        free_directions(engine.parameters, std::vector<bool>(engine.parameters.size(), true), true);
    const VarianceGram gram(engine.cross, directions, true, Poll());
    Vector root = Vector::Ones(data.n);
    if (data.weights.size() > 0) root = data.weights.cwiseSqrt();
    const Matrix x = root.asDiagonal() * data.X;
    const Matrix left =
        Matrix::Identity(data.n, data.n) - x * (x.transpose() * x).ldlt().solve(x.transpose());
    std::vector<Matrix> dense;
    for (const VarianceEntry& entry : gram.entries()) {
      dense.push_back(left * internal_derivative(data, engine.design, entry) * left);
    }
    dense.push_back(left);
    for (std::size_t a = 0; a < dense.size(); ++a) {
      for (std::size_t b = 0; b < dense.size(); ++b) {
        const double cosine =
            dense[a].cwiseProduct(dense[b]).sum() / (dense[a].norm() * dense[b].norm());
        const double size = std::sqrt(gram.gram()(a, a) * gram.gram()(b, b));
        CHECK(gram.gram()(a, b) / size == Approx(cosine).margin(1e-9));
      }
    }
  }
}

TEST_CASE("directions of held parameters are differences of the covariance of the response") {
  for (const auto which : all_designs()) {
    Data data = simulate(which);
    Specification spec = data.specification(true);
    const CovarianceParameters parameters(spec.terms);
    spec.held.value.assign(parameters.size() + 1, std::nan(""));
    for (Index i = 0; i <= parameters.size(); ++i) spec.held.same.push_back(static_cast<int>(i));
    spec.held.value[0] = 0.7;
    const LinearEngine engine(spec, Control());
    const auto directions = held_directions(engine.design, parameters, spec.held, true);
    CHECK(static_cast<Index>(directions.size()) == parameters.size());
    CHECK(directions.back().residual == 1.0);
    // Standard deviations come first: the second moves its own row and column alone.
    if (parameters.structure(0).columns() < 2) continue;
    const Matrix& moved = directions[0].sigma[0];
    CHECK(moved(1, 1) > 0.0);
    CHECK(moved(0, 0) == 0.0);
    for (std::size_t j = 1; j < directions[0].sigma.size(); ++j)
      CHECK(directions[0].sigma[j].isZero(0.0));
  }
}

TEST_CASE("held parameters make a model that is not identified so, and others do not") {
  Data data = simulate(Shape::one_factor);
  data.terms.push_back(data.terms[0]);
  Specification spec = data.specification(true);
  const Index count = CovarianceParameters(spec.terms).size();
  spec.held.value.assign(count + 1, std::nan(""));
  for (Index i = 0; i <= count; ++i) spec.held.same.push_back(static_cast<int>(i));
  spec.held.value[0] = 0.3;
  CHECK(fit_model(spec, Control()).status == FitStatus::unidentified);
  for (Index i = 0; i < count / 2; ++i) spec.held.value[i] = i < 2 ? 0.3 : 0.0;
  CHECK(fit_model(spec, Control()).status != FitStatus::unidentified);
  // Equal ones of the two terms together.
  for (Index i = 0; i < count; ++i) {
    spec.held.value[i] = std::nan("");
    spec.held.same[i] = static_cast<int>(i % (count / 2));
  }
  CHECK(fit_model(spec, Control()).status != FitStatus::unidentified);
}
