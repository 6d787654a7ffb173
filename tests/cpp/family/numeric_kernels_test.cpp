#include "core/family/numeric_kernels.h"

#include "catch.h"

using namespace tiers;

namespace {

long double de_exact(long double x) {
  return std::lgamma(x) - (x - 0.5L) * std::log(x) + x - std::log(2 * std::acos(-1.0L)) / 2;
}

}  // namespace

TEST_CASE("ph keeps its digits near zero") {
  for (const double x :
       {-0.999, -0.51, -0.5, -0.2, -1e-3, -1e-9, 1e-12, 1e-4, 0.3, 0.5, 0.501, 7.0, 1e9}) {
    // Below 1e-3 the first terms of the series are exact to long double.
    const long double l = x;
    const long double exact =
        std::fabs(x) < 1e-3 ? l * l * (0.5L - l * (1.0L / 3 - l * (0.25L - l * (0.2L - l / 6))))
                            : l - std::log1p(l);
    CHECK(ph(x) == Approx(static_cast<double>(exact)).epsilon(2e-15));
  }
  CHECK(ph(0.0) == 0.0);
}

TEST_CASE("Stirling's remainder is that of lgamma") {
  for (const double x : {1e-12, 1e-3, 0.2, 1.0, 1.5, 4.0, 8.0, 8.9999, 9.0, 11.7, 14.9999, 15.0,
                         15.3, 15.9999, 16.0, 40.0, 300.0}) {
    const double exact = static_cast<double>(de_exact(x));
    CHECK(stirling_remainder(x) == Approx(exact).epsilon(1e-13).margin(2e-14));
    CHECK(stirling<3>(x).de == Approx(exact).epsilon(1e-13).margin(2e-14));
  }
  CHECK(stirling_remainder(1e12) == Approx(1.0 / 12e12).epsilon(1e-14));
  CHECK(stirling_remainder(1e-305) == Approx(0.5 * 305 * std::log(10.0) - 0.5 * kLogTwoPi));
}

TEST_CASE("e0, e1, e2 at arguments where psi and its derivatives are known") {
  const double euler = 0.57721566490153286061, zeta3 = 1.2020569031595942854;
  const Stirling one = stirling<3>(1.0);
  CHECK(one.e0 == Approx(-0.5 + euler).epsilon(1e-13));
  CHECK(one.e1 == Approx(1.5 - kPi * kPi / 6).epsilon(1e-13));
  CHECK(one.e2 == Approx(-1.0 - 1.0 + 2.0 * zeta3).epsilon(1e-13));
  const double x = 0.5, psi = -euler - 2.0 * std::log(2.0);
  const Stirling half = stirling<3>(x);
  CHECK(half.e0 == Approx(x * (std::log(x) - 1.0 - psi)).epsilon(1e-13));
  CHECK(half.e1 == Approx(x * x * (2.0 + 2.0 - kPi * kPi / 2)).epsilon(1e-13));
  CHECK(half.e2 == Approx(x * x * x * (-4.0 - 8.0 + 14.0 * zeta3)).epsilon(1e-13));
  const Stirling tiny = stirling<3>(1e-200);
  CHECK(tiny.e0 == Approx(0.5));
  CHECK(tiny.e1 == Approx(-0.5));
  CHECK(tiny.e2 == Approx(1.0));
}

// psi(x + 1) = psi(x) + 1/x and its derivatives tie each argument to the next, across the switch.
TEST_CASE("e0, e1, e2 obey the recurrence of psi") {
  for (const double x :
       {0.01, 0.7, 3.3, 7.999, 8.0, 8.5, 9.0, 13.999, 14.0, 14.999, 15.0, 15.5, 16.0, 22.0}) {
    const double next = x + 1.0;
    const Stirling at = stirling<3>(x), then = stirling<3>(next);
    const auto psi = [](double z, const Stirling& s) { return std::log(z) - 0.5 / z - s.e0 / z; };
    const auto psi1 = [](double z, const Stirling& s) {
      return 1.0 / z + 0.5 / (z * z) - s.e1 / (z * z);
    };
    const auto psi2 = [](double z, const Stirling& s) {
      return -1.0 / (z * z) - (1.0 + s.e2) / (z * z * z);
    };
    CHECK(psi(next, then) == Approx(psi(x, at) + 1.0 / x).epsilon(1e-13));
    CHECK(psi1(next, then) == Approx(psi1(x, at) - 1.0 / (x * x)).epsilon(1e-11));
    CHECK(psi2(next, then) == Approx(psi2(x, at) + 2.0 / (x * x * x)).epsilon(1e-8));
  }
}

TEST_CASE("deviance parts and the logistic function keep their digits") {
  CHECK(deviance_part(0.0, 3.0, [] { return 0.0; }) == 3.0);
  CHECK(deviance_part(2.0, 5.0, [] { return std::log(3.5); }) ==
        Approx(5.0 - 2.0 * std::log(3.5)).epsilon(1e-15));
  CHECK(deviance_part(1e15, 1e3, [] { return 0.0; }) == Approx(0.5e-9).epsilon(1e-12));
  for (const double eta : {-700.0, -40.0, -1.0, 0.0, 0.3, 37.0, 700.0}) {
    const Logistic l = logistic(eta), mirror = logistic(-eta);
    CHECK(l.p == mirror.q);
    CHECK(l.log_p == mirror.log_q);
    CHECK(l.p > 0.0);
    CHECK(l.q > 0.0);
    const double softplus = std::max(eta, 0.0) + std::log1p(std::exp(-std::fabs(eta)));
    CHECK(l.log_q == Approx(-softplus).epsilon(1e-15));
    CHECK(l.p / l.q == Approx(std::exp(eta)).epsilon(1e-14));
  }
}
