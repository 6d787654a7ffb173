#include "fit_model.h"

#include <cmath>

#include "../inference/observed_information.h"
#include "../model/dense_algebra.h"
#include "linear_search.h"
#include "write_result.h"

namespace tiers {

namespace {

// Estimates and fitted values, at the point of the last value().
void write_estimates(const LinearEngine& engine, FitResult& out) {
  const Design& design = engine.design;
  const auto solution = engine.objective.solve();
  const double sigma = std::sqrt(engine.objective.sigma2());
  out.coefficients = design.user_coefficients(solution.beta);
  out.vcov = design.user_covariance(sigma * sigma *
                                    inverse_of_product(engine.objective.factor().fixed_lower()));
  out.sigma = design.user_sigma(sigma);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.modes.push_back((design.mode_map(j) * engine.objective.modes(solution, j)).transpose());
  }
  out.fitted = engine.objective.linear_predictor(solution);
  for (Index i = 0; i < design.rows(); ++i) out.fitted[i] = design.user_response(out.fitted[i], i);
}

// At the point of the last value(), theta; after sigma and the factors.
void write_inference(LinearEngine& engine, const LinearOptimum& optimum, const HeldParameters& held,
                     FitResult& out) {
  out.inference = covariance_inference(engine.objective, optimum.found.free);
  if (optimum.vcov_psi.size() > 0) out.inference.vcov_psi = optimum.vcov_psi;
  for (Matrix& derivative : out.inference.dvcov)
    derivative = engine.design.user_covariance(derivative);
  write_parameters(linear_parameters(engine.parameters, optimum.found.optimum.psi,
                                     user_scale(engine.design, out.sigma)),
                   out.inference.vcov_psi, held, engine.parameters, out);
}

}  // namespace

FitResult fit_model(const Specification& spec, const Control& control) {
  LinearEngine engine(spec, control);
  FitResult out;
  write_design(engine.design,
               static_cast<Index>(spec.held.free_count(engine.parameters.size() + 1)), out);

  out.unidentified = find_unidentified(engine, spec.held, control);
  if (out.unidentified.found) {
    out.status = FitStatus::unidentified;
    return out;
  }
  const LinearOptimum best = search_linear(engine, spec.held, control);
  if (best.perfect) {
    out.status = FitStatus::perfect_fit;
    return out;
  }
  const BoundaryOptimum& found = best.found;
  const Optimum& optimum = found.optimum;
  out.deviance = best.value + engine.design.deviance_shift(spec.reml);

  write_search(optimum.convergence, found.at_boundary, out);
  write_covariances(engine.design, engine.parameters, engine.saturation, found, out);
  write_estimates(engine, out);
  write_inference(engine, best, spec.held, out);
  return out;
}

}  // namespace tiers
