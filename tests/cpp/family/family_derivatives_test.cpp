#include <algorithm>
#include <cmath>
#include <functional>

#include "catch.h"
#include "family_cases.h"

using namespace tiers;

namespace {

// Central differences extrapolated over four halvings of the step.
double difference(const std::function<double(double)>& f, double x, double h) {
  double table[4];
  for (int i = 0; i < 4; ++i, h /= 2) table[i] = (f(x + h) - f(x - h)) / (2.0 * h);
  for (int order = 1; order < 4; ++order) {
    const double factor = std::pow(4.0, order);
    for (int i = 0; i + order < 4; ++i)
      table[i] = (factor * table[i + 1] - table[i]) / (factor - 1);
  }
  return table[0];
}

double scaled_error(double value, double expected, double scale) {
  return std::fabs(value - expected) / (1.0 + std::fabs(expected) + scale);
}

}  // namespace

TEST_CASE("each derivative is the difference of what it derives") {
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    const auto points = moderate_points(c);
    for (const auto& at : points) {
      const FamilyValues v = evaluate_at(*family, at);
      const auto along_eta = [&](double FamilyValues::*part) {
        return difference(
            [&](double eta) {
              FamilyPoint moved = at;
              moved.eta = eta;
              return evaluate_at(*family, moved).*part;
            },
            at.eta, 0.02 * std::min(1.0, std::fabs(at.eta)));
      };
      const auto along_phi = [&](double FamilyValues::*part) {
        return difference(
            [&](double phi) {
              FamilyPoint moved = at;
              moved.phi = phi;
              return evaluate_at(*family, moved).*part;
            },
            at.phi, 0.02);
      };
      INFO(c.family << " " << c.link << " eta " << at.eta << " y " << at.y << " phi " << at.phi);
      CHECK(scaled_error(v.s, along_eta(&FamilyValues::logp), std::fabs(v.logp)) < 1e-8);
      CHECK(scaled_error(v.w, -along_eta(&FamilyValues::s), std::fabs(v.s)) < 1e-8);
      CHECK(scaled_error(v.dw, along_eta(&FamilyValues::w), std::fabs(v.w)) < 1e-8);
      CHECK(v.w_fallback > 0.0);
      if (weights_are_positive(c)) CHECK(v.w >= 0.0);
      if (family->dispersion_count() == 0) continue;
      CHECK(scaled_error(v.dlogp_dphi, along_phi(&FamilyValues::logp), std::fabs(v.logp)) < 1e-8);
      CHECK(scaled_error(v.ds_dphi, along_phi(&FamilyValues::s), std::fabs(v.s)) < 1e-8);
      CHECK(scaled_error(v.dw_dphi, along_phi(&FamilyValues::w), std::fabs(v.w)) < 1e-8);
    }
  }
}

// Expected weights are E(s^2): the mean over the response of the observed ones.
TEST_CASE("the fall-back weight has the observed weight's expectation") {
  for (const auto& c : family_cases()) {
    if (!is_count(c.family) && !takes_trials(c.family)) continue;
    if (c.family == "nbinom1") continue;  // a working weight, mu/(1 + al)
    const auto family = make_family(c.family, c.link);
    for (const double eta : moderate_etas(c)) {
      double observed = 0.0, fallback = 0.0;
      for (double y = 0.0; y <= (takes_trials(c.family) ? 9.0 : 4000.0); y += 1.0) {
        const FamilyValues v = evaluate_at(*family, {eta, y, 9.0, 1.0, 1.2});
        observed += std::exp(v.logp) * v.w;
        fallback += std::exp(v.logp) * v.w_fallback;
      }
      INFO(c.family << " " << c.link << " eta " << eta);
      CHECK(fallback == Approx(observed).epsilon(1e-9));
    }
  }
}
