#include "fit_generalized.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../model/dense_algebra.h"
#include "../model/free_parameters.h"
#include "constrained_search.h"
#include "generalized_start.h"
#include "identification.h"
#include "laplace_check.h"
#include "optimum_proof.h"
#include "separated_limit.h"
#include "write_result.h"

namespace tiers {

namespace {

// Automatic numbers of points: the first whose bound on the error of -2 log-likelihood is small,
// among those that do not evaluate the integrand too often.
constexpr int kAutomaticPoints[] = {7, 15, 25, 51};
constexpr double kAccurate = 0.01;
constexpr double kMaxNodes = 4000.0;

std::unique_ptr<ConstrainedObjective> constrained(GeneralizedEngine& engine, const Vector& start) {
  std::vector<Matrix> maps;
  for (int j = 0; j < engine.parameters.terms(); ++j) maps.push_back(engine.design.internal_map(j));
  const ModalDeviance& objective = *engine.objective;
  const HeldParameters held = engine.saturation.settle(engine.spec.model.held, engine.parameters);
  return std::make_unique<ConstrainedObjective>(
      *engine.objective, engine.parameters, maps, false,
      constraints_of(held, engine.parameters.size(), objective.fixed_count(),
                     objective.dispersion_count()),
      start);
}

bool is_constrained(const GeneralizedEngine& engine) {
  return engine.spec.model.held.ties(engine.parameters.size());
}

// The start with the dispersion that is held; `allowed`: what is not.
Vector with_held(const GeneralizedEngine& engine, Vector start, std::vector<bool>& allowed) {
  const HeldParameters& held = engine.spec.model.held;
  const Index count = engine.parameters.size(), first = engine.objective->dispersion_start();
  const Index d = engine.objective->dispersion_count();
  Vector coefficients = engine.response.coefficients(start.tail(d));
  bool any = false;
  allowed = engine.saturation.free_parameters(engine.parameters);
  allowed.resize(start.size(), true);
  for (Index i = 0; i < d; ++i) {
    if (!held.is_held(count + i)) continue;
    const double value = held.value[count + i];
    coefficients[i] = constant_dispersion(engine.spec) ? std::log(value) : value;
    allowed[first + i] = false;
    any = true;
  }
  if (any) start.tail(d) = engine.response.parameters(coefficients);
  return start;
}

// Under constraints also in their coordinates: psi does not tell those of effects without variance.
struct Found {
  BoundaryOptimum whole;
  ConstrainedOptimum constrained;
};

Found search(GeneralizedEngine& engine, const Vector& from, const Control& control) {
  Found out;
  std::vector<bool> allowed;
  Vector start = with_held(engine, from, allowed);
  if (!is_constrained(engine)) {
    const std::vector<bool> searched = engine.saturation.searched_parameters(engine.parameters);
    for (std::size_t i = 0; i < searched.size(); ++i) {
      allowed[i] = searched[i];
      start[i] = searched[i] ? start[i] : 0.0;
    }
    out.whole =
        minimize_with_boundary(*engine.objective, engine.parameters, start, control, allowed);
    return out;
  }
  std::vector<Vector> starts = {start};
  // Another search starts where the model without constraints is best.
  const BoundaryOptimum without =
      minimize_with_boundary(*engine.objective, engine.parameters, start, control, allowed);
  if (std::isfinite(without.optimum.value)) starts.push_back(without.optimum.psi);
  out.constrained = search_constrained(
      [&engine](const Vector& psi) { return constrained(engine, psi); }, starts, control);
  Optimum& optimum = out.whole.optimum;
  optimum = out.constrained.optimum;
  optimum.psi = std::isfinite(optimum.value) ? out.constrained.objective->psi(optimum.psi) : start;
  out.whole.boundary.resize(engine.parameters.terms());
  return out;
}

Proof prove_end(GeneralizedEngine& engine, Found& of, const Control& control) {
  BoundaryOptimum& found = of.whole;
  if (!is_constrained(engine)) return prove(*engine.objective, engine.parameters, found, control);
  engine.objective->tighten();
  if (!std::isfinite(found.optimum.value)) return Proof();
  const Optimum end = found.optimum;
  const Index size = end.psi.size();
  ConstrainedObjective& objective = *of.constrained.objective;
  found.optimum.psi = of.constrained.optimum.psi;
  Proof proof = prove_constrained(objective, found.optimum, found.at_boundary);
  if (engine.saturation.any_column(engine.parameters, engine.spec.model.held))
    found.at_boundary = true;
  // Correlations at the edge of what a covariance matrix may have have no derivatives, or are read
  // off theta beyond it.
  if (proof.covariance.size() == 0) proof.covariance = Matrix::Constant(size, size, kNaN);
  if (!std::isfinite(found.optimum.value)) {
    found.optimum = end;
    engine.objective->value(end.psi);
    return proof;
  }
  found.optimum.psi = objective.psi(found.optimum.psi);
  return proof;
}

// With the number of points raised until the result is accurate, where it is to be chosen.
Found minimize(GeneralizedEngine& engine, const Vector& start, const Control& control) {
  const auto& asked = engine.spec.points;
  const bool automatic = !asked.empty() && asked[0] < 0 && engine.layout.remainder().empty();
  if (!automatic) {
    return search(engine, start, control);
  }
  Found found;
  Vector psi = start;
  Convergence before;
  for (const int count : kAutomaticPoints) {
    if (count > kAutomaticPoints[0] && engine.nodes(count) > kMaxNodes) break;
    engine.use_points(std::vector<int>(asked.size(), count));
    found = search(engine, psi, control);
    Optimum& optimum = found.whole.optimum;
    optimum.convergence.iterations += before.iterations;
    optimum.convergence.evaluations += before.evaluations;
    before = optimum.convergence;
    psi = optimum.psi;
    engine.objective->value(psi);
    if (engine.quadrature->accuracy() < kAccurate) break;
  }
  return found;
}

// Terms of binary data whose groups, with the fixed effects, tell the successes from the failures:
// the first grouping that does so alone (its largest term), or with the random effects of all
// others. Then these are named too where they are large. lambda: internal, by term.
std::vector<int> separated_terms(const GeneralizedEngine& engine, const std::vector<Matrix>& lambda,
                                 const Control& control) {
  if (!engine.spec.family->uses_trials()) return {};
  const auto& groupings = engine.layout.groupings();
  std::vector<Matrix> joint;
  std::vector<int> largest;
  for (const Grouping& grouping : groupings) {
    joint.push_back(Matrix::Zero(grouping.columns, grouping.columns));
    largest.push_back(grouping.terms[0]);
    for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
      const int j = grouping.terms[t];
      const Index at = grouping.first_column[t], columns = lambda[j].cols();
      joint.back().block(at, at, columns, columns) = lambda[j];
      if (lambda[j].norm() > lambda[largest.back()].norm()) largest.back() = j;
    }
  }
  const int count = static_cast<int>(groupings.size());
  for (const bool alone : {true, false}) {
    if (!alone && count == 1) break;
    for (int f = 0; f < count; ++f) {
      if (!groups_separated(engine.rows, f, joint[f], engine.response.rows(), alone, control.poll))
        continue;
      std::vector<int> out;
      for (int other = 0; other < count; ++other) {
        const bool named =
            other == f || (!alone && has_large_effects(engine.rows, other, joint[other]));
        if (named) out.push_back(largest[other]);
      }
      return out;
    }
  }
  return {};
}

// The search's own account of how it ended, corrected by the proof.
Convergence proved(const Optimum& optimum, const Proof& proof) {
  Convergence out = optimum.convergence;
  out.converged = proof.holds();
  out.gain = proof.gain;
  out.gradient_norm = optimum.gradient.size() > 0 ? optimum.gradient.cwiseAbs().maxCoeff() : 0.0;
  if (proof.holds()) {
    out.ending = Ending::converged;
  } else if (out.ending == Ending::converged) {
    out.ending = Ending::stuck;
  }
  return out;
}

// Fixed effects, dispersion and linear predictor, at the point of the last value().
void write_estimates(const GeneralizedEngine& engine, const Vector& psi, const Matrix& vcov,
                     GeneralizedResult& out) {
  const ModalDeviance& objective = *engine.objective;
  const Index p = engine.design.rank(), d = objective.dispersion_count();
  Vector beta = objective.fixed_in_mode();
  Matrix vcov_fixed;
  if (objective.fixed_count() > 0 || p == 0) {
    beta = psi.segment(objective.fixed_start(), p);
    vcov_fixed = vcov.block(objective.fixed_start(), objective.fixed_start(), p, p);
  } else {
    const Matrix& information = engine.mode.factor().fixed_information();
    vcov_fixed = inverse(information.selfadjointView<Eigen::Lower>());
  }
  out.coefficients = engine.design.user_coefficients(beta);
  out.vcov = engine.design.user_covariance(vcov_fixed);
  out.sigma = 1.0;
  out.dispersion = engine.response.coefficients(psi.tail(d));
  const Matrix slope = engine.response.coefficient_slope();
  out.vcov_dispersion = slope * vcov.bottomRightCorner(d, d) * slope.transpose();
  // At its limit the dispersion has no finite estimate.
  if (engine.response.at_limit()) out.vcov_dispersion.setConstant(kNaN);
  out.modes = engine.user_modes();
  out.linear_predictor = engine.user_predictor(beta);
}

// Parameters of the random effects and of the dispersion; vcov of all of psi.
void write_all_parameters(const GeneralizedEngine& engine, const Vector& psi, const Matrix& vcov,
                          GeneralizedResult& out) {
  const ModalDeviance& objective = *engine.objective;
  std::vector<bool> wanted(vcov.rows(), true);
  std::fill_n(wanted.begin() + objective.fixed_start(), objective.fixed_count(), false);
  const ParameterTable table =
      generalized_parameters(engine.parameters, psi, user_scale(engine.design, 1.0), out.dispersion,
                             engine.response.coefficient_slope(), constant_dispersion(engine.spec),
                             engine.response.at_limit());
  write_parameters(table, FreeParameters(wanted).take(vcov), engine.spec.model.held,
                   engine.parameters, out);
}

// Covariance of (beta, Sigma_j, log dispersion) from that of psi; all of it with beta in psi, else
// that of beta and of the rest.
Matrix natural_covariance(const GeneralizedEngine& engine, const Vector& psi, const Matrix& vcov,
                          const Matrix& vcov_fixed) {
  const CovarianceParameters& parameters = engine.parameters;
  const ModalDeviance& objective = *engine.objective;
  const Index p = engine.design.rank(), d = objective.dispersion_count();
  const bool fixed = objective.fixed_count() > 0;
  Index entries = 0;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Index k = parameters.structure(j).columns();
    entries += k * (k + 1) / 2;
  }
  Matrix jacobian = Matrix::Zero(p + entries + d, psi.size());
  if (fixed) {
    Matrix kept = Matrix::Zero(p, engine.spec.model.X.cols());
    for (Index a = 0; a < p; ++a) kept(a, engine.design.kept()[a]) = 1.0;
    jacobian.block(0, objective.fixed_start(), p, p) = engine.design.internal_contrasts(kept);
  }
  Index at = p;
  const std::vector<Matrix> lambda = parameters.lambdas(psi);
  for (int j = 0; j < parameters.terms(); ++j) {
    const Matrix map = inverse(engine.design.internal_map(j));
    const Vector theta = parameters.part(psi, j);
    const Index k = map.rows();
    for (Index i = 0; i < theta.size(); ++i) {
      const Matrix half = map * parameters.structure(j).factor_derivative(theta, i) *
                          lambda[j].transpose() * map.transpose();
      Index row = at;
      for (Index b = 0; b < k; ++b) {
        for (Index a = b; a < k; ++a)
          jacobian(row++, parameters.offset(j) + i) = half(a, b) + half(b, a);
      }
    }
    at += k * (k + 1) / 2;
  }
  jacobian.bottomRightCorner(d, d) = engine.response.coefficient_slope();
  Matrix out = jacobian * vcov * jacobian.transpose();
  if (!fixed) out.topLeftCorner(p, p) = vcov_fixed;
  return out;
}

void write_quadrature(const GeneralizedEngine& engine, GeneralizedResult& out) {
  out.points = engine.points;
  out.accuracy = engine.quadrature ? engine.quadrature->accuracy() : kNaN;
  out.largest_error = engine.quadrature ? engine.quadrature->largest_error() : kNaN;
}

GeneralizedResult fit_once(GeneralizedEngine& engine, const GlmStart& start, const Control& control,
                           Extent extent) {
  GeneralizedResult out;
  out.status = FitStatus::undefined;
  const Vector whole = start_point(engine, start, control),
               psi = finite_start(engine, whole, start);
  if (psi.size() < whole.size()) return out;
  Found end = minimize(engine, psi, control);
  BoundaryOptimum& found = end.whole;
  if (!is_constrained(engine)) {
    std::vector<Vector> simpler =
        without_each_term(engine.parameters, found.optimum, engine.layout.random_columns());
    if (!(found.optimum.value <= -2.0 * start.log_likelihood)) {
      std::vector<bool> allowed;
      simpler.push_back(with_held(engine, whole, allowed));
      simpler.back().head(engine.parameters.size()).setZero();
    }
    go_on_from_lower(*engine.objective, engine.parameters, simpler, control, found);
  }
  const Proof proof = prove_end(engine, end, control);
  const Optimum& optimum = found.optimum;
  if (!std::isfinite(optimum.value)) return out;
  // Modes that were found once may not be found again, where the conditional density has several.
  if (!engine.objective->is_defined() && !std::isfinite(engine.objective->value(optimum.psi)))
    return out;
  out.deviance = optimum.value;
  out.inner_steps = engine.mode.steps();
  const Index others = engine.parameters.size() + engine.spec.dispersion.cols();
  write_design(engine.design, static_cast<Index>(engine.spec.model.held.free_count(others)), out);
  write_search(proved(optimum, proof), found.at_boundary, out);
  write_covariances(engine.design, engine.parameters, engine.saturation, found, out);
  write_estimates(engine, optimum.psi, proof.covariance, out);
  write_all_parameters(engine, optimum.psi, proof.covariance, out);
  if (extent == Extent::estimates) return out;
  out.inference.vcov_psi = proof.covariance;
  out.inference.vcov_natural = natural_covariance(engine, optimum.psi, proof.covariance, out.vcov);
  write_quadrature(engine, out);
  out.separated_terms = separated_terms(engine, engine.parameters.lambdas(optimum.psi), control);
  if (!engine.quadrature && out.separated_terms.empty()) {
    out.laplace = check_laplace(engine, optimum.psi, optimum.value, proof.covariance);
  }
  return out;
}

Unidentified unidentified(GeneralizedEngine& engine, const Control& control) {
  const Vector& frequency = engine.rows.frequency();
  const Vector one = frequency.size() > 0 ? frequency : Vector(Vector::Ones(engine.rows.size()));
  engine.cross.reweight(engine.rows, one, false, control.poll);
  const CovarianceParameters& parameters = engine.parameters;
  const bool residual = engine.spec.row_variance;
  const HeldParameters& held = engine.spec.model.held;
  const std::vector<VarianceDirection> directions =
      is_constrained(engine)
          ? held_directions(engine.design, parameters, engine.saturation.settle(held, parameters),
                            residual)
          : free_directions(parameters, engine.saturation.free_parameters(parameters), residual);
  return find_unidentified(engine.cross, directions, false, control.poll);
}

GeneralizedResult fit_limit(const GeneralizedEngine& whole, const Separation& separation,
                            const Control& control, Extent extent) {
  const Rest rest = rest_of(whole, separation);
  if (!rest.any) return put_limit(nothing_left(whole), whole, separation);
  GeneralizedEngine engine(rest.spec, control);
  GeneralizedResult out = fit_once(engine, glm_start(engine, control), control, extent);
  if (out.status == FitStatus::undefined) return out;
  return put_limit(std::move(out), whole, separation);
}

GeneralizedResult fit_from_start(const GeneralizedSpecification& spec, const Control& control,
                                 Extent extent) {
  GeneralizedEngine engine(spec, control);
  GeneralizedResult out;
  out.unidentified = unidentified(engine, control);
  if (out.unidentified.found) {
    out.status = FitStatus::unidentified;
    return out;
  }
  const GlmStart start = glm_start(engine, control);
  Separation separation;
  if (!start.quadratic) {
    separation = find_separation(*spec.family, engine.response.rows(), engine.x(), control.poll);
  }
  return separation.kind == SeparationKind::none ? fit_once(engine, start, control, extent)
                                                 : fit_limit(engine, separation, control, extent);
}

bool failed(const GeneralizedResult& fit) {
  return fit.status == FitStatus::undefined || fit.ending == Ending::stuck ||
         fit.ending == Ending::edge;
}

}  // namespace

// A start of the user's from which no optimum is reached gives way to the own one.
GeneralizedResult fit_generalized(const GeneralizedSpecification& spec, const Control& control,
                                  Extent extent) {
  GeneralizedResult out = fit_from_start(spec, control, extent);
  if (has_start(spec) && failed(out)) {
    GeneralizedResult other = fit_from_start(without_start(spec), control, extent);
    const bool defined = other.status != FitStatus::undefined;
    if (out.status == FitStatus::undefined || (defined && other.deviance < out.deviance)) {
      out = std::move(other);
    }
  }
  if (out.status == FitStatus::undefined || out.unidentified.found) return out;
  if (extent == Extent::estimates) return out;
  out.fitted.resize(spec.model.n);
  std::vector<int> row(spec.model.n);
  std::iota(row.begin(), row.end(), 0);
  spec.family->mean(out.linear_predictor.data(), spec.model.n, out.fitted.data(), row.data());
  return out;
}

}  // namespace tiers
