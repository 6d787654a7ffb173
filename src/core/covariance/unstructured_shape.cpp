// us: every variance and covariance, or those of visits less than `band` apart: a banded matrix has
// a banded Cholesky factor. phi = the factor, column by column; natural are SDs, then correlations.
#include <cmath>

#include "../model/dense_algebra.h"
#include "covariance_shape.h"
#include "loading_shape.h"

namespace tiers {

namespace {

class UnstructuredShape final : public LoadingShape {
 public:
  UnstructuredShape(Index visits, Index band)
      : LoadingShape(visits, visits, band, Uniqueness::none) {}

  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    for (Index a = 0; a < visits(); ++a) {
      out.push_back({"sd", ShapeParameter::Kind::sd, 0.0, std::numeric_limits<double>::infinity(),
                     ShapeParameter::Map::other, a});
    }
    for (Index k = 0; k < loadings(); ++k) {
      const auto& [a, b] = entry(k);
      if (a == b) continue;
      out.push_back(
          {"cor", ShapeParameter::Kind::correlation, -1.0, 1.0, ShapeParameter::Map::other, a, b});
    }
    return out;
  }

  Vector natural(const Vector& phi) const override {
    const Matrix f = factor(phi);
    const Matrix sigma = f * f.transpose();
    const Vector sd = sigma.diagonal().cwiseSqrt();
    Vector out(phi.size());
    out.head(visits()) = sd;
    Index at = visits();
    for (Index k = 0; k < loadings(); ++k) {
      const auto& [a, b] = entry(k);
      if (a != b) out[at++] = sigma(a, b) / (sd[a] * sd[b]);
    }
    return out;
  }
  // d sd_a = dSigma_aa / (2 sd_a); d r = dSigma_ab / (s_a s_b) - r/2 (dSigma_aa / Sigma_aa + ...).
  Matrix natural_slope(const Vector& phi) const override {
    const Vector value = natural(phi);
    const Positions all = equally_spaced(visits());
    Matrix out(phi.size(), phi.size()), d;
    for (Index k = 0; k < phi.size(); ++k) {
      first(phi, all, k, d);
      for (Index a = 0; a < visits(); ++a) out(a, k) = d(a, a) / (2.0 * value[a]);
      Index at = visits();
      for (Index l = 0; l < loadings(); ++l) {
        const auto& [a, b] = entry(l);
        if (a == b) continue;
        out(at, k) = d(a, b) / (value[a] * value[b]) -
                     value[at] * (out(a, k) / value[a] + out(b, k) / value[b]);
        ++at;
      }
    }
    return out;
  }
  // With s = Sigma_aa: d2 sd = d2 s / (2 sd) - d s d s' / (4 sd^3). Of r = c / (sd_a sd_b):
  // d2 c = d2 r sd_a sd_b + ..., by the product rule on r sd_a sd_b.
  Matrix natural_bend(const Vector& phi, Index i) const override {
    const Vector value = natural(phi);
    const Matrix slope = natural_slope(phi);
    if (i < visits()) return sd_bend(phi, i, value[i], slope.row(i).transpose());
    Index k = 0;
    for (Index at = visits(); k < loadings(); ++k) {
      if (entry(k).first != entry(k).second && at++ == i) break;
    }
    const auto& [a, b] = entry(k);
    const Vector ra = slope.row(a).transpose(), rb = slope.row(b).transpose(),
                 rr = slope.row(i).transpose();
    const double sa = value[a], sb = value[b], r = value[i];
    Matrix mixed =
        r * (ra * rb.transpose()) + sa * (rr * rb.transpose()) + sb * (rr * ra.transpose());
    mixed += mixed.transpose().eval();
    mixed += r * (sb * sd_bend(phi, a, sa, ra) + sa * sd_bend(phi, b, sb, rb));
    return (entry_bend(phi, a, b) - mixed) / (sa * sb);
  }
  Vector from_natural(const Vector& natural) const override {
    Matrix sigma = Matrix::Zero(visits(), visits());
    Index at = visits();
    for (Index k = 0; k < loadings(); ++k) {
      const auto& [a, b] = entry(k);
      const double r = a == b ? 1.0 : natural[at++];
      sigma(a, b) = sigma(b, a) = r * natural[a] * natural[b];
    }
    const CholeskyFactor factor(sigma);
    if (!factor.positive_definite()) return Vector();
    return parameters_of(factor.lower());
  }

  Vector start(const ShapeMoments& moments) const override {
    Matrix s = completed_covariance(moments);
    for (Index b = 0; b < visits(); ++b) {
      for (Index a = 0; a < visits(); ++a) {
        if (!in_band(a, b)) s(a, b) = 0.0;
      }
    }
    // Cutting a band off may leave no covariance matrix.
    for (int tries = 0; tries < 200; ++tries) {
      const CholeskyFactor factor(s);
      if (factor.positive_definite()) return parameters_of(factor.lower());
      const Vector diagonal = s.diagonal();
      s *= 0.93;
      s.diagonal() = diagonal;
    }
    s = s.diagonal().asDiagonal();
    return parameters_of(s.cwiseSqrt());
  }

 private:
  // d2 Sigma_ab / d phi d phi'.
  Matrix entry_bend(const Vector& phi, Index a, Index b) const {
    const Positions all = equally_spaced(visits());
    Matrix out = Matrix::Zero(phi.size(), phi.size()), d;
    for (Index k = 0; k < phi.size(); ++k) {
      for (Index l = 0; l < phi.size(); ++l) {
        if (second(phi, all, k, l, d)) out(k, l) = d(a, b);
      }
    }
    return out;
  }
  Matrix sd_bend(const Vector& phi, Index a, double sd, const Vector& slope) const {
    return (0.5 * entry_bend(phi, a, a) - slope * slope.transpose()) / sd;
  }
  bool in_band(Index a, Index b) const {
    for (Index k = 0; k < loadings(); ++k) {
      if (entry(k) == std::make_pair(std::max(a, b), std::min(a, b))) return true;
    }
    return false;
  }
};

}  // namespace

ShapePointer make_unstructured_shape(const StructureRecipe& recipe) {
  const bool banded = recipe.band > 0 && recipe.band < recipe.visits;
  return std::make_unique<UnstructuredShape>(recipe.visits, banded ? recipe.band : recipe.visits);
}

}  // namespace tiers
