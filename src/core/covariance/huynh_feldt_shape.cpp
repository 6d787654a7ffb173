// hf: Sigma_aa = s_a, Sigma_ab = (s_a + s_b) / 2 - lambda. With a = (s - lambda) / 2,
// Sigma = lambda I + a1' + 1a', positive definite where lambda > 0 and
// lambda^2 + 2 lambda t mean(a) > t |a - mean(a)|^2. That cone has no edge in
//   lambda = e^eta,  a - mean(a) = lambda B delta,  2 t mean(a) = lambda (t |delta|^2 - 1 +
//   e^zeta),
// B (t x (t - 1)) orthonormal contrasts; phi = (eta, zeta, delta).
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "covariance_shape.h"
#include "shape_moments.h"

namespace tiers {

namespace {

class HuynhFeldtShape final : public CovarianceShape {
 public:
  explicit HuynhFeldtShape(Index visits)
      : visits_(visits), contrasts_(Matrix::Zero(visits, visits - 1)) {
    for (Index k = 0; k + 1 < visits; ++k) {
      const double size = static_cast<double>(k + 1), norm = std::sqrt(size * (size + 1.0));
      for (Index a = 0; a <= k; ++a) contrasts_(a, k) = 1.0 / norm;
      contrasts_(k + 1, k) = -size / norm;
    }
  }

  Index parameter_count() const override { return visits_ + 1; }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    ShapeParameter one{"var", ShapeParameter::Kind::variance};
    one.map = ShapeParameter::Map::other;
    for (one.row = 0; one.row < visits_; ++one.row) out.push_back(one);
    one.word = "lambda";
    one.row = -1;
    out.push_back(one);
    return out;
  }
  bool unit_diagonal() const override { return false; }
  bool uses_visits() const override { return true; }
  bool uses_coordinates() const override { return false; }

  // a / lambda and its derivatives.
  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    spread(relative(phi), at, std::exp(phi[0]), 1.0, sigma);
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    if (k == 0)
      value(phi, at, d);
    else
      spread(change(phi, k), at, std::exp(phi[0]), 0.0, d);
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    if (k == 0 || l == 0) {
      first(phi, at, std::max(k, l), d);
      return true;
    }
    if (k != l) return false;
    spread(k == 1 ? change(phi, 1) : Vector(Vector::Ones(visits_)), at, std::exp(phi[0]), 0.0, d);
    return true;
  }

  Vector natural(const Vector& phi) const override {
    Vector out(parameter_count());
    out.head(visits_) = std::exp(phi[0]) * (2.0 * relative(phi).array() + 1.0).matrix();
    out[visits_] = std::exp(phi[0]);
    return out;
  }
  Matrix natural_slope(const Vector& phi) const override {
    const double lambda = std::exp(phi[0]);
    Matrix out = Matrix::Zero(parameter_count(), parameter_count());
    out.col(0) = natural(phi);
    for (Index k = 1; k < parameter_count(); ++k)
      out.col(k).head(visits_) = 2.0 * lambda * change(phi, k);
    return out;
  }
  Matrix natural_bend(const Vector& phi, Index i) const override {
    const double lambda = std::exp(phi[0]);
    Matrix out = Matrix::Zero(phi.size(), phi.size());
    if (i == visits_) {
      out(0, 0) = lambda;
      return out;
    }
    out(0, 0) = natural(phi)[i];
    for (Index k = 1; k < phi.size(); ++k) {
      const Vector slope = change(phi, k);
      out(0, k) = out(k, 0) = 2.0 * lambda * slope[i];
      out(k, k) = 2.0 * lambda * (k == 1 ? slope[i] : 1.0);
    }
    return out;
  }
  Vector from_natural(const Vector& natural) const override {
    const double lambda = natural[visits_], t = static_cast<double>(visits_);
    if (!(lambda > 0.0)) return Vector();
    const Vector a = 0.5 * (natural.head(visits_).array() - lambda).matrix() / lambda;
    Vector phi(parameter_count());
    phi[0] = std::log(lambda);
    phi.tail(visits_ - 1) = contrasts_.transpose() * a;
    const double rest = 2.0 * a.sum() - t * phi.tail(visits_ - 1).squaredNorm() + 1.0;
    if (!(rest > 0.0)) return Vector();
    phi[1] = std::log(rest);
    return phi;
  }

  // Variances are drawn together until there is a covariance matrix that has them.
  Vector start(const ShapeMoments& moments) const override {
    const Matrix s = completed_covariance(moments);
    const double mean = s.trace() / static_cast<double>(visits_);
    double lambda = 0.0, weights = 0.0;
    for (const CorrelatedPair& one : correlated_pairs(moments)) {
      lambda += one.weight * (0.5 * (s(one.a, one.a) + s(one.b, one.b)) - s(one.a, one.b));
      weights += one.weight;
    }
    lambda = weights > 0.0 ? std::max(lambda / weights, 0.05 * mean) : mean;
    Vector wanted(parameter_count());
    wanted << s.diagonal(), lambda;
    for (int tries = 0; tries < 50; ++tries) {
      const Vector phi = from_natural(wanted);
      if (phi.size() > 0) return phi;
      wanted.head(visits_) = (0.8 * wanted.head(visits_).array() + 0.2 * mean).matrix();
    }
    return from_natural(Vector::Constant(parameter_count(), mean));
  }

 private:
  // a / lambda.
  Vector relative(const Vector& phi) const {
    const Vector delta = phi.tail(visits_ - 1);
    const double t = static_cast<double>(visits_);
    const double mean = (t * delta.squaredNorm() - 1.0 + std::exp(phi[1])) / (2.0 * t);
    return (contrasts_ * delta).array() + mean;
  }
  Vector change(const Vector& phi, Index k) const {
    if (k == 1)
      return Vector::Constant(visits_, std::exp(phi[1]) / (2.0 * static_cast<double>(visits_)));
    return contrasts_.col(k - 2).array() + phi[k];
  }
  // lambda (diagonal I + a1' + 1a') at positions.
  static void spread(const Vector& a, const Positions& at, double lambda, double diagonal,
                     Matrix& out) {
    const Index m = at.size();
    out.resize(m, m);
    for (Index j = 0; j < m; ++j) {
      for (Index i = 0; i < m; ++i)
        out(i, j) = lambda * (a[at.visits[i]] + a[at.visits[j]] + (i == j ? diagonal : 0.0));
    }
  }

  Index visits_;
  Matrix contrasts_;
};

}  // namespace

ShapePointer make_huynh_feldt_shape(const StructureRecipe& recipe) {
  if (recipe.visits < 2)
    throw std::invalid_argument("the Huynh-Feldt structure needs two positions or more");
  return std::make_unique<HuynhFeldtShape>(recipe.visits);
}

}  // namespace tiers
