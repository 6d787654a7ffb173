// ante: a correlation of each visit with the one before; that of two others is the product of those
// between them.
#include <algorithm>

#include "covariance_shape.h"
#include "shape_moments.h"

namespace tiers {

namespace {

class AntedependenceShape final : public CovarianceShape {
 public:
  explicit AntedependenceShape(Index visits) : visits_(visits) {}

  Index parameter_count() const override { return visits_ - 1; }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    for (Index v = 0; v + 1 < visits_; ++v) {
      out.push_back({"cor", ShapeParameter::Kind::correlation, -1.0, 1.0,
                     ShapeParameter::Map::identity, v + 1, v});
    }
    return out;
  }
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return true; }
  bool uses_coordinates() const override { return false; }
  bool markov() const override { return true; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    fill(phi, at, -1, -1, 1.0, sigma);
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    fill(phi, at, k, k, 0.0, d);
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    if (k == l) return false;
    fill(phi, at, k, l, 0.0, d);
    return true;
  }

  Vector start(const ShapeMoments& moments) const override {
    const auto pairs = correlated_pairs(moments);
    Vector phi = Vector::Constant(parameter_count(), mean_correlation(pairs, 0.0));
    for (const CorrelatedPair& one : pairs) {
      if (one.a == one.b + 1 && one.b < phi.size()) phi[one.b] = one.correlation;
    }
    return phi.cwiseMax(-0.95).cwiseMin(0.95);
  }

 private:
  // Products without the factors k and l, zero where these are not among them.
  void fill(const Vector& phi, const Positions& at, Index k, Index l, double diagonal,
            Matrix& out) const {
    const Index m = at.size();
    out.resize(m, m);
    for (Index b = 0; b < m; ++b) {
      out(b, b) = diagonal;
      for (Index a = b + 1; a < m; ++a) {
        const Index from = std::min(at.visits[a], at.visits[b]);
        const Index to = std::max(at.visits[a], at.visits[b]);
        const auto missing = [&](Index i) { return i >= 0 && !(i >= from && i < to); };
        double product = missing(k) || missing(l) ? 0.0 : 1.0;
        for (Index v = from; v < to && product != 0.0; ++v) {
          if (v != k && v != l) product *= phi[v];
        }
        out(a, b) = out(b, a) = product;
      }
    }
  }

  Index visits_;
};

}  // namespace

ShapePointer make_antedependence_shape(const StructureRecipe& recipe) {
  return std::make_unique<AntedependenceShape>(recipe.visits);
}

}  // namespace tiers
