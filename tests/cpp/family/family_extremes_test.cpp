#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "extreme_values.h"

using namespace tiers;

TEST_CASE("values at extreme arguments are those of many-digit arithmetic") {
  for (const auto& extreme : extreme_values) {
    const auto family = make_family(extreme.family, extreme.link);
    const FamilyValues v = evaluate_at(*family, extreme.at);
    const double found[] = {v.logp, v.s, v.w, v.dw, v.dlogp_dphi, v.ds_dphi, v.dw_dphi};
    // Log densities count absolutely below 1, scores against their standard deviation, weights and
    // their derivatives against the expected weight.
    const double root = std::sqrt(v.w_fallback);
    const double least[] = {1.0, root, v.w_fallback, v.w_fallback, 1.0, root, v.w_fallback};
    INFO(extreme.family << " " << extreme.link << " eta " << extreme.at.eta << " y " << extreme.at.y
                        << " m " << extreme.at.m << " phi " << extreme.at.phi);
    for (int k = 0; k < 7; ++k) {
      INFO("value " << k);
      const double scale = std::max({std::fabs(extreme.expected[k]), least[k], 1e-290});
      CHECK(std::fabs(found[k] - extreme.expected[k]) <= 4e-11 * scale);
    }
  }
}

TEST_CASE("every row is finite, or says that it failed") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    std::vector<double> ys = {1e-12, 0.3, 1.0, 1e6, 1e15};
    if (is_count(c.family)) ys = {0, 1, 16, 17, 33, 1e6, 1e12, 1e15};
    if (takes_trials(c.family)) ys = {0, 1, 5e11, 1e12};
    if (c.family == "beta") ys = {1e-300, 1e-12, 0.5, 1 - 1e-12, 1 - 1.2e-16};
    int failed = 0, rows = 0;
    bool fine = true;
    for (const double eta : {-700., -300., -40., -5., -1e-6, 0., 1e-6, 0.4, 5., 40., 300., 700.}) {
      for (const double y : ys) {
        for (const double phi : {-20.0, -3.0, 0.0, 3.0, 20.0}) {
          const FamilyValues v =
              evaluate_at(*family, {eta, y, takes_trials(c.family) ? 1e12 : 1, 1.5, phi});
          const double rest[] = {v.s, v.w, v.w_fallback, v.dw, v.dlogp_dphi, v.ds_dphi, v.dw_dphi};
          ++rows;
          if (v.logp == -infinity) {
            ++failed;
            for (const double value : rest) fine = fine && value == 0.0;
            continue;
          }
          fine = fine && std::isfinite(v.logp) && v.w_fallback >= 0.0;
          for (const double value : rest) fine = fine && std::isfinite(value);
          if (weights_are_positive(c)) fine = fine && v.w >= 0.0;
        }
      }
    }
    INFO(c.family << " " << c.link << ": " << failed << " of " << rows << " rows failed");
    CHECK(fine);
    const bool everywhere = c.family == "binomial" || c.family == "betabinomial" ||
                            c.family == "beta" || c.family == "poisson" || c.family == "nbinom2";
    const bool whole_line = is_unit(c.family)
                                ? c.link != "log" && c.link != "cloglog" && c.link != "loglog"
                                : c.link == "log";
    if (everywhere && whole_line) CHECK(failed == 0);
  }
}

TEST_CASE("outside the domain a row fails, and a row of weight zero counts nothing") {
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    const double y = c.family == "beta" ? 0.5 : 1.0;
    const FamilyValues none = evaluate_at(*family, {0.4, y, 1.0, 0.0, 0.0});
    CHECK(none.logp == 0.0);
    CHECK(none.s == 0.0);
    CHECK(none.w == 0.0);
    for (const double eta : {-0.3, 0.3}) {
      if (first_outside(c, {eta}) == -1) continue;
      const FamilyValues v = evaluate_at(*family, {eta, y, 1.0, 1.0, 0.0});
      INFO(c.family << " " << c.link << " " << eta);
      CHECK(v.logp == -std::numeric_limits<double>::infinity());
      CHECK(v.w == 0.0);
    }
  }
}

// Dispersion at its end gives the family without one; the remainder is of first order in e^-20.
TEST_CASE("families meet at the ends of their dispersion") {
  const double off = std::exp(-20.0);
  const auto poisson = make_family("poisson", "log"), binomial = make_family("binomial", "logit");
  const auto nb2 = make_family("nbinom2", "log"), nb1 = make_family("nbinom1", "log");
  const auto bb = make_family("betabinomial", "logit");
  for (const double eta : {-2.0, 0.5, 3.0}) {
    const double mu = std::exp(eta);
    for (const double y : {0.0, 1.0, 8.0, 17.0, 40.0}) {
      const FamilyValues p = evaluate_at(*poisson, {eta, y, 1, 1, 0});
      const FamilyValues n2 = evaluate_at(*nb2, {eta, y, 1, 1, 20.0});
      const FamilyValues n1 = evaluate_at(*nb1, {eta, y, 1, 1, -20.0});
      const double order = ((y - mu) * (y - mu) - y) / 2 * off;
      CHECK(n2.logp - p.logp == Approx(order).margin(1e-12));
      CHECK(n1.logp - p.logp == Approx(order / mu).margin(1e-12));
      CHECK(n2.s == Approx(p.s).margin(1e-6));
      CHECK(n1.w == Approx(p.w).margin(1e-6 + 1e-8 * y * y / mu));
      const FamilyValues b = evaluate_at(*binomial, {eta, y, 40.0, 1, 0});
      const FamilyValues bb20 = evaluate_at(*bb, {eta, y, 40.0, 1, 20.0});
      CHECK(bb20.logp == Approx(b.logp).margin(1e-4 * mu));
      CHECK(bb20.w == Approx(b.w).margin(1e-4));
    }
  }
  // Counts without a rounding error of their own size: logp at y = mu is -log(2 pi y)/2.
  for (const double y : {1e9, 1e12, 1e15}) {
    const FamilyValues v = evaluate_at(*make_family("poisson", "identity"), {y, y, 1, 1, 0});
    CHECK(v.logp == Approx(-0.5 * std::log(2.0 * std::acos(-1.0) * y)).epsilon(1e-10));
  }
}

TEST_CASE("complementary log-log links keep finite values where e^eta is subnormal") {
  for (const double eta : {-705.0, -710.0, -720.0, -744.0, -760.0}) {
    const FamilyValues none = evaluate_at(*make_family("binomial", "cloglog"), {eta, 0, 1, 1, 0});
    const FamilyValues one = evaluate_at(*make_family("binomial", "cloglog"), {eta, 1, 1, 1, 0});
    const FamilyValues mirrored =
        evaluate_at(*make_family("binomial", "loglog"), {-eta, 1, 1, 1, 0});
    CHECK(none.logp == Approx(0.0).margin(1e-300));
    CHECK(one.logp == Approx(eta).epsilon(1e-12));
    CHECK(one.s == Approx(1.0));
    CHECK(mirrored.logp == Approx(0.0).margin(1e-300));
  }
}
