// Beta-binomial: y of m with a Beta(A, B) share, A = P mu, B = P nu, nu = 1 - mu, P = e^phi, known
// in eta = log(mu/nu); n = m - y. Three rising factorials, (A, y), (B, n), (P, m), each with t =
// A/(A + y), o = 1 - t and the differences of Stirling terms. dv = -P (y nu - n mu)/(m + P):
//   logp = c(y, m) + (log1p(m/P) - log1p(y/A) - log1p(n/B))/2 + differences of de
//          - Dv(A, -dv) - Dv(B, dv) - Dv(y, dv) - Dv(n, -dv).
// Few trials: the products themselves, and sums of powers of 1/(A + k) over k < y, likewise B.
#include "count_choose.h"

namespace tiers {

namespace {

// Up to so many trials a product of rising factorials is quicker than Stirling's series and loses
// no more digits.
constexpr double kSmallSize = 16.0;

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

  PhiRange phi_range(const ResponseRows& rows) const override {
    PhiRange range;
    range.highest = log_without_overdispersion(rows, true);
    return range;
  }

 protected:
};

// The terms of one rising factorial of x over y, and its derivatives' parts.
template <int order>
struct Rising {
  double x, y, log_growth;  // log1p(y/x)
  StirlingDifference d;
  double r2 = 0.0, r3 = 0.0;    // of w and w'
  double r12 = 0.0, r23 = 0.0;  // of ds/dphi and dw/dphi

  Rising(double x_, double y_) : x(x_), y(y_), log_growth(std::log1p(y_ / x_)) {
    d = stirling_difference<order>(x, y, stirling<order>(x));
    const double t = d.t, o = d.o;
    if (order > 1) r2 = y * t + 0.5 * o * (1.0 + t) - d.e1;
    if (order < 3) return;
    r3 = 0.5 * (y * t * (1.0 + t) + o * (1.0 + t + t * t) + d.e2);
    const double growth = y <= x ? y * o - x * ph(y / x) : x * log_growth - y * t;
    r12 = growth - 0.5 * t * o + d.e0 + d.e1;
    r23 = 0.5 * (y * t * o - t * t * o) - d.e1 - 0.5 * d.e2;
  }
};

// prod (x + k) over k < y, and sums over the same: s_j of 1/(x + k)^j, k_j of k/(x + k)^j.
template <Detail detail>
struct RisingProduct {
  double product = 1.0;
  double s1 = 0.0, s2 = 0.0, s3 = 0.0, k1 = 0.0, k2 = 0.0, k3 = 0.0;

  RisingProduct(double x, double y) {
    for (double k = 0.0; k < y; k += 1.0) {
      product *= x + k;
      const double inverse = 1.0 / (x + k);
      s1 += inverse;
      if (detail == Detail::score) continue;
      const double square = inverse * inverse;
      s2 += square;
      if (detail == Detail::newton) continue;
      s3 += square * inverse;
      k1 += k * inverse;
      k2 += k * square;
      k3 += k * square * inverse;
    }
  }
};

struct BetaBinomialLogit {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double m) {
    if (!small(m)) return choose_remainder(y, m);
    double ways = 1.0;
    for (double k = 1.0; k <= y; k += 1.0) ways *= (m - y + k) / k;
    return std::log(ways);
  }

  template <Detail detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const Precision& at = precision_.at(row.phi, [](double phi) {
      Precision terms{std::exp(phi), {}};
      double product = 1.0;
      for (int m = 0; m <= kSmallSize; ++m) {
        terms.product[m] = product;
        product *= terms.value + m;
      }
      return terms;
    });
    const Logistic l = logistic(eta);
    if (small(row.m) && small_value<detail>(at, l, row, out)) return;
    value<detail>(at.value, l, row, out);
  }

 private:
  struct Precision {
    double value;
    double product[static_cast<int>(kSmallSize) + 1];  // rising factorials
  };
  Kept<Precision> precision_;

  static bool small(double m) { return m <= kSmallSize && m == std::floor(m); }

  // False where a product leaves the range of doubles.
  template <Detail detail>
  static bool small_value(const Precision& at, const Logistic& l, const Row& row, RowTerms& out) {
    const double y = row.y, n = row.m - y, mu = l.p, nu = l.q, tilt = nu - mu;
    const RisingProduct<detail> a(at.value * mu, y), b(at.value * nu, n);
    const double above = a.product * b.product, below = at.product[static_cast<int>(row.m)];
    if (!(above > 1e-290 && above < 1e290 && below > 1e-290 && below < 1e290)) return false;
    const double c = at.value * mu * nu, c2 = c * c;
    const double information = c2 * (a.s2 + b.s2);
    out.logp = row.constant + std::log(above / below);
    out.s = c * (a.s1 - b.s1);
    out.w = information - tilt * out.s;
    out.w_fallback = information;
    if (detail != Detail::gradient) return true;
    out.dw =
        (6.0 * mu * nu - 1.0) * out.s + 3.0 * tilt * information - 2.0 * c2 * c * (a.s3 - b.s3);
    double whole = 0.0;
    for (double k = 1.0; k < row.m; k += 1.0) whole += k / (at.value + k);
    out.dlogp_dphi = whole - a.k1 - b.k1;
    out.ds_dphi = c * (a.k2 - b.k2);
    out.dw_dphi = 2.0 * c2 * (a.k3 + b.k3) - tilt * out.ds_dphi;
    return true;
  }

  template <Detail detail>
  static void value(double precision, const Logistic& l, const Row& row, RowTerms& out) {
    constexpr int order = derivatives<detail>();
    using Terms = Rising<order>;
    const double y = row.y, m = row.m, n = m - y;
    const double mu = l.p, nu = l.q, tilt = nu - mu;
    const double true_a = precision * mu, true_b = precision * nu;
    const Terms a(true_a < smallest_shape ? smallest_shape : true_a, y);
    const Terms b(true_b < smallest_shape ? smallest_shape : true_b, n);
    const Terms p(precision, m);
    const double dv = -(y * nu - n * mu) * p.d.t;
    const auto far_a = [&] { return a.log_growth - p.log_growth; };
    const auto far_b = [&] { return b.log_growth - p.log_growth; };
    const double shapes = deviance_part(a.x, -dv, far_a) + deviance_part(b.x, dv, far_b);
    const auto far_count = [&](double x, double count) {
      return std::log1p(x / count) - std::log1p(precision / m);
    };
    const double counts = deviance_part(y, dv, [&] { return far_count(a.x, y); }) +
                          deviance_part(n, -dv, [&] { return far_count(b.x, n); });
    const double constant = small(m) ? choose_remainder(y, m) : row.constant;
    out.logp = constant + 0.5 * (p.log_growth - a.log_growth - b.log_growth) + a.d.de + b.d.de -
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
};

}  // namespace

std::unique_ptr<ResponseFamily> make_beta_binomial(std::shared_ptr<const Link> link,
                                                   const std::string& own) {
  return make_linked<BetaBinomial, BetaBinomialLogit>(std::move(link), own == "logit");
}

}  // namespace tiers
