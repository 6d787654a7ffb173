// Beta-binomial: y of m with a Beta(A, B) share, A = P mu, B = P nu, nu = 1 - mu, P = e^phi, known
// in eta = log(mu/nu); n = m - y. Three rising factorials, (A, y), (B, n), (P, m), each with t =
// A/(A + y), o = 1 - t and the differences of Stirling terms. dv = -P (y nu - n mu)/(m + P):
//   logp = c(y, m) + (log1p(m/P) - log1p(y/A) - log1p(n/B))/2 + differences of de
//          - Dv(A, -dv) - Dv(B, dv) - Dv(y, dv) - Dv(n, -dv).
#include "count_choose.h"
#include "families.h"

namespace tiers {

namespace {

constexpr double smallest_shape = 1e-290;

class BetaBinomial : public SuccessFamily {
 public:
  using SuccessFamily::SuccessFamily;
  std::string name() const override { return "betabinomial"; }
  std::string dispersion_name() const override { return "precision"; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      const double m = size_of(rows, i);
      const double correlation = 1.0 / (1.0 + std::exp(phi_of(rows, i)));
      out[i] = m * mu[i] * (1.0 - mu[i]) * (1.0 + (m - 1.0) * correlation);
    }
  }
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double correlation = ratio_of_sums(
        rows, mu,
        [](double y, double m, double, double at) {
          const double r = y - m * at;
          return m > 1.0 ? r * r / (m * at * (1.0 - at)) - 1.0 : 0.0;
        },
        [](double m, double) { return m > 1.0 ? m - 1.0 : 0.0; });
    return start_log(1.0 / correlation - 1.0, 3.0);
  }

 protected:
  bool own_weights_can_be_negative(const std::string&) const override { return true; }
};

// The terms of one rising factorial of x over y, and its derivatives' parts.
struct Rising {
  double x, y, log_growth;  // log1p(y/x)
  StirlingDifference d;
  double r2, r3;    // of w and w'
  double r12, r23;  // of ds/dphi and dw/dphi

  Rising(double x_, double y_) : x(x_), y(y_), log_growth(std::log1p(y_ / x_)) {
    d = stirling_difference(x, y, stirling(x));
    const double t = d.t, o = d.o;
    r2 = y * t + 0.5 * o * (1.0 + t) - d.e1;
    r3 = 0.5 * (y * t * (1.0 + t) + o * (1.0 + t + t * t) + d.e2);
    const double growth = y <= x ? y * o - x * ph(y / x) : x * log_growth - y * t;
    r12 = growth - 0.5 * t * o + d.e0 + d.e1;
    r23 = 0.5 * (y * t * o - t * t * o) - d.e1 - 0.5 * d.e2;
  }
};

struct BetaBinomialLogit {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double m) { return choose_remainder(y, m); }

  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const double precision = precision_.at(row.phi, [](double phi) { return std::exp(phi); });
    const double y = row.y, m = row.m, n = m - y;
    const Logistic l = logistic(eta);
    const double mu = l.p, nu = l.q, tilt = nu - mu;
    const double true_a = precision * mu, true_b = precision * nu;
    const Rising a(true_a < smallest_shape ? smallest_shape : true_a, y);
    const Rising b(true_b < smallest_shape ? smallest_shape : true_b, n);
    const Rising p(precision, m);
    const double dv = -(y * nu - n * mu) * p.d.t;
    const auto far_a = [&] { return a.log_growth - p.log_growth; };
    const auto far_b = [&] { return b.log_growth - p.log_growth; };
    const double shapes = deviance_part(a.x, -dv, far_a) + deviance_part(b.x, dv, far_b);
    const auto far_count = [&](double x, double count) {
      return std::log1p(x / count) - std::log1p(precision / m);
    };
    const double counts = deviance_part(y, dv, [&] { return far_count(a.x, y); }) +
                          deviance_part(n, -dv, [&] { return far_count(b.x, n); });
    out.logp = row.constant + 0.5 * (p.log_growth - a.log_growth - b.log_growth) + a.d.de + b.d.de -
               p.d.de - shapes - counts;
    if (a.x != true_a && y > 0.0) out.logp += row.phi + l.log_p - std::log(a.x);
    if (b.x != true_b && n > 0.0) out.logp += row.phi + l.log_q - std::log(b.x);

    const auto log_step = [](double step, const auto& far) {
      return std::fabs(step) <= 0.5 ? std::log1p(step) : far();
    };
    const double g = true_a * nu * (log_step(-dv / a.x, far_a) - log_step(dv / b.x, far_b));
    const double nu2 = nu * nu, mu2 = mu * mu;
    const double information = nu2 * a.r2 + mu2 * b.r2;
    out.s = g + 0.5 * (nu * a.d.o - mu * b.d.o) + nu * a.d.e0 - mu * b.d.e0;
    out.w = information - tilt * out.s;
    out.w_fallback = information;
    out.dw = (6.0 * mu * nu - 1.0) * out.s + 3.0 * tilt * information -
             2.0 * (nu2 * nu * a.r3 - mu2 * mu * b.r3);
    out.dlogp_dphi = 0.5 * (a.d.o + b.d.o - p.d.o) + a.d.e0 + b.d.e0 - p.d.e0 - shapes;
    out.ds_dphi = nu * a.r12 - mu * b.r12;
    out.dw_dphi = -tilt * out.ds_dphi + 2.0 * (nu2 * a.r23 + mu2 * b.r23);
  }

 private:
  Kept<double> precision_;
};

}  // namespace

std::unique_ptr<ResponseFamily> make_beta_binomial(std::shared_ptr<const Link> link,
                                                   const std::string& own) {
  return make_linked<BetaBinomial, BetaBinomialLogit>(std::move(link), own == "logit");
}

}  // namespace tiers
