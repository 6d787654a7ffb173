#include <cmath>

#include "catch.h"
#include "core/engine/fit_model.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

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
  Data data = simulate(Design::one_factor);
  auto& term = data.terms[0];
  term.basis = Matrix::Ones(data.n, 2);
  for (Index i = 0; i < data.n; ++i) term.basis(i, 1) = term.codes[i] % 2;
  CHECK(fit_model(data.specification(true), Control()).status == FitStatus::unidentified);
  for (Index i = 0; i < data.n; ++i) term.basis(i, 1) = term.codes[i] % 3;
  CHECK(fit_model(data.specification(true), Control()).status != FitStatus::unidentified);
}
