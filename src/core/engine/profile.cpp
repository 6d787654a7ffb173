#include "profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "../covariance/parameter_table.h"
#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"
#include "../objective/joint_deviance.h"
#include "../objective/sheared_objective.h"
#include "constrained_search.h"
#include "generalized_engine.h"
#include "linear_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// The table's values at psi.
using ParameterValues = std::function<Vector(const Vector& psi)>;

constexpr double kUndefinedRise = std::numeric_limits<double>::infinity();

Vector values_of(const ParameterTable& table) {
  Vector out(static_cast<Index>(table.rows.size()));
  for (Index i = 0; i < out.size(); ++i) out[i] = table.rows[i].value;
  return out;
}

// Where the free entries are best, to first order, when entry k moves by `step`: -H_rr^-1 H_rk.
Vector follow_curvature(Vector psi, const Matrix& curvature, std::vector<bool> free, Index k,
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
HeldParameters filled(HeldParameters held, Index size) {
  if (!held.value.empty()) return held;
  held.value.assign(size, std::numeric_limits<double>::quiet_NaN());
  for (Index i = 0; i < size; ++i) held.same.push_back(static_cast<int>(i));
  return held;
}

// The engine's columns are scaled one by one where a covariance parameter is held.
HeldParameters with_one_held(const HeldParameters& held, Index count, Index others) {
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
  bool relative;             // psi ends with log sigma
  Index free_rest, table_rest;
  std::vector<bool> allowed;  // of psi
  ParameterValues values;

  bool constrained() const { return held.ties(static_cast<std::size_t>(parameters->size())); }

  Constraints constraints() const {
    return constraints_of(held, parameters->size(), free_rest, table_rest);
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

EntryMap identity_map() {
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

// ---- linear models ----

ParameterValues linear_values(const LinearEngine& engine) {
  return [&engine](const Vector& psi) {
    const double sigma = engine.design.user_sigma(std::exp(psi[psi.size() - 1]));
    return values_of(linear_parameters(engine.parameters, psi.head(psi.size() - 1),
                                       user_scale(engine.design, sigma)));
  };
}

Searched searched(LinearEngine& engine, const HeldParameters& held) {
  Searched out;
  out.parameters = &engine.parameters;
  out.held = filled(held, engine.parameters.size() + 1);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.maps.push_back(engine.design.internal_map(j) / engine.design.user_sigma(1.0));
  }
  out.relative = true;
  out.free_rest = 0;
  out.table_rest = 1;
  out.allowed = engine.saturation.free_parameters(engine.parameters);
  out.allowed.push_back(!held.is_held(engine.parameters.size()));
  out.values = linear_values(engine);
  return out;
}

// psi = (theta, log sigma) at the start of the engine, brought to the optimum.
Vector linear_optimum(LinearEngine& engine, const Searched& searched, JointDeviance& joint,
                      const Control& control) {
  const Index count = engine.parameters.size();
  Vector psi(count + 1);
  psi.head(count) = engine.start();
  engine.objective.value(psi.head(count));
  psi[count] = searched.held.is_held(count)
                   ? std::log(searched.held.value[count] / engine.design.user_sigma(1.0))
                   : 0.5 * std::log(engine.objective.sigma2());
  return searched.minimize(joint, psi, searched.allowed, control).psi;
}

// One coefficient: the model without its column, of the response less c times the column.
class CoefficientProfile final : public ProfiledParameter {
 public:
  CoefficientProfile(const Specification& without, const double* column, double estimate,
                     double error, double best, const Control& control)
      : ProfiledParameter(estimate, error, -kUnbounded, kUnbounded),
        engine_(without, control),
        searched_(searched(engine_, without.held)),
        joint_(engine_.objective),
        column_(column),
        best_(best),
        control_(control) {
    response_.resize(engine_.design.rows());
    for (Index i = 0; i < response_.size(); ++i) response_[i] = engine_.design.response(i);
    response_at(estimate);
    fitted_ = linear_optimum(engine_, searched_, joint_, control_);
  }

  void restart() override { psi_ = fitted_; }

  ProfilePoint at(double value) override {
    ProfilePoint out;
    out.value = value;
    out.rise = kUndefinedRise;
    response_at(value);
    const Optimum found = searched_.minimize(joint_, psi_, searched_.allowed, control_);
    if (!std::isfinite(found.value)) return out;
    psi_ = found.psi;
    out.rise = joint_.value(psi_) + engine_.design.deviance_shift(false) - best_;
    const Vector rest = moved_ - engine_.objective.linear_predictor(engine_.objective.solve());
    double sum = 0.0;
    for (Index i = 0; i < rest.size(); ++i) {
      sum += engine_.design.weight(i) * rest[i] * column_[i];
    }
    out.slope = -2.0 * sum / (engine_.objective.sigma2() * engine_.design.response_scale());
    out.parameters = searched_.values(psi_);
    return out;
  }

 private:
  void response_at(double value) {
    const double unit = engine_.design.response_scale();
    moved_ = response_;
    for (Index i = 0; i < moved_.size(); ++i) moved_[i] -= value * column_[i] / unit;
    engine_.objective.set_response(moved_);
  }

  LinearEngine engine_;
  const Searched searched_;
  JointDeviance joint_;
  const double* column_;
  const double best_;
  const Control control_;
  Vector response_, moved_, fitted_, psi_;
};

ParameterProfile profile_coefficient(const Specification& spec, Index column, double estimate,
                                     double error, double best, const Control& control,
                                     const std::vector<double>& zeta) {
  Matrix rest(spec.n, spec.X.cols() - 1);
  rest.leftCols(column) = spec.X.leftCols(column);
  rest.rightCols(rest.cols() - column) = spec.X.rightCols(rest.cols() - column);
  Specification without = spec;
  new (&without.X) ConstMatrixMap(rest.data(), rest.rows(), rest.cols());
  CoefficientProfile parameter(without, spec.X.col(column).data(), estimate, error, best, control);
  return profile(parameter, zeta);
}

}  // namespace

std::vector<ParameterProfile> profile_linear(const Specification& spec,
                                             const std::vector<ProfileRequest>& requests,
                                             const std::vector<double>& zeta,
                                             const Control& control) {
  std::vector<ParameterProfile> out;
  const Index count = CovarianceParameters(spec.terms).size();
  Specification by_column = spec;
  by_column.held = with_one_held(spec.held, count, 1);
  std::unique_ptr<LinearEngine> plain, columns;
  for (const ProfileRequest& request : requests) {
    const bool covariance = !request.coefficient && request.which < count;
    std::unique_ptr<LinearEngine>& engine = covariance ? columns : plain;
    if (!engine) engine = std::make_unique<LinearEngine>(covariance ? by_column : spec, control);
    const Searched search = searched(*engine, spec.held);
    JointDeviance joint(engine->objective);
    const Vector fitted = linear_optimum(*engine, search, joint, control);
    if (covariance) {
      ConstrainedObjective objective(joint, engine->parameters, search.maps, true,
                                     search.constraints(), fitted);
      const Optimum best = minimize_constrained(objective, objective.start(), control);
      CovarianceProfile parameter(objective, best, objective.coordinate(request.which),
                                  search.values, request.error, control);
      out.push_back(profile(parameter, zeta));
    } else if (!request.coefficient) {
      ShearedObjective objective(joint, count, Vector::Ones(1), 0.0, count);
      const double unit = engine->design.user_sigma(1.0);
      EntryMap map;
      map.entry = [unit](double value) { return std::log(value / unit); };
      map.value = [unit](double entry) { return unit * std::exp(entry); };
      map.slope = [](double value) { return 1.0 / value; };
      map.lower = 0.0;
      EntryProfile parameter(search, objective, map, fitted, request.error, control);
      out.push_back(profile(parameter, zeta));
    } else {
      const double best = joint.value(fitted) + engine->design.deviance_shift(false);
      const Vector beta = engine->design.user_coefficients(engine->objective.solve().beta);
      out.push_back(profile_coefficient(spec, request.which, beta[request.which], request.error,
                                        best, control, zeta));
    }
  }
  return out;
}

// ---- generalized models ----

namespace {

Searched searched(GeneralizedEngine& engine, const HeldParameters& held) {
  const ModalDeviance& objective = *engine.objective;
  Searched out;
  out.parameters = &engine.parameters;
  out.held = filled(held, engine.parameters.size() + objective.dispersion_count());
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.maps.push_back(engine.design.internal_map(j));
  }
  out.relative = false;
  out.free_rest = objective.fixed_count();
  out.table_rest = objective.dispersion_count();
  out.allowed = engine.saturation.free_parameters(engine.parameters);
  out.allowed.resize(objective.size(), true);
  for (Index i = 0; i < objective.dispersion_count(); ++i) {
    const std::size_t row = static_cast<std::size_t>(engine.parameters.size() + i);
    out.allowed[objective.dispersion_start() + i] = !engine.spec.model.held.is_held(row);
  }
  out.values = [&engine](const Vector& psi) {
    return values_of(generalized_parameters(
        engine.parameters, psi, user_scale(engine.design, 1.0),
        engine.response.coefficients(psi.tail(engine.objective->dispersion_count())),
        engine.response.coefficient_slope(), constant_dispersion(engine.spec), false));
  };
  return out;
}

// A constant dispersion is the exponential of its coefficient.
EntryMap dispersion_map(const PackedResponse& response, bool constant) {
  if (!constant) return identity_map();
  EntryMap out;
  out.entry = [&response](double value) {
    return response.parameters(Vector::Constant(1, std::log(value)))[0];
  };
  out.value = [&response](double entry) {
    return std::exp(response.coefficients(Vector::Constant(1, entry))[0]);
  };
  out.slope = [&response](double value) {
    return 1.0 / (value * response.coefficient_slope()(0, 0));
  };
  out.lower = 0.0;
  return out;
}

}  // namespace

std::vector<ParameterProfile> profile_generalized(const GeneralizedSpecification& spec,
                                                  const GeneralizedPoint& fitted,
                                                  const std::vector<ProfileRequest>& requests,
                                                  const std::vector<double>& zeta,
                                                  const Control& control) {
  std::vector<ParameterProfile> out;
  const Index count = CovarianceParameters(spec.model.terms).size();
  GeneralizedSpecification by_column = spec;
  by_column.model.held = with_one_held(spec.model.held, count, spec.dispersion.cols());
  std::unique_ptr<GeneralizedEngine> plain, columns;
  for (const ProfileRequest& request : requests) {
    const bool covariance = !request.coefficient && request.which < count;
    std::unique_ptr<GeneralizedEngine>& engine = covariance ? columns : plain;
    if (!engine) {
      engine = std::make_unique<GeneralizedEngine>(covariance ? by_column : spec, control);
      engine->objective->tighten();
    }
    ModalDeviance& objective = *engine->objective;
    const Searched search = searched(*engine, spec.model.held);
    const Vector start = engine->internal_point(fitted);
    const Vector psi = search.minimize(objective, start, search.allowed, control).psi;
    if (covariance) {
      ConstrainedObjective inside(objective, engine->parameters, search.maps, false,
                                  search.constraints(), psi);
      const Optimum best = minimize_constrained(inside, inside.start(), control);
      CovarianceProfile parameter(inside, best, inside.coordinate(request.which), search.values,
                                  request.error, control);
      out.push_back(profile(parameter, zeta));
      continue;
    }
    if (request.coefficient) {
      // The coefficient as a function of internal ones, from its values at zero and at unit
      // vectors: exact, as it is linear.
      const auto& kept = engine->design.kept();
      const Index own = std::find(kept.begin(), kept.end(), request.which) - kept.begin();
      const auto user = [&](const Vector& beta) {
        return engine->design.user_coefficients(beta)[request.which];
      };
      const Index p = objective.fixed_count(), first = objective.fixed_start();
      const double constant = user(Vector::Zero(p));
      Vector weight(p);
      for (Index i = 0; i < p; ++i) weight[i] = user(Vector::Unit(p, i)) - constant;
      ShearedObjective sheared(objective, first, weight, constant, first + own);
      EntryProfile parameter(search, sheared, identity_map(), sheared.sheared(psi), request.error,
                             control);
      out.push_back(profile(parameter, zeta));
      continue;
    }
    const Index row = request.which - count, entry = objective.dispersion_start() + row;
    ShearedObjective sheared(objective, entry, Vector::Ones(1), 0.0, entry);
    EntryProfile parameter(search, sheared,
                           dispersion_map(engine->response, constant_dispersion(spec)), psi,
                           request.error, control);
    out.push_back(profile(parameter, zeta));
  }
  return out;
}

}  // namespace tiers
