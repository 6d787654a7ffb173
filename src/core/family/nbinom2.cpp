// Negative binomial with size th = e^phi: Var(y) = mu + mu^2/th. Known in eta = log mu, with
// p = mu/(mu + th) the logistic function of eta - phi and q = 1 - p:
//   s = y q - th p,  w = (y + th) p q.
// Small counts: logp = log prod_{k<y} (th + k) p - log y! + th log q, one logarithm for the
// product. Otherwise the saddle-point form with -Dv(th, s) - Dv(y, -s).
#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

// Up to this count a product is quicker than Stirling's series and loses no more digits.
constexpr double kNbinom2SmallCount = 16.0;

class Nbinom2 : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "nbinom2"; }
  std::string dispersion_name() const override { return "size"; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      out[i] = mu[i] + mu[i] * mu[i] * std::exp(-phi_of(rows, i));
    }
  }
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double inverse = ratio_of_sums(
        rows, mu, [](double y, double, double, double at) { return (y - at) * (y - at) - at; },
        [](double, double at) { return at * at; });
    return start_log(1.0 / inverse, 3.0);
  }

  PhiRange phi_range(const ResponseRows& rows) const override {
    PhiRange range;
    range.highest = log_without_overdispersion(rows, false);
    return range;
  }

 protected:
  bool valid_response(double y, double) const override { return y >= 0.0 && y == std::floor(y); }
  double start_mean(double y, double, double) const override { return y > 0.0 ? y : 1.0 / 6.0; }
};

struct Nbinom2Log {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double) {
    if (y < 2.0 && (y == 0.0 || y == 1.0)) return 0.0;
    const double saddle = -0.5 * (kLogTwoPi + std::log(y)) - stirling_remainder(y);
    return small(y) ? saddle - y * std::log(y) + y : saddle;
  }

  template <Detail detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const Size& at = size_.at(row.phi, [](double phi) {
      const double th = std::exp(phi);
      const Stirling terms = stirling<1>(th, phi);
      return Size{th, terms.de, terms.e0};
    });
    const double y = row.y, th = at.th;
    const Logistic l = logistic(eta - row.phi);
    const double pq = l.p * l.q;
    out.s = y * l.q - th * l.p;
    out.w = (y + th) * pq;
    out.w_fallback = th * l.p;
    out.dw = out.w * (l.q - l.p);
    out.ds_dphi = l.p * out.s;
    out.dw_dphi = pq * (th - (y + th) * (l.q - l.p));
    if (small(y)) {
      small_value<detail>(y, th, l, row, out);
    } else {
      value<detail>(y, at, l, row, out);
    }
  }

 private:
  struct Size {
    double th, de, e0;
  };
  Kept<Size> size_;

  static bool small(double y) { return y <= kNbinom2SmallCount && y == std::floor(y); }

  template <Detail detail>
  static void small_value(double y, double th, const Logistic& l, const Row& row, RowTerms& out) {
    double product = 1.0;
    for (double k = 0.0; k < y; k += 1.0) product *= (th + k) * l.p;
    double log_product = 0.0;
    if (product > 1e-290 && product < 1e290) {
      if (y > 0.0) log_product = std::log(product);
    } else {
      for (double k = 0.0; k < y; k += 1.0) log_product += std::log(th + k) + l.log_p;
    }
    out.logp = row.constant + log_product + th * l.log_q;
    if (detail != Detail::gradient) return;
    double sum = 0.0;
    for (double k = 1.0; k < y; k += 1.0) sum += k / (th + k);
    out.dlogp_dphi = y * l.p - sum - deviance_part(th, -th * l.p, [&] { return l.log_q; });
  }

  template <Detail detail>
  static void value(double y, const Size& at, const Logistic& l, const Row& row, RowTerms& out) {
    const double th = at.th, total = y + th;
    const double log_growth = std::log1p(y / th);
    const double at_size = deviance_part(th, out.s, [&] { return log_growth + l.log_q; });
    const double at_count = deviance_part(y, -out.s, [&] { return std::log1p(th / y) + l.log_p; });
    constexpr bool gradient = detail == Detail::gradient;
    constexpr int order = gradient ? 1 : 0;
    const Stirling sum = stirling<order>(total);
    out.logp = row.constant - 0.5 * log_growth + sum.de - at.de - at_size - at_count;
    if (gradient) {
      out.dlogp_dphi = 0.5 * y / total + at.e0 - th / total * sum.e0 - at_size;
    }
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_nbinom2(std::shared_ptr<const Link> link,
                                             const std::string& own) {
  return make_linked<Nbinom2, Nbinom2Log>(std::move(link), own == "log");
}

}  // namespace tiers
