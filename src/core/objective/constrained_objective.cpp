#include "constrained_objective.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

constexpr double kLeastShare = 0.1;     // of a standard deviation that a step may leave
constexpr double kLargestGrowth = 4.0;  // of a standard deviation in one step
constexpr double kLargestTurn = 0.5;    // of an arc sine
constexpr double kLargestStart = 1.4;   // of an arc sine
constexpr double kLeastOwn = 0.17;      // of the own part of a row, the cosine of the same
constexpr double kLeastStart = 0.1;     // of a standard deviation, in units of the residual's

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
      is_sigma_(constraints.is_sigma.empty() ? std::vector<bool>(parameters.size(), false)
                                             : constraints.is_sigma),
      unit_(constraints.unit),
      base_(start) {
  const Index count = parameters.size(), size = start.size();
  coordinate_.assign(count, -1);
  const auto tied = [&](Index at) {
    return std::count(constraints.same.begin(), constraints.same.end(), constraints.same[at]) > 1;
  };
  std::map<int, Index> by_group;
  std::vector<double> sum, number;
  const double unit = relative_ ? std::exp(start[size - 1]) : 1.0;
  for (int j = 0; j < parameters.terms(); ++j) {
    const CovarianceStructure& structure = parameters.structure(j);
    const auto about = structure.natural_parameters();
    const Matrix map = unit * inverse(maps_[j]);
    const Vector values = structure.natural(parameters.part(start, j), map);
    const Index k = structure.columns();
    const bool any_sigma = structure.parameter_count() == k * (k + 1) / 2;
    std::vector<bool> by_value(about.size(), true), given(about.size(), false);
    bool any = false;
    for (std::size_t i = 0; i < about.size(); ++i) {
      const Index at = parameters.offset(j) + static_cast<Index>(i);
      by_value[i] = about[i].kind == NaturalParameter::Kind::sd || !any_sigma || k < 3 ||
                    !std::isnan(held_[at]) || tied(at) || at == constraints.told;
      given[i] = about[i].kind == NaturalParameter::Kind::correlation && held_[at] != 0.0 &&
                 (!std::isnan(held_[at]) || tied(at) || at == constraints.told || about[i].common);
      any = any || (by_value[i] && about[i].kind == NaturalParameter::Kind::correlation);
    }
    any_given_.push_back(any);
    factors_.emplace_back(structure, by_value, map * structure.factor(parameters.part(start, j)));
    for (Index i = 0; i < values.size(); ++i) {
      const Index at = parameters.offset(j) + i;
      if (!std::isnan(held_[at]) || is_sigma_[at]) continue;
      const auto found = by_group.emplace(constraints.same[at], static_cast<Index>(kinds_.size()));
      coordinate_[at] = found.first->second;
      if (found.second) {
        kinds_.push_back(kind_of(about, i, by_value[i], given));
        rows_.push_back({j, about[i].row});
        sum.push_back(0.0);
        number.push_back(0.0);
      }
      const Index c = coordinate_[at];
      // Of equal ones each has a say; one that a profile moves is what its values are.
      if (kinds_[c] == Kind::sd) kinds_[c] = kind_of(about, i, true, given);
      sum[c] += std::isnan(values[i]) ? 0.0 : values[i];
      number[c] += 1.0;
    }
  }
  if (constraints.told >= 0 && coordinate_[constraints.told] >= 0) {
    Kind& told = kinds_[coordinate_[constraints.told]];
    if (told == Kind::root) told = Kind::sd;
  }
  for (Index i = count; i < size; ++i) {
    if (!constraints.rest_free[i - count]) continue;
    if (relative_ && i == size - 1) sigma_ = coordinates() + static_cast<Index>(rest_.size());
    rest_.push_back(i);
  }
  start_.resize(this->size());
  for (Index c = 0; c < coordinates(); ++c) {
    const double mean = sum[c] / number[c];
    start_[c] = is_root(c)    ? std::sqrt(mean)
                : is_sd(c)    ? mean
                : is_angle(c) ? std::asin(std::min(std::max(mean, -1.0), 1.0))
                              : 0.0;
  }
  for (std::size_t i = 0; i < rest_.size(); ++i) start_[coordinates() + i] = start[rest_[i]];
}

// A standard deviation s beside a given correlation moves the deviance by a multiple of s at zero,
// elsewhere by one of s^2: its root has a flat minimum there.
ConstrainedObjective::Kind ConstrainedObjective::kind_of(const std::vector<NaturalParameter>& about,
                                                         Index i, bool by_value,
                                                         const std::vector<bool>& given) const {
  if (about[i].kind != NaturalParameter::Kind::sd) return by_value ? Kind::angle : Kind::row;
  for (std::size_t l = 0; l < about.size(); ++l) {
    const bool both = about[i].common || about[l].common || about[l].row == about[i].row ||
                      about[l].column == about[i].row;
    if (given[l] && both) return Kind::root;
  }
  return Kind::sd;
}

Vector ConstrainedObjective::inside(Vector phi) {
  for (Index c = 0; c < coordinates(); ++c) {
    if (is_angle(c)) {
      phi[c] = std::min(std::max(phi[c], -kLargestStart), kLargestStart);
    } else if (is_sd(c) && phi[c] == 0.0) {
      Vector one = phi;
      one[c] = 1.0;
      phi[c] = kLeastStart / std::sqrt(std::max(share(c, one), std::numeric_limits<double>::min()));
      if (is_root(c)) phi[c] = std::sqrt(phi[c]);
    }
  }
  for (const Index c : own_coordinates()) {
    const Row& row = rows_[c];
    const double own = factors_[row.term].own_at(row.row, row_part(row, phi));
    if (std::abs(own) < kLeastOwn) set_row(row, phi, kLeastOwn);
  }
  return phi;
}

Vector ConstrainedObjective::row_part(const Row& row, const Vector& phi) const {
  const std::vector<Index>& mine = factors_[row.term].row_coordinates(row.row);
  Vector out(static_cast<Index>(mine.size()));
  for (Index i = 0; i < out.size(); ++i)
    out[i] = phi[coordinate_[parameters_.offset(row.term) + mine[i]]];
  return out;
}

void ConstrainedObjective::set_row(const Row& row, Vector& phi, double own) {
  factors_[row.term].move_base(row.row, row_part(row, phi), own);
  for (const Index i : factors_[row.term].row_coordinates(row.row))
    phi[coordinate_[parameters_.offset(row.term) + i]] = 0.0;
}

std::vector<Index> ConstrainedObjective::own_coordinates() const {
  std::vector<Index> out;
  for (int j = 0; j < parameters_.terms(); ++j) {
    for (Index a = 0; a < parameters_.structure(j).columns(); ++a) {
      const Index last = factors_[j].last_of_row(a);
      if (last >= 0) out.push_back(coordinate_[parameters_.offset(j) + last]);
    }
  }
  return out;
}

bool ConstrainedObjective::flat(Index coordinate) const {
  if (kinds_[coordinate] != Kind::row) return false;
  const Row& row = rows_[coordinate];
  const NaturalFactor& factor = factors_[row.term];
  const Index last = coordinate_[parameters_.offset(row.term) + factor.last_of_row(row.row)];
  return last == coordinate && factor.own_part(row.row) == 0.0;
}

double ConstrainedObjective::own_share(Index coordinate, const Vector& phi) const {
  const Row& row = rows_[coordinate];
  const Matrix cross = maps_[row.term].transpose() * inner_.mean_cross(row.term) * maps_[row.term];
  const double own = scale(phi) * sds(row.term, phi)[row.row] *
                     factors_[row.term].own_at(row.row, row_part(row, phi));
  return own * own * cross(row.row, row.row);
}

Vector ConstrainedObjective::flatten(Index coordinate, Vector phi) {
  set_row(rows_[coordinate], phi, 0.0);
  return phi;
}

double ConstrainedObjective::sd_at(Index coordinate, const Vector& phi) const {
  return is_root(coordinate) ? phi[coordinate] * phi[coordinate] : phi[coordinate];
}

Vector ConstrainedObjective::sds(int term, const Vector& phi) const {
  const auto about = parameters_.structure(term).natural_parameters();
  Vector out = Vector::Zero(parameters_.structure(term).columns());
  for (std::size_t i = 0; i < about.size(); ++i) {
    if (about[i].kind != NaturalParameter::Kind::sd) continue;
    const Index at = parameters_.offset(term) + static_cast<Index>(i), c = coordinate_[at];
    const double value = c >= 0          ? sd_at(c, phi)
                         : is_sigma_[at] ? unit_ * std::exp(log_sigma(phi))
                                         : held_[at];
    if (about[i].common)
      out.setConstant(value);
    else
      out[about[i].row] = value;
  }
  return out;
}

double ConstrainedObjective::log_sigma(const Vector& phi) const {
  return sigma_ < 0 ? base_[base_.size() - 1] : phi[sigma_];
}

double ConstrainedObjective::scale(const Vector& phi) const {
  return relative_ ? std::exp(-log_sigma(phi)) : 1.0;
}

ConstrainedObjective::Root ConstrainedObjective::theta(int term, const Vector& phi,
                                                       bool derivatives) const {
  const CovarianceStructure& structure = parameters_.structure(term);
  const auto about = structure.natural_parameters();
  const Index k = structure.columns(), n = derivatives ? coordinates() + 1 : 0;
  // The last variable is log sigma, where it is free.
  const double at_sigma = relative_ ? log_sigma(phi) : 0.0;
  const Jet sigma = sigma_ >= 0 ? Jet::variable(at_sigma, n - 1, n) : Jet::constant(at_sigma, n);
  std::vector<Jet> values, roots;
  for (std::size_t i = 0; i < about.size(); ++i) {
    const Index at = parameters_.offset(term) + static_cast<Index>(i), c = coordinate_[at];
    const double held = c < 0 ? held_[at] : 0.0;
    const Jet one = c < 0 ? Jet::constant(held, n) : Jet::variable(phi[c], c, n);
    const bool angle = c >= 0 && is_angle(c);
    values.push_back(is_sigma_[at]          ? unit_ * exp(sigma)
                     : angle                ? sin(one)
                     : c >= 0 && is_root(c) ? one * one
                                            : one);
    roots.push_back(angle ? cos(one)
                          : Jet::constant(std::sqrt(std::max(0.0, 1.0 - held * held)), n));
  }
  const std::vector<Jet> lambda = factors_[term].lambda(values, roots);
  if (lambda.empty()) return {};
  const Jet scale = exp(-1.0 * sigma);
  Root out{Matrix::Zero(k, k), std::vector<Matrix>(n, Matrix::Zero(k, k)),
           std::vector<Matrix>(n * n, Matrix::Zero(k, k))};
  for (Index a = 0; a < k; ++a) {
    for (Index b = 0; b < k; ++b) {
      Jet sum = Jet::constant(0.0, n);
      for (Index l = b; l < k; ++l) {
        const double map = maps_[term](a, l);
        if (map != 0.0) sum = sum + map * lambda[l * (l + 1) / 2 + b];
      }
      const Jet entry = scale * sum;
      out.value(a, b) = entry.value;
      for (Index c = 0; c < n; ++c) {
        out.first[c](a, b) = entry.first[c];
        for (Index d = 0; d < n; ++d) out.second[c * n + d](a, b) = entry.second(c, d);
      }
    }
  }
  // Angles beyond a right one turn columns round; Lambda is reported with a diagonal >= 0, and the
  // covariance matrix of its entries must be that of these.
  for (Index b = 0; b < k; ++b) {
    if (!(out.value(b, b) < 0.0)) continue;
    out.value.col(b) *= -1.0;
    for (Matrix& m : out.first) m.col(b) *= -1.0;
    for (Matrix& m : out.second) m.col(b) *= -1.0;
  }
  return out;
}

Vector ConstrainedObjective::psi(const Vector& phi) const {
  Vector out = base_;
  for (std::size_t i = 0; i < rest_.size(); ++i) out[rest_[i]] = phi[coordinates() + i];
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Root root = theta(j, phi, false);
    if (root.value.size() == 0) return Vector();
    const Vector part = ParameterMap(parameters_.structure(j), root.value).parameters();
    out.segment(parameters_.offset(j), part.size()) = part;
  }
  return out;
}

double ConstrainedObjective::value(const Vector& phi) {
  phi_ = phi;
  roots_.clear();
  theta_.clear();
  const Vector at = psi(phi);
  inside_domain_ = at.size() > 0 && at.allFinite();
  return inside_domain_ ? inner_.value(at) : std::numeric_limits<double>::infinity();
}

void ConstrainedObjective::expand() const {
  if (!roots_.empty()) return;
  for (int j = 0; j < parameters_.terms(); ++j) {
    roots_.push_back(theta(j, phi_, true));
    theta_.emplace_back(parameters_.structure(j), roots_.back().value);
  }
}

Matrix ConstrainedObjective::tangent() const {
  if (!inside_domain_) return Matrix::Constant(base_.size(), size(), kNaN);
  expand();
  Matrix out = Matrix::Zero(base_.size(), size());
  for (std::size_t i = 0; i < rest_.size(); ++i) out(rest_[i], coordinates() + i) = 1.0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index first = parameters_.offset(j), count = parameters_.structure(j).parameter_count();
    for (Index c = 0; c <= coordinates(); ++c) {
      const Index at = c < coordinates() ? c : sigma_;
      if (at >= 0) out.col(at).segment(first, count) = theta_[j].change(roots_[j].first[c]);
    }
  }
  return out;
}

Matrix ConstrainedObjective::bend(const Vector& gradient) const {
  if (!inside_domain_) return Matrix::Constant(size(), size(), kNaN);
  expand();
  Matrix out = Matrix::Zero(size(), size());
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index first = parameters_.offset(j), count = parameters_.structure(j).parameter_count();
    const ParameterMap::Weighted part(theta_[j], gradient.segment(first, count));
    const Root& root = roots_[j];
    const Index n = coordinates() + 1;
    const auto place = [&](Index c) { return c < coordinates() ? c : sigma_; };
    for (Index c = 0; c < n; ++c) {
      for (Index d = 0; d <= c; ++d) {
        const Index row = place(c), column = place(d);
        if (row < 0 || column < 0) continue;
        const double both = part.second(root.first[c], root.first[d], root.second[c * n + d]);
        out(row, column) += both;
        if (row != column) out(column, row) += both;
      }
    }
  }
  return out;
}

void ConstrainedObjective::derivatives(Vector& gradient, Matrix& curvature) {
  const Matrix t = tangent();
  if (!inside_domain_) {
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
  if (!inside_domain_) return bend(gradient_);
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
      const double here = std::abs(phi[c]);
      most = step[c] * phi[c] < 0.0 ? (1.0 - kLeastShare) * here
                                    : kLargestGrowth * std::max(here, start_[c]);
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

// Where two columns have a variance all correlations may count, those with others by what is given.
bool ConstrainedObjective::idle(Index coordinate, const Vector& phi) const {
  for (int j = 0; j < parameters_.terms(); ++j) {
    const auto about = parameters_.structure(j).natural_parameters();
    const Vector sd = sds(j, phi);
    for (std::size_t i = 0; i < about.size(); ++i) {
      if (coordinate_[parameters_.offset(j) + static_cast<Index>(i)] != coordinate) continue;
      const bool none = (sd.array() != 0.0).count() < 2;
      const bool own = kinds_[coordinate] == Kind::row && !any_given_[j] && sd[about[i].row] == 0.0;
      if (!none && !own) return false;
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
      const double sd = scale(phi) * sd_at(coordinate, phi);
      out = std::max(out, sd * sd * size);
    }
  }
  return out;
}

}  // namespace tiers
