// Negative binomial with Var(y) = mu (1 + al), al = e^phi, known in eta = log mu. Size r = mu/al,
// q = 1/(1 + al), sb = (y - mu) q, t = r/(y + r), tb = y/(y + r); E, E1, E2 the Stirling terms of r
// against those of y + r; G = r log1p(sb/r):
//   s = G + tb/2 + E,  w = y t + t tb/2 - G - E - E1.
// Small counts: logp = log prod_{k<y} (r + k) p - log y! + r log q, p = al q, and derivatives from
// the sums of k/(r + k)^j over k < y.
#include <algorithm>

#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

// Up to this count a product is quicker than Stirling's series and loses no more digits.
constexpr double kNbinom1SmallCount = 16.0;

// Below this r the kernels use e^-660, and logp the true log r.
constexpr double kSmallestLogSize = -660.0;

class Nbinom1 : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "nbinom1"; }
  std::string dispersion_name() const override { return "overdispersion"; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      out[i] = mu[i] * (1.0 + std::exp(phi_of(rows, i)));
    }
  }
  // al has the unit of the response: its bound is relative to the mean.
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double ratio = ratio_of_sums(
        rows, mu, [](double y, double, double, double at) { return (y - at) * (y - at) / at; },
        [](double, double) { return 1.0; });
    const double mean = ratio_of_sums(
        rows, mu, [](double, double, double, double at) { return at; },
        [](double, double) { return 1.0; });
    return start_log(ratio - 1.0, -3.0, 10.0 + std::max(0.0, std::log(mean)));
  }

  PhiRange phi_range(const ResponseRows& rows) const override {
    PhiRange range;
    range.lowest = -log_without_overdispersion(rows, false);
    return range;
  }

 protected:
  bool valid_response(double y, double) const override { return y >= 0.0 && y == std::floor(y); }
  double start_mean(double y, double, double) const override { return y > 0.0 ? y : 1.0 / 6.0; }
};

struct Nbinom1Log {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double) {
    if (!(y > 1.0)) return 0.0;
    const double saddle = -0.5 * (kLogTwoPi + std::log(y)) - stirling_remainder(y);
    return small(y) ? saddle - y * std::log(y) + y : saddle;
  }

  template <Detail detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const Scale& at = scale_.at(row.phi, [](double phi) {
      const Logistic l = logistic(-phi);
      return Scale{l.p,
                   l.q,
                   l.log_p,
                   l.log_q,
                   std::exp(-phi),
                   deviance_part(1.0, -l.q, [&] { return l.log_p; })};
    });
    const double y = row.y, mu = std::exp(eta), log_r = eta - row.phi;
    const double quotient = mu * at.inverse;
    const double r = quotient > 1e-280 && quotient < 1e280 ? quotient : std::exp(log_r);
    out.w_fallback = mu * at.q;
    if (y == 0.0) {  // logp is proportional to mu
      out.logp = out.s = r * at.log_q;
      out.w = out.dw = -out.s;
      out.dlogp_dphi = out.ds_dphi = r * at.deviance;
      out.dw_dphi = -out.ds_dphi;
      return;
    }
    if (small(y) && small_value<detail>(y, r, log_r, at, row, out)) return;
    if (log_r >= kSmallestLogSize) return value<detail>(y, r, mu, at, row, out);
    value<detail>(y, std::exp(kSmallestLogSize), mu, at, row, out);
    out.logp += log_r - kSmallestLogSize;
  }

 private:
  struct Scale {
    double q, p, log_q, log_p;  // q = 1/(1 + al), p = al/(1 + al)
    double inverse, deviance;   // 1/al, -p - log q
  };
  Kept<Scale> scale_;

  static bool small(double y) { return y <= kNbinom1SmallCount && y == std::floor(y); }

  // False where the product leaves the range of doubles.
  template <Detail detail>
  static bool small_value(double y, double r, double log_r, const Scale& at, const Row& row,
                          RowTerms& out) {
    double product = 1.0, first = 0.0, second = 0.0, third = 0.0;
    for (double k = 1.0; k < y; k += 1.0) {
      const double sum = r + k;
      product *= sum * at.p;
      const double inverse = 1.0 / sum;
      first += k * inverse;
      if (detail == Detail::score) continue;
      second += k * inverse * inverse;
      if (detail == Detail::gradient) third += k * inverse * inverse * inverse;
    }
    if (!(product > 1e-290 && product < 1e290 && r < 1e290)) return false;
    const double none = r * at.log_q;  // logp of a count of zero
    out.logp = row.constant + (log_r + at.log_p + std::log(product)) + none;
    out.s = y - first + none;
    out.w = -r * second - none;
    if (detail != Detail::gradient) return true;
    const double curved = 2.0 * r * r * third;
    out.dw = curved + out.w;
    out.dlogp_dphi = first - y * at.p + r * at.deviance;
    out.ds_dphi = r * at.deviance - r * second;
    out.dw_dphi = r * second - curved - r * at.deviance;
    return true;
  }

  template <Detail detail>
  static void value(double y, double r, double mu, const Scale& at, const Row& row, RowTerms& out) {
    const double fisher = out.w_fallback;
    const double sb = (y - mu) * at.q;
    const double log_growth = std::log1p(y / r);
    const double step = sb / r;
    const bool near = std::fabs(step) <= 0.5;
    const double far_log = log_growth + at.log_q;
    const double g = near ? r * std::log1p(step) : r * far_log;
    const double at_size = near ? r * ph(step) : sb - r * far_log;
    const double at_count = deviance_part(y, -sb, [&] { return std::log1p(r / y) + at.log_p; });
    constexpr int order = derivatives<detail>();
    const StirlingDifference d = stirling_difference<order>(r, y, stirling<order>(r));
    const double half = 0.5 * d.o;
    // The constant of a small count holds y log y - y, which this form does without.
    const double constant = small(y) ? row.constant + y * std::log(y) - y : row.constant;
    out.logp = constant - 0.5 * log_growth + d.de - at_size - at_count;
    out.s = g + half + d.e0;
    out.w = y * d.t + d.t * half - g - d.e0 - d.e1;
    out.dw = y * d.t * (1.0 + d.o) + d.t * half * (1.0 - 2.0 * d.t) - g - d.e0 - 3.0 * d.e1 - d.e2;
    out.dlogp_dphi = at_size - half - d.e0;
    out.ds_dphi = out.w - fisher;
    out.dw_dphi = fisher - out.dw;
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_nbinom1(std::shared_ptr<const Link> link,
                                             const std::string& own) {
  return make_linked<Nbinom1, Nbinom1Log>(std::move(link), own == "log");
}

}  // namespace tiers
