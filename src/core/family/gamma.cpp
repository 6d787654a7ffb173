// Gamma, shape nu = a e^phi, Var(y) = mu^2/nu. With x = y/mu - 1,
//   logp = -nu ph(x) + log(nu/2 pi)/2 - de(nu) - log y.
#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

namespace {

class Gamma : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  std::string name() const override { return "Gamma"; }
  std::string dispersion_name() const override { return "shape"; }
  void variance(const ResponseRows& rows, const double* mu, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      const double nu = std::exp(phi_of(rows, i)) * weight_of(rows, i);
      out[i] = mu[i] * mu[i] / nu;
    }
  }
  double start_phi(const ResponseRows& rows, const double* mu) const override {
    const double relative = ratio_of_sums(
        rows, mu,
        [](double y, double, double a, double at) { return a * (y / at - 1.0) * (y / at - 1.0); },
        [](double, double) { return 1.0; });
    return start_log(1.0 / relative, 0.0);
  }

 protected:
  bool valid_response(double y, double) const override { return y > 0.0; }
  double start_mean(double y, double, double) const override { return y; }
};

struct GammaKernel {
  static constexpr bool has_phi = true;
  static constexpr bool weight_in_dispersion = true;
  static double constant(double y, double) { return std::log(y); }

  struct Shape {
    double nu, log_factor, e0;  // log(nu/2 pi)/2 - de(nu)
  };
  const Shape& shape(const Row& row) {
    const double scale = scale_.at(row.phi, [](double phi) { return std::exp(phi); });
    return shape_.at(row.a * scale, [](double nu) {
      const Stirling at = stirling<1>(nu);
      return Shape{nu, 0.5 * (std::log(nu) - kLogTwoPi) - at.de, at.e0};
    });
  }
  // log_ratio = log(y/mu), x = y/mu - 1.
  template <class LogRatio>
  static void value(const Shape& shape, const Row& row, double x, LogRatio log_ratio,
                    RowTerms& out) {
    const double deviance = shape.nu * (std::fabs(x) <= 0.5 ? ph(x) : x - log_ratio());
    out.logp = shape.log_factor - row.constant - deviance;
    out.dlogp_dphi = 0.5 + shape.e0 - deviance;
  }

 private:
  Kept<double> scale_;
  Kept<Shape> shape_;
};

struct GammaLog : GammaKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    const Shape& at = shape(row);
    const double l = row.constant - eta;
    const double x = std::expm1(l);
    value(
        at, row, x, [&] { return l; }, out);
    out.s = out.ds_dphi = at.nu * x;
    out.w = out.dw_dphi = at.nu * (x > -0.5 ? 1.0 + x : std::exp(l));
    out.w_fallback = at.nu;
    out.dw = -out.w;
  }
};

struct GammaInverse : GammaKernel {
  template <Detail>
  void row(double eta, const Row& row, RowTerms& out) {
    if (!(eta > 0.0)) return out.fail();
    const Shape& at = shape(row);
    const double x = row.y * eta - 1.0;
    value(
        at, row, x, [&] { return row.constant + std::log(eta); }, out);
    out.s = out.ds_dphi = -at.nu * x / eta;
    out.w = out.w_fallback = out.dw_dphi = at.nu / (eta * eta);
    out.dw = -2.0 * out.w / eta;
  }
};

}  // namespace

std::unique_ptr<ResponseFamily> make_gamma(std::shared_ptr<const Link> link,
                                           const std::string& own) {
  if (own == "inverse") return make_linked<Gamma, GammaInverse>(std::move(link), true);
  return make_linked<Gamma, GammaLog>(std::move(link), own == "log");
}

}  // namespace tiers
