// Lambda = S L, C = L L'. theta are what the SDs come from, then what phi comes from: smooth where
// a variance or a correlation ends, and the derivative there zero, so that an end is found as a
// minimum inside is.
//   one SD for all: itself; one for each: its root, for it has no sign where others are correlated;
//   phi between two ends: phi = middle + half sin theta; other phi: itself.
#include "shape_structure.h"

#include <cmath>
#include <stdexcept>

#include "../model/dense_algebra.h"
#include "semidefinite_factor.h"
#include "shape_registry.h"

namespace tiers {

namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
constexpr double kQuarterTurn = 1.5707963267948966;
constexpr double kReopenedTurn = 0.6;  // away from the end
constexpr int kMaxProjections = 60;

class ShapeStructure final : public CovarianceStructure {
 public:
  ShapeStructure(std::unique_ptr<CovarianceShape> correlation, const StructureRecipe& recipe,
                 bool each)
      : CovarianceStructure(recipe.visits),
        correlation_(std::move(correlation)),
        at_(equally_spaced(recipe.visits)),
        each_(each),
        nugget_(recipe.nugget),
        sds_(each ? recipe.visits : 1),
        phis_(correlation_->parameter_count()) {
    if (recipe.coordinates.rows() == recipe.visits) at_.coordinates = recipe.coordinates;
    correlation_->box(lower_, upper_);
  }

  Index parameter_count() const override { return sds_ + phis_; }
  Rescaling rescaling() const override { return each_ ? Rescaling::per_column : Rescaling::common; }

  std::vector<NaturalParameter> natural_parameters() const override {
    std::vector<NaturalParameter> out;
    for (Index a = 0; a < sds_; ++a)
      out.push_back({NaturalParameter::Kind::sd, a, a, !each_, 0.0, kUnbounded, ""});
    const bool exchangeable = !correlation_->uses_visits() && !correlation_->uses_coordinates();
    for (const ShapeParameter& one : correlation_->parameters()) {
      const bool pair = one.row >= 0 && one.column >= 0;
      NaturalParameter own{
          NaturalParameter::Kind::other, 0, 0, !pair, one.lower, one.upper, one.word};
      if (pair) {
        own.row = one.row;
        own.column = one.column;
      }
      if (one.kind == ShapeParameter::Kind::correlation)
        own.kind = NaturalParameter::Kind::correlation;
      own.of_pairs = !nugget_ && (pair || exchangeable);
      out.push_back(own);
    }
    return out;
  }

  // Where Sigma is no such matrix, one whose correlations are near by least squares.
  Vector parameters(const Matrix& lambda) const override {
    const Matrix sigma = lambda * lambda.transpose();
    const Vector sd = sigma.diagonal().cwiseSqrt();
    Vector theta(parameter_count());
    if (each_)
      theta.head(sds_) = sd.cwiseSqrt();
    else
      theta[0] = std::sqrt(sigma.trace() / static_cast<double>(columns()));
    theta.tail(phis_) = turns(nearest(sigma));
    return theta;
  }

  Matrix factor(const Vector& theta) const override {
    Matrix c;
    correlation_->value(phi(theta), at_, c);
    const Matrix lower = c.allFinite() ? semidefinite_factor(c) : Matrix();
    if (lower.rows() != columns()) return Matrix::Constant(columns(), columns(), kNotKnown);
    return sds(theta).asDiagonal() * lower;
  }

  Matrix factor_derivative(const Vector& theta, Index i) const override {
    Matrix c, change;
    correlation_->value(phi(theta), at_, c);
    const Matrix lower = semidefinite_factor(c);
    if (lower.rows() != columns()) return Matrix::Constant(columns(), columns(), kNotKnown);
    if (i < sds_) return sd_slope(theta, i).asDiagonal() * lower;
    correlation_->first(phi(theta), at_, i - sds_, change);
    change *= turn_slope(theta, i);
    return sds(theta).asDiagonal() * semidefinite_factor_derivative(lower, change);
  }

  // Of Sigma = S C S.
  Matrix second_derivative_product(const Vector& theta, const Matrix& d) const override {
    const Index count = parameter_count();
    const Vector at = phi(theta), sd = sds(theta);
    Matrix c, out(count, count);
    correlation_->value(at, at_, c);
    std::vector<Matrix> first(phis_);
    for (Index k = 0; k < phis_; ++k) correlation_->first(at, at_, k, first[k]);
    // 2 <D, diag(u) M diag(v)>, or once where both are of Sigma.
    const auto product = [&](const Vector& u, const Matrix& m, const Vector& v) {
      return u.dot(d.cwiseProduct(m) * v);
    };
    for (Index i = 0; i < count; ++i) {
      for (Index j = 0; j <= i; ++j) {
        double sum = 0.0;
        if (i < sds_) {
          sum = 2.0 * product(sd_slope(theta, i), c, sd_slope(theta, j));
          if (i == j) sum += 2.0 * product(sd_curvature(i), c, sd);
        } else if (j < sds_) {
          sum = 2.0 * turn_slope(theta, i) * product(sd_slope(theta, j), first[i - sds_], sd);
        } else {
          Matrix second;
          if (correlation_->second(at, at_, i - sds_, j - sds_, second))
            sum = turn_slope(theta, i) * turn_slope(theta, j) * product(sd, second, sd);
          if (i == j) sum += turn_curvature(theta, i) * product(sd, first[i - sds_], sd);
        }
        out(i, j) = out(j, i) = sum;
      }
    }
    return out;
  }

  Vector natural(const Vector& theta, const Matrix& map) const override {
    const Vector sd = sds(theta);
    Vector out(parameter_count());
    for (Index a = 0; a < sds_; ++a) out[a] = std::abs(map(a, a) * sd[a]);
    if (sd.isZero(0.0))
      out.tail(phis_).setConstant(kNotKnown);
    else
      out.tail(phis_) = correlation_->natural(phi(theta));
    return out;
  }
  Matrix natural_jacobian(const Vector& theta, const Matrix& map) const override {
    const Vector sd = sds(theta);
    Matrix out = Matrix::Zero(parameter_count(), parameter_count());
    for (Index a = 0; a < sds_; ++a) {
      out(a, a) = std::abs(map(a, a)) * sd_slope(theta, a)[a];
      if (sd[a] == 0.0) out.row(a).setConstant(kNotKnown);
    }
    const Matrix slope = correlation_->natural_slope(phi(theta));
    for (Index k = 0; k < phis_; ++k)
      out.col(sds_ + k).tail(phis_) = turn_slope(theta, sds_ + k) * slope.col(k);
    if (sd.isZero(0.0)) out.bottomRows(phis_).setConstant(kNotKnown);
    return out;
  }
  Matrix natural_covariance(const Vector& natural) const override {
    const Vector at = correlation_->from_natural(natural.tail(phis_));
    if (at.size() != phis_) return Matrix::Constant(columns(), columns(), kNotKnown);
    Matrix c;
    correlation_->value(at, at_, c);
    const Vector sd = natural_sds(natural);
    return sd.asDiagonal() * c * sd.asDiagonal();
  }
  Matrix natural_derivative(const Vector& natural, Index i) const override {
    const Vector at = correlation_->from_natural(natural.tail(phis_)), sd = natural_sds(natural);
    Matrix c;
    if (i < sds_) {
      correlation_->value(at, at_, c);
      const Vector unit =
          each_ ? Vector(Vector::Unit(columns(), i)) : Vector(Vector::Ones(columns()));
      const Matrix half = unit.asDiagonal() * c * sd.asDiagonal();
      return half + half.transpose();
    }
    const Matrix by = natural_inverse(at);
    Matrix sum = Matrix::Zero(columns(), columns());
    for (Index k = 0; k < phis_; ++k) {
      correlation_->first(at, at_, k, c);
      sum += by(k, i - sds_) * c;
    }
    return sd.asDiagonal() * sum * sd.asDiagonal();
  }
  // With J = d natural / d phi, B_i its second derivatives and P = J^-1:
  // C_il = sum_ab C_ab P_ai P_bl - sum_a C_a sum_j P_aj (P'B_j P)_il.
  bool correlation_curve(const Vector& natural, CorrelationCurve& out) const override {
    const Vector at = correlation_->from_natural(natural.tail(phis_));
    out.value.resize(0, 0);
    if (at.size() != phis_) return true;
    correlation_->value(at, at_, out.value);
    const Matrix inverse = natural_inverse(at);
    std::vector<Matrix> by_phi(phis_), bends(phis_);
    for (Index k = 0; k < phis_; ++k) {
      correlation_->first(at, at_, k, by_phi[k]);
      bends[k] = inverse.transpose() * correlation_->natural_bend(at, k) * inverse;
    }
    const Matrix zero = Matrix::Zero(columns(), columns());
    out.first.assign(phis_, zero);
    out.second.assign(phis_ * phis_, zero);
    for (Index i = 0; i < phis_; ++i) {
      for (Index a = 0; a < phis_; ++a) out.first[i] += inverse(a, i) * by_phi[a];
    }
    Matrix second;
    for (Index i = 0; i < phis_; ++i) {
      for (Index l = 0; l < phis_; ++l) {
        Matrix& sum = out.second[i * phis_ + l];
        for (Index j = 0; j < phis_; ++j) sum -= bends[j](i, l) * out.first[j];
        for (Index a = 0; a < phis_; ++a) {
          for (Index b = 0; b < phis_; ++b) {
            if (correlation_->second(at, at_, a, b, second))
              sum += inverse(a, i) * inverse(b, l) * second;
          }
        }
      }
    }
    return true;
  }
  Vector from_natural(const Vector& natural) const override {
    const Vector at = correlation_->from_natural(natural.tail(phis_));
    if (at.size() != phis_ || !(natural.head(sds_).array() >= 0.0).all()) return Vector();
    Matrix c;
    correlation_->value(at, at_, c);
    if (!c.allFinite() || semidefinite_factor(c).rows() != columns()) return Vector();
    Vector theta(parameter_count());
    for (Index a = 0; a < sds_; ++a) theta[a] = each_ ? std::sqrt(natural[a]) : natural[a];
    theta.tail(phis_) = turns(at);
    return theta;
  }

  // A phi next to its end carries the variance that the distance is a share of.
  Vector reduce(const Vector& theta, const Matrix& mean_cross, double threshold,
                std::vector<bool>& free) const override {
    Vector out = theta;
    free.assign(parameter_count(), true);
    const Vector share = sds(theta).cwiseAbs2().cwiseProduct(mean_cross.diagonal());
    for (Index a = 0; a < sds_; ++a) {
      if ((each_ ? share[a] : share.mean()) >= threshold) continue;
      out[a] = 0.0;
      free[a] = false;
    }
    const Vector value = phi(theta);
    for (Index k = 0; k < phis_; ++k) {
      if (!is_bounded(k)) continue;
      const double gap = std::min(value[k] - lower_[k], upper_[k] - value[k]);
      if (gap * share.maxCoeff() >= threshold) continue;
      out[sds_ + k] = std::sin(theta[sds_ + k]) > 0.0 ? kQuarterTurn : -kQuarterTurn;
      free[sds_ + k] = false;
    }
    const std::vector<bool> told = is_told(out);
    for (Index k = 0; k < phis_; ++k) free[sds_ + k] = free[sds_ + k] && told[k];
    return out;
  }

  Boundary boundary(const Vector& theta, const Matrix& d) const override {
    const Vector sd = sds(theta);
    Matrix c, directions(columns(), parameter_count());
    Vector multipliers(parameter_count());
    Index count = 0;
    const auto add = [&](const Vector& direction, double multiplier) {
      directions.col(count) = direction;
      multipliers[count++] = multiplier;
    };
    correlation_->value(phi(theta), at_, c);
    if (!each_ && sd[0] == 0.0) {
      const double unit = 1.0 / std::sqrt(static_cast<double>(columns()));
      add(Vector::Constant(columns(), unit), d.cwiseProduct(c).sum());
    }
    // Beside correlated ones the deviance has a slope in the SD.
    for (Index a = 0; each_ && a < sds_; ++a) {
      if (sd[a] != 0.0) continue;
      const double slope = 2.0 * d.row(a).cwiseProduct(c.row(a)).dot(sd.transpose());
      add(Vector::Unit(columns(), a), slope != 0.0 ? slope : d(a, a));
    }
    const std::vector<bool> told = is_told(theta);
    for (Index k = 0; k < phis_; ++k) {
      if (!is_bounded(k) || std::abs(theta[sds_ + k]) != kQuarterTurn || !told[k]) continue;
      Matrix change;
      correlation_->first(phi(theta), at_, k, change);
      const double inward = theta[sds_ + k] > 0.0 ? -half(k) : half(k);
      const SymmetricEigen sigma(scaled_both_ways(c, sd));
      add(sigma.eigenvectors().col(0), inward * sd.dot(d.cwiseProduct(change) * sd));
    }
    return {directions.leftCols(count), multipliers.head(count)};
  }

  Vector reopen(const Vector& theta, const Vector& direction, double variance) const override {
    Vector out = theta;
    bool opened = false;
    for (Index a = 0; a < sds_; ++a) {
      const bool mine = !each_ || std::abs(direction[a]) > 0.5;
      if (theta[a] != 0.0 || !mine) continue;
      out[a] = each_ ? std::sqrt(std::sqrt(variance)) : std::sqrt(variance);
      opened = true;
    }
    for (Index k = sds_; k < theta.size() && !opened; ++k) {
      if (is_bounded(k - sds_) && std::abs(theta[k]) == kQuarterTurn)
        out[k] = theta[k] > 0.0 ? kQuarterTurn - kReopenedTurn : kReopenedTurn - kQuarterTurn;
    }
    return out;
  }

 private:
  bool is_bounded(Index k) const { return std::isfinite(lower_[k]) && std::isfinite(upper_[k]); }
  double half(Index k) const { return 0.5 * (upper_[k] - lower_[k]); }

  Vector sds(const Vector& theta) const {
    if (!each_) return Vector::Constant(columns(), theta[0]);
    return theta.head(sds_).cwiseAbs2();
  }
  Vector natural_sds(const Vector& natural) const {
    if (!each_) return Vector::Constant(columns(), natural[0]);
    return natural.head(sds_);
  }
  Vector sd_slope(const Vector& theta, Index i) const {
    if (!each_) return Vector::Ones(columns());
    return 2.0 * theta[i] * Vector::Unit(columns(), i);
  }
  Vector sd_curvature(Index i) const {
    if (!each_) return Vector::Zero(columns());
    return 2.0 * Vector::Unit(columns(), i);
  }

  // d phi / d natural.
  Matrix natural_inverse(const Vector& at) const {
    if (phis_ == 0) return Matrix(0, 0);
    return inverse(correlation_->natural_slope(at));
  }

  Vector phi(const Vector& theta) const {
    Vector out = theta.tail(phis_);
    for (Index k = 0; k < phis_; ++k) {
      if (is_bounded(k)) out[k] = 0.5 * (lower_[k] + upper_[k]) + half(k) * std::sin(out[k]);
    }
    return out;
  }
  Vector turns(const Vector& phi) const {
    Vector out = phi;
    for (Index k = 0; k < phis_; ++k) {
      if (!is_bounded(k)) continue;
      const double share = (phi[k] - 0.5 * (lower_[k] + upper_[k])) / half(k);
      out[k] = std::asin(std::min(std::max(share, -1.0), 1.0));
    }
    return out;
  }
  // d phi / d theta and its derivative, of parameter i of all; exactly zero at an end.
  double turn_slope(const Vector& theta, Index i) const {
    if (!is_bounded(i - sds_)) return 1.0;
    return std::abs(theta[i]) == kQuarterTurn ? 0.0 : half(i - sds_) * std::cos(theta[i]);
  }
  double turn_curvature(const Vector& theta, Index i) const {
    return is_bounded(i - sds_) ? -half(i - sds_) * std::sin(theta[i]) : 0.0;
  }

  // Does Sigma depend on phi_k, given which SDs are zero?
  std::vector<bool> is_told(const Vector& theta) const {
    const Vector sd = sds(theta);
    std::vector<bool> out;
    Matrix change;
    for (Index k = 0; k < phis_; ++k) {
      correlation_->first(phi(theta), at_, k, change);
      out.push_back(!(sd.asDiagonal() * change * sd.asDiagonal()).isZero(0.0));
    }
    return out;
  }

  // Gauss-Newton from the moments, inside the box, on the correlations of effects that vary.
  Vector nearest(const Matrix& sigma) const {
    const Index k = columns();
    Matrix alive = Matrix::Zero(k, k);
    bool correlated = false;
    for (Index b = 0; b < k; ++b) {
      for (Index a = 0; a < k; ++a) {
        alive(a, b) = sigma(a, a) > 0.0 && sigma(b, b) > 0.0 ? 1.0 : 0.0;
        correlated = correlated || (a != b && alive(a, b) > 0.0 && sigma(a, b) != 0.0);
      }
    }
    Vector at = correlation_->start({at_, sigma, alive});
    if (!correlated || phis_ == 0) return at;
    Matrix c, change, target = Matrix::Zero(k, k);
    for (Index b = 0; b < k; ++b) {
      for (Index a = 0; a < k; ++a) {
        if (alive(a, b) > 0.0) target(a, b) = sigma(a, b) / std::sqrt(sigma(a, a) * sigma(b, b));
      }
    }
    const auto distance_to = [&](const Vector& phi) {
      correlation_->value(phi, at_, c);
      return (alive.cwiseProduct(c) - target).squaredNorm();
    };
    double left = distance_to(at);
    for (int pass = 0; pass < kMaxProjections && left > 0.0; ++pass) {
      Matrix slopes(k * k, phis_);
      for (Index i = 0; i < phis_; ++i) {
        correlation_->first(at, at_, i, change);
        change = change.cwiseProduct(alive);
        slopes.col(i) = Eigen::Map<const Vector>(change.data(), k * k);
      }
      distance_to(at);
      change = target - alive.cwiseProduct(c);
      const Vector right = slopes.transpose() * Eigen::Map<const Vector>(change.data(), k * k);
      Matrix gram = slopes.transpose() * slopes;
      gram.diagonal().array() += 1e-14 * gram.trace() + std::numeric_limits<double>::min();
      Vector step = linear_solution(gram, right);
      bool lower = false;
      for (int halving = 0; halving < 20 && !lower; ++halving, step *= 0.5) {
        const Vector next = (at + step).cwiseMax(lower_).cwiseMin(upper_);
        const double there = distance_to(next);
        if (!(there < left)) continue;
        at = next;
        left = there;
        lower = true;
      }
      if (!lower) break;
    }
    return at;
  }

  std::unique_ptr<CovarianceShape> correlation_;
  Positions at_;
  bool each_, nugget_;
  Index sds_, phis_;
  Vector lower_, upper_;  // of phi
};

}  // namespace

std::unique_ptr<CovarianceStructure> make_shape_structure(const StructureRecipe& recipe) {
  using Scale = StructureRecipe::Scale;
  const Scale scale = scale_of(recipe);
  if (scale == Scale::by_name) {
    throw std::invalid_argument("'" + recipe.name + "' is no structure of random effects yet");
  }
  StructureRecipe inner = recipe;
  inner.scale = Scale::none;
  inner.partial = true;
  return std::make_unique<ShapeStructure>(make_shape(inner), recipe, scale == Scale::each);
}

}  // namespace tiers
