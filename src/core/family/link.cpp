#include "link.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "probability_links.h"

namespace tiers {

// Solves log(F/(1 - F)) = log(mu/(1 - mu)) by Newton: the left side is smooth, odd and steep.
double ProbitLink::eta(double mu) {
  if (!(mu > 0.0 && mu < 1.0)) return mu <= 0.0 ? -HUGE_VAL : HUGE_VAL;
  const double target = LogitLink::eta(mu);
  const double size = std::fabs(target);
  double x = size < 4.0 ? 0.6 * size : std::sqrt(2.0 * size) - 0.8;
  for (int i = 0; i < 50; ++i) {
    const LogProbability at = ProbitLink::at(x);
    const double step = (size - (at.a.value - at.b.value)) / (at.a.d1 - at.b.d1);
    x += step;
    if (std::fabs(step) <= 1e-14 * (1.0 + x)) break;
  }
  return std::copysign(x, target);
}

namespace {

struct Base {
  double x, x1, x2, x3;
};

template <class Probability>
struct UnitLink {
  static constexpr MeanRange range = MeanRange::unit;
  static constexpr const char* name = Probability::name;
  static bool in_domain(double eta) { return Probability::in_domain(eta); }
  static double mean(double eta) { return Probability::at(eta).p; }
  static double eta(double mu) { return Probability::eta(mu); }
  static Base base(double eta) {
    const LogProbability l = Probability::at(eta);
    return {l.a.value - l.b.value, l.a.d1 - l.b.d1, l.a.d2 - l.b.d2, l.a.d3 - l.b.d3};
  }
};

struct Identity {
  static constexpr const char* name = "identity";
  static bool in_domain(double eta) { return std::isfinite(eta); }
  static double mean(double eta) { return eta; }
  static double eta(double mu) { return mu; }
};
struct Log {
  static constexpr const char* name = "log";
  static bool in_domain(double eta) { return std::isfinite(eta); }
  static double mean(double eta) { return std::exp(eta); }
  static double eta(double mu) { return std::log(mu); }
};
struct Inverse {
  static constexpr const char* name = "inverse";
  static double mean(double eta) { return 1.0 / eta; }
  static double eta(double mu) { return 1.0 / mu; }
};
struct SquareRoot {
  static constexpr const char* name = "sqrt";
  static double mean(double eta) { return eta * eta; }
  static double eta(double mu) { return std::sqrt(mu); }
};
struct InverseSquare {
  static constexpr const char* name = "1/mu^2";
  static double mean(double eta) { return 1.0 / std::sqrt(eta); }
  static double eta(double mu) { return 1.0 / (mu * mu); }
};

// x = log mu is eta itself.
struct PositiveLog : Log {
  static constexpr MeanRange range = MeanRange::positive;
  static Base base(double eta) { return {eta, 1.0, 0.0, 0.0}; }
};

// mu = eta^c: x = c log eta.
template <class Formula, int twice_c>
struct PositivePower : Formula {
  static constexpr MeanRange range = MeanRange::positive;
  static bool in_domain(double eta) { return eta > 0.0 && std::isfinite(eta); }
  static Base base(double eta) {
    const double c = 0.5 * twice_c, r = 1.0 / eta;
    return {c * std::log(eta), c * r, -c * r * r, 2.0 * c * r * r * r};
  }
};

struct RealIdentity : Identity {
  static constexpr MeanRange range = MeanRange::real;
  static Base base(double eta) { return {eta, 1.0, 0.0, 0.0}; }
};
struct RealLog : Log {
  static constexpr MeanRange range = MeanRange::real;
  static Base base(double eta) {
    const double mu = std::exp(eta);
    return {mu, mu, mu, mu};
  }
};
struct RealInverse : Inverse {
  static constexpr MeanRange range = MeanRange::real;
  static bool in_domain(double eta) { return eta != 0.0 && std::isfinite(eta); }
  static Base base(double eta) {
    const double mu = 1.0 / eta, square = mu * mu;
    return {mu, -square, 2.0 * mu * square, -6.0 * square * square};
  }
};

template <class Formula>
class LinkOf final : public Link {
 public:
  std::string name() const override { return Formula::name; }
  MeanRange range() const override { return Formula::range; }
  void mean(const double* eta, Index n, double* mu, const int*) const override {
    for (Index i = 0; i < n; ++i) mu[i] = Formula::mean(eta[i]);
  }
  void eta(const double* mu, Index n, double* eta, const int*) const override {
    for (Index i = 0; i < n; ++i) eta[i] = Formula::eta(mu[i]);
  }
  void base(const double* eta, Index n, int, double* x, double* x1, double* x2, double* x3,
            const int*) const override {
    for (Index i = 0; i < n; ++i) {
      const Base b = Formula::base(eta[i]);
      x[i] = Formula::in_domain(eta[i]) ? b.x : std::numeric_limits<double>::quiet_NaN();
      x1[i] = b.x1;
      x2[i] = b.x2;
      x3[i] = b.x3;
    }
  }
};

template <class Formula>
std::shared_ptr<const Link> instance() {
  static const auto link = std::make_shared<const LinkOf<Formula>>();
  return link;
}

const std::vector<std::shared_ptr<const Link>>& all_links() {
  static const std::vector<std::shared_ptr<const Link>> links = {
      instance<RealIdentity>(),
      instance<RealLog>(),
      instance<RealInverse>(),
      instance<PositiveLog>(),
      instance<PositivePower<Identity, 2>>(),
      instance<PositivePower<Inverse, -2>>(),
      instance<PositivePower<SquareRoot, 4>>(),
      instance<PositivePower<InverseSquare, -1>>(),
      instance<UnitLink<LogitLink>>(),
      instance<UnitLink<ProbitLink>>(),
      instance<UnitLink<CloglogLink>>(),
      instance<UnitLink<LoglogLink>>(),
      instance<UnitLink<CauchitLink>>(),
      instance<UnitLink<LogProbabilityLink>>(),
  };
  return links;
}

}  // namespace

std::vector<std::string> link_names(MeanRange range) {
  std::vector<std::string> names;
  for (const auto& link : all_links()) {
    if (link->range() == range) names.push_back(link->name());
  }
  return names;
}

std::shared_ptr<const Link> make_link(MeanRange range, const std::string& name) {
  for (const auto& link : all_links()) {
    if (link->range() == range && link->name() == name) return link;
  }
  throw std::invalid_argument("no link '" + name + "' for a mean of this range");
}

}  // namespace tiers
