// (1 - nu) C + nu I, nu in [0, 1) the last parameter: of the variance a share nu is each
// position's own.
#include "shape_parts.h"

namespace tiers {

namespace {

constexpr double kNuggetStart = 0.1;

class NuggetShape final : public CovarianceShape {
 public:
  explicit NuggetShape(ShapePointer correlation) : correlation_(std::move(correlation)) {}

  Index parameter_count() const override { return correlation_->parameter_count() + 1; }
  std::vector<ShapeParameter> parameters() const override {
    auto out = correlation_->parameters();
    out.push_back({"nugget", ShapeParameter::Kind::nugget, 0.0, 1.0});
    return out;
  }
  bool unit_diagonal() const override { return true; }
  bool uses_visits() const override { return correlation_->uses_visits(); }
  bool uses_coordinates() const override { return correlation_->uses_coordinates(); }
  int children() const override { return correlation_->children(); }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    correlation_->value(own(phi), at, sigma);
    const double nugget = phi[last()];
    sigma *= 1.0 - nugget;
    sigma.diagonal().array() += nugget;
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    if (k < last()) {
      correlation_->first(own(phi), at, k, d);
      d *= 1.0 - phi[last()];
      return;
    }
    correlation_->value(own(phi), at, d);
    d *= -1.0;
    d.diagonal().array() += 1.0;
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    if (k > l) std::swap(k, l);
    if (k == last()) return false;
    if (l == last()) {
      correlation_->first(own(phi), at, k, d);
      d *= -1.0;
      return true;
    }
    if (!correlation_->second(own(phi), at, k, l, d)) return false;
    d *= 1.0 - phi[last()];
    return true;
  }

  Vector start(const ShapeMoments& moments) const override {
    Vector phi(parameter_count());
    phi << correlation_->start(moments), kNuggetStart;
    return phi;
  }
  Vector natural(const Vector& phi) const override {
    Vector out(phi.size());
    out << correlation_->natural(own(phi)), phi[last()];
    return out;
  }
  Matrix natural_slope(const Vector& phi) const override {
    Matrix out = Matrix::Identity(phi.size(), phi.size());
    out.topLeftCorner(last(), last()) = correlation_->natural_slope(own(phi));
    return out;
  }
  Matrix natural_bend(const Vector& phi, Index i) const override {
    Matrix out = Matrix::Zero(phi.size(), phi.size());
    if (i < last()) out.topLeftCorner(last(), last()) = correlation_->natural_bend(own(phi), i);
    return out;
  }
  Vector from_natural(const Vector& natural) const override {
    const Vector rest = correlation_->from_natural(own(natural));
    const double nugget = natural[last()];
    if (rest.size() != last() || !(nugget >= 0.0 && nugget < 1.0)) return Vector();
    Vector phi(natural.size());
    phi << rest, nugget;
    return phi;
  }
  void box(Vector& lower, Vector& upper) const override {
    correlation_->box(lower, upper);
    lower.conservativeResize(parameter_count());
    upper.conservativeResize(parameter_count());
    lower[last()] = 0.0;
    upper[last()] = 1.0;
  }

 private:
  Index last() const { return correlation_->parameter_count(); }
  Vector own(const Vector& phi) const { return phi.head(last()); }

  ShapePointer correlation_;
};

}  // namespace

ShapePointer make_nugget_shape(ShapePointer correlation) {
  return std::make_unique<NuggetShape>(std::move(correlation));
}

}  // namespace tiers
