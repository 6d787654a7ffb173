// Gaussian, phi = log sigma, Var(y) = sigma^2/a.
#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

class Gaussian : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "gaussian"; }
  std::string dispersion_name() const override { return "sigma"; }

  void variance(const ResponseRows& rows, const double*, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      out[i] = std::exp(2.0 * phi_of(rows, i)) / weight_of(rows, i);
    }
  }
  // Of the order of the residuals themselves: no bound, the response may have any unit.
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double mean_square = ratio_of_sums(
        rows, mu, [](double y, double, double a, double at) { return a * (y - at) * (y - at); },
        [](double, double) { return 1.0; });
    return mean_square > 0.0 && finite(mean_square) ? 0.5 * std::log(mean_square) : 0.0;
  }

 protected:
  bool valid_response(double, double) const override { return true; }
  // Log and inverse links need a mean away from zero, and a log link a positive one.
  double start_mean(double y, double, double size) const override {
    const double least = 1e-3 * size;
    if (link_name() == "log") return y > least ? y : least;
    if (link_name() == "inverse") return std::fabs(y) > least ? y : least;
    return y;
  }
};

struct GaussianKernel {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = true;
  static double constant(double, double) { return 0.0; }
  // logp and precision 1/S at the residual r; the terms in phi follow from s and w.
  double precision(double r, const Row& row, RowTerms& out) {
    const double p =
        row.a * precision_.at(row.phi, [](double phi) { return std::exp(-2.0 * phi); });
    const double square = r * r * p;
    out.logp = -0.5 * kLogTwoPi - row.phi - 0.5 * square;
    if (row.a != 1.0) out.logp += 0.5 * std::log(row.a);
    out.dlogp_dphi = square - 1.0;
    return p;
  }
  static void scale_terms(RowTerms& out) {
    out.ds_dphi = -2.0 * out.s;
    out.dw_dphi = -2.0 * out.w;
  }

 private:
  Kept<double> precision_;
};

struct GaussianIdentity : GaussianKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const double r = row.y - eta;
    const double p = precision(r, row, out);
    out.s = r * p;
    out.w = out.w_fallback = p;
    scale_terms(out);
  }
};

struct GaussianLog : GaussianKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const double mu = std::exp(eta);
    const double p = precision(row.y - mu, row, out) * mu;
    out.s = (row.y - mu) * p;
    out.w = (2.0 * mu - row.y) * p;
    out.w_fallback = mu * p;
    out.dw = (4.0 * mu - row.y) * p;
    scale_terms(out);
  }
};

struct GaussianInverse : GaussianKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const double mu = 1.0 / eta, square = mu * mu;
    const double p = precision(row.y - mu, row, out) * square;
    out.s = (mu - row.y) * p;
    out.w = mu * (3.0 * mu - 2.0 * row.y) * p;
    out.w_fallback = square * p;
    out.dw = 6.0 * square * (row.y - 2.0 * mu) * p;
    scale_terms(out);
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_gaussian(std::shared_ptr<const Link> link,
                                              const std::string& own) {
  if (own == "log") return make_linked<Gaussian, GaussianLog>(std::move(link), true);
  if (own == "inverse") return make_linked<Gaussian, GaussianInverse>(std::move(link), true);
  return make_linked<Gaussian, GaussianIdentity>(std::move(link), own == "identity");
}

}  // namespace tiers
