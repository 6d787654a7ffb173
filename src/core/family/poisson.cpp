// Poisson. logp = -log(2 pi y)/2 - de(y) - Dv(y, mu - y) for large counts; for small ones the plain
// form y log mu - mu - log y! has nothing to lose and costs less.
#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

// Up to this count log(y!) and y log(mu) - mu stand apart and lose no digit that matters; above,
// their difference is taken by the saddle point.
constexpr double kPoissonSmallCount = 32.0;

class Poisson : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "poisson"; }
  std::string dispersion_name() const override { return ""; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) out[i] = mu[i];
  }
  double start_phi(const ResponseRows&, const double*) const override { return 0.0; }

 protected:
  bool valid_response(double y, double) const override { return y >= 0.0 && y == std::floor(y); }
  double start_mean(double y, double, double) const override { return y + 0.1; }
};

struct PoissonKernel {
  static constexpr bool has_phi = false;
  static constexpr bool weight_in_dispersion = false;
  static double constant(double y, double) {
    if (y < 2.0 && (y == 0.0 || y == 1.0)) return 0.0;
    const double saddle = -0.5 * (kLogTwoPi + std::log(y)) - stirling_remainder(y);
    return y <= kPoissonSmallCount ? saddle - y * std::log(y) + y : saddle;
  }
  // log_mu() is called only where it is needed.
  template <class LogMean>
  static double logp(const Row& row, double mu, LogMean log_mu) {
    if (row.y == 0.0) return -mu;
    if (row.y <= kPoissonSmallCount) return row.constant + row.y * log_mu() - mu;
    return row.constant -
           deviance_part(row.y, mu - row.y, [&] { return log_mu() - std::log(row.y); });
  }
};

struct PoissonLog : PoissonKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const double mu = std::exp(eta);
    out.logp = logp(row, mu, [&] { return eta; });
    out.s = row.y - mu;
    out.w = out.w_fallback = out.dw = mu;
  }
};

struct PoissonSquareRoot : PoissonKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    if (!(eta > 0.0)) return out.fail();
    const double mu = eta * eta, ratio = row.y / mu;
    out.logp = logp(row, mu, [&] { return 2.0 * std::log(eta); });
    out.s = 2.0 * (row.y - mu) / eta;
    out.w = 2.0 * (1.0 + ratio);
    out.w_fallback = 4.0;
    out.dw = -4.0 * ratio / eta;
  }
};

struct PoissonIdentity : PoissonKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    if (!(eta > 0.0)) return out.fail();
    const double ratio = row.y / eta;
    out.logp = logp(row, eta, [&] { return std::log(eta); });
    out.s = (row.y - eta) / eta;
    out.w = ratio / eta;
    out.w_fallback = 1.0 / eta;
    out.dw = -2.0 * out.w / eta;
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_poisson(std::shared_ptr<const Link> link,
                                             const std::string& own) {
  if (own == "sqrt") return make_linked<Poisson, PoissonSquareRoot>(std::move(link), true);
  if (own == "identity") return make_linked<Poisson, PoissonIdentity>(std::move(link), true);
  return make_linked<Poisson, PoissonLog>(std::move(link), own == "log");
}

}  // namespace tiers
