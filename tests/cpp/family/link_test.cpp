#include "core/family/link.h"

#include <cmath>
#include <stdexcept>

#include "catch.h"
#include "family_cases.h"

using namespace tiers;

namespace {

double base_of_mean(MeanRange range, double mu) {
  if (range == MeanRange::positive) return std::log(mu);
  if (range == MeanRange::unit) return std::log(mu) - std::log1p(-mu);
  return mu;
}

struct BaseValues {
  double x, x1, x2, x3;
};
BaseValues base_at(const Link& link, double eta) {
  BaseValues b{};
  link.base(&eta, 1, 3, &b.x, &b.x1, &b.x2, &b.x3);
  return b;
}

}  // namespace

TEST_CASE("a link, its inverse and its base scale with derivatives agree") {
  for (const MeanRange range : {MeanRange::real, MeanRange::positive, MeanRange::unit}) {
    for (const auto& name : link_names(range)) {
      const auto link = make_link(range, name);
      CHECK(link->name() == name);
      CHECK(link->range() == range);
      const bool below = range == MeanRange::unit && name == "log";
      for (const double size : {0.2, 0.7, 1.5, 2.4, 3.6}) {
        if (range == MeanRange::unit && size > 2.5) continue;  // 1 - mu has no digits left
        const double eta = below ? -size : size;
        double mu = 0.0, back = 0.0;
        link->mean(&eta, 1, &mu);
        link->eta(&mu, 1, &back);
        const BaseValues b = base_at(*link, eta);
        INFO(name << " at " << eta);
        CHECK(back == Approx(eta).epsilon(1e-9));
        CHECK(b.x == Approx(base_of_mean(range, mu)).epsilon(1e-9).margin(1e-12));
        // Differences of the fourth order.
        const double h = 2e-3 * size;
        const BaseValues u1 = base_at(*link, eta + h), u2 = base_at(*link, eta + 2 * h);
        const BaseValues d1 = base_at(*link, eta - h), d2 = base_at(*link, eta - 2 * h);
        const auto slope = [&](double BaseValues::*part) {
          return (8.0 * (u1.*part - d1.*part) - (u2.*part - d2.*part)) / (12.0 * h);
        };
        CHECK(b.x1 == Approx(slope(&BaseValues::x)).epsilon(1e-8).margin(1e-9));
        CHECK(b.x2 == Approx(slope(&BaseValues::x1)).epsilon(1e-8).margin(1e-9));
        CHECK(b.x3 == Approx(slope(&BaseValues::x2)).epsilon(1e-8).margin(1e-9));
      }
    }
  }
}

TEST_CASE("links know their domain") {
  const std::vector<double> etas = {0.5, 2.0, -0.1};
  for (const auto& name : {"identity", "inverse", "sqrt", "1/mu^2"}) {
    const auto link = make_link(MeanRange::positive, name);
    CHECK(first_outside(*link, etas) == 2);
    CHECK(std::isnan(base_at(*link, -0.1).x));
  }
  CHECK(first_outside(*make_link(MeanRange::positive, "log"), etas) == -1);
  CHECK(first_outside(*make_link(MeanRange::unit, "log"), etas) == 0);
  CHECK(first_outside(*make_link(MeanRange::unit, "probit"), etas) == -1);
  CHECK_THROWS_AS(make_link(MeanRange::unit, "sqrt"), std::invalid_argument);
}

TEST_CASE("the probit link inverts the normal distribution in its tails") {
  const auto probit = make_link(MeanRange::unit, "probit");
  for (const double eta : {-30.0, -9.0, -5.0, -0.3, 0.0, 1e-9, 2.0, 6.0}) {
    double mu = 0.0, back = 0.0;
    probit->mean(&eta, 1, &mu);
    probit->eta(&mu, 1, &back);
    CHECK(back == Approx(eta).epsilon(1e-7).margin(1e-15));
  }
}
