#include "catch.h"
#include "core/engine/fit_model.h"
#include "core/engine/linear_engine.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

using Shape = tiers_test::Design;

namespace {

// X with a column for each level of a term, times a column of the term's basis.
void add_levels(Data& data, int term, Index column) {
  const auto& t = data.terms[term];
  Matrix wide = Matrix::Zero(data.n, data.X.cols() + t.levels);
  wide.leftCols(data.X.cols()) = data.X;
  for (Index i = 0; i < data.n; ++i) wide(i, data.X.cols() + t.codes[i] - 1) = t.basis(i, column);
  data.X = wide;
}

}  // namespace

TEST_CASE("columns that the fixed effects span have no variance, the others keep theirs") {
  for (const auto which : {Shape::one_factor, Shape::nested, Shape::crossed, Shape::weighted}) {
    for (const Index column : {0, 1}) {
      Data data = simulate(which);
      const int term = which == Shape::nested ? 2 : 0;
      add_levels(data, term, column);
      for (const bool reml : {false, true}) {
        const FitResult fit = fit_model(data.specification(reml), Control());
        const Matrix sigma = fit.lambda[term] * fit.lambda[term].transpose();
        CAPTURE(static_cast<int>(which), column, reml, sigma);
        REQUIRE(fit.status == FitStatus::boundary);
        // The same as without the column.
        Data part = data;
        auto& mine = part.terms[term];
        const Index last = mine.basis.cols() - 1;
        if (column < last)
          mine.basis.middleCols(column, last - column) =
              data.terms[term].basis.rightCols(last - column);
        mine.basis.conservativeResize(Eigen::NoChange, last);
        const FitResult less = fit_model(part.specification(reml), Control());
        if (!reml) {
          // Its effect goes along with that of the other column: a covariance matrix of rank one
          // less, no worse than the one without.
          CHECK(fit.saturated[term].empty());
          CHECK(fit.deviance <= less.deviance + 1e-7);
          const Matrix unit = sigma.diagonal().cwiseSqrt().cwiseInverse().asDiagonal();
          if (sigma(column, column) > 0.0) {
            const Matrix correlation = unit * sigma * unit;
            CHECK(Eigen::SelfAdjointEigenSolver<Matrix>(correlation).eigenvalues()[0] < 1e-12);
          }
          continue;
        }
        CHECK(fit.saturated[term] == std::vector<Index>{column});
        CHECK(sigma.row(column).cwiseAbs().maxCoeff() == 0.0);
        CHECK(fit.modes[term].col(column).cwiseAbs().maxCoeff() == 0.0);
        CHECK(fit.deviance == Approx(less.deviance).epsilon(1e-10));
        CHECK(fit.sigma == Approx(less.sigma).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("a term with all its columns in X is the model without it") {
  Data data = simulate(Shape::nested);
  add_levels(data, 0, 0);
  Data plain = data;
  plain.terms.erase(plain.terms.begin());
  for (const bool reml : {false, true}) {
    const FitResult fit = fit_model(data.specification(reml), Control());
    const FitResult less = fit_model(plain.specification(reml), Control());
    CHECK(fit.lambda[0](0, 0) == 0.0);
    CHECK(fit.deviance == Approx(less.deviance).epsilon(1e-10));
  }
}

TEST_CASE("nothing is saturated where X has fewer columns than the term has levels") {
  for (const auto which : all_designs()) {
    const Data data = simulate(which);
    const Specification spec = data.specification(true);
    const LinearEngine engine(spec, Control());
    for (const auto& directions : engine.saturation.directions) CHECK(directions.cols() == 0);
  }
}
