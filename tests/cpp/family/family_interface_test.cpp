#include <cmath>
#include <limits>
#include <stdexcept>

#include "catch.h"
#include "family_cases.h"

using namespace tiers;

TEST_CASE("the registry makes what it names") {
  CHECK(family_names().size() == 9);
  for (const auto& name : family_names()) {
    const auto links = family_links(name);
    CHECK(make_family(name, "")->link_name() == links.front());
    for (const auto& link : links) {
      const auto family = make_family(name, link);
      CHECK(family->name() == name);
      CHECK(family->link_name() == link);
      CHECK((family->dispersion_count() == 1) == !family->dispersion_name().empty());
      CHECK(family->uses_trials() == takes_trials(name));
    }
  }
  CHECK(family_links("Gamma").front() == "inverse");
  CHECK_THROWS_AS(make_family("weibull", ""), std::invalid_argument);
  CHECK_THROWS_AS(make_family("poisson", "logit"), std::invalid_argument);
}

TEST_CASE("impossible responses are found") {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto first_bad = [](const std::string& name, std::vector<double> y,
                            std::vector<double> m = {}, std::vector<double> a = {}) {
    ResponseRows rows;
    rows.n = static_cast<Index>(y.size());
    rows.y = y.data();
    if (!m.empty()) rows.size = m.data();
    if (!a.empty()) rows.weight = a.data();
    return make_family(name, "")->first_invalid_response(rows);
  };
  CHECK(first_bad("gaussian", {1.0, -2.0, infinity}) == 2);
  CHECK(first_bad("poisson", {0.0, 3.0, -1.0}) == 2);
  CHECK(first_bad("nbinom1", {0.0, 2.5}) == 1);
  CHECK(first_bad("binomial", {0.0, 1.0}) == -1);
  CHECK(first_bad("binomial", {0.0, 1.0, 4.0}, {0.0, 1.0, 3.0}) == 2);
  CHECK(first_bad("betabinomial", {1.0, 1.0}, {2.0, 1.5}) == 1);
  CHECK(first_bad("Gamma", {1.0, 0.0}) == 1);
  CHECK(first_bad("beta", {0.5, 1.0}) == 1);
  CHECK(first_bad("poisson", {1.0, 1.0}, {}, {0.0, -1.0}) == 1);
  CHECK(first_bad("poisson", {1.0, std::nan("")}) == 1);
}

TEST_CASE("mean and variance are those of the density") {
  for (const auto& c : family_cases()) {
    if (!is_count(c.family) && !takes_trials(c.family)) continue;
    const auto family = make_family(c.family, c.link);
    const double m = 9.0, phi = 1.2;
    for (const double eta : moderate_etas(c)) {
      double mu = 0.0, variance = 0.0;
      family->mean(&eta, 1, &mu);
      ResponseRows rows;
      rows.n = 1;
      rows.size = &m;
      rows.phi = &phi;
      family->variance(rows, &mu, &variance);
      double first = 0.0, second = 0.0;
      for (double y = 0.0; y <= (takes_trials(c.family) ? m : 5000.0); y += 1.0) {
        const double p = std::exp(evaluate_at(*family, {eta, y, m, 1.0, phi}).logp);
        first += p * y;
        second += p * y * y;
      }
      INFO(c.family << " " << c.link << " eta " << eta);
      CHECK(first == Approx(takes_trials(c.family) ? m * mu : mu).epsilon(1e-9));
      CHECK(second - first * first == Approx(variance).epsilon(1e-8));
    }
  }
}

TEST_CASE("start values lie in the domain and start dispersions are finite") {
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    std::vector<double> y = {0.0, 1.0, 2.0, 7.0, 3.0}, m(5, takes_trials(c.family) ? 7.0 : 1.0);
    if (c.family == "beta") y = {0.01, 0.3, 0.99, 0.5, 0.7};
    if (c.family == "Gamma" || c.family == "inverse.gaussian") y = {0.01, 3.0, 1.0, 2.2, 1e4};
    if (c.family == "gaussian") y = {-1.0, 0.0, 2.0, 5.0, 1.0};
    ResponseRows rows;
    rows.n = 5;
    rows.y = y.data();
    rows.size = m.data();
    REQUIRE(family->first_invalid_response(rows) == -1);
    double eta[5], mu[5];
    family->start_eta(rows, eta);
    INFO(c.family << " " << c.link);
    CHECK(first_outside(c, {eta, eta + 5}) == -1);
    for (const double value : eta) CHECK(std::isfinite(value));
    family->mean(eta, 5, mu);
    CHECK(std::isfinite(family->start_phi(rows, mu)));
    double middle = 0.0;
    for (const double value : mu) middle += value / 5;
    for (double& value : mu) value = middle;
    const double phi = family->start_phi(rows, mu);
    CHECK(std::isfinite(phi));
    CHECK(std::fabs(phi) <= 25.0);
  }
}

TEST_CASE("every level of detail gives the same values") {
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    for (const FamilyPoint& at : moderate_points(c)) {
      const FamilyValues all = evaluate_at(*family, at);
      ResponseRows rows;
      rows.n = 1;
      rows.y = &at.y;
      rows.size = &at.m;
      rows.weight = &at.a;
      rows.phi = &at.phi;
      for (const Detail detail : {Detail::score, Detail::newton}) {
        FamilyValues some{};
        RowDerivatives out;
        out.logp = &some.logp;
        out.s = &some.s;
        out.w = &some.w;
        out.w_fallback = &some.w_fallback;
        family->evaluate(rows, &at.eta, detail, out);
        INFO(c.family << " " << c.link << " eta " << at.eta << " y " << at.y << " phi " << at.phi);
        CHECK(some.logp == Approx(all.logp).epsilon(1e-13));
        CHECK(some.s == Approx(all.s).epsilon(1e-13).margin(1e-13 * all.w_fallback));
        if (detail == Detail::score) continue;
        CHECK(some.w == Approx(all.w).epsilon(1e-13).margin(1e-13 * all.w_fallback));
        CHECK(some.w_fallback == all.w_fallback);
      }
    }
  }
}
