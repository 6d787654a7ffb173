// Correlations g(h / r) that fall with the distance h over a range r, phi = log r:
//   exp e^-x; gau e^(-x^2); ratio 1 / (1 + x^2); sph 1 - 3x/2 + x^3/2 and lin 1 - x up to x = 1,
//   zero beyond.
// ou (sp_pow) is exp, known by the correlation e^(-1/r) at distance 1.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "isotropic_shape.h"
#include "shapes.h"

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

// Beyond these phi every correlation is 0 or 1.
constexpr double kLargestLog = 300.0;

class RangeShape : public IsotropicShape {
 public:
  // first_slope: -g'(0) of those that fall at once, 1 of the others.
  RangeShape(Fall (*fall)(double), double first_slope, bool markov)
      : fall_(fall), first_slope_(first_slope), markov_(markov) {}

  Index parameter_count() const override { return 1; }
  std::vector<ShapeParameter> parameters() const override {
    ShapeParameter range{"range", ShapeParameter::Kind::range};
    range.map = ShapeParameter::Map::exponential;
    return {range};
  }
  bool markov() const override { return markov_; }

  // Without a rate: a range of half the mean distance.
  Vector start(const ShapeMoments& moments) const override {
    const double rate = decay_rate(moments);
    double range = first_slope_ / rate;
    if (!(rate > 0.0 && std::isfinite(range))) {
      double sum = 0.0, count = 0.0;
      for (const CorrelatedPair& one : correlated_pairs(moments)) {
        sum += distance(moments.places, one.a, one.b);
        count += 1.0;
      }
      range = sum > 0.0 ? 0.5 * sum / count : 1.0;
    }
    return Vector::Constant(1, std::log(range));
  }
  void box(Vector& lower, Vector& upper) const override {
    lower = Vector::Constant(1, -kLargestLog);
    upper = Vector::Constant(1, kLargestLog);
  }

 protected:
  double correlation(const Vector& phi, double h) const override {
    return fall_(h * std::exp(-phi[0])).value;
  }
  double slope(const Vector& phi, double h, Index) const override {
    const double x = h * std::exp(-phi[0]);
    return finite(-x * fall_(x).first);
  }
  double curvature(const Vector& phi, double h, Index, Index) const override {
    const double x = h * std::exp(-phi[0]);
    const Fall g = fall_(x);
    return finite(x * g.first + x * x * g.second);
  }
  bool bends(Index, Index) const override { return true; }

 private:
  // Of x so large that x^2 overflows.
  static double finite(double value) { return std::isfinite(value) ? value : 0.0; }

  Fall (*fall_)(double);
  double first_slope_;
  bool markov_;
};

class ContinuousShape final : public RangeShape {
 public:
  using RangeShape::RangeShape;

  std::vector<ShapeParameter> parameters() const override {
    ShapeParameter correlation{"cor", ShapeParameter::Kind::correlation, 0.0, 1.0};
    correlation.map = ShapeParameter::Map::other;
    return {correlation};
  }
  Vector natural(const Vector& phi) const override {
    return Vector::Constant(1, std::exp(-std::exp(-phi[0])));
  }
  Matrix natural_slope(const Vector& phi) const override {
    const double rate = std::exp(-phi[0]);
    return Matrix::Constant(1, 1, rate * std::exp(-rate));
  }
  Vector from_natural(const Vector& natural) const override {
    if (!(natural[0] > 0.0 && natural[0] < 1.0)) return Vector();
    return Vector::Constant(1, -std::log(-std::log(natural[0])));
  }
};

}  // namespace

ShapePointer make_continuous_shape(const StructureRecipe& recipe) {
  return std::make_unique<ContinuousShape>(exponential, 1.0, recipe.dimensions == 1);
}
ShapePointer make_exponential_shape(const StructureRecipe& recipe) {
  return std::make_unique<RangeShape>(exponential, 1.0, recipe.dimensions == 1);
}
ShapePointer make_gaussian_shape(const StructureRecipe&) {
  return std::make_unique<RangeShape>(gaussian, 1.0, false);
}
ShapePointer make_ratio_shape(const StructureRecipe&) {
  return std::make_unique<RangeShape>(ratio, 1.0, false);
}
ShapePointer make_spherical_shape(const StructureRecipe& recipe) {
  if (recipe.dimensions > 3)
    throw std::invalid_argument("spherical correlations exist in up to three dimensions");
  return std::make_unique<RangeShape>(spherical, 1.5, false);
}
ShapePointer make_tent_shape(const StructureRecipe& recipe) {
  if (recipe.dimensions > 1)
    throw std::invalid_argument("linearly falling correlations exist in one dimension only");
  return std::make_unique<RangeShape>(tent, 1.0, false);
}

}  // namespace tiers
