#include "core/objective/modal_deviance.h"

#include "catch.h"
#include "core/objective/quadrature_deviance.h"
#include "generalized_data.h"

using namespace tiers;
using namespace tiers_test;

namespace {

const char* const kFamilies[] = {"gaussian",         "binomial", "poisson",
                                 "nbinom1",          "nbinom2",  "Gamma",
                                 "inverse.gaussian", "beta",     "betabinomial"};

// Links whose domain is the whole line.
std::string open_link(const std::string& family) {
  return family == "Gamma" || family == "inverse.gaussian" ? "log" : "";
}

// Five-point central differences of f, whose values have small noise, and of vectors.
template <class F>
Vector differences(const Vector& psi, const F& f, double h = 1e-3) {
  Vector out(psi.size());
  for (Index i = 0; i < psi.size(); ++i) {
    auto at = [&](double step) {
      Vector moved = psi;
      moved[i] += step * h;
      return f(moved);
    };
    out[i] = (at(-2.0) - 8.0 * at(-1.0) + 8.0 * at(1.0) - at(2.0)) / (12.0 * h);
  }
  return out;
}

void check_gradient(ModalDeviance& objective, const Vector& psi) {
  objective.tighten();
  Vector gradient;
  Matrix curvature;
  REQUIRE(std::isfinite(objective.value(psi)));
  objective.derivatives(gradient, curvature);
  const Vector expected = differences(psi, [&](const Vector& at) { return objective.value(at); });
  const double scale = 1.0 + expected.cwiseAbs().maxCoeff();
  for (Index i = 0; i < psi.size(); ++i) CHECK(std::abs(gradient[i] - expected[i]) < 1e-6 * scale);
}

// -2 sum logp + u'u + log|H| with dense Z and Newton steps on the whole H.
double dense_laplace(const GeneralizedEngine& engine, const GeneralizedData& data,
                     const Vector& psi) {
  const auto lambdas = engine.parameters.lambdas(psi);
  const Index n = data.data.n, p = engine.rows.fixed().rows();
  Index q = 0;
  for (const auto& term : data.data.terms) q += term.levels * term.basis.cols();
  Matrix u_matrix = Matrix::Zero(n, q), x(n, p);
  Index at = 0;
  Vector z;
  for (std::size_t j = 0; j < data.data.terms.size(); ++j) {
    const auto& term = data.data.terms[j];
    const Index k = term.basis.cols();
    z.resize(k);
    for (Index i = 0; i < n; ++i) {
      engine.design.random_row(static_cast<int>(j), i, z.data());
      u_matrix.row(i).segment(at + (term.codes[i] - 1) * k, k) = z.transpose() * lambdas[j];
    }
    at += term.levels * k;
  }
  Vector row(p);
  for (Index i = 0; i < n; ++i) {
    engine.design.fixed_row(i, row.data());
    x.row(i) = row;
  }
  const Vector phi = data.dispersion * psi.tail(data.dispersion.cols());
  const Vector fixed = x * psi.segment(engine.parameters.size(), p);
  ResponseRows rows;
  rows.n = n;
  rows.y = data.data.y.data();
  rows.size = data.size.size() > 0 ? data.size.data() : nullptr;
  rows.weight = data.data.weights.size() > 0 ? data.data.weights.data() : nullptr;
  rows.phi = phi.data();
  rows.phi_by_row = true;
  Vector logp(n), s(n), w(n), fallback(n), u = Vector::Zero(q);
  RowDerivatives out;
  out.logp = logp.data();
  out.s = s.data();
  out.w = w.data();
  out.w_fallback = fallback.data();
  Matrix h;
  for (int step = 0; step < 100; ++step) {
    const Vector eta = fixed + u_matrix * u;
    data.family->evaluate(rows, eta.data(), Detail::newton, out);
    const bool positive = w.minCoeff() >= 0.0;
    h = u_matrix.transpose() * (step < 20 && !positive ? fallback : w).asDiagonal() * u_matrix +
        Matrix::Identity(q, q);
    Vector direction = h.ldlt().solve(u_matrix.transpose() * s - u);
    if (direction.norm() > 2.0) direction *= 2.0 / direction.norm();
    u += direction;
  }
  const Vector eta = fixed + u_matrix * u;
  data.family->evaluate(rows, eta.data(), Detail::newton, out);
  h = u_matrix.transpose() * w.asDiagonal() * u_matrix + Matrix::Identity(q, q);
  return u.squaredNorm() - 2.0 * logp.sum() +
         2.0 * Matrix(h.llt().matrixL()).diagonal().array().log().sum();
}

}  // namespace

TEST_CASE("Laplace's approximation is that of dense matrices") {
  for (const auto which : all_designs()) {
    for (const char* family : kFamilies) {
      const GeneralizedData data = generalized(which, family, open_link(family));
      const GeneralizedSpecification spec = data.specification();
      GeneralizedEngine engine(spec);
      LaplaceDeviance objective(engine.mode, engine.parameters);
      objective.tighten();
      const Vector psi = engine.point(data.data, objective.size());
      INFO(family);
      const double value = objective.value(psi);
      CHECK(value == Approx(dense_laplace(engine, data, psi)).epsilon(1e-9));
    }
  }
}

TEST_CASE("the gradient of Laplace's approximation is exact") {
  for (const auto which : all_designs()) {
    for (const char* family : kFamilies) {
      const GeneralizedData data = generalized(which, family, open_link(family));
      const GeneralizedSpecification spec = data.specification();
      GeneralizedEngine engine(spec);
      LaplaceDeviance objective(engine.mode, engine.parameters);
      INFO(family);
      check_gradient(objective, engine.point(data.data, objective.size()));
    }
  }
}

TEST_CASE("the gradient with the fixed effects in the mode is exact") {
  for (const auto which : {tiers_test::Design::nested, tiers_test::Design::crossed}) {
    const GeneralizedData data = generalized(which, "nbinom2");
    const GeneralizedSpecification spec = data.specification();
    GeneralizedEngine engine(spec, true);
    LaplaceDeviance objective(engine.mode, engine.parameters);
    check_gradient(objective, engine.point(data.data, objective.size()));
  }
}

TEST_CASE("the gradient of quadrature is exact, at any number of points") {
  for (const char* family : kFamilies) {
    const GeneralizedData data =
        generalized(tiers_test::Design::one_factor, family, open_link(family));
    const GeneralizedSpecification spec = data.specification();
    for (const int points : {1, 2, 5}) {
      GeneralizedEngine engine(spec);
      QuadratureDeviance objective(engine.mode, engine.parameters, {points});
      INFO(family << " " << points);
      check_gradient(objective, engine.point(data.data, objective.size()));
    }
  }
  // Three levels, two of them vector-valued.
  const GeneralizedData data = generalized(tiers_test::Design::nested, "poisson");
  const GeneralizedSpecification spec = data.specification();
  for (const int points : {1, 2, 3}) {
    GeneralizedEngine engine(spec);
    QuadratureDeviance objective(engine.mode, engine.parameters, {points, points, points});
    check_gradient(objective, engine.point(data.data, objective.size()));
  }
}

TEST_CASE("one point of quadrature is Laplace's approximation") {
  for (const auto which : {tiers_test::Design::one_factor, tiers_test::Design::nested}) {
    const GeneralizedData data = generalized(which, "binomial");
    const GeneralizedSpecification spec = data.specification();
    GeneralizedEngine engine(spec);
    LaplaceDeviance laplace(engine.mode, engine.parameters);
    QuadratureDeviance quadrature(engine.mode, engine.parameters, {1, 1, 1});
    laplace.tighten();
    quadrature.tighten();
    const Vector psi = engine.point(data.data, laplace.size());
    Vector gradient, other;
    Matrix curvature;
    const double value = laplace.value(psi);
    laplace.derivatives(gradient, curvature);
    CHECK(quadrature.value(psi) == Approx(value).epsilon(1e-10));
    quadrature.derivatives(other, curvature);
    CHECK((gradient - other).cwiseAbs().maxCoeff() < 1e-8);
  }
}

TEST_CASE("the Hessian is the derivative of the gradient, also of modes that are predicted") {
  const GeneralizedData data = generalized(tiers_test::Design::nested_and_crossed, "nbinom2");
  const GeneralizedSpecification spec = data.specification();
  GeneralizedEngine engine(spec);
  LaplaceDeviance objective(engine.mode, engine.parameters);
  const Vector psi = engine.point(data.data, objective.size());
  objective.value(psi);
  const Matrix hessian = objective.hessian();
  objective.tighten();
  for (Index i = 0; i < psi.size(); ++i) {
    const Vector column = differences(psi, [&](const Vector& at) {
      Vector gradient;
      Matrix curvature;
      objective.value(at);
      objective.derivatives(gradient, curvature);
      return gradient[i];
    });
    const double scale = hessian.cwiseAbs().maxCoeff();
    CHECK((hessian.col(i) - column).cwiseAbs().maxCoeff() < 1e-5 * scale);
  }
}

TEST_CASE("the derivative with respect to Sigma holds where Sigma is zero") {
  for (const char* family : {"binomial", "nbinom2"}) {
    const GeneralizedData data = generalized(tiers_test::Design::crossed, family);
    const GeneralizedSpecification spec = data.specification();
    GeneralizedEngine engine(spec);
    LaplaceDeviance objective(engine.mode, engine.parameters);
    objective.tighten();
    Vector psi = engine.point(data.data, objective.size());
    psi.segment(engine.parameters.offset(1), 3).setZero();
    Vector gradient;
    Matrix curvature;
    const double here = objective.value(psi);
    objective.derivatives(gradient, curvature);
    const Matrix d = objective.sigma_gradient()[1];
    // One-sided differences in the variance of the second column.
    auto rise = [&](double variance) {
      Vector moved = psi;
      moved[engine.parameters.offset(1) + 2] = std::sqrt(variance);
      return (objective.value(moved) - here) / variance;
    };
    const double h = 1e-3,
                 extrapolated = (8.0 * rise(h) - 6.0 * rise(2.0 * h) + rise(4.0 * h)) / 3.0;
    CHECK(d(1, 1) == Approx(extrapolated).epsilon(1e-4).margin(1e-4));
  }
}

TEST_CASE("Hermite rules integrate polynomials exactly") {
  for (const int points : {1, 2, 7, 25, 51, 100}) {
    const HermiteRule rule = hermite_rule(points, 1);
    const Vector weights = rule.log_weights.array().exp();
    double moment = 1.0;
    for (int power = 0; power <= std::min(2 * points - 1, 40); power += 2) {
      const double sum = (rule.nodes.row(0).transpose().array().pow(power) * weights.array()).sum();
      CHECK(sum == Approx(moment).epsilon(1e-12));
      moment *= power + 1.0;
    }
  }
  const HermiteRule square = hermite_rule(3, 2);
  REQUIRE(square.nodes.cols() == 9);
  const Vector weights = square.log_weights.array().exp();
  CHECK((square.nodes.row(0).array().square() * square.nodes.row(1).array().square())
            .matrix()
            .dot(weights) == Approx(1.0).epsilon(1e-13));
}
