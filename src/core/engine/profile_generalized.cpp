#include "generalized_engine.h"
#include "profile_parameter.h"

namespace tiers {

namespace {

Searched searched(GeneralizedEngine& engine, const HeldParameters& held) {
  const ModalDeviance& objective = *engine.objective;
  Searched out;
  out.parameters = &engine.parameters;
  out.held = filled(held, engine.parameters.size() + objective.dispersion_count());
  if (out.constrained()) out.held = engine.saturation.settle(out.held, engine.parameters);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.maps.push_back(engine.design.internal_map(j));
  }
  out.relative = false;
  out.unit = 1.0;
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
    const Vector start = engine->start_at(fitted);
    const Vector psi = search.minimize(objective, start, search.allowed, control).psi;
    if (covariance) {
      ConstrainedObjective inside(objective, engine->parameters, search.maps, false,
                                  search.constraints(request.which), psi);
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
