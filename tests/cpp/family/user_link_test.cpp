#include "core/family/user_link.h"

#include <cmath>
#include <stdexcept>

#include "catch.h"
#include "family_cases.h"

using namespace tiers;

namespace {

template <class F>
LinkFunctions::Map each(F f) {
  return [f](const double* from, Index n, double* to, const int*) {
    for (Index i = 0; i < n; ++i) to[i] = f(from[i]);
  };
}

// Links as a user would write them, without care for the tails.
LinkFunctions written_out(const std::string& name) {
  LinkFunctions f;
  f.name = "my " + name;
  const auto set = [&](auto eta, auto mean, auto slope) {
    f.eta = each(eta);
    f.mean = each(mean);
    f.slope = each(slope);
  };
  const auto positive = [](const double* eta, Index n, const int*) {
    for (Index i = 0; i < n; ++i) {
      if (!(eta[i] > 0.0)) return false;
    }
    return true;
  };
  if (name == "logit") {
    set([](double mu) { return std::log(mu / (1 - mu)); },
        [](double eta) { return 1 / (1 + std::exp(-eta)); },
        [](double eta) { return std::exp(-eta) / std::pow(1 + std::exp(-eta), 2); });
  } else if (name == "probit") {
    set([](double mu) { return mu; },
        [](double eta) { return std::erfc(-eta / std::sqrt(2.0)) / 2; },
        [](double eta) { return std::exp(-eta * eta / 2) / std::sqrt(2 * std::acos(-1.0)); });
  } else if (name == "cloglog") {
    set([](double mu) { return std::log(-std::log(1 - mu)); },
        [](double eta) { return 1 - std::exp(-std::exp(eta)); },
        [](double eta) { return std::exp(eta - std::exp(eta)); });
  } else if (name == "cauchit") {
    set([](double mu) { return std::tan(std::acos(-1.0) * (mu - 0.5)); },
        [](double eta) { return 0.5 + std::atan(eta) / std::acos(-1.0); },
        [](double eta) { return 1 / (std::acos(-1.0) * (1 + eta * eta)); });
  } else if (name == "log") {
    set([](double mu) { return std::log(mu); }, [](double eta) { return std::exp(eta); },
        [](double eta) { return std::exp(eta); });
  } else if (name == "inverse") {
    set([](double mu) { return 1 / mu; }, [](double eta) { return 1 / eta; },
        [](double eta) { return -1 / (eta * eta); });
    f.valid = positive;
  } else if (name == "sqrt") {
    set([](double mu) { return std::sqrt(mu); }, [](double eta) { return eta * eta; },
        [](double eta) { return 2 * eta; });
    f.valid = positive;
  } else {
    set([](double mu) { return mu; }, [](double eta) { return eta; }, [](double) { return 1.0; });
  }
  return f;
}

std::unique_ptr<ResponseFamily> with_user_link(const std::string& family, const std::string& link) {
  return make_family(family, make_user_link(family_range(family), written_out(link)));
}

}  // namespace

TEST_CASE("a link written by a user gives what the built-in one gives") {
  const std::vector<FamilyCase> cases = {
      {"binomial", "logit"},   {"binomial", "probit"},      {"binomial", "cloglog"},
      {"binomial", "cauchit"}, {"poisson", "log"},          {"poisson", "sqrt"},
      {"nbinom2", "log"},      {"nbinom1", "inverse"},      {"Gamma", "inverse"},
      {"Gamma", "log"},        {"inverse.gaussian", "log"}, {"beta", "logit"},
      {"beta", "cloglog"},     {"betabinomial", "probit"},  {"gaussian", "log"},
      {"gaussian", "inverse"}, {"gaussian", "identity"}};
  for (const FamilyCase& c : cases) {
    const auto own = make_family(c.family, c.link), user = with_user_link(c.family, c.link);
    CHECK(user->name() == c.family);
    CHECK(user->link_name() == "my " + c.link);
    for (const FamilyPoint& at : moderate_points(c)) {
      const FamilyValues a = evaluate_at(*own, at), b = evaluate_at(*user, at);
      INFO(c.family << " " << c.link << " eta " << at.eta << " y " << at.y << " phi " << at.phi);
      const double root = std::sqrt(a.w_fallback);
      const double size = std::max(std::fabs(a.s), root);
      CHECK(b.logp == Approx(a.logp).epsilon(1e-10).margin(1e-10));
      CHECK(std::fabs(b.s - a.s) <= 1e-8 * size);
      CHECK(std::fabs(b.w - a.w) <= 1e-8 * std::max(std::fabs(a.w), a.w_fallback));
      CHECK(b.w_fallback == Approx(a.w_fallback).epsilon(1e-8));
      CHECK(std::fabs(b.dw - a.dw) <= 1e-6 * std::max(std::fabs(a.dw), a.w_fallback));
      CHECK(std::fabs(b.dlogp_dphi - a.dlogp_dphi) <= 1e-8 * (1.0 + std::fabs(a.dlogp_dphi)));
      CHECK(std::fabs(b.ds_dphi - a.ds_dphi) <= 1e-8 * (1.0 + std::fabs(a.ds_dphi)));
      CHECK(std::fabs(b.dw_dphi - a.dw_dphi) <= 1e-8 * (1.0 + std::fabs(a.dw_dphi)));
    }
  }
}

TEST_CASE("the differences of a user's link have the digits that its header names") {
  for (const std::string name :
       {"logit", "probit", "cloglog", "cauchit", "log", "inverse", "sqrt"}) {
    const bool unit = name != "log" && name != "inverse" && name != "sqrt";
    const MeanRange range = unit ? MeanRange::unit : MeanRange::positive;
    const auto own = make_link(range, name), user = make_user_link(range, written_out(name));
    for (double eta = -8.0; eta < 8.1; eta += 0.25) {
      double mu = 0.0;
      own->mean(&eta, 1, &mu);
      const double edge = unit ? std::min(mu, 1.0 - mu) : 1.0;
      if (!(edge > 1e-4) || first_outside(*own, {eta}) == 0) continue;
      double a[4], b[4];
      own->base(&eta, 1, 3, a, a + 1, a + 2, a + 3);
      user->base(&eta, 1, 3, b, b + 1, b + 2, b + 3);
      INFO(name << " at " << eta);
      const double unit_of_x = std::fabs(a[1]);
      CHECK(std::fabs(b[2] - a[2]) <= 1e-10 * unit_of_x * unit_of_x);
      CHECK(std::fabs(b[3] - a[3]) <= 2e-9 * unit_of_x * unit_of_x * unit_of_x);
    }
  }
}

TEST_CASE("a user's link knows its domain, and rows outside fail alone") {
  const auto link = make_user_link(MeanRange::positive, written_out("inverse"));
  std::vector<double> eta(600, 0.8);
  CHECK(first_outside(*link, eta) == -1);
  eta[413] = -0.1;
  eta[500] = 0.0;
  CHECK(first_outside(*link, eta) == 413);
  const auto family = make_family("Gamma", link);
  const std::vector<double> y(600, 1.3), phi = {0.2};
  ResponseRows rows;
  rows.n = 600;
  rows.y = y.data();
  rows.phi = phi.data();
  std::vector<double> logp(600), s(600), w(600);
  RowDerivatives out;
  out.logp = logp.data();
  out.s = s.data();
  out.w = w.data();
  family->evaluate(rows, eta.data(), Detail::newton, out);
  for (Index i = 0; i < 600; ++i) CHECK(std::isfinite(logp[i]) == (eta[i] > 0.0));
  // Next to the edge of the domain the differences keep to its inside.
  for (const double near : {1e-2, 1e-6, 1e-12}) {
    double x[4];
    link->base(&near, 1, 3, x, x + 1, x + 2, x + 3);
    CHECK(x[2] == Approx(1.0 / (near * near)).epsilon(1e-8));
    CHECK(x[3] == Approx(-2.0 / (near * near * near)).epsilon(1e-6));
  }
  CHECK_THROWS_AS(make_family("binomial", link), std::invalid_argument);
  CHECK_THROWS_AS(make_family("binomial", std::shared_ptr<const Link>()), std::invalid_argument);
}

TEST_CASE("a user's link survives means that round to the edge") {
  const auto family = with_user_link("binomial", "logit");
  for (const double eta : {-300.0, -40.0, 40.0, 300.0}) {
    for (const double y : {0.0, 1.0}) {
      const FamilyValues v = evaluate_at(*family, {eta, y, 1.0, 1.0, 0.0});
      INFO("eta " << eta << " y " << y);
      if ((y == 1.0) == (eta > 0.0)) CHECK(v.logp == Approx(0.0).margin(1e-12));
      CHECK_FALSE(std::isnan(v.logp));
      CHECK(std::isfinite(v.s));
      CHECK(std::isfinite(v.w));
      CHECK(std::isfinite(v.dw));
    }
  }
}

TEST_CASE("the unit of the linear predictor follows the link") {
  const std::vector<double> eta = {0.5, 2.0, 8.0}, y = {1.0, 2.0, 3.0}, weight = {1.0, 4.0, 16.0};
  const double phi = std::log(3.0);
  ResponseRows rows;
  rows.n = 3;
  rows.y = y.data();
  rows.phi = &phi;
  const auto unit = [&](const char* family, const char* link) {
    return make_family(family, link)->predictor_unit(rows, eta.data());
  };
  CHECK(unit("poisson", "log") == Approx(1.0));
  CHECK(unit("binomial", "logit") == Approx(1.0));
  CHECK(unit("Gamma", "inverse") == Approx(2.0));  // the geometric mean of eta
  CHECK(unit("poisson", "sqrt") == Approx(1.0));   // half of it
  CHECK(unit("gaussian", "identity") == Approx(3.0));
  rows.weight = weight.data();
  CHECK(unit("gaussian", "identity") ==
        Approx(3.0 / std::sqrt(7.0)));  // mean information of 1, 4 and 16
  const std::vector<double> gone = {0.5, 2.0, -400.0};
  rows.n = 2;
  const double two = make_family("gaussian", "log")->predictor_unit(rows, gone.data());
  rows.n = 3;
  rows.weight = nullptr;
  const double all = make_family("gaussian", "log")->predictor_unit(rows, gone.data());
  rows.n = 2;
  CHECK(all ==
        Approx(std::sqrt(1.5) * make_family("gaussian", "log")->predictor_unit(rows, gone.data())));
  CHECK(two < all);
}

// Logistic exposure: the chance of survival over d days with chance plogis(eta) for one.
TEST_CASE("a user's link with a value for each row is asked for the rows it is evaluated in") {
  constexpr Index n = 700;
  const auto days = [](const int* row, Index i) { return 1.0 + (row ? row[i] : 0) % 9; };
  LinkFunctions f;
  f.name = "exposure";
  f.by_row = true;
  f.mean = [days](const double* eta, Index count, double* mu, const int* row) {
    for (Index i = 0; i < count; ++i)
      mu[i] = std::pow(1.0 / (1.0 + std::exp(-eta[i])), days(row, i));
  };
  f.slope = [days](const double* eta, Index count, double* slope, const int* row) {
    for (Index i = 0; i < count; ++i) {
      const double p = 1.0 / (1.0 + std::exp(-eta[i])), d = days(row, i);
      slope[i] = d * std::pow(p, d) * (1.0 - p);
    }
  };
  f.eta = f.mean;  // not asked
  const auto family = make_family("binomial", make_user_link(MeanRange::unit, f));
  REQUIRE(family->link_differs_by_row());

  // Rows in any order and more than a strip of them; log density and score written out.
  std::vector<int> row(n);
  std::vector<double> eta(n), y(n), logp(n), s(n), w(n), dw(n);
  for (Index i = 0; i < n; ++i) {
    row[i] = static_cast<int>((i * 13) % n);
    eta[i] = 1.5 + std::sin(static_cast<double>(i));
    y[i] = static_cast<double>(i % 3 != 0);
  }
  ResponseRows rows;
  rows.n = n;
  rows.y = y.data();
  rows.row = row.data();
  RowDerivatives out;
  out.logp = logp.data();
  out.s = s.data();
  out.w = w.data();
  out.dw = dw.data();
  family->evaluate(rows, eta.data(), Detail::gradient, out);
  for (Index i = 0; i < n; ++i) {
    // log mu = -d log(1 + e^-eta); of failures log(1 - mu), with odds r = mu / (1 - mu).
    const double d = 1.0 + row[i] % 9, p = 1.0 / (1.0 + std::exp(-eta[i])), mu = std::pow(p, d),
                 r = mu / (1.0 - mu);
    const double slope = d * (1.0 - p), bend = -slope * p;  // of log mu
    const double failure = -r * slope, failure_bend = -r * bend - r * (1.0 + r) * slope * slope;
    CHECK(logp[i] == Approx(y[i] > 0.0 ? std::log(mu) : std::log1p(-mu)).epsilon(1e-12));
    CHECK(s[i] == Approx(y[i] > 0.0 ? slope : failure).epsilon(1e-10));
    CHECK(w[i] == Approx(y[i] > 0.0 ? -bend : -failure_bend).epsilon(1e-7));
  }
}
