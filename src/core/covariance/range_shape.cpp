// Correlations g(h / r) that fall with the distance h over a range r, phi = log r:
//   exp e^-x; gau e^(-x^2); ratio 1 / (1 + x^2); sph 1 - 3x/2 + x^3/2 and lin 1 - x up to x = 1,
//   zero beyond.
// ou (sp_pow) is exp, known by the correlation e^(-1/r) at distance 1.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "covariance_shape.h"
#include "isotropic_shape.h"

namespace tiers {

namespace {

// g, g' and g'' at x.
struct Fall {
  double value, first, second;
};

Fall exponential(double x) {
  const double g = std::exp(-x);
  return {g, -g, g};
}
Fall gaussian(double x) {
  const double g = std::exp(-x * x);
  return {g, -2.0 * x * g, (4.0 * x * x - 2.0) * g};
}
Fall ratio(double x) {
  const double g = 1.0 / (1.0 + x * x);
  return {g, -2.0 * x * g * g, (6.0 * x * x - 2.0) * g * g * g};
}
Fall spherical(double x) {
  if (x >= 1.0) return {0.0, 0.0, 0.0};
  return {1.0 - 0.5 * x * (3.0 - x * x), -1.5 + 1.5 * x * x, 3.0 * x};
}
Fall tent(double x) {
  if (x >= 1.0) return {0.0, 0.0, 0.0};
  return {1.0 - x, -1.0, 0.0};
}

// Correlations that tell how fast they fall, and a distance at which none does.
constexpr double kLeastTelling = 0.05, kMostTelling = 0.99, kFarthest = 50.0;

class RangeShape : public IsotropicShape {
 public:
  RangeShape(Fall (*fall)(double), bool markov) : fall_(fall), markov_(markov) {}

  Index parameter_count() const override { return 1; }
  std::vector<ShapeParameter> parameters() const override {
    ShapeParameter range{"range", ShapeParameter::Kind::range};
    range.map = ShapeParameter::Map::exponential;
    range.log_range = true;
    return {range};
  }
  bool markov() const override { return markov_; }

  // From each correlation g(h / r) its r, their logarithms weighed by how well they are told:
  // by g' x of the correlation there. Where none tells: half the mean distance.
  Vector start(const ShapeMoments& moments) const override {
    double sum = 0.0, weights = 0.0, distances = 0.0, count = 0.0;
    for (const CorrelatedPair& one : correlated_pairs(moments)) {
      const double h = distance(moments.places, one.a, one.b);
      distances += h;
      count += 1.0;
      if (!(h > 0.0 && one.correlation > kLeastTelling)) continue;
      const double x = inverse(std::min(one.correlation, kMostTelling));
      const double slope = x * fall_(x).first;
      sum += one.weight * slope * slope * std::log(h / x);
      weights += one.weight * slope * slope;
    }
    if (weights > 0.0) return Vector::Constant(1, sum / weights);
    return Vector::Constant(1, distances > 0.0 ? std::log(0.5 * distances / count) : 0.0);
  }

 protected:
  double correlation(const Vector& phi, double h) const override {
    return fall_(relative(phi, h)).value;
  }
  double slope(const Vector& phi, double h, Index) const override {
    const double x = relative(phi, h);
    return finite(-x * fall_(x).first);
  }
  double curvature(const Vector& phi, double h, Index, Index) const override {
    const double x = relative(phi, h);
    const Fall g = fall_(x);
    return finite(x * g.first + x * x * g.second);
  }
  bool bends(Index, Index) const override { return true; }

 private:
  // Zero at the same place, however short the range.
  static double relative(const Vector& phi, double h) {
    return h > 0.0 ? h * std::exp(-phi[0]) : 0.0;
  }
  // Of x so large that x^2 overflows.
  static double finite(double value) { return std::isfinite(value) ? value : 0.0; }

  // x with g(x) = r, by bisection.
  double inverse(double r) const {
    double low = 0.0, high = kFarthest;
    for (int step = 0; step < 60; ++step) {
      const double middle = 0.5 * (low + high);
      (fall_(middle).value > r ? low : high) = middle;
    }
    return 0.5 * (low + high);
  }

  Fall (*fall_)(double);
  bool markov_;
};

class ContinuousShape final : public RangeShape {
 public:
  using RangeShape::RangeShape;

  std::vector<ShapeParameter> parameters() const override {
    ShapeParameter correlation{"cor", ShapeParameter::Kind::correlation, 0.0, 1.0};
    correlation.map = ShapeParameter::Map::other;
    correlation.log_range = true;
    return {correlation};
  }
  Vector natural(const Vector& phi) const override {
    return Vector::Constant(1, std::exp(-std::exp(-phi[0])));
  }
  Matrix natural_slope(const Vector& phi) const override {
    const double rate = std::exp(-phi[0]);
    return Matrix::Constant(1, 1, rate * std::exp(-rate));
  }
  Matrix natural_bend(const Vector& phi, Index) const override {
    const double rate = std::exp(-phi[0]);
    return Matrix::Constant(1, 1, rate * (rate - 1.0) * std::exp(-rate));
  }
  Vector from_natural(const Vector& natural) const override {
    if (!(natural[0] > 0.0 && natural[0] < 1.0)) return Vector();
    return Vector::Constant(1, -std::log(-std::log(natural[0])));
  }
};

}  // namespace

ShapePointer make_continuous_shape(const StructureRecipe& recipe) {
  return std::make_unique<ContinuousShape>(exponential, recipe.dimensions == 1);
}
ShapePointer make_exponential_shape(const StructureRecipe& recipe) {
  return std::make_unique<RangeShape>(exponential, recipe.dimensions == 1);
}
ShapePointer make_gaussian_shape(const StructureRecipe&) {
  return std::make_unique<RangeShape>(gaussian, false);
}
ShapePointer make_ratio_shape(const StructureRecipe&) {
  return std::make_unique<RangeShape>(ratio, false);
}
ShapePointer make_spherical_shape(const StructureRecipe& recipe) {
  if (recipe.dimensions > 3)
    throw std::invalid_argument("spherical correlations exist in up to three dimensions");
  return std::make_unique<RangeShape>(spherical, false);
}
ShapePointer make_tent_shape(const StructureRecipe& recipe) {
  if (recipe.dimensions > 1)
    throw std::invalid_argument("linearly falling correlations exist in one dimension only");
  return std::make_unique<RangeShape>(tent, false);
}

}  // namespace tiers
