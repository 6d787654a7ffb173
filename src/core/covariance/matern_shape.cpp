// sp_mat: g(x) = 2^(1 - nu) / Gamma(nu) x^nu K_nu(x), x = h / r; phi = (log r, log nu) or, with nu
// fixed, log r. With k the constant before x^nu K_nu,
//   g' = -k x^nu K_(nu-1),  g'' = k (x^nu K_(nu-2) - x^(nu-1) K_(nu-1)),
//   g_nu = k x^nu (l K + K'),  g_nunu = k x^nu ((l^2 + l') K + 2 l K' + K''),
//   g'_nu = -k x^nu (l K_(nu-1) + K'_(nu-1)),   l = log(x/2) - digamma(nu), l' = -trigamma(nu),
// ' of K being derivatives by nu.
#include <algorithm>
#include <cmath>

#include "isotropic_shape.h"
#include "shape_parts.h"

namespace tiers {

namespace {

constexpr double kTableStep = 1.0 / 32.0;
constexpr double kLargestExponent = 745.0;  // e^-745 is the last number before zero
constexpr double kLargestSmoothness = 30.0, kLeastSmoothness = 0.02;

// K_nu(x) = int_0^inf e^(-x cosh s) cosh(nu s) ds with its first two derivatives by nu: the
// trapezoidal rule is exact to rounding for such integrands.
struct Bessel {
  double value = 0.0, first = 0.0, second = 0.0;
};
Bessel bessel_k(double nu, double x) {
  Bessel out;
  const double end = std::acosh(1.0 + kLargestExponent / x);
  out.value = 0.5 * std::exp(-x);
  for (double s = kTableStep; s < end + kTableStep; s += kTableStep) {
    // In one exponential: cosh(nu s) alone may overflow.
    const double fall = -x * std::cosh(s);
    const double up = std::exp(fall + nu * s), down = std::exp(fall - nu * s);
    out.value += 0.5 * (up + down);
    out.first += 0.5 * s * (up - down);
    out.second += 0.5 * s * s * (up + down);
  }
  out.value *= kTableStep;
  out.first *= kTableStep;
  out.second *= kTableStep;
  return out;
}

// By the recurrence up to 10, where the asymptotic series holds to rounding.
double digamma(double x) {
  double sum = 0.0;
  for (; x < 10.0; x += 1.0) sum -= 1.0 / x;
  const double y = 1.0 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         y * (1.0 / 12.0 - y * (1.0 / 120.0 -
                                y * (1.0 / 252.0 -
                                     y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * 691.0 / 32760.0)))));
}
double trigamma(double x) {
  double sum = 0.0;
  for (; x < 10.0; x += 1.0) sum += 1.0 / (x * x);
  const double y = 1.0 / (x * x);
  return sum + 1.0 / x + 0.5 * y +
         y / x *
             (1.0 / 6.0 -
              y * (1.0 / 30.0 -
                   y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * (5.0 / 66.0 - y * 691.0 / 2730.0)))));
}

// g and what derivatives by (log r, log nu) are made of, at x > 0.
struct Matern {
  double g, x_slope, x_curvature, nu_slope, nu_curvature, mixed;
};
Matern matern(double nu, double x, bool derivatives) {
  const double log_k = (1.0 - nu) * std::log(2.0) - std::lgamma(nu) + nu * std::log(x);
  const double k = std::exp(log_k);
  const Bessel at = bessel_k(nu, x);
  Matern out{k * at.value, 0.0, 0.0, 0.0, 0.0, 0.0};
  if (!derivatives) return out;
  const Bessel below = bessel_k(nu - 1.0, x);
  const double below_two = bessel_k(nu - 2.0, x).value;
  const double l = std::log(0.5 * x) - digamma(nu), dl = -trigamma(nu);
  const double first = -k * below.value;
  const double second = k * (below_two - below.value / x);
  out.x_slope = -x * first;
  out.x_curvature = x * first + x * x * second;
  const double by_nu = k * (l * at.value + at.first);
  out.nu_slope = nu * by_nu;
  out.nu_curvature =
      nu * by_nu + nu * nu * k * ((l * l + dl) * at.value + 2.0 * l * at.first + at.second);
  out.mixed = x * nu * k * (l * below.value + below.first);
  return out;
}

class MaternShape final : public IsotropicShape {
 public:
  MaternShape(double smoothness, ShapePointer exponential)
      : smoothness_(smoothness), exponential_(std::move(exponential)) {}

  Index parameter_count() const override { return is_free() ? 2 : 1; }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out = exponential_->parameters();
    ShapeParameter smoothness{"smoothness", ShapeParameter::Kind::smoothness, kLeastSmoothness,
                              kLargestSmoothness};
    smoothness.map = ShapeParameter::Map::exponential;
    if (is_free()) out.push_back(smoothness);
    return out;
  }
  void box(Vector& lower, Vector& upper) const override {
    exponential_->box(lower, upper);
    if (!is_free()) return;
    lower.conservativeResize(2);
    upper.conservativeResize(2);
    lower[1] = std::log(kLeastSmoothness);
    upper[1] = std::log(kLargestSmoothness);
  }
  // nu = 1/2 is exp.
  Vector start(const ShapeMoments& moments) const override {
    Vector phi(parameter_count());
    phi[0] = exponential_->start(moments)[0];
    if (is_free()) phi[1] = std::log(0.5);
    return phi;
  }

 protected:
  double correlation(const Vector& phi, double h) const override {
    return is_at_zero(phi, h) ? 1.0 : std::min(1.0, at(phi, h, false).g);
  }
  double slope(const Vector& phi, double h, Index k) const override {
    if (is_at_zero(phi, h)) return 0.0;
    const Matern m = at(phi, h, true);
    return k == 0 ? m.x_slope : m.nu_slope;
  }
  double curvature(const Vector& phi, double h, Index k, Index l) const override {
    if (is_at_zero(phi, h)) return 0.0;
    const Matern m = at(phi, h, true);
    if (k != l) return m.mixed;
    return k == 0 ? m.x_curvature : m.nu_curvature;
  }
  bool bends(Index, Index) const override { return true; }

 private:
  bool is_free() const { return !(smoothness_ > 0.0); }
  static bool is_at_zero(const Vector& phi, double h) { return !(h * std::exp(-phi[0]) > 1e-10); }
  Matern at(const Vector& phi, double h, bool derivatives) const {
    const double x = h * std::exp(-phi[0]);
    if (!(x < kLargestExponent)) return {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    return matern(is_free() ? std::exp(phi[1]) : smoothness_, x, derivatives);
  }

  double smoothness_;
  ShapePointer exponential_;
};

}  // namespace

ShapePointer make_matern_shape(const StructureRecipe& recipe) {
  return std::make_unique<MaternShape>(recipe.smoothness, make_exponential_shape(recipe));
}

}  // namespace tiers
