#include "generalized_start.h"

#include <algorithm>
#include <cmath>

#include "../start/variance_start.h"

namespace tiers {

namespace {

// Covariance parameters are halved so often before they are set to zero, and then fixed effects are
// no longer to blame.
constexpr int kHalvings = 20;
constexpr int kMaxAttempts = 40;

// Lambda of every term: the user's, or of the variances found at the start without random
// effects.
std::vector<Matrix> start_lambdas(GeneralizedEngine& engine, const GlmStart& start) {
  const double change =
      engine.spec.family->predictor_unit(engine.response.rows(), start.eta.data());
  const std::vector<Matrix> by_grouping =
      variance_start(engine.cross, engine.rows.project_random(start.score),
                     change / engine.scaling.predictor_unit);
  std::vector<Matrix> lambdas(engine.parameters.terms());
  for (std::size_t f = 0; f < by_grouping.size(); ++f) {
    const Grouping& grouping = engine.layout.groupings()[f];
    for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
      const int j = grouping.terms[t];
      const RandomTerm& term = engine.spec.model.terms[j];
      const Index at = grouping.first_column[t];
      lambdas[j] = term.start.size() > 0
                       ? engine.design.internal_factor(j, term.start)
                       : Matrix(by_grouping[f].block(at, at, term.columns, term.columns));
    }
  }
  return lambdas;
}

bool given(const Vector& start, Index size) { return size > 0 && start.size() == size; }

}  // namespace

GlmStart glm_start(const GeneralizedEngine& engine, const Control& control) {
  const Matrix& d = engine.response.dispersion();
  return fit_glm_start(*engine.spec.family, engine.response.rows(), engine.x(),
                       engine.response.offset().data(),
                       ConstMatrixMap(d.data(), d.rows(), d.cols()), control.poll);
}

Vector start_point(GeneralizedEngine& engine, const GlmStart& start, const Control& control) {
  const GeneralizedSpecification& spec = engine.spec;
  ModalDeviance& objective = *engine.objective;
  engine.cross.reweight(engine.rows, start.weight, true, control.poll);
  engine.response.set_dispersion(engine.response.parameters(start.phi));
  Vector psi(objective.size());
  psi.head(engine.parameters.size()) = engine.parameters.parameters(start_lambdas(engine, start));
  const std::vector<bool> free = engine.saturation.free_parameters(engine.parameters);
  for (std::size_t i = 0; i < free.size(); ++i) psi[i] = free[i] ? psi[i] : 0.0;
  const Vector beta = given(spec.start_fixed, spec.model.X.cols())
                          ? engine.design.internal_coefficients(spec.start_fixed)
                          : start.beta;
  if (objective.fixed_count() > 0) {
    psi.segment(objective.fixed_start(), beta.size()) = beta;
  } else {
    objective.start_mode_at(beta);
  }
  psi.tail(objective.dispersion_count()) = engine.response.parameters(
      given(spec.start_dispersion, spec.dispersion.cols()) ? spec.start_dispersion : start.phi);
  return psi;
}

Vector finite_start(GeneralizedEngine& engine, Vector psi, const GlmStart& start) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (std::isfinite(engine.objective->value(psi))) return psi;
    if (attempt == 0 && engine.objective->fixed_count() > 0) {
      psi.segment(engine.objective->fixed_start(), start.beta.size()) = start.beta;
    }
    psi.head(engine.parameters.size()) *= attempt < kHalvings ? 0.5 : 0.0;
  }
  return Vector();
}

bool has_start(const GeneralizedSpecification& spec) {
  return spec.start_fixed.size() > 0 || spec.start_dispersion.size() > 0 ||
         std::any_of(spec.model.terms.begin(), spec.model.terms.end(),
                     [](const RandomTerm& term) { return term.start.size() > 0; });
}

GeneralizedSpecification without_start(const GeneralizedSpecification& spec) {
  GeneralizedSpecification out = spec;
  out.start_fixed.resize(0);
  out.start_dispersion.resize(0);
  for (RandomTerm& term : out.model.terms) term.start.resize(0, 0);
  return out;
}

}  // namespace tiers
