// What the tests of the families share: every family with every link, ordinary rows for each, and
// the log densities as a textbook writes them, in long double.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/family/family_registry.h"

namespace tiers {

struct FamilyCase {
  std::string family, link;
};

inline std::vector<FamilyCase> family_cases() {
  std::vector<FamilyCase> cases;
  for (const auto& family : family_names()) {
    for (const auto& link : family_links(family)) cases.push_back({family, link});
  }
  return cases;
}

// The first eta outside the domain of a link; -1: none.
inline Index first_outside(const Link& link, const std::vector<double>& eta) {
  const Index n = static_cast<Index>(eta.size());
  std::vector<double> x(n), x1(n), x2(n), x3(n);
  link.base(eta.data(), n, 1, x.data(), x1.data(), x2.data(), x3.data());
  for (Index i = 0; i < n; ++i) {
    if (std::isnan(x[i])) return i;
  }
  return -1;
}
inline Index first_outside(const FamilyCase& c, const std::vector<double>& eta) {
  return first_outside(*make_link(family_range(c.family), c.link), eta);
}

// Is the density log-concave in eta, by formulas that show it to the last digit?
inline bool weights_are_positive(const FamilyCase& c) {
  if (c.family == "gaussian") return c.link == "identity";
  if (c.family == "binomial") return c.link != "cauchit";
  if (c.family == "poisson") return c.link == "log" || c.link == "sqrt" || c.link == "identity";
  if (c.family == "nbinom2") return c.link == "log";
  if (c.family == "Gamma") return c.link == "inverse" || c.link == "log";
  if (c.family == "inverse.gaussian") return c.link == "1/mu^2" || c.link == "inverse";
  return false;
}

struct FamilyPoint {
  double eta, y, m, a, phi;
};

struct FamilyValues {
  double logp, s, w, w_fallback, dw, dlogp_dphi, ds_dphi, dw_dphi;
};

inline FamilyValues evaluate_at(const ResponseFamily& family, const FamilyPoint& at) {
  ResponseRows rows;
  rows.n = 1;
  rows.y = &at.y;
  rows.size = &at.m;
  rows.weight = &at.a;
  rows.phi = &at.phi;
  FamilyValues v{};
  const RowDerivatives out{&v.logp, &v.s,          &v.w,       &v.w_fallback,
                           &v.dw,   &v.dlogp_dphi, &v.ds_dphi, &v.dw_dphi};
  family.evaluate(rows, &at.eta, Detail::gradient, out);
  return v;
}

inline bool is_unit(const std::string& family) {
  return family == "binomial" || family == "beta" || family == "betabinomial";
}
inline bool is_count(const std::string& family) {
  return family == "poisson" || family == "nbinom1" || family == "nbinom2";
}
inline bool takes_trials(const std::string& family) {
  return family == "binomial" || family == "betabinomial";
}
inline bool weight_divides(const std::string& family) {
  return family == "gaussian" || family == "Gamma" || family == "inverse.gaussian";
}

inline std::vector<double> moderate_etas(const FamilyCase& c) {
  if (is_unit(c.family)) {
    if (c.link == "log") return {-2.1, -0.9, -0.35};
    return {-2.3, -0.8, 0.15, 0.9, 1.7};
  }
  if (c.link == "log" || (c.family == "gaussian" && c.link == "identity"))
    return {-1.2, 0.1, 0.8, 2.2};
  return {0.3, 0.9, 1.6, 3.1};
}

inline std::vector<FamilyPoint> moderate_points(const FamilyCase& c) {
  std::vector<double> ys = {0.02, 0.7, 1.3, 4.0};
  if (c.family == "gaussian") ys = {-1.4, 0.2, 1.1, 3.7};
  if (c.family == "beta") ys = {0.03, 0.4, 0.72, 0.985};
  if (is_count(c.family)) ys = {0, 1, 3, 11, 40, 90};
  if (takes_trials(c.family)) ys = {0, 1, 4, 9, 12};
  std::vector<FamilyPoint> points;
  for (const double eta : moderate_etas(c)) {
    for (const double y : ys) {
      for (const double phi : {-1.3, 0.4, 2.6}) {
        // Sizes on both sides of where kernels change from products to series.
        const double m = !takes_trials(c.family) || y == 1 ? 1 : phi == 0.4 ? 30 : 12;
        points.push_back({eta, y, m, phi < 0 ? 1.0 : 1.7, phi});
      }
    }
  }
  return points;
}

// mu and 1 - mu.
inline void textbook_mean(const FamilyCase& c, long double eta, long double& mu, long double& nu) {
  const auto& link = c.link;
  const long double pi_l = std::acos(-1.0L);
  if (link == "identity") mu = eta;
  if (link == "log") mu = std::exp(eta);
  if (link == "inverse") mu = 1 / eta;
  if (link == "sqrt") mu = eta * eta;
  if (link == "1/mu^2") mu = 1 / std::sqrt(eta);
  if (link == "logit") mu = 1 / (1 + std::exp(-eta));
  if (link == "probit") mu = std::erfc(-eta / std::sqrt(2.0L)) / 2;
  if (link == "cloglog") mu = 1 - std::exp(-std::exp(eta));
  if (link == "loglog") mu = std::exp(-std::exp(-eta));
  if (link == "cauchit") mu = std::atan(eta) / pi_l + 0.5L;
  nu = 1 - mu;
}

inline long double log_beta_function(long double a, long double b) {
  return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
}

inline double textbook_log_density(const FamilyCase& c, const FamilyPoint& at) {
  const long double y = at.y, m = at.m, a = at.a, k = std::exp(static_cast<long double>(at.phi));
  const long double two_pi = 2 * std::acos(-1.0L);
  long double mu = 0, nu = 0, logp = 0;
  textbook_mean(c, at.eta, mu, nu);
  const long double choose = std::lgamma(m + 1) - std::lgamma(y + 1) - std::lgamma(m - y + 1);
  if (c.family == "gaussian") {
    const long double variance = k * k / a;
    logp = -std::log(two_pi * variance) / 2 - (y - mu) * (y - mu) / (2 * variance);
  } else if (c.family == "binomial") {
    logp = choose + y * std::log(mu) + (m - y) * std::log(nu);
  } else if (c.family == "poisson") {
    logp = y * std::log(mu) - mu - std::lgamma(y + 1);
  } else if (c.family == "Gamma") {
    const long double shape = a * k;
    logp = shape * std::log(shape / mu) + (shape - 1) * std::log(y) - shape * y / mu -
           std::lgamma(shape);
  } else if (c.family == "inverse.gaussian") {
    const long double l = a * k;
    logp = std::log(l / (two_pi * y * y * y)) / 2 - l * (y - mu) * (y - mu) / (2 * mu * mu * y);
  } else if (c.family == "beta") {
    logp = (k * mu - 1) * std::log(y) + (k * nu - 1) * std::log(1 - y) -
           log_beta_function(k * mu, k * nu);
  } else if (c.family == "betabinomial") {
    logp =
        choose + log_beta_function(k * mu + y, k * nu + m - y) - log_beta_function(k * mu, k * nu);
  } else {
    const long double size = c.family == "nbinom2" ? k : mu / k;
    logp = std::lgamma(y + size) - std::lgamma(size) - std::lgamma(y + 1) +
           size * std::log(size / (size + mu)) + y * std::log(mu / (size + mu));
  }
  return static_cast<double>(weight_divides(c.family) ? logp : a * logp);
}

}  // namespace tiers
