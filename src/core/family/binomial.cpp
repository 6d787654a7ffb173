// Binomial, y successes of m trials, n = m - y. In saddle-point form, with d = m F - y,
//   logp = c(y, m) - Dv(y, d) - Dv(n, -d),
// and for a link other than logit
//   s = y A' + n B',  w = -(y A'' + n B''),  w' = -(y A''' + n B''')   (A, B: probability_links.h).
#include <algorithm>

#include "count_choose.h"
#include "probability_links.h"

namespace tiers {

namespace {

class Binomial : public SuccessFamily {
 public:
  using SuccessFamily::SuccessFamily;
  std::string name() const override { return "binomial"; }
  std::string dispersion_name() const override { return ""; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      out[i] = size_of(rows, i) * mu[i] * (1.0 - mu[i]);
    }
  }
  double start_phi(const ResponseRows&, const double*) const override { return 0.0; }

 protected:
};

struct BinomialKernel {
  static constexpr bool has_phi = false;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double m) { return choose_remainder(y, m); }
  static double side(double count, double log_value) {
    return count * std::max(log_value, -std::numeric_limits<double>::max());
  }
  // d = m F - y.
  static double logp(const Row& row, double n, double d, double log_p, double log_q) {
    // One branch for both ends: which end it is, the processor could not foresee.
    if (row.y * n == 0.0) return side(row.y, log_p) + side(n, log_q);
    return row.constant - deviance_part(row.y, d, [&] { return log_p + std::log(row.m / row.y); }) -
           deviance_part(n, -d, [&] { return log_q + std::log(row.m / n); });
  }
};

struct BinomialLogit : BinomialKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const Logistic l = logistic(eta);
    const double n = row.m - row.y;
    out.s = row.y * l.q - n * l.p;
    out.w = out.w_fallback = row.m * l.p * l.q;
    out.dw = out.w * (l.q - l.p);
    out.logp = logp(row, n, -out.s, l.log_p, l.log_q);
  }
};

template <class Probability>
struct BinomialWith : BinomialKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    if (!Probability::in_domain(eta)) return out.fail();
    const LogProbability l = Probability::at(eta);
    const double y = row.y, n = row.m - y;
    out.logp = logp(row, n, n * l.p - y * l.q, l.a.value, l.b.value);
    // A side without observations adds nothing, however large its derivatives.
    out.s = out.w = out.dw = 0.0;
    if (y > 0.0) add(y, l.a, out);
    if (n > 0.0) add(n, l.b, out);
    out.w_fallback = row.m * l.information;
  }
  static void add(double count, const LogSide& side, RowTerms& out) {
    out.s += count * side.d1;
    out.w -= count * side.d2;
    out.dw -= count * side.d3;
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_binomial(std::shared_ptr<const Link> link,
                                              const std::string& own) {
  if (own == "probit")
    return make_linked<Binomial, BinomialWith<ProbitLink>>(std::move(link), true);
  if (own == "cloglog")
    return make_linked<Binomial, BinomialWith<CloglogLink>>(std::move(link), true);
  if (own == "loglog")
    return make_linked<Binomial, BinomialWith<LoglogLink>>(std::move(link), true);
  if (own == "cauchit")
    return make_linked<Binomial, BinomialWith<CauchitLink>>(std::move(link), true);
  if (own == "log") {
    return make_linked<Binomial, BinomialWith<LogProbabilityLink>>(std::move(link), true);
  }
  return make_linked<Binomial, BinomialLogit>(std::move(link), own == "logit");
}

}  // namespace tiers
