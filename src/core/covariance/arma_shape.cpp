// arma11: gamma rho^(h - 1) at lag h, gamma = (rho + zeta) / 2: positive definite for every t where
// rho and zeta are in (-1, 1).
// arma(p, q): autocorrelations of x_t = sum_j a_j x_(t-j) + e_t + sum_j b_j e_(t-j), stationary and
// invertible: a, and b with its sign turned, are those of partial autocorrelations in (-1, 1)
// (Durbin-Levinson), which are phi.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "covariance_shape.h"
#include "isotropic_shape.h"
#include "partial_autocorrelations.h"

namespace tiers {

namespace {

constexpr double kWhole = 1e-8;
constexpr double kFarthestStart = 0.9;

class Arma11Shape final : public IsotropicShape {
 public:
  Index parameter_count() const override { return 2; }
  std::vector<ShapeParameter> parameters() const override {
    return {{"rho", ShapeParameter::Kind::coefficient, -1.0, 1.0},
            {"gamma", ShapeParameter::Kind::coefficient, -1.0, 1.0, ShapeParameter::Map::other}};
  }
  Vector natural(const Vector& phi) const override {
    Vector out = phi;
    out[1] = 0.5 * (phi[0] + phi[1]);
    return out;
  }
  Matrix natural_slope(const Vector&) const override {
    Matrix out(2, 2);
    out << 1.0, 0.0, 0.5, 0.5;
    return out;
  }
  Vector from_natural(const Vector& natural) const override {
    Vector phi = natural;
    phi[1] = 2.0 * natural[1] - natural[0];
    const bool inside = std::abs(phi[0]) < 1.0 && std::abs(phi[1]) < 1.0;
    return inside ? phi : Vector();
  }
  void box(Vector& lower, Vector& upper) const override {
    lower = Vector::Constant(2, -1.0);
    upper = Vector::Constant(2, 1.0);
  }
  // rho = r_2 / r_1, gamma = r_1.
  Vector start(const ShapeMoments& moments) const override {
    double sum[3] = {0.0, 0.0, 0.0}, weight[3] = {0.0, 0.0, 0.0};
    for (const CorrelatedPair& one : correlated_pairs(moments)) {
      const double h = distance(moments.places, one.a, one.b);
      for (int lag = 1; lag < 3; ++lag) {
        if (std::abs(h - lag) > kWhole) continue;
        sum[lag] += one.weight * one.correlation;
        weight[lag] += one.weight;
      }
    }
    const double r1 = weight[1] > 0.0 ? sum[1] / weight[1] : 0.0;
    const double r2 = weight[2] > 0.0 ? sum[2] / weight[2] : r1 * r1;
    Vector phi(2);
    const double rho = r1 != 0.0 ? r2 / r1 : 0.0;
    phi[0] = std::clamp(rho, -kFarthestStart, kFarthestStart);
    phi[1] = std::clamp(2.0 * r1 - phi[0], -kFarthestStart, kFarthestStart);
    return phi;
  }

 protected:
  double correlation(const Vector& phi, double h) const override {
    return h == 0.0 ? 1.0 : 0.5 * (phi[0] + phi[1]) * std::pow(phi[0], h - 1.0);
  }
  double slope(const Vector& phi, double h, Index k) const override {
    if (h == 0.0) return 0.0;
    const double own = 0.5 * std::pow(phi[0], h - 1.0);
    if (k == 1 || h == 1.0) return own;
    return own + 0.5 * (phi[0] + phi[1]) * (h - 1.0) * std::pow(phi[0], h - 2.0);
  }
  double curvature(const Vector& phi, double h, Index k, Index l) const override {
    if (h == 0.0 || h == 1.0) return 0.0;
    const double own = (h - 1.0) * std::pow(phi[0], h - 2.0);
    if (k != l) return 0.5 * own;
    if (h == 2.0) return own;
    return own + 0.5 * (phi[0] + phi[1]) * (h - 1.0) * (h - 2.0) * std::pow(phi[0], h - 3.0);
  }
  bool bends(Index k, Index l) const override { return k == 0 || l == 0; }
};

class ArmaShape final : public CovarianceShape {
 public:
  ArmaShape(Index ar, Index ma) : ar_(ar), ma_(ma) {}

  Index parameter_count() const override { return ar_ + ma_; }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    for (Index k = 0; k < parameter_count(); ++k) {
      const bool ar = k < ar_;
      out.push_back({(ar ? "ar" : "ma") + std::to_string((ar ? k : k - ar_) + 1),
                     ShapeParameter::Kind::coefficient, -std::numeric_limits<double>::infinity(),
                     std::numeric_limits<double>::infinity(), ShapeParameter::Map::other});
    }
    return out;
  }
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return false; }
  bool uses_coordinates() const override { return true; }
  bool markov() const override { return ar_ <= 1 && ma_ == 0; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    spread(by_lag(phi, at, 0), at, sigma, [](const Jet& r) { return r.value; });
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    spread(by_lag(phi, at, parameter_count()), at, d, [k](const Jet& r) { return r.first[k]; });
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    spread(by_lag(phi, at, parameter_count()), at, d,
           [k, l](const Jet& r) { return r.second(k, l); });
    return true;
  }

  Vector natural(const Vector& phi) const override {
    Vector out(phi.size());
    const auto all = both(phi, 0);
    for (Index k = 0; k < out.size(); ++k) out[k] = all[k].value;
    return out;
  }
  Matrix natural_slope(const Vector& phi) const override {
    Matrix out(phi.size(), phi.size());
    const auto all = both(phi, phi.size());
    for (Index k = 0; k < phi.size(); ++k) out.row(k) = all[k].first.transpose();
    return out;
  }
  Matrix natural_bend(const Vector& phi, Index i) const override {
    return both(phi, phi.size())[i].second;
  }
  // The recursion backwards: pi_k = a_kk, a_(k-1)j = (a_kj + pi_k a_k(k-j)) / (1 - pi_k^2).
  Vector from_natural(const Vector& natural) const override {
    Vector phi(natural.size());
    for (int part = 0; part < 2; ++part) {
      const Index from = part == 0 ? 0 : ar_, size = part == 0 ? ar_ : ma_;
      Vector a = (part == 0 ? 1.0 : -1.0) * natural.segment(from, size);
      for (Index k = size; k > 0; --k) {
        const double pi = a[k - 1];
        if (!(std::abs(pi) < 1.0)) return Vector();
        phi[from + k - 1] = pi;
        const Vector old = a;
        for (Index j = 0; j + 1 < k; ++j) a[j] = (old[j] + pi * old[k - 2 - j]) / (1.0 - pi * pi);
      }
    }
    return phi;
  }
  void box(Vector& lower, Vector& upper) const override {
    lower = Vector::Constant(parameter_count(), -1.0);
    upper = Vector::Constant(parameter_count(), 1.0);
  }
  Vector start(const ShapeMoments& moments) const override {
    const double r = step_correlation(moments);
    Vector phi = Vector::Zero(parameter_count());
    phi[0] = ar_ > 0 ? std::clamp(r, -kFarthestStart, kFarthestStart) : std::clamp(-r, -0.5, 0.5);
    return phi;
  }

 private:
  // The a_j, then the b_j, with derivatives by n parameters (all or none).
  std::vector<Jet> both(const Vector& phi, Index n) const {
    std::vector<Jet> out = autoregressive_coefficients(partial(phi, 0, ar_, n));
    for (const Jet& one : autoregressive_coefficients(partial(phi, ar_, ma_, n)))
      out.push_back(-1.0 * one);
    return out;
  }
  static std::vector<Jet> partial(const Vector& phi, Index from, Index size, Index n) {
    std::vector<Jet> out;
    for (Index k = from; k < from + size; ++k) out.push_back(Jet::variable(phi[k], k, n));
    return out;
  }

  // Autocorrelations up to the longest lag: with rho those of the autoregression and b_0 = 1,
  // gamma_h = sum_ij b_i b_j rho_|h + i - j|.
  std::vector<Jet> by_lag(const Vector& phi, const Positions& at, Index n) const {
    double longest = 0.0;
    for (Index b = 0; b < at.size(); ++b) {
      for (Index a = b + 1; a < at.size(); ++a) longest = std::max(longest, distance(at, a, b));
    }
    const Index lags = static_cast<Index>(std::lround(longest));
    const auto rho = autocorrelations(partial(phi, 0, ar_, n), lags + ma_, n);
    std::vector<Jet> b{Jet::constant(1.0, n)}, out;
    for (const Jet& one : autoregressive_coefficients(partial(phi, ar_, ma_, n)))
      b.push_back(-1.0 * one);
    for (Index h = 0; h <= lags; ++h) {
      Jet sum = Jet::constant(0.0, n);
      for (Index i = 0; i <= ma_; ++i) {
        for (Index j = 0; j <= ma_; ++j) sum = sum + b[i] * b[j] * rho[std::abs(h + i - j)];
      }
      out.push_back(sum);
    }
    const Jet scale = inverse(out[0]);
    for (Jet& one : out) one = one * scale;
    return out;
  }

  template <class Read>
  static void spread(const std::vector<Jet>& by_lag, const Positions& at, Matrix& out,
                     const Read& read) {
    const Index m = at.size();
    out.resize(m, m);
    for (Index b = 0; b < m; ++b) {
      for (Index a = b; a < m; ++a) {
        const double h = distance(at, a, b), whole = std::round(h);
        const bool is_whole = std::abs(h - whole) <= kWhole * (1.0 + h);
        out(a, b) = out(b, a) = is_whole ? read(by_lag[static_cast<std::size_t>(whole)])
                                         : std::numeric_limits<double>::quiet_NaN();
      }
    }
  }

  Index ar_, ma_;
};

}  // namespace

ShapePointer make_arma11_shape(const StructureRecipe&) { return std::make_unique<Arma11Shape>(); }

ShapePointer make_arma_shape(const StructureRecipe& recipe) {
  if (recipe.ar < 0 || recipe.ma < 0 || recipe.ar + recipe.ma < 1)
    throw std::invalid_argument("the orders must be 0 or more, and one of them 1 or more");
  return std::make_unique<ArmaShape>(recipe.ar, recipe.ma);
}

}  // namespace tiers
