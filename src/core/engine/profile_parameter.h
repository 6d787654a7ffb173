// What the profiles of linear and generalized models share: the search with one parameter held, and
// the two ways in which one is held.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "../covariance/parameter_table.h"
#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"
#include "../objective/sheared_objective.h"
#include "constrained_search.h"
#include "profile.h"
#include "write_result.h"

namespace tiers {

// The table's values at psi.
using ParameterValues = std::function<Vector(const Vector& psi)>;

inline constexpr double kUndefinedRise = std::numeric_limits<double>::infinity();

inline Vector values_of(const ParameterTable& table) {
  Vector out(static_cast<Index>(table.rows.size()));
  for (Index i = 0; i < out.size(); ++i) out[i] = table.rows[i].value;
  return out;
}

// Where the free entries are best, to first order, when entry k moves by `step`: -H_rr^-1 H_rk.
inline Vector follow_curvature(Vector psi, const Matrix& curvature, std::vector<bool> free, Index k,
                               double step) {
  free[k] = false;
  const FreeParameters rest(free);
  psi[k] += step;
  if (rest.size() == 0 || curvature.size() == 0) return psi;
  const Vector move =
      ScaledEigen(rest.take(curvature)).pseudo_inverse() * rest.take(Vector(curvature.col(k)));
  const Vector next = rest.put(rest.take(psi) - step * move, psi);
  return next.allFinite() ? next : psi;
}

// With an entry for each parameter.
inline HeldParameters filled(HeldParameters held, Index size) {
  if (!held.value.empty()) return held;
  held.value.assign(size, std::numeric_limits<double>::quiet_NaN());
  for (Index i = 0; i < size; ++i) held.same.push_back(static_cast<int>(i));
  return held;
}

// The engine's columns are scaled one by one where a covariance parameter is held.
inline HeldParameters with_one_held(const HeldParameters& held, Index count, Index others) {
  HeldParameters out = filled(held, count + others);
  if (count > 0 && !held.ties(static_cast<std::size_t>(count))) out.value[0] = 0.0;
  return out;
}

// What a model is searched with: by boundary-aware steps in theta, or under the user's constraints
// in standard deviations and correlations.
struct Searched {
  CovarianceParameters* parameters;
  HeldParameters held;
  std::vector<Matrix> maps;  // of ConstrainedObjective
  bool relative;             // psi ends with log sigma, sigma in units of `unit`
  double unit;
  Index free_rest, table_rest;
  std::vector<bool> allowed;  // of psi
  ParameterValues values;

  bool constrained() const { return held.ties(static_cast<std::size_t>(parameters->size())); }

  // told: a parameter that has to be a coordinate.
  Constraints constraints(Index told = -1) const {
    Constraints out = relative ? linear_constraints(held, parameters->size(), unit)
                               : constraints_of(held, parameters->size(), free_rest, table_rest);
    out.told = told;
    return out;
  }

  // The least value over psi with what is not `open` where it is.
  Optimum minimize(MixedObjective& objective, const Vector& start, const std::vector<bool>& open,
                   const Control& control) const {
    if (!constrained()) {
      return minimize_with_boundary(objective, *parameters, start, control, open).optimum;
    }
    Constraints constraints = this->constraints();
    const Index count = parameters->size();
    for (Index i = count; i < start.size(); ++i) {
      constraints.rest_free[i - count] = constraints.rest_free[i - count] && open[i];
    }
    ConstrainedObjective inside(objective, *parameters, maps, relative, constraints, start);
    Optimum out = minimize_constrained(inside, inside.start(), control);
    out.psi = std::isfinite(out.value) ? inside.psi(out.psi) : start;
    return out;
  }
};

// A standard deviation or correlation of random effects, as a coordinate of ConstrainedObjective.
class CovarianceProfile final : public ProfiledParameter {
 public:
  CovarianceProfile(ConstrainedObjective& objective, const Optimum& fitted, Index coordinate,
                    const ParameterValues& values, double error, const Control& control)
      : ProfiledParameter(value_at(objective, coordinate, fitted.psi[coordinate]),
                          known_error(objective, fitted.psi, coordinate, error),
                          objective.is_sd(coordinate) ? 0.0 : -1.0,
                          objective.is_sd(coordinate) ? kUnbounded : 1.0),
        objective_(objective),
        fitted_(fitted),
        k_(coordinate),
        values_(values),
        control_(control) {}

  void restart() override {
    phi_ = fitted_.psi;
    curvature_.resize(0, 0);
  }

  ProfilePoint at(double value) override {
    ProfilePoint out;
    out.value = value;
    const double coordinate = objective_.is_sd(k_) ? value : std::asin(value);
    Vector start = follow_curvature(phi_, curvature_, free_of(phi_), k_, coordinate - phi_[k_]);
    start[k_] = coordinate;
    if (!std::isfinite(objective_.value(start))) {
      start = phi_;
      start[k_] = coordinate;
    }
    const Optimum found = minimize_constrained(objective_, start, control_, free_of(start));
    out.rise = kUndefinedRise;
    if (!std::isfinite(found.value)) return out;
    phi_ = found.psi;
    out.rise = objective_.value(phi_) - fitted_.value;
    Vector gradient;
    objective_.derivatives(gradient, curvature_);
    out.slope = gradient[k_] / (objective_.is_sd(k_) ? 1.0 : std::cos(coordinate));
    out.parameters = values_(objective_.psi(phi_));
    return out;
  }

 private:
  static double value_at(const ConstrainedObjective& objective, Index k, double coordinate) {
    return objective.is_sd(k) ? coordinate : std::sin(coordinate);
  }

  // At zero, where there is none, the standard deviation that does to the data what the residual's
  // does.
  static double known_error(const ConstrainedObjective& objective, const Vector& phi, Index k,
                            double error) {
    if (error > 0.0 || !objective.is_sd(k)) return error;
    Vector one = phi;
    one[k] = 1.0;
    const double share = objective.share(k, one);
    return share > 0.0 ? 0.1 / std::sqrt(share) : error;
  }

  // Everything but this coordinate and the correlations of columns without variance.
  std::vector<bool> free_of(const Vector& phi) const {
    std::vector<bool> free(phi.size(), true);
    free[k_] = false;
    for (Index c = 0; c < objective_.coordinates(); ++c) {
      if (!objective_.is_sd(c) && objective_.idle(c, phi)) free[c] = false;
    }
    return free;
  }

  ConstrainedObjective& objective_;
  const Optimum fitted_;
  const Index k_;
  const ParameterValues values_;
  const Control control_;
  Vector phi_;
  Matrix curvature_;
};

// A parameter that is a function of one entry of psi beside theta, itself a linear function of
// others: sigma, a dispersion, a coefficient of a generalized model.
struct EntryMap {
  std::function<double(double value)> entry;
  std::function<double(double entry)> value;
  std::function<double(double value)> slope;  // d entry / d value, at the point of the last value()
  double lower = -kUnbounded;
};

inline EntryMap identity_map() {
  const auto same = [](double x) { return x; };
  return {same, same, [](double) { return 1.0; }};
}

class EntryProfile final : public ProfiledParameter {
 public:
  // fitted: psi as `objective` has it, in which entry pivot() is held.
  EntryProfile(const Searched& searched, ShearedObjective& objective, const EntryMap& map,
               const Vector& fitted, double error, const Control& control)
      : ProfiledParameter(map.value(fitted[objective.pivot()]), error, map.lower, kUnbounded),
        searched_(searched),
        objective_(objective),
        map_(map),
        fitted_(fitted),
        open_(searched.allowed),
        control_(control),
        best_(objective.value(fitted)) {
    open_[objective.pivot()] = false;
  }

  void restart() override {
    psi_ = fitted_;
    curvature_.resize(0, 0);
  }

  ProfilePoint at(double value) override {
    const Index k = objective_.pivot();
    ProfilePoint out;
    out.value = value;
    out.rise = kUndefinedRise;
    const double held = map_.entry(value);
    if (!std::isfinite(held)) return out;
    Vector start = follow_curvature(psi_, curvature_, open_, k, held - psi_[k]);
    start[k] = held;
    if (!std::isfinite(objective_.value(start))) {
      start = psi_;
      start[k] = held;
    }
    const Optimum found = searched_.minimize(objective_, start, open_, control_);
    if (!std::isfinite(found.value)) return out;
    psi_ = found.psi;
    out.rise = objective_.value(psi_) - best_;
    Vector gradient;
    objective_.derivatives(gradient, curvature_);
    out.slope = gradient[k] * map_.slope(value);
    out.parameters = searched_.values(objective_.inner(psi_));
    return out;
  }

 private:
  const Searched& searched_;
  ShearedObjective& objective_;
  const EntryMap map_;
  const Vector fitted_;
  std::vector<bool> open_;
  const Control control_;
  const double best_;
  Vector psi_;
  Matrix curvature_;
};

}  // namespace tiers
