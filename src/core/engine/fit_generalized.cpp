#include "fit_generalized.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "generalized_engine.h"
#include "optimum_proof.h"
#include "../start/glm_start.h"
#include "../start/variance_start.h"

namespace tiers {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Automatic numbers of points: the first whose bound on the error of -2 log-likelihood is small, among
// those that do not evaluate the integrand too often.
constexpr int kAutomaticPoints[] = {7, 15, 25, 51};
constexpr double kAccurate = 0.01;
constexpr double kMaxNodes = 4000.0;

GlmStart glm_start(const GeneralizedEngine& engine, const Control& control) {
  const Matrix& d = engine.response.dispersion();
  return fit_glm_start(*engine.spec.family, engine.response.rows(), engine.x(), engine.response.offset().data(), ConstMatrixMap(d.data(), d.rows(), d.cols()), control.poll);
}

// The user's start where there is one; the model without random effects and quadratic unbiased
// variances at it otherwise.
Vector start_point(GeneralizedEngine& engine, const GlmStart& start, const Control& control) {
  engine.cross.reweight(engine.rows, start.weight, true, control.poll);
  engine.response.set_dispersion(engine.response.parameters(start.phi));
  const std::vector<Matrix> by_factor =
      variance_start(engine.cross, engine.rows.project_random(start.score),
                     engine.spec.family->predictor_unit(engine.response.rows(), start.eta.data()) /
                         engine.model.predictor_unit);
  std::vector<Matrix> factors(engine.parameters.terms());
  for (std::size_t f = 0; f < by_factor.size(); ++f) {
    const Factor& factor = engine.layout.factors()[f];
    for (std::size_t t = 0; t < factor.terms.size(); ++t) {
      const RandomTerm& term = engine.model.terms[factor.terms[t]];
      const Index at = factor.first_column[t];
      factors[factor.terms[t]] = term.start.size() > 0
          ? engine.design.internal_factor(factor.terms[t], term.start)
          : Matrix(by_factor[f].block(at, at, term.columns, term.columns));
    }
  }
  const GeneralizedSpecification& spec = engine.spec;
  const bool own_fixed = spec.start_fixed.size() == spec.model.X.cols() && spec.start_fixed.size() > 0;
  const bool own_dispersion = spec.start_dispersion.size() == spec.dispersion.cols() && spec.start_dispersion.size() > 0;
  Vector psi(engine.objective->size());
  psi.head(engine.parameters.size()) = engine.parameters.parameters(factors);
  const Vector beta = own_fixed ? engine.design.internal_coefficients(spec.start_fixed) : start.beta;
  if (engine.objective->fixed_count() > 0) {
    psi.segment(engine.objective->fixed_start(), beta.size()) = beta;
  } else {
    engine.objective->start_mode_at(beta);
  }
  psi.tail(engine.objective->dispersion_count()) =
      engine.response.parameters(own_dispersion ? spec.start_dispersion : start.phi);
  return psi;
}

// A start without a finite deviance is brought nearer to the model without random effects; empty if
// there is none on the way.
Vector finite_start(GeneralizedEngine& engine, Vector psi, const GlmStart& start) {
  for (int attempt = 0; attempt < 40; ++attempt) {
    if (std::isfinite(engine.objective->value(psi))) return psi;
    if (attempt == 0 && engine.objective->fixed_count() > 0) {
      psi.segment(engine.objective->fixed_start(), start.beta.size()) = start.beta;
    }
    psi.head(engine.parameters.size()) *= attempt < 20 ? 0.5 : 0.0;
  }
  return Vector();
}

// With the number of points raised until the result is accurate, where it is to be chosen.
BoundaryOptimum minimize(GeneralizedEngine& engine, const Vector& start, const Control& control) {
  const auto& asked = engine.spec.points;
  const bool automatic = !asked.empty() && asked[0] < 0 && engine.layout.remainder().empty();
  if (!automatic) return minimize_with_boundary(*engine.objective, engine.parameters, start, control);
  BoundaryOptimum found;
  Vector psi = start;
  Convergence before;
  for (const int count : kAutomaticPoints) {
    if (count > kAutomaticPoints[0] && engine.nodes(count) > kMaxNodes) break;
    engine.use_points(std::vector<int>(asked.size(), count));
    found = minimize_with_boundary(*engine.objective, engine.parameters, psi, control);
    found.optimum.convergence.iterations += before.iterations;
    found.optimum.convergence.evaluations += before.evaluations;
    before = found.optimum.convergence;
    psi = found.optimum.psi;
    engine.objective->value(psi);
    if (engine.quadrature->accuracy() < kAccurate) break;
  }
  return found;
}

// A term of binary data whose groups, with the fixed effects and all other random effects, tell the
// successes from the failures; -1: none. lambda: internal, by term.
int separated_term(const GeneralizedEngine& engine, const std::vector<Matrix>& lambda,
                   const Control& control) {
  if (!engine.spec.family->uses_trials()) return -1;
  for (std::size_t f = 0; f < engine.layout.factors().size(); ++f) {
    const Factor& factor = engine.layout.factors()[f];
    Matrix joint = Matrix::Zero(factor.columns, factor.columns);
    int largest = factor.terms[0];
    for (std::size_t t = 0; t < factor.terms.size(); ++t) {
      const int j = factor.terms[t];
      const Index at = factor.first_column[t], columns = lambda[j].cols();
      joint.block(at, at, columns, columns) = lambda[j];
      if (lambda[j].norm() > lambda[largest].norm()) largest = j;
    }
    if (groups_separated(engine.rows, static_cast<int>(f), joint, engine.response.rows(), control.poll)) {
      return largest;
    }
  }
  return -1;
}

GeneralizedResult fit_once(GeneralizedEngine& engine, const GlmStart& start, const Control& control) {
  GeneralizedResult out;
  out.status = FitStatus::undefined;
  const Vector whole = start_point(engine, start, control), psi = finite_start(engine, whole, start);
  if (psi.size() < whole.size()) return out;
  BoundaryOptimum found = minimize(engine, psi, control);
  ModalDeviance& objective = *engine.objective;
  Optimum& optimum = found.optimum;
  const Proof proof = prove(objective, engine.parameters, found, control);
  if (!std::isfinite(optimum.value)) return out;
  out.used_rows = engine.design.used_rows();
  out.kept = engine.design.kept();
  out.reciprocal_condition = engine.design.reciprocal_condition();
  out.deviance = optimum.value;
  out.gain = proof.gain;
  out.gradient_norm = optimum.gradient.size() > 0 ? optimum.gradient.cwiseAbs().maxCoeff() : 0.0;
  out.iterations = optimum.convergence.iterations;
  out.evaluations = optimum.convergence.evaluations;
  out.inner_steps = engine.mode.steps();
  out.sigma = 1.0;
  out.status = !proof.holds() ? FitStatus::not_converged
               : found.at_boundary                            ? FitStatus::boundary
                                                              : FitStatus::converged;
  if (!proof.holds()) {
    const Ending ending = optimum.convergence.ending;
    out.ending = ending == Ending::converged ? Ending::stuck : ending;
  }
  const Index p = engine.design.rank(), d = objective.dispersion_count();
  out.parameter_count = p + engine.parameters.size() + d;
  const Matrix& vcov = proof.covariance;
  Vector beta = objective.fixed_in_mode();
  Matrix vcov_fixed;
  if (objective.fixed_count() > 0 || p == 0) {
    beta = optimum.psi.segment(objective.fixed_start(), p);
    vcov_fixed = vcov.block(objective.fixed_start(), objective.fixed_start(), p, p);
  } else {
    vcov_fixed = Matrix(engine.mode.factor().fixed_information().selfadjointView<Eigen::Lower>()).inverse();
  }
  out.coefficients = engine.design.user_coefficients(beta);
  out.vcov = engine.design.user_covariance(vcov_fixed);
  out.dispersion = engine.response.coefficients(optimum.psi.tail(d));
  const Matrix slope = engine.response.coefficient_slope();
  out.vcov_dispersion = slope * vcov.bottomRightCorner(d, d) * slope.transpose();
  // At its limit the dispersion has no finite estimate.
  if (engine.response.at_limit()) out.vcov_dispersion.setConstant(kNaN);
  const auto factors = engine.parameters.factors(optimum.psi);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.lambda.push_back(engine.design.user_factor(j, factors[j]));
    TermBoundary boundary;
    if (found.boundary[j].multipliers.size() > 0) {
      boundary.directions = engine.design.user_directions(j, found.boundary[j].directions);
      boundary.multipliers = found.boundary[j].multipliers;
    }
    out.boundary.push_back(boundary);
  }
  out.points = engine.points;
  out.modes = engine.user_modes();
  out.linear_predictor = engine.user_predictor(beta);
  out.accuracy = engine.quadrature ? engine.quadrature->accuracy() : kNaN;
  out.largest_error = engine.quadrature ? engine.quadrature->largest_error() : kNaN;
  out.separated_term = separated_term(engine, factors, control);
  return out;
}

// Directions of the internal coefficients in the user's: the entries of one, or for several the largest
// of each column; zero where they change no linear predictor but by rounding.
Vector user_entries(const GeneralizedEngine& engine, const Matrix& directions) {
  const auto& x = engine.model.X;
  Vector out = Vector::Zero(x.cols());
  for (Index r = 0; r < directions.cols(); ++r) {
    const Vector user = engine.design.user_coefficients(directions.col(r));
    for (const Index column : engine.design.kept()) {
      if (std::abs(user[column]) > std::abs(out[column])) out[column] = user[column];
    }
  }
  const Vector size = x.cwiseAbs().colwise().maxCoeff().transpose().cwiseProduct(out.cwiseAbs());
  return (size.array() > 1e-9 * size.maxCoeff()).select(out, 0.0);
}

// The limit in a direction that separates: the rows that it separates have probability one there
// and say nothing more, so the rest is a fit without them. Where they do say more, a fit of all goes far
// enough for the limit of its deviance.
GeneralizedResult fit_limit(const GeneralizedSpecification& spec, const GeneralizedEngine& whole,
                            const Separation& separation, const Control& control) {
  std::vector<double> weights(spec.model.n);
  const auto separated = [&](Index row) {
    const int i = whole.rows.packed()[row];
    return i >= 0 && separation.separated_row[i];
  };
  for (Index i = 0; i < spec.model.n; ++i) {
    weights[i] = separated(i) ? 0.0 : spec.model.weights ? spec.model.weights[i] : 1.0;
  }
  GeneralizedResult out;
  if (separation.kind == Separation::Kind::quasi || separation.rows_inform) {
    GeneralizedSpecification rest = spec;
    if (!separation.rows_inform) rest.model.weights = weights.data();
    GeneralizedEngine engine(rest, control);
    out = fit_once(engine, glm_start(engine, control), control);
    if (out.status == FitStatus::undefined) return out;
  } else {
    out.status = FitStatus::converged;
    out.coefficients = Vector::Constant(spec.model.X.cols(), kNaN);
    out.dispersion = Vector::Constant(spec.dispersion.cols(), kNaN);
    out.vcov_dispersion = Matrix::Constant(spec.dispersion.cols(), spec.dispersion.cols(), kNaN);
    out.linear_predictor = Vector::Zero(spec.model.n);
    out.accuracy = out.largest_error = kNaN;
    out.sigma = 1.0;
    for (const RandomTerm& term : spec.model.terms) {
      out.lambda.push_back(Matrix::Zero(term.columns, term.columns));
      out.modes.push_back(Matrix::Zero(term.n_levels, term.columns));
      out.boundary.emplace_back();
    }
    out.points = whole.points;
  }
  out.separation = separation.kind;
  out.used_rows = whole.design.used_rows();
  out.reciprocal_condition = whole.design.reciprocal_condition();
  out.parameter_count = whole.design.rank() + whole.parameters.size() + spec.dispersion.cols();
  const std::vector<Index> kept_in_rest = out.kept;
  const Matrix vcov_rest = out.vcov;
  out.kept = whole.design.kept();
  const Vector direction = user_entries(whole, separation.direction);
  const Vector open = user_entries(whole, separation.unidentified);
  const double infinity = std::numeric_limits<double>::infinity();
  const Index rank = static_cast<Index>(out.kept.size());
  out.separating_direction = direction;
  std::vector<char> infinite(direction.size(), 0);
  for (const Index column : out.kept) {
    infinite[column] = open[column] != 0.0 || std::isnan(out.coefficients[column]);
    if (!infinite[column]) continue;
    out.infinite.push_back(column);
    out.coefficients[column] = direction[column] < 0.0 ? -infinity : infinity;
  }
  out.vcov = Matrix::Zero(rank, rank);
  for (Index a = 0; a < rank; ++a) {
    if (infinite[out.kept[a]]) {
      out.vcov(a, a) = infinity;
      continue;
    }
    for (Index b = 0; b < rank; ++b) {
      const auto at_a = std::lower_bound(kept_in_rest.begin(), kept_in_rest.end(), out.kept[a]) - kept_in_rest.begin();
      const auto at_b = std::lower_bound(kept_in_rest.begin(), kept_in_rest.end(), out.kept[b]) - kept_in_rest.begin();
      if (!infinite[out.kept[b]]) out.vcov(a, b) = vcov_rest(at_a, at_b);
    }
  }
  const Matrix& x = whole.rows.fixed();
  for (Index i = 0; i < spec.model.n; ++i) {
    if (!separated(i)) continue;
    const bool up = x.col(whole.rows.packed()[i]).dot(separation.direction) > 0.0;
    out.linear_predictor[i] = up ? infinity : -infinity;
  }
  return out;
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

}  // namespace

// A start of the user's from which no optimum is reached gives way to the own one.
GeneralizedResult fit_generalized(const GeneralizedSpecification& spec, const Control& control) {
  GeneralizedEngine engine(spec, control);
  const GlmStart start = glm_start(engine, control);
  GeneralizedResult out;
  Separation separation;
  if (!start.quadratic) {
    separation = find_separation(*spec.family, engine.response.rows(), engine.x(), control.poll);
  }
  out = separation.kind == Separation::Kind::none ? fit_once(engine, start, control)
                                                  : fit_limit(spec, engine, separation, control);
  if (has_start(spec) && (out.status == FitStatus::undefined || out.ending == Ending::stuck ||
                          out.ending == Ending::edge)) {
    const GeneralizedResult other = fit_generalized(without_start(spec), control);
    const bool defined = other.status != FitStatus::undefined;
    if (out.status == FitStatus::undefined || (defined && other.deviance < out.deviance)) return other;
  }
  if (out.status == FitStatus::undefined) return out;
  out.fitted.resize(spec.model.n);
  spec.family->mean(out.linear_predictor.data(), spec.model.n, out.fitted.data());
  return out;
}

GeneralizedAt evaluate_generalized(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                                   const Control& control) {
  GeneralizedEngine engine(spec, control);
  ModalDeviance& objective = *engine.objective;
  objective.tighten();
  GeneralizedAt out;
  out.deviance = objective.value(engine.internal_point(point));
  out.gradient = Vector::Constant(objective.size(), kNaN);
  if (!std::isfinite(out.deviance)) return out;
  Vector internal;
  Matrix curvature;
  objective.derivatives(internal, curvature);
  const Index p = objective.fixed_count(), d = objective.dispersion_count();
  out.gradient.head(p) = engine.design.user_gradient(internal.segment(objective.fixed_start(), p));
  out.gradient.tail(d) =
      engine.response.at_limit() ? Vector(Vector::Zero(d))
                                 : Vector(engine.response.coefficient_slope().transpose().inverse() * internal.tail(d));
  // Quadrature with few points is not a function of Sigma alone, so the chain rule goes through the
  // map of the factors.
  const Vector user = engine.parameters.parameters(point.lambda);
  for (Index i = 0; i < user.size(); ++i) {
    Vector ahead = user, behind = user;
    const double size = user.cwiseAbs().maxCoeff();
    const double step = 1e-6 * (size > 0.0 ? size : 1.0 / engine.model.predictor_unit);
    ahead[i] += step;
    behind[i] -= step;
    const Vector change = (engine.internal_theta(engine.parameters.factors(ahead)) -
                           engine.internal_theta(engine.parameters.factors(behind))) / (2.0 * step);
    out.gradient[p + i] = change.dot(internal.head(user.size()));
  }
  out.modes = engine.user_modes();
  out.accuracy = engine.quadrature ? engine.quadrature->accuracy() : kNaN;
  out.largest_error = engine.quadrature ? engine.quadrature->largest_error() : kNaN;
  return out;
}

RandomMoments random_moments(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                             const Control& control) {
  GeneralizedEngine engine(spec, control);
  if (!engine.quadrature) throw std::invalid_argument("means of random effects need quadrature");
  const Vector psi = engine.internal_point(point);
  engine.objective->tighten();
  engine.objective->value(psi);
  const auto factors = engine.parameters.factors(psi);
  RandomMoments out;
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Index k = engine.model.terms[j].columns, levels = engine.model.terms[j].n_levels;
    for (std::size_t f = 0; f < engine.layout.factors().size(); ++f) {
      const Factor& factor = engine.layout.factors()[f];
      const auto at = std::find(factor.terms.begin(), factor.terms.end(), j);
      if (at == factor.terms.end()) continue;
      const Index first = factor.first_column[at - factor.terms.begin()];
      const Matrix map = engine.design.mode_map(j) * factors[j];
      const Matrix mean = engine.quadrature->means()[f].middleRows(first, k);
      Matrix variance(k, k * levels);
      for (Index level = 0; level < levels; ++level) {
        const Matrix about_zero =
            engine.quadrature->second_moments()[f].block(first, level * factor.columns + first, k, k);
        variance.middleCols(level * k, k) =
            map * (about_zero - mean.col(level) * mean.col(level).transpose()) * map.transpose();
      }
      out.means.push_back((map * mean).transpose());
      out.variances.push_back(variance);
    }
  }
  return out;
}

std::vector<Matrix> conditional_variances(const GeneralizedSpecification& spec,
                                          const GeneralizedPoint& point, const Control& control) {
  GeneralizedEngine engine(spec, control);
  const Vector psi = engine.internal_point(point);
  engine.objective->tighten();
  engine.objective->value(psi);
  const auto factors = engine.parameters.factors(psi);
  std::vector<Matrix> out, map;
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Index k = engine.model.terms[j].columns;
    out.emplace_back(k, k * engine.model.terms[j].n_levels);
    map.push_back(engine.design.mode_map(j) * factors[j]);
  }
  engine.mode.factor().visit_inverse_blocks(
      [&](int f, Index level, const auto& block) {
        const Factor& factor = engine.layout.factors()[f];
        for (std::size_t t = 0; t < factor.terms.size(); ++t) {
          const int j = factor.terms[t];
          const Index k = engine.model.terms[j].columns, at = factor.first_column[t];
          out[j].middleCols(level * k, k) = map[j] * block.block(at, at, k, k) * map[j].transpose();
        }
      },
      control.poll);
  return out;
}

}  // namespace tiers
