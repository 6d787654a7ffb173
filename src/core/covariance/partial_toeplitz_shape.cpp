// toep by partial autocorrelations in (-1, 1), lags 1, 2, ..., L: positive definite for L + 1
// visits everywhere, so that the ends of the parameters are those of the matrices. Natural are the
// correlations.
#include <cmath>
#include <stdexcept>

#include "isotropic_shape.h"
#include "partial_autocorrelations.h"
#include "shape_parts.h"

namespace tiers {

namespace {

class PartialToeplitzShape final : public CovarianceShape {
 public:
  PartialToeplitzShape(Index lags, ShapePointer direct) : lags_(lags), direct_(std::move(direct)) {}

  Index parameter_count() const override { return lags_; }
  std::vector<ShapeParameter> parameters() const override {
    auto out = direct_->parameters();
    for (ShapeParameter& one : out) one.map = ShapeParameter::Map::other;
    return out;
  }
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return false; }
  bool uses_coordinates() const override { return true; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    direct_->value(natural(phi), at, sigma);
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    const Matrix slope = natural_slope(phi);
    sum_by_lag(slope.col(k), at, d);
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    const auto rho = correlations(phi, lags_);
    Vector bend(lags_);
    for (Index h = 0; h < lags_; ++h) bend[h] = rho[h + 1].second(k, l);
    sum_by_lag(bend, at, d);
    return true;
  }
  Vector start(const ShapeMoments& moments) const override {
    Vector rho = direct_->start(moments);
    for (int tries = 0; tries < 200; ++tries, rho *= 0.93) {
      const Vector phi = from_natural(rho);
      if (phi.size() == lags_ && phi.cwiseAbs().maxCoeff() < 0.95) return phi;
    }
    return Vector::Zero(lags_);
  }

  Vector natural(const Vector& phi) const override {
    const auto rho = correlations(phi, 0);
    Vector out(lags_);
    for (Index h = 0; h < lags_; ++h) out[h] = rho[h + 1].value;
    return out;
  }
  Matrix natural_slope(const Vector& phi) const override {
    const auto rho = correlations(phi, lags_);
    Matrix out(lags_, lags_);
    for (Index h = 0; h < lags_; ++h) out.row(h) = rho[h + 1].first.transpose();
    return out;
  }
  Matrix natural_bend(const Vector& phi, Index i) const override {
    return correlations(phi, lags_)[i + 1].second;
  }
  // Durbin's recursion, v = 1 - sum_j a_j rho_j: pi_k = (rho_k - sum_(j<k) a_j rho_(k-j)) / v.
  // A pi of one in size ends it: the correlations of longer lags follow.
  Vector from_natural(const Vector& natural) const override {
    Vector phi = Vector::Zero(lags_), a = phi;
    double left = 1.0;
    for (Index k = 0; k < lags_; ++k) {
      double rest = natural[k];
      for (Index j = 0; j < k; ++j) rest -= a[j] * natural[k - 1 - j];
      if (!(left > kNothingLeft)) {
        if (std::abs(rest) > kFollows) return Vector();
        continue;
      }
      const double pi = rest / left;
      if (!(std::abs(pi) <= 1.0 + kFollows)) return Vector();
      phi[k] = std::min(std::max(pi, -1.0), 1.0);
      const Vector before = a;
      for (Index j = 0; j < k; ++j) a[j] = before[j] - phi[k] * before[k - 1 - j];
      a[k] = phi[k];
      left *= 1.0 - phi[k] * phi[k];
    }
    return phi;
  }
  void box(Vector& lower, Vector& upper) const override {
    lower = Vector::Constant(lags_, -1.0);
    upper = Vector::Constant(lags_, 1.0);
  }

 private:
  static constexpr double kNothingLeft = 1e-12, kFollows = 1e-9;

  std::vector<Jet> correlations(const Vector& phi, Index n) const {
    std::vector<Jet> partial;
    for (Index k = 0; k < lags_; ++k) partial.push_back(Jet::variable(phi[k], k, n));
    return autocorrelations(partial, static_cast<std::size_t>(lags_), n);
  }
  // C is linear in the correlations.
  void sum_by_lag(const Vector& by, const Positions& at, Matrix& d) const {
    direct_->value(by, at, d);
    d.diagonal().setZero();
  }

  Index lags_;
  ShapePointer direct_;
};

}  // namespace

ShapePointer make_partial_toeplitz_shape(const StructureRecipe& recipe) {
  ShapePointer direct = make_toeplitz_shape(recipe);
  bool whole = recipe.band == 0 && direct->parameter_count() > 0;
  for (std::size_t l = 0; l < recipe.lags.size(); ++l)
    whole = whole && recipe.lags[l] == static_cast<double>(l + 1);
  if (!whole) return direct;
  const Index lags = direct->parameter_count();
  return std::make_unique<PartialToeplitzShape>(lags, std::move(direct));
}

}  // namespace tiers
