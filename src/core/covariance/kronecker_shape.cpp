// A (x) B at positions that are pairs: Sigma_ij = A_(a_i a_j) B_(b_i b_j), B a correlation matrix.
// phi is A's, then B's.
#include <cmath>

#include "shape_parts.h"

namespace tiers {

namespace {

class KroneckerShape final : public CovarianceShape {
 public:
  KroneckerShape(ShapePointer left, ShapePointer right, Index right_visits, Index left_dimensions)
      : left_(std::move(left)),
        right_(std::move(right)),
        right_visits_(right_visits),
        left_dimensions_(left_dimensions) {}

  Index parameter_count() const override { return lefts() + right_->parameter_count(); }
  std::vector<ShapeParameter> parameters() const override {
    auto out = left_->parameters();
    for (ShapeParameter one : right_->parameters()) {
      one.child += left_->children();
      out.push_back(one);
    }
    return out;
  }
  bool unit_diagonal() const override { return left_->unit_diagonal(); }
  bool uses_visits() const override { return left_->uses_visits() || right_->uses_visits(); }
  bool uses_coordinates() const override {
    return left_->uses_coordinates() || right_->uses_coordinates();
  }
  int children() const override { return left_->children() + right_->children(); }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    Matrix right;
    left_->value(phi.head(lefts()), first_of(at), sigma);
    right_->value(rest(phi), second_of(at), right);
    sigma = sigma.cwiseProduct(right);
  }
  void first(const Vector& phi, const Positions& at, Index k, Matrix& d) const override {
    Matrix right;
    if (k < lefts()) {
      left_->first(phi.head(lefts()), first_of(at), k, d);
      right_->value(rest(phi), second_of(at), right);
    } else {
      left_->value(phi.head(lefts()), first_of(at), d);
      right_->first(rest(phi), second_of(at), k - lefts(), right);
    }
    d = d.cwiseProduct(right);
  }
  bool second(const Vector& phi, const Positions& at, Index k, Index l, Matrix& d) const override {
    if (k > l) std::swap(k, l);
    const Vector a = phi.head(lefts()), b = rest(phi);
    Matrix right;
    if (l < lefts()) {
      if (!left_->second(a, first_of(at), k, l, d)) return false;
      right_->value(b, second_of(at), right);
    } else if (k < lefts()) {
      left_->first(a, first_of(at), k, d);
      right_->first(b, second_of(at), l - lefts(), right);
    } else {
      if (!right_->second(b, second_of(at), k - lefts(), l - lefts(), right)) return false;
      left_->value(a, first_of(at), d);
    }
    d = d.cwiseProduct(right);
    return true;
  }

  Vector start(const ShapeMoments& moments) const override {
    Vector phi(parameter_count());
    phi << left_->start(collected(moments, first_of(moments.places), false)),
        right_->start(collected(moments, second_of(moments.places), true));
    return phi;
  }
  Vector natural(const Vector& phi) const override {
    Vector out(phi.size());
    out << left_->natural(phi.head(lefts())), right_->natural(rest(phi));
    return out;
  }
  Matrix natural_slope(const Vector& phi) const override {
    const Index rights = right_->parameter_count();
    Matrix out = Matrix::Zero(phi.size(), phi.size());
    out.topLeftCorner(lefts(), lefts()) = left_->natural_slope(phi.head(lefts()));
    out.bottomRightCorner(rights, rights) = right_->natural_slope(rest(phi));
    return out;
  }
  Matrix natural_bend(const Vector& phi, Index i) const override {
    const Index rights = right_->parameter_count();
    Matrix out = Matrix::Zero(phi.size(), phi.size());
    if (i < lefts())
      out.topLeftCorner(lefts(), lefts()) = left_->natural_bend(phi.head(lefts()), i);
    else
      out.bottomRightCorner(rights, rights) = right_->natural_bend(rest(phi), i - lefts());
    return out;
  }
  Vector from_natural(const Vector& natural) const override {
    const Vector a = left_->from_natural(natural.head(lefts())),
                 b = right_->from_natural(rest(natural));
    if (a.size() + b.size() != parameter_count()) return Vector();
    Vector phi(parameter_count());
    phi << a, b;
    return phi;
  }
  void box(Vector& lower, Vector& upper) const override {
    Vector a_lower, a_upper, b_lower, b_upper;
    left_->box(a_lower, a_upper);
    right_->box(b_lower, b_upper);
    lower.resize(parameter_count());
    upper.resize(parameter_count());
    lower << a_lower, b_lower;
    upper << a_upper, b_upper;
  }

 private:
  Index lefts() const { return left_->parameter_count(); }
  Vector rest(const Vector& phi) const { return phi.tail(right_->parameter_count()); }

  Positions first_of(const Positions& at) const {
    Positions out = at;
    for (Index& visit : out.visits) visit /= right_visits_;
    out.coordinates = at.coordinates.leftCols(left_dimensions_);
    return out;
  }
  Positions second_of(const Positions& at) const {
    Positions out = at;
    for (Index& visit : out.visits) visit %= right_visits_;
    out.coordinates = at.coordinates.rightCols(at.coordinates.cols() - left_dimensions_);
    return out;
  }

  // Moments at the visits of one part: means over pairs that are at one visit of the other; of
  // correlations where the scale is not this part's.
  ShapeMoments collected(const ShapeMoments& moments, const Positions& own, bool right) const {
    const Positions& all = moments.places;
    const auto other = [&](Index i) {
      return right ? all.visits[i] / right_visits_ : all.visits[i] % right_visits_;
    };
    Index visits = 0;
    for (const Index visit : own.visits) visits = std::max(visits, visit + 1);
    ShapeMoments out;
    out.places.visits.resize(visits);
    out.places.coordinates = Matrix::Zero(visits, own.coordinates.cols());
    out.covariance = out.weight = Matrix::Zero(visits, visits);
    for (Index v = 0; v < visits; ++v) out.places.visits[v] = v;
    for (Index j = 0; j < own.size(); ++j) {
      out.places.coordinates.row(own.visits[j]) = own.coordinates.row(j);
      for (Index i = 0; i < own.size(); ++i) {
        const double weight = moments.weight(i, j);
        if (other(i) != other(j) || !(weight > 0.0)) continue;
        const double variances = moments.covariance(i, i) * moments.covariance(j, j);
        if (right && !(variances > 0.0)) continue;
        const double unit = right ? std::sqrt(variances) : 1.0;
        out.covariance(own.visits[i], own.visits[j]) += weight * moments.covariance(i, j) / unit;
        out.weight(own.visits[i], own.visits[j]) += weight;
      }
    }
    for (Index j = 0; j < visits; ++j) {
      for (Index i = 0; i < visits; ++i) {
        if (out.weight(i, j) > 0.0) out.covariance(i, j) /= out.weight(i, j);
      }
    }
    return out;
  }

  ShapePointer left_, right_;
  Index right_visits_, left_dimensions_;
};

}  // namespace

ShapePointer make_kronecker_shape(ShapePointer left, ShapePointer right,
                                  const StructureRecipe& recipe) {
  return std::make_unique<KroneckerShape>(std::move(left), std::move(right),
                                          recipe.children[1].visits, recipe.children[0].dimensions);
}

}  // namespace tiers
