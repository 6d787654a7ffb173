#include "fit_structured.h"

#include <cmath>

#include "../model/dense_algebra.h"
#include "../residual/residual_parameters.h"
#include "structured_engine.h"
#include "structured_inference.h"
#include "structured_search.h"
#include "write_result.h"

namespace tiers {

namespace {

// Residual variance of the least-squares fit, in units of the response's, that is rounding.
constexpr double kNoResidual = 1e-26;

// b of every level, and X beta + Z b of every row, also of those that do not count.
void write_effects(const StructuredEngine& engine, StructuredResult& out) {
  const Specification& spec = engine.spec.model;
  const Design& design = engine.design;
  const MarginalDeviance& objective = engine.objective;
  const UnitPatterns& patterns = engine.patterns;
  std::vector<Matrix> modes;
  for (const RandomTerm& term : spec.terms)
    modes.push_back(Matrix::Zero(term.columns, term.n_levels));
  for (std::size_t g = 0; g < patterns.patterns().size() && !modes.empty(); ++g) {
    const UnitPattern& pattern = patterns.patterns()[g];
    for (const Index unit : pattern.units) {
      Matrix v = objective.unit_residual(unit);
      solve_lower(objective.factor(g), v);
      solve_lower_transposed(objective.factor(g), v);
      for (std::size_t j = 0; j < modes.size(); ++j) {
        const Matrix own = objective.covariances().effects(pattern, static_cast<int>(j), v);
        for (Index i = 0; i < pattern.size; ++i)
          modes[j].col(spec.terms[j].codes[patterns.rows(unit)[i]] - 1) =
              own.col(pattern.level[j][i]);
      }
    }
  }
  const Vector beta = objective.coefficients();
  out.fitted.resize(spec.n);
  Vector x(design.rank()), z;
  for (Index i = 0; i < spec.n; ++i) {
    design.fixed_row(i, x.data());
    double eta = x.dot(beta);
    for (std::size_t j = 0; j < modes.size(); ++j) {
      z.resize(modes[j].rows());
      design.random_row(static_cast<int>(j), i, z.data());
      eta += z.dot(modes[j].col(spec.terms[j].codes[i] - 1));
    }
    out.fitted[i] = design.user_response(eta, i);
  }
  for (std::size_t j = 0; j < modes.size(); ++j)
    out.modes.push_back((design.mode_map(static_cast<int>(j)) * modes[j]).transpose());
}

void write_optimum(const StructuredEngine& engine, const BoundaryOptimum& found,
                   StructuredResult& out) {
  const Vector& psi = found.optimum.psi;
  const Design& design = engine.design;
  const auto lambdas = engine.parameters.lambdas(psi.head(engine.parameters.size()));
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.lambda.push_back(engine.user_lambda(j, lambdas[j]));
    TermBoundary boundary;
    if (found.boundary[j].multipliers.size() > 0) {
      boundary.directions = design.user_directions(j, found.boundary[j].directions);
      boundary.multipliers = found.boundary[j].multipliers;
    }
    out.boundary.push_back(boundary);
    out.saturated.emplace_back();
  }
  out.phi = engine.phi(psi);
  for (Index g = 0; g < engine.structure.groups(); ++g) {
    out.natural.push_back(engine.structure.shape().natural(engine.structure.part(out.phi, g)));
  }
  const double sigma2 = engine.objective.sigma2();
  out.sigma = engine.structure.has_sigma() ? std::sqrt(sigma2) * engine.sigma_unit() : 1.0;
  out.coefficients = design.user_coefficients(engine.objective.coefficients());
  out.vcov = design.user_covariance(sigma2 * inverse_of_product(engine.objective.fixed_lower()));
}

}  // namespace

StructuredResult fit_structured(const StructuredSpecification& spec, const Control& control) {
  StructuredEngine engine(spec, control);
  StructuredResult out;
  out.has_sigma = engine.structure.has_sigma();
  out.units = engine.patterns.units();
  out.largest_unit = engine.patterns.largest();
  out.patterns = static_cast<Index>(engine.patterns.patterns().size());
  write_design(engine.design, engine.objective.size() + (out.has_sigma ? 1 : 0), out);
  if (!(engine.data.residual_square() >
        kNoResidual * static_cast<double>(engine.design.used_rows()))) {
    out.status = FitStatus::perfect_fit;
    return out;
  }
  const StructuredOptimum best = search_structured(engine, control);
  out.flat = best.flat;
  out.unbounded = best.unbounded;
  const BoundaryOptimum& found = best.found;
  const Vector& psi = found.optimum.psi;
  if (!out.flat.empty()) {
    out.status = FitStatus::unidentified;
    out.phi = engine.phi(psi);
    write_residual_parameters(engine, psi, out);
    return out;
  }
  const double value = engine.objective.value(psi);
  if (!std::isfinite(value)) {
    out.status = FitStatus::undefined;
    return out;
  }
  out.deviance = value + engine.design.deviance_shift(spec.model.reml);
  write_search(found.optimum.convergence, found.at_boundary, out);
  write_optimum(engine, found, out);
  write_effects(engine, out);
  write_structured_inference(engine, psi, found.free, best.ended, out);
  return out;
}

}  // namespace tiers
