#include "fit_structured.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "../model/dense_algebra.h"
#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"
#include "../residual/residual_parameters.h"
#include "structured_engine.h"
#include "structured_inference.h"
#include "write_result.h"

namespace tiers {

namespace {

// Smallest eigenvalue of the information scaled to unit diagonal at which a direction is flat, and
// the share of the largest coefficient that makes a parameter part of it.
constexpr double kFlatDirection = 1e-10, kPartOfDirection = 0.1;
// Points beside a flat start at which it is looked whether parameters can be told apart there, and
// how far away they are.
constexpr int kGenericPoints = 3;
constexpr double kBeside = 0.1;
// Residual variance of the least-squares fit, in units of the response's, that is rounding.
constexpr double kNoResidual = 1e-26;

// Places among the parameters of those that the data cannot tell apart at this point. One where the
// deviance is not defined tells nothing.
std::vector<Index> find_flat(StructuredEngine& engine, const Vector& psi) {
  std::vector<Index> out;
  if (psi.size() == 0 || !std::isfinite(engine.objective.value(psi))) return out;
  Vector gradient;
  Matrix information;
  engine.objective.derivatives(gradient, information);
  const ScaledEigen scaled(information);
  for (Index i = 0; i < information.rows(); ++i) {
    if (!(scaled.eigen.eigenvalues()[i] < kFlatDirection)) break;
    const Vector direction = scaled.eigen.eigenvectors().col(i);
    const double largest = direction.cwiseAbs().maxCoeff();
    for (Index k = 0; k < direction.size(); ++k) {
      if (std::abs(direction[k]) > kPartOfDirection * largest) out.push_back(k);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// A start where parameters cannot be told apart although they can be elsewhere (roots of a time
// series that cancel) becomes a point beside it; else `flat` says which they are.
Vector leave_flat_start(StructuredEngine& engine, Vector start, std::vector<Index>& flat) {
  flat = find_flat(engine, start);
  for (int tries = 1; tries <= kGenericPoints && !flat.empty(); ++tries) {
    Vector beside = start;
    for (Index i = 0; i < beside.size(); ++i)
      beside[i] += kBeside * std::sin(static_cast<double>(tries + 3 * i));
    if (!std::isfinite(engine.objective.value(beside)) || !find_flat(engine, beside).empty())
      continue;
    flat.clear();
    start = beside;
  }
  return start;
}

// Takes over what another search found; the work of both counts.
void take_over(BoundaryOptimum other, BoundaryOptimum& found) {
  other.optimum.convergence.iterations += found.optimum.convergence.iterations;
  other.optimum.convergence.evaluations += found.optimum.convergence.evaluations;
  found = std::move(other);
}

// A residual parameter next to the end of its range (no nugget, a correlation of one beside one) is
// tried there, and stays where the deviance does not rise.
void settle_ends(StructuredEngine& engine, const Control& control, BoundaryOptimum& found) {
  MarginalDeviance& objective = engine.objective;
  const Index theta = engine.parameters.size();
  for (Index i = theta; i < objective.size(); ++i) {
    const double end = engine.structure.near_end(engine.phi(found.optimum.psi), i - theta);
    if (!std::isfinite(end) || !found.free[i]) continue;
    Vector trial = found.optimum.psi;
    trial[i] = end;
    const double here = found.optimum.value, slack = objective.resolution(here);
    if (!(objective.value(trial) <= here + slack)) continue;
    std::vector<bool> allowed = found.allowed;
    if (allowed.empty()) allowed.assign(trial.size(), true);
    allowed[i] = false;
    BoundaryOptimum other =
        minimize_with_boundary(objective, engine.parameters, trial, control, allowed);
    if (!(other.optimum.value <= here + slack)) continue;
    take_over(std::move(other), found);
    found.at_boundary = true;
  }
}

// From covariances as the residuals show them, and where that does not end well from none.
BoundaryOptimum search(StructuredEngine& engine, const Vector& start, const Control& control) {
  MarginalDeviance& objective = engine.objective;
  BoundaryOptimum found = minimize_with_boundary(objective, engine.parameters, start, control);
  if (control.max_iterations == 0) return found;
  settle_ends(engine, control, found);
  if (!found.optimum.convergence.converged) {
    const Vector plain = engine.start(true);
    if (std::isfinite(objective.value(plain))) {
      BoundaryOptimum other = minimize_with_boundary(objective, engine.parameters, plain, control);
      settle_ends(engine, control, other);
      if (other.optimum.value < found.optimum.value) take_over(std::move(other), found);
    }
  }
  go_on_from_lower(objective, engine.parameters,
                   without_each_term(engine.parameters, found.optimum, 0), control, found);
  return found;
}

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
    out.lambda.push_back(engine.user_lambda(j, lambdas[j], psi));
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
  out.sigma = engine.structure.has_sigma() ? std::sqrt(sigma2) * engine.sigma_unit(psi) : 1.0;
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
  Vector start = engine.start(false);
  if (!std::isfinite(engine.objective.value(start))) start = engine.start(true);
  if (!std::isfinite(engine.objective.value(start))) {
    out.status = FitStatus::undefined;
    return out;
  }
  start = leave_flat_start(engine, start, out.flat);
  if (!out.flat.empty()) {
    out.status = FitStatus::unidentified;
    out.phi = engine.phi(start);
    write_residual_parameters(engine, start, out);
    return out;
  }
  const BoundaryOptimum found = search(engine, start, control);
  const Vector& psi = found.optimum.psi;
  const double value = engine.objective.value(psi);
  if (!std::isfinite(value)) {
    out.status = FitStatus::undefined;
    return out;
  }
  out.deviance = value + engine.design.deviance_shift(spec.model.reml);
  write_search(found.optimum.convergence, found.at_boundary, out);
  write_optimum(engine, found, out);
  write_effects(engine, out);
  write_structured_inference(engine, psi, found.free, out);
  return out;
}

}  // namespace tiers
