// Inverse Gaussian, L = a e^phi, Var(y) = mu^3/L.
//   logp = log(L/2 pi)/2 - 3/2 log y - dd,   dd = L (y - mu)^2/(2 mu^2 y)
#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

class InverseGaussian : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "inverse.gaussian"; }
  std::string dispersion_name() const override { return "shape"; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      const double l = std::exp(phi_of(rows, i)) * weight_of(rows, i);
      out[i] = mu[i] * mu[i] * mu[i] / l;
    }
  }
  // L has the unit of the response: no bound.
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double inverse = ratio_of_sums(
        rows, mu,
        [](double y, double, double a, double at) {
          const double x = y / at - 1.0;
          return a * x * x / y;
        },
        [](double, double) { return 1.0; });
    return inverse > 0.0 && finite(inverse) ? -std::log(inverse) : 0.0;
  }

 protected:
  bool valid_response(double y, double) const override { return y > 0.0; }
  double start_mean(double y, double, double) const override { return y; }
};

struct InverseGaussianKernel {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = true;
  static double constant(double y, double) { return -1.5 * std::log(y) - 0.5 * kLogTwoPi; }
  double shape(const Row& row) {
    return row.a * shape_.at(row.phi, [](double phi) { return std::exp(phi); });
  }
  // deviance_over_L = (y/mu - 1)^2/y
  static void value(const Row& row, double l, double deviance_over_l, RowTerms& out) {
    const double half = 0.5 * l * deviance_over_l;
    out.logp = row.constant + 0.5 * row.phi - half;
    if (row.a != 1.0) out.logp += 0.5 * std::log(row.a);
    out.dlogp_dphi = 0.5 - half;
  }

 private:
  Kept<double> shape_;
};

struct InverseGaussianLog : InverseGaussianKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const double l = shape(row);
    const double t = std::exp(-eta), ratio = row.y * t;
    const double x = ratio - 1.0;
    value(row, l, x * x / row.y, out);
    out.s = out.ds_dphi = l * t * x;
    out.w = out.dw_dphi = l * t * (2.0 * ratio - 1.0);
    out.w_fallback = l * t;
    out.dw = l * t * (1.0 - 4.0 * ratio);
  }
};

struct InverseGaussianSquare : InverseGaussianKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    if (!(eta > 0.0)) return out.fail();
    const double l = shape(row);
    const double mu = 1.0 / std::sqrt(eta);
    const double x = (row.y - mu) / mu;
    value(row, l, x * x / row.y, out);
    out.s = out.ds_dphi = 0.5 * l * (mu - row.y);
    out.w = out.w_fallback = out.dw_dphi = 0.25 * l * mu / eta;
    out.dw = -1.5 * out.w / eta;
  }
};

struct InverseGaussianInverse : InverseGaussianKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    if (!(eta > 0.0)) return out.fail();
    const double l = shape(row);
    const double x = row.y * eta - 1.0;
    value(row, l, x * x / row.y, out);
    out.s = out.ds_dphi = -l * x;
    out.w = out.dw_dphi = l * row.y;
    out.w_fallback = l / eta;
    out.dw = 0.0;
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_inverse_gaussian(std::shared_ptr<const Link> link,
                                                      const std::string& own) {
  if (own == "1/mu^2")
    return make_linked<InverseGaussian, InverseGaussianSquare>(std::move(link), true);
  if (own == "inverse")
    return make_linked<InverseGaussian, InverseGaussianInverse>(std::move(link), true);
  return make_linked<InverseGaussian, InverseGaussianLog>(std::move(link), own == "log");
}

}  // namespace tiers
