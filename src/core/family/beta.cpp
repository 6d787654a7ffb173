// Beta with mean mu and precision P = e^phi: Var(y) = mu (1 - mu)/(1 + P). Known in
// eta = log(mu/(1 - mu)), with nu = 1 - mu, A = P mu, B = P nu and g = P mu nu (logit y - eta):
//   s = g + (nu - mu)/2 + nu e0(A) - mu e0(B),  w = I - (nu - mu) s,
//   I = nu^2 A^2 psi'(A) + mu^2 B^2 psi'(B) the expected weight.
#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

class Beta : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "beta"; }
  std::string dispersion_name() const override { return "precision"; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      out[i] = mu[i] * (1.0 - mu[i]) / (1.0 + std::exp(phi_of(rows, i)));
    }
  }
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double share = ratio_of_sums(
        rows, mu, [](double y, double, double, double at) { return (y - at) * (y - at); },
        [](double, double at) { return at * (1.0 - at); });
    return start_log(1.0 / share - 1.0, 0.0);
  }

 protected:
  bool valid_response(double y, double) const override { return y > 0.0 && y < 1.0; }
  double start_mean(double y, double, double) const override { return y; }
};

struct BetaLogit {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double) { return std::log(y); }

  template <Detail detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const Precision& at = precision_.at(row.phi, [](double phi) {
      const double p = std::exp(phi);
      const Stirling terms = stirling<1>(p, phi);
      return Precision{p, terms.de, terms.e0};
    });
    const double y = row.y, other = 1.0 - y, log_y = row.constant, log_other = std::log1p(-y);
    const Logistic l = logistic(eta);
    const double mu = l.p, nu = l.q, tilt = nu - mu;
    const double true_a = at.p * mu, true_b = at.p * nu;
    const double a = true_a < smallest_shape ? smallest_shape : true_a;
    const double b = true_b < smallest_shape ? smallest_shape : true_b;
    const double true_log_a = row.phi + l.log_p, true_log_b = row.phi + l.log_q;
    const double log_a = a == true_a ? true_log_a : std::log(a);
    const double log_b = b == true_b ? true_log_b : std::log(b);
    constexpr int order = derivatives<detail>();
    const Stirling at_a = stirling<order>(a, log_a), at_b = stirling<order>(b, log_b);
    const double difference = at.p * (y < 0.5 ? y - mu : nu - other);
    const double far_a = log_y - l.log_p, far_b = log_other - l.log_q;
    const double deviance = deviance_part(a, difference, [&] { return far_a; }) +
                            deviance_part(b, -difference, [&] { return far_b; });
    out.logp = 0.5 * (log_a + log_b - row.phi - kLogTwoPi) + at.de - at_a.de - at_b.de - deviance -
               log_y - log_other + (true_log_a - log_a) + (true_log_b - log_b);

    const double g = true_a * nu * (far_a - far_b);
    const double nu2 = nu * nu, mu2 = mu * mu;
    const double information = nu2 * (a + 0.5 - at_a.e1) + mu2 * (b + 0.5 - at_b.e1);
    out.s = g + 0.5 * tilt + nu * at_a.e0 - mu * at_b.e0;
    out.w = information - tilt * out.s;
    out.w_fallback = information;
    out.dw = (6.0 * mu * nu - 1.0) * out.s + 3.0 * tilt * information -
             nu2 * nu * (a + 1.0 + at_a.e2) + mu2 * mu * (b + 1.0 + at_b.e2);
    out.dlogp_dphi = 0.5 - deviance - at.e0 + at_a.e0 + at_b.e0;
    out.ds_dphi = g + nu * (at_a.e0 + at_a.e1) - mu * (at_b.e0 + at_b.e1);
    out.dw_dphi = -tilt * out.ds_dphi + nu2 * (a - 2.0 * at_a.e1 - at_a.e2) +
                  mu2 * (b - 2.0 * at_b.e1 - at_b.e2);
  }

 private:
  struct Precision {
    double p, de, e0;
  };
  Kept<Precision> precision_;
};

}  // namespace

std::unique_ptr<ResponseFamily> make_beta(std::shared_ptr<const Link> link,
                                          const std::string& own) {
  return make_linked<Beta, BetaLogit>(std::move(link), own == "logit");
}

}  // namespace tiers
