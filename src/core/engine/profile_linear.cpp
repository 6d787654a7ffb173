#include "../objective/joint_deviance.h"
#include "linear_engine.h"
#include "profile_parameter.h"

namespace tiers {

namespace {

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
  if (out.constrained()) out.held = engine.saturation.settle(out.held, engine.parameters);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.maps.push_back(engine.design.internal_map(j) / engine.design.user_sigma(1.0));
  }
  out.relative = true;
  out.unit = engine.design.user_sigma(1.0);
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
    // What is set equal to sigma is sigma.
    const bool sigma =
        !request.coefficient &&
        (request.which == count ||
         (!spec.held.same.empty() && spec.held.same[request.which] == spec.held.same[count]));
    const bool covariance = !request.coefficient && !sigma;
    std::unique_ptr<LinearEngine>& engine = covariance ? columns : plain;
    if (!engine) engine = std::make_unique<LinearEngine>(covariance ? by_column : spec, control);
    const Searched search = searched(*engine, spec.held);
    JointDeviance joint(engine->objective);
    const Vector fitted = linear_optimum(*engine, search, joint, control);
    if (covariance) {
      ConstrainedObjective objective(joint, engine->parameters, search.maps, true,
                                     search.constraints(request.which), fitted);
      const Optimum best = minimize_constrained(objective, objective.start(), control);
      CovarianceProfile parameter(objective, best, objective.coordinate(request.which),
                                  search.values, request.error, control);
      out.push_back(profile(parameter, zeta));
    } else if (sigma) {
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

}  // namespace tiers
