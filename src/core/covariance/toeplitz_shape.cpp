// toep: one correlation for each lag that occurs, zero from lag `band` on. The correlations are the
// parameters: whether the matrix is positive definite its factorization tells.
#include <cmath>
#include <sstream>

#include "../model/dense_algebra.h"
#include "covariance_shape.h"
#include "isotropic_shape.h"

namespace tiers {

namespace {

constexpr double kSameLag = 1e-8;
constexpr double kShrink = 0.93, kLeastPivot = 0.05;

std::string number_text(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

class ToeplitzShape final : public IsotropicShape {
 public:
  explicit ToeplitzShape(std::vector<double> lags) : lags_(std::move(lags)) {}

  Index parameter_count() const override { return static_cast<Index>(lags_.size()); }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    for (const double lag : lags_) {
      out.push_back({"cor_lag" + number_text(lag), ShapeParameter::Kind::correlation, -1.0, 1.0});
    }
    return out;
  }

  // Mean correlations by lag, all shrunk until they are those of a matrix.
  Vector start(const ShapeMoments& moments) const override {
    Vector sum = Vector::Zero(parameter_count()), weight = sum;
    for (const CorrelatedPair& one : correlated_pairs(moments)) {
      const Index lag = find(distance(moments.places, one.a, one.b));
      if (lag < 0) continue;
      sum[lag] += one.weight * one.correlation;
      weight[lag] += one.weight;
    }
    for (Index l = 0; l < sum.size(); ++l) sum[l] = weight[l] > 0.0 ? sum[l] / weight[l] : 0.0;
    Matrix c;
    for (int tries = 0; tries < 200; ++tries, sum *= kShrink) {
      value(sum, moments.places, c);
      const CholeskyFactor factor(c);
      if (!factor.positive_definite()) continue;
      if (factor.lower().diagonal().cwiseAbs2().minCoeff() > kLeastPivot) return sum;
    }
    return Vector::Zero(parameter_count());
  }

 protected:
  double correlation(const Vector& phi, double h) const override {
    if (h <= kSameLag) return 1.0;
    const Index lag = find(h);
    return lag < 0 ? 0.0 : phi[lag];
  }
  double slope(const Vector&, double h, Index k) const override {
    return h > kSameLag && find(h) == k ? 1.0 : 0.0;
  }
  double curvature(const Vector&, double, Index, Index) const override { return 0.0; }
  bool bends(Index, Index) const override { return false; }

 private:
  Index find(double h) const {
    for (std::size_t l = 0; l < lags_.size(); ++l) {
      if (std::abs(lags_[l] - h) <= kSameLag * (1.0 + h)) return static_cast<Index>(l);
    }
    return -1;
  }

  std::vector<double> lags_;
};

}  // namespace

ShapePointer make_toeplitz_shape(const StructureRecipe& recipe) {
  std::vector<double> lags = recipe.lags;
  for (Index lag = 1; recipe.lags.empty() && lag < recipe.visits; ++lag)
    lags.push_back(static_cast<double>(lag));
  while (recipe.band > 0 && !lags.empty() && lags.back() >= static_cast<double>(recipe.band))
    lags.pop_back();
  return std::make_unique<ToeplitzShape>(std::move(lags));
}

}  // namespace tiers
