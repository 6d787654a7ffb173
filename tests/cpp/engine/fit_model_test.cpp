#include "core/engine/fit_model.h"

#include "catch.h"
#include "core/covariance/covariance_registry.h"
#include "core/engine/at_point.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

TEST_CASE("the deviance at given factors is that of the dense covariance matrix") {
  for (const auto design : all_designs()) {
    const Data data = simulate(design);
    const auto lambda = some_factors(data);
    for (const bool reml : {false, true}) {
      const double dense = dense_deviance(data, lambda, reml);
      const double blocked = evaluate(data.specification(reml), lambda, Control()).deviance;
      CHECK(std::abs(blocked - dense) <= 1e-10 * (1.0 + std::abs(dense)));
    }
  }
}

TEST_CASE("the gradient is the derivative of the dense deviance") {
  for (const auto design : all_designs()) {
    const Data data = simulate(design);
    const auto lambda = some_factors(data);
    for (const bool reml : {false, true}) {
      const Vector gradient = evaluate(data.specification(reml), lambda, Control()).gradient;
      Index at = 0;
      for (std::size_t j = 0; j < lambda.size(); ++j) {
        const auto structure = make_covariance(data.terms[j].structure, lambda[j].rows());
        const Vector theta = structure->parameters(lambda[j]);
        std::vector<Matrix> directions;
        for (Index i = 0; i < theta.size(); ++i) {
          directions.push_back(structure->factor_derivative(theta, i));
        }
        for (const Matrix& direction : directions) {
          const double h = 1e-4;
          double sum = 0.0;
          const double weight[4] = {1.0, -8.0, 8.0, -1.0}, step[4] = {-2.0, -1.0, 1.0, 2.0};
          for (int i = 0; i < 4; ++i) {
            auto moved = lambda;
            moved[j] += step[i] * h * direction;
            sum += weight[i] * dense_deviance(data, moved, reml);
          }
          CHECK(gradient[at++] == Approx(sum / (12.0 * h)).epsilon(1e-6).margin(1e-6));
        }
      }
      CHECK(at == gradient.size());
    }
  }
}

TEST_CASE("a fit ends where no neighbour is better, and says so") {
  for (const auto design : all_designs()) {
    const Data data = simulate(design);
    for (const bool reml : {false, true}) {
      const FitResult fit = fit_model(data.specification(reml), Control());
      REQUIRE((fit.status == FitStatus::converged || fit.status == FitStatus::boundary));
      CHECK(fit.gain < 1e-8);
      CHECK(fit.iterations <= 15);
      CHECK(fit.deviance == Approx(dense_deviance(data, fit.lambda, reml)).epsilon(1e-10));
      for (std::size_t j = 0; j < fit.lambda.size(); ++j) {
        for (const double step : {-1e-3, 1e-3}) {
          auto moved = fit.lambda;
          moved[j] = moved[j] * (1.0 + step);
          CHECK(dense_deviance(data, moved, reml) >= fit.deviance - 1e-9);
          for (const auto& boundary : fit.boundary) {
            for (Index i = 0; i < boundary.multipliers.size(); ++i)
              CHECK(boundary.multipliers[i] >= -1e-5);
          }
        }
      }
    }
  }
}

TEST_CASE("conditional variances are the diagonal blocks of the dense inverse") {
  for (const auto design : all_designs()) {
    const Data data = simulate(design);
    const auto lambda = some_factors(data);
    const auto blocks = conditional_variances(data.specification(true), lambda, Control());
    // Var(b | y, beta) / sigma^2 = G - G Z'V^-1Z G with V = W^-1 + Z G Z'.
    Index total = 0;
    for (const auto& term : data.terms) total += term.levels * term.basis.cols();
    Matrix z(data.n, total), g = Matrix::Zero(total, total);
    Index first = 0;
    for (std::size_t j = 0; j < lambda.size(); ++j) {
      const Matrix mine = data.dense_z(static_cast<int>(j));
      z.middleCols(first, mine.cols()) = mine;
      const Index k = lambda[j].rows();
      for (Index l = 0; l < data.terms[j].levels; ++l) {
        g.block(first + l * k, first + l * k, k, k) = lambda[j] * lambda[j].transpose();
      }
      first += mine.cols();
    }
    Matrix v = z * g * z.transpose();
    for (Index i = 0; i < data.n; ++i)
      v(i, i) += data.weights.size() > 0 ? 1.0 / data.weights[i] : 1.0;
    const Matrix dense = g - g * z.transpose() * v.ldlt().solve(z * g);
    first = 0;
    for (std::size_t j = 0; j < lambda.size(); ++j) {
      const Index k = lambda[j].rows();
      for (Index l = 0; l < data.terms[j].levels; ++l) {
        const Matrix difference =
            blocks[j].middleCols(l * k, k) - dense.block(first + l * k, first + l * k, k, k);
        CHECK(difference.cwiseAbs().maxCoeff() < 1e-11);
      }
      first += data.terms[j].levels * k;
    }
  }
}

TEST_CASE("a shifted and stretched covariate or response changes nothing but its own scale") {
  Data data = simulate(tiers_test::Design::crossed);
  const FitResult before = fit_model(data.specification(false), Control());
  Data moved = data;
  moved.X.col(1) = (moved.X.col(1).array() * 1e-3 + 1e4).matrix();
  for (auto& term : moved.terms) term.basis.col(1) = moved.X.col(1);
  moved.y = (data.y.array() * 1e5 + 1e9).matrix();
  const FitResult after = fit_model(moved.specification(false), Control());
  CHECK(after.deviance == Approx(before.deviance + 2.0 * data.n * std::log(1e5)).epsilon(1e-9));
  CHECK(after.coefficients[1] == Approx(before.coefficients[1] * 1e8).epsilon(1e-6));
  CHECK(after.sigma == Approx(before.sigma * 1e5).epsilon(1e-7));
}

TEST_CASE("a linear combination of columns is dropped and named by its position") {
  Data data = simulate(tiers_test::Design::one_factor);
  Matrix wide(data.n, 4);
  wide << data.X.col(0), data.X.col(1), data.X.col(1) * 2.0 + data.X.col(0), data.X.col(2);
  data.X = wide;
  const FitResult fit = fit_model(data.specification(true), Control());
  REQUIRE(fit.kept == std::vector<Index>({0, 1, 3}));
  CHECK(std::isnan(fit.coefficients[2]));
  CHECK(fit.vcov.rows() == 3);
}

TEST_CASE("nearly collinear columns keep their digits") {
  Data data = simulate(tiers_test::Design::one_factor);
  std::mt19937 engine(3);
  std::normal_distribution<double> normal;
  Matrix wide(data.n, 4);
  wide << data.X, data.X.col(1);
  for (Index i = 0; i < data.n; ++i) wide(i, 3) += 1e-7 * normal(engine);
  data.X = wide;
  const FitResult fit = fit_model(data.specification(true), Control());
  CHECK(fit.kept.size() == 4);
  CHECK(fit.reciprocal_condition < 1e-6);
  // The same column space with the difference stretched: an easy problem.
  Data easy = data;
  easy.X.col(3) = (data.X.col(3) - data.X.col(1)) * 1e7;
  const FitResult reference = fit_model(easy.specification(true), Control());
  CHECK(fit.coefficients[3] == Approx(reference.coefficients[3] * 1e7).epsilon(1e-6));
}

TEST_CASE("the same data give the same bits") {
  const Data data = simulate(tiers_test::Design::nested_and_crossed);
  const FitResult one = fit_model(data.specification(true), Control());
  const Data copy = data;
  const FitResult two = fit_model(copy.specification(true), Control());
  CHECK(one.deviance == two.deviance);
  CHECK(one.sigma == two.sigma);
  CHECK((one.fitted.array() == two.fitted.array()).all());
}

TEST_CASE("a poll that throws ends the fit") {
  const Data data = simulate(tiers_test::Design::crossed);
  Control control;
  control.poll = [] { throw std::runtime_error("stop"); };
  CHECK_THROWS_AS(fit_model(data.specification(true), control), std::runtime_error);
}

TEST_CASE("a response that X and Z reproduce has no residual variance") {
  Data data = simulate(tiers_test::Design::one_factor);
  data.y = data.X * Vector::Constant(3, 0.5);
  CHECK(fit_model(data.specification(true), Control()).status == FitStatus::perfect_fit);
  for (Index i = 0; i < data.n; ++i)
    data.y[i] = std::sin(static_cast<double>(data.terms[0].codes[i]));
  CHECK(fit_model(data.specification(false), Control()).status == FitStatus::perfect_fit);
}

TEST_CASE("an iteration limit is not called convergence") {
  const Data data = simulate(tiers_test::Design::crossed);
  Control control;
  control.max_iterations = 1;
  const FitResult fit = fit_model(data.specification(true), control);
  CHECK(fit.status == FitStatus::not_converged);
  CHECK(fit.gain > 1e-8);
}

TEST_CASE("an absurd start or weight ends in a fit, not in a crash") {
  Data data = simulate(tiers_test::Design::one_factor);
  const double reference = fit_model(data.specification(true), Control()).deviance;
  for (const double size : {1e8, 1e160}) {
    Specification spec = data.specification(true);
    spec.terms[0].start = size * Matrix::Identity(3, 3);
    CHECK(fit_model(spec, Control()).deviance == Approx(reference).epsilon(1e-9));
  }
  data.weights = Vector::Ones(data.n);
  data.weights[0] = 1e20;
  CHECK_NOTHROW(fit_model(data.specification(true), Control()));
}
