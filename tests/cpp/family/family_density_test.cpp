#include <algorithm>
#include <cmath>

#include "catch.h"
#include "family_cases.h"

using namespace tiers;

TEST_CASE("logp is the textbook's log density") {
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    double worst = 0.0;
    for (const auto& at : moderate_points(c)) {
      const double expected = textbook_log_density(c, at);
      const double error = std::fabs(evaluate_at(*family, at).logp - expected);
      worst = std::max(worst, error / std::max(1.0, std::fabs(expected)));
    }
    INFO(c.family << " " << c.link);
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("the probabilities of all counts sum to one") {
  for (const auto& c : family_cases()) {
    if (!is_count(c.family) && !takes_trials(c.family)) continue;
    const auto family = make_family(c.family, c.link);
    for (const double eta : moderate_etas(c)) {
      for (const double phi : {-0.5, 1.4}) {
        const bool bounded = takes_trials(c.family);
        double sum = 0.0;
        for (double y = 0.0; y <= (bounded ? 57.0 : 6000.0); y += 1.0) {
          sum += std::exp(evaluate_at(*family, {eta, y, 57.0, 1.0, phi}).logp);
        }
        INFO(c.family << " " << c.link << " eta " << eta << " phi " << phi);
        CHECK(sum == Approx(1.0).epsilon(1e-11));
      }
    }
  }
}

// The substitution spreads the tails so that the trapezoid rule is exact to rounding: y = x for the
// whole line, e^x for the positive half, the logistic function for the unit interval.
TEST_CASE("the densities integrate to one") {
  for (const auto& c : family_cases()) {
    if (is_count(c.family) || takes_trials(c.family)) continue;
    const auto family = make_family(c.family, c.link);
    for (const double eta : moderate_etas(c)) {
      for (const double phi : {0.3, 1.9}) {
        double mu = 0.0;
        family->mean(&eta, 1, &mu);
        // With a smaller shape part of the mass lies nearer to 0 or 1 than a double can.
        if (c.family == "beta" && std::exp(phi) * std::min(mu, 1.0 - mu) < 0.8) continue;
        const double step = 0.01;
        double sum = 0.0;
        for (double x = -80.0; x <= 80.0; x += step) {
          double y = x, slope = 1.0;
          if (c.family == "beta") {
            y = 1.0 / (1.0 + std::exp(-x));
            slope = y * (1.0 - y);
            if (!(y > 0.0 && y < 1.0)) continue;
          } else if (c.family != "gaussian") {
            y = slope = std::exp(x);
          }
          sum += step * slope *
                 std::exp(evaluate_at(*family, {eta, y, 1.0, 1.3, phi}).logp /
                          (c.family == "beta" ? 1.3 : 1.0));
        }
        INFO(c.family << " " << c.link << " eta " << eta << " phi " << phi);
        CHECK(sum == Approx(1.0).epsilon(1e-8));
      }
    }
  }
}

TEST_CASE("a vector of rows gives bitwise what single rows give") {
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    auto points = moderate_points(c);
    while (points.size() < 700) points.insert(points.end(), points.begin(), points.end());
    const Index n = static_cast<Index>(points.size());
    Vector eta(n), y(n), m(n), a(n), phi(n), constant(n);
    for (Index i = 0; i < n; ++i) {
      const auto& at = points[i];
      eta[i] = at.eta, y[i] = at.y, m[i] = at.m, a[i] = at.a, phi[i] = at.phi;
    }
    ResponseRows rows{n, y.data(), m.data(), a.data(), nullptr, nullptr, phi.data(), true};
    family->constants(rows, constant.data());
    for (const bool with_constant : {false, true}) {
      if (with_constant) rows.constant = constant.data();
      Matrix values = Matrix::Zero(n, 8);
      const RowDerivatives out{&values(0, 0), &values(0, 1), &values(0, 2), &values(0, 3),
                               &values(0, 4), &values(0, 5), &values(0, 6), &values(0, 7)};
      family->evaluate(rows, eta.data(), Detail::gradient, out);
      bool same = true;
      for (Index i = 0; i < n; ++i) {
        const FamilyValues v = evaluate_at(*family, points[i]);
        const double single[] = {v.logp, v.s,          v.w,       v.w_fallback,
                                 v.dw,   v.dlogp_dphi, v.ds_dphi, v.dw_dphi};
        for (int k = 0; k < 8; ++k) same = same && single[k] == values(i, k);
      }
      INFO(c.family << " " << c.link);
      CHECK(same);

      // The lower levels of detail give the same numbers and leave the rest alone.
      Matrix few = Matrix::Constant(n, 3, -7.0);
      RowDerivatives some;
      some.logp = &few(0, 0);
      some.s = &few(0, 1);
      family->evaluate(rows, eta.data(), Detail::score, some);
      CHECK(few.leftCols(2) == values.leftCols(2));
      some.w = &few(0, 2);
      family->evaluate(rows, eta.data(), Detail::newton, some);
      CHECK(few == values.leftCols(3));
    }
  }
}
