#include "constrained_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace tiers {

namespace {

using Kind = NaturalParameter::Kind;

constexpr double kLeastShare = 0.1;     // of a standard deviation that a step may leave
constexpr double kLargestGrowth = 4.0;  // of a standard deviation in one step
constexpr double kLargestTurn = 0.5;    // of an arc sine
constexpr double kLargestStart = 1.4;   // of an arc sine
constexpr double kLeastStart = 0.1;     // of a standard deviation, in units of the residual's
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

ConstrainedObjective::ConstrainedObjective(MixedObjective& inner,
                                           const CovarianceParameters& parameters,
                                           std::vector<Matrix> maps, bool relative,
                                           const Constraints& constraints, const Vector& start)
    : inner_(inner),
      parameters_(parameters),
      maps_(std::move(maps)),
      relative_(relative),
      held_(constraints.held),
      base_(start) {
  const Index count = parameters.size(), size = start.size();
  coordinate_.assign(count, -1);
  std::map<int, Index> by_group;
  std::vector<double> sum, number;
  const double unit = relative_ ? std::exp(start[size - 1]) : 1.0;
  for (int j = 0; j < parameters.terms(); ++j) {
    const CovarianceStructure& structure = parameters.structure(j);
    const auto about = structure.natural_parameters();
    const Vector values = structure.natural(parameters.part(start, j), unit * maps_[j].inverse());
    for (Index i = 0; i < values.size(); ++i) {
      const Index at = parameters.offset(j) + i;
      if (!std::isnan(held_[at])) continue;
      const auto found = by_group.emplace(constraints.same[at], static_cast<Index>(kinds_.size()));
      coordinate_[at] = found.first->second;
      if (found.second) {
        kinds_.push_back(about[i].kind);
        sum.push_back(0.0);
        number.push_back(0.0);
      }
      sum[coordinate_[at]] += std::isnan(values[i]) ? 0.0 : values[i];
      number[coordinate_[at]] += 1.0;
    }
  }
  for (Index i = count; i < size; ++i) {
    if (!constraints.rest_free[i - count]) continue;
    if (relative_ && i == size - 1) sigma_ = coordinates() + static_cast<Index>(rest_.size());
    rest_.push_back(i);
  }
  start_.resize(this->size());
  for (Index c = 0; c < coordinates(); ++c) {
    const double mean = sum[c] / number[c];
    start_[c] = is_sd(c) ? mean : std::asin(std::min(std::max(mean, -1.0), 1.0));
  }
  for (std::size_t i = 0; i < rest_.size(); ++i) start_[coordinates() + i] = start[rest_[i]];
}

Vector ConstrainedObjective::inside(Vector phi) const {
  for (Index c = 0; c < coordinates(); ++c) {
    if (!is_sd(c)) {
      phi[c] = std::min(std::max(phi[c], -kLargestStart), kLargestStart);
    } else if (phi[c] == 0.0) {
      Vector one = phi;
      one[c] = 1.0;
      phi[c] = kLeastStart / std::sqrt(std::max(share(c, one), std::numeric_limits<double>::min()));
    }
  }
  return phi;
}

Vector ConstrainedObjective::natural(int term, const Vector& phi) const {
  Vector out(parameters_.structure(term).parameter_count());
  for (Index i = 0; i < out.size(); ++i) {
    const Index at = parameters_.offset(term) + i, c = coordinate_[at];
    out[i] = c < 0 ? held_[at] : is_sd(c) ? phi[c] : std::sin(phi[c]);
  }
  return out;
}

double ConstrainedObjective::slope(Index coordinate) const {
  return is_sd(coordinate) ? 1.0 : std::cos(phi_[coordinate]);
}

Matrix ConstrainedObjective::internal(int term, const Matrix& user_factor) const {
  return scale(phi_) * maps_[term] * user_factor;
}

double ConstrainedObjective::scale(const Vector& phi) const {
  if (!relative_) return 1.0;
  return std::exp(-(sigma_ < 0 ? base_[base_.size() - 1] : phi[sigma_]));
}

Vector ConstrainedObjective::psi(const Vector& phi) const {
  Vector out = base_;
  for (std::size_t i = 0; i < rest_.size(); ++i) out[rest_[i]] = phi[coordinates() + i];
  for (int j = 0; j < parameters_.terms(); ++j) {
    const NaturalFactor factor(parameters_.structure(j), natural(j, phi));
    if (!factor.defined()) return Vector();
    const ParameterMap theta(parameters_.structure(j), scale(phi) * maps_[j] * factor.lambda());
    out.segment(parameters_.offset(j), theta.parameters().size()) = theta.parameters();
  }
  return out;
}

double ConstrainedObjective::value(const Vector& phi) {
  phi_ = phi;
  factors_.clear();
  theta_.clear();
  const Vector at = psi(phi);
  if (at.size() == 0) return std::numeric_limits<double>::infinity();
  for (int j = 0; j < parameters_.terms(); ++j) {
    factors_.emplace_back(parameters_.structure(j), natural(j, phi));
    theta_.emplace_back(parameters_.structure(j), internal(j, factors_[j].lambda()));
  }
  return inner_.value(at);
}

Matrix ConstrainedObjective::tangent() const {
  if (!inside_domain()) return Matrix::Constant(base_.size(), size(), kNaN);
  Matrix out = Matrix::Zero(base_.size(), size());
  for (std::size_t i = 0; i < rest_.size(); ++i) out(rest_[i], coordinates() + i) = 1.0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index first = parameters_.offset(j), count = parameters_.structure(j).parameter_count();
    for (Index i = 0; i < count; ++i) {
      const Index c = coordinate_[first + i];
      if (c < 0) continue;
      out.col(c).segment(first, count) +=
          slope(c) * theta_[j].change(internal(j, factors_[j].derivative(i)));
    }
    if (sigma_ >= 0) {
      out.col(sigma_).segment(first, count) = theta_[j].change(-internal(j, factors_[j].lambda()));
    }
  }
  return out;
}

Matrix ConstrainedObjective::bend(const Vector& gradient) const {
  if (!inside_domain()) return Matrix::Constant(size(), size(), kNaN);
  Matrix out = Matrix::Zero(size(), size());
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index first = parameters_.offset(j), count = parameters_.structure(j).parameter_count();
    const ParameterMap::Weighted part(theta_[j], gradient.segment(first, count));
    const Matrix whole = internal(j, factors_[j].lambda());
    for (Index i = 0; i < count; ++i) {
      const Index c = coordinate_[first + i];
      if (c < 0) continue;
      const Matrix of_i = internal(j, factors_[j].derivative(i));
      if (!is_sd(c)) out(c, c) -= std::sin(phi_[c]) * part.first(of_i);
      if (sigma_ >= 0) {
        const double both = slope(c) * part.second(of_i, -whole, -of_i);
        out(c, sigma_) += both;
        out(sigma_, c) += both;
      }
      for (Index l = 0; l < count; ++l) {
        const Index d = coordinate_[first + l];
        if (d < 0) continue;
        out(c, d) += slope(c) * slope(d) *
                     part.second(of_i, internal(j, factors_[j].derivative(l)),
                                 internal(j, factors_[j].second_derivative(i, l)));
      }
    }
    if (sigma_ >= 0) out(sigma_, sigma_) += part.second(-whole, -whole, whole);
  }
  return out;
}

void ConstrainedObjective::derivatives(Vector& gradient, Matrix& curvature) {
  const Matrix t = tangent();
  if (!inside_domain()) {
    gradient = Vector::Constant(size(), kNaN);
    curvature = bend(gradient_);
    return;
  }
  Matrix inner;
  inner_.derivatives(gradient_, inner);
  gradient = t.transpose() * gradient_;
  curvature = t.transpose() * inner * t + bend(gradient_);
}

Matrix ConstrainedObjective::hessian() {
  if (!inside_domain()) return bend(gradient_);
  const Matrix inner = inner_.hessian(), t = tangent();
  return t.transpose() * inner * t + bend(gradient_);
}

double ConstrainedObjective::step_limit(const Vector& phi, const Vector& step) const {
  double limit = 1.0;
  for (Index c = 0; c < coordinates(); ++c) {
    const double size = std::abs(step[c]);
    if (size == 0.0) continue;
    double most = kLargestTurn;
    if (is_sd(c)) {
      most = step[c] < 0.0 ? (1.0 - kLeastShare) * phi[c]
                           : kLargestGrowth * std::max(phi[c], start_[c]);
    }
    limit = std::min(limit, most / size);
  }
  Vector rest = Vector::Zero(base_.size()), at = base_;
  for (std::size_t i = 0; i < rest_.size(); ++i) {
    rest[rest_[i]] = step[coordinates() + i];
    at[rest_[i]] = phi[coordinates() + i];
  }
  return std::min(limit, inner_.step_limit(at, rest));
}

bool ConstrainedObjective::idle(Index coordinate, const Vector& phi) const {
  for (int j = 0; j < parameters_.terms(); ++j) {
    const auto about = parameters_.structure(j).natural_parameters();
    const Vector sd = parameters_.structure(j).natural_covariance(natural(j, phi)).diagonal();
    for (std::size_t i = 0; i < about.size(); ++i) {
      if (coordinate_[parameters_.offset(j) + static_cast<Index>(i)] != coordinate) continue;
      const bool none = about[i].common ? (sd.array() == 0.0).all()
                                        : sd[about[i].row] * sd[about[i].column] == 0.0;
      if (!none) return false;
    }
  }
  return true;
}

double ConstrainedObjective::share(Index coordinate, const Vector& phi) const {
  double out = 0.0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const auto about = parameters_.structure(j).natural_parameters();
    const Matrix cross = maps_[j].transpose() * inner_.mean_cross(j) * maps_[j];
    for (std::size_t i = 0; i < about.size(); ++i) {
      if (coordinate_[parameters_.offset(j) + static_cast<Index>(i)] != coordinate) continue;
      const double size =
          about[i].common ? cross.diagonal().maxCoeff() : cross(about[i].row, about[i].row);
      const double sd = scale(phi) * phi[coordinate];
      out = std::max(out, sd * sd * size);
    }
  }
  return out;
}

}  // namespace tiers
