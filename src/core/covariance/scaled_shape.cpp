// Sigma = D C D: a correlation matrix with one SD or one for each visit, tau = log SD before C's
// parameters. d_tau Sigma = Sigma o u with u_ij = [i = a] + [j = a], all 2 for a common SD.
#include <cmath>

#include "shape_moments.h"
#include "shape_parts.h"

namespace tiers {

namespace {

class ScaledShape final : public CovarianceShape {
 public:
  // visits: of the SDs; 0: one SD for all.
  ScaledShape(ShapePointer correlation, Index visits)
      : correlation_(std::move(correlation)), visits_(visits), sds_(visits > 0 ? visits : 1) {}

  Index parameter_count() const override { return sds_ + correlation_->parameter_count(); }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    for (Index a = 0; a < sds_; ++a) {
      ShapeParameter sd{"sd", ShapeParameter::Kind::sd};
      sd.map = ShapeParameter::Map::exponential;
      if (visits_ > 0) sd.row = a;
      out.push_back(sd);
    }
    for (const ShapeParameter& one : correlation_->parameters()) out.push_back(one);
    return out;
  }
  bool unit_diagonal() const override { return false; }
  bool uses_visits() const override { return visits_ > 0 || correlation_->uses_visits(); }
  bool uses_coordinates() const override { return correlation_->uses_coordinates(); }
  bool markov() const override { return correlation_->markov(); }
  int children() const override { return correlation_->children(); }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    correlation_->value(own(phi), at, sigma);
    scale(phi, at, sigma);
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    if (k < sds_) {
      value(phi, at, d);
      multiply(k, at, d);
      return;
    }
    correlation_->first(own(phi), at, k - sds_, d);
    scale(phi, at, d);
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    if (k > l) std::swap(k, l);
    if (l < sds_) {
      value(phi, at, d);
      multiply(k, at, d);
      multiply(l, at, d);
      return true;
    }
    if (k < sds_) {
      correlation_->first(own(phi), at, l - sds_, d);
      scale(phi, at, d);
      multiply(k, at, d);
      return true;
    }
    if (!correlation_->second(own(phi), at, k - sds_, l - sds_, d)) return false;
    scale(phi, at, d);
    return true;
  }

  Vector start(const ShapeMoments& moments) const override {
    const double mean = mean_variance(moments);
    Vector phi = Vector::Constant(parameter_count(), 0.5 * std::log(mean));
    for (Index a = 0; a < visits_ && a < moments.covariance.rows(); ++a) {
      const double variance = moments.covariance(a, a);
      if (moments.weight(a, a) > 0.0 && variance > 0.0) phi[a] = 0.5 * std::log(variance);
    }
    phi.tail(correlation_->parameter_count()) = correlation_->start(moments);
    return phi;
  }

  Vector natural(const Vector& phi) const override {
    Vector out(phi.size());
    out << phi.head(sds_).array().exp().matrix(), correlation_->natural(own(phi));
    return out;
  }
  Matrix natural_slope(const Vector& phi) const override {
    const Index rest = correlation_->parameter_count();
    Matrix out = Matrix::Zero(phi.size(), phi.size());
    for (Index a = 0; a < sds_; ++a) out(a, a) = std::exp(phi[a]);
    out.bottomRightCorner(rest, rest) = correlation_->natural_slope(own(phi));
    return out;
  }
  Matrix natural_bend(const Vector& phi, Index i) const override {
    const Index rest = correlation_->parameter_count();
    Matrix out = Matrix::Zero(phi.size(), phi.size());
    if (i < sds_)
      out(i, i) = std::exp(phi[i]);
    else
      out.bottomRightCorner(rest, rest) = correlation_->natural_bend(own(phi), i - sds_);
    return out;
  }
  Vector from_natural(const Vector& natural) const override {
    const Vector rest = correlation_->from_natural(own(natural));
    if (rest.size() != correlation_->parameter_count()) return Vector();
    Vector phi(natural.size());
    for (Index a = 0; a < sds_; ++a) {
      if (!(natural[a] > 0.0)) return Vector();
      phi[a] = std::log(natural[a]);
    }
    phi.tail(rest.size()) = rest;
    return phi;
  }
  void box(Vector& lower, Vector& upper) const override {
    Vector own_lower, own_upper;
    correlation_->box(own_lower, own_upper);
    const double infinite = std::numeric_limits<double>::infinity();
    lower = Vector::Constant(parameter_count(), -infinite);
    upper = Vector::Constant(parameter_count(), infinite);
    lower.tail(own_lower.size()) = own_lower;
    upper.tail(own_upper.size()) = own_upper;
  }

 private:
  Vector own(const Vector& phi) const { return phi.tail(correlation_->parameter_count()); }
  void scale(const Vector& phi, const Positions& at, Matrix& m) const {
    for (Index j = 0; j < at.size(); ++j) {
      for (Index i = 0; i < at.size(); ++i)
        m(i, j) *= std::exp(log_sd(phi, at, i) + log_sd(phi, at, j));
    }
  }
  double log_sd(const Vector& phi, const Positions& at, Index i) const {
    return phi[visits_ > 0 ? at.visits[i] : 0];
  }
  // m o u_a.
  void multiply(Index a, const Positions& at, Matrix& m) const {
    for (Index j = 0; j < at.size(); ++j) {
      for (Index i = 0; i < at.size(); ++i) {
        const auto is_its = [&](Index k) { return visits_ == 0 || at.visits[k] == a ? 1.0 : 0.0; };
        m(i, j) *= is_its(i) + is_its(j);
      }
    }
  }

  ShapePointer correlation_;
  Index visits_, sds_;
};

}  // namespace

ShapePointer make_scaled_shape(ShapePointer correlation, StructureRecipe::Scale scale,
                               Index visits) {
  if (scale == StructureRecipe::Scale::none) return correlation;
  const bool each = scale == StructureRecipe::Scale::each;
  return std::make_unique<ScaledShape>(std::move(correlation), each ? visits : 0);
}

}  // namespace tiers
