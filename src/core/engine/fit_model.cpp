#include "fit_model.h"

#include <cmath>
#include <limits>
#include <memory>

#include "boundary.h"
#include "../covariance/covariance_registry.h"
#include "../inference/observed_information.h"
#include "../model/lower_factor.h"

namespace tiers {

namespace {

// Everything between the rows and the objective, in the order in which each needs the one before.
struct Engine {
  Engine(const Specification& spec, const Control& control)
      : design(spec), layout(design), cross((layout.require_memory(), design), layout, control.poll),
        parameters(spec.terms), objective(design, cross, parameters, spec.reml, control.poll) {}

  Vector internal_parameters(const std::vector<Matrix>& lambda) const {
    std::vector<Matrix> internal;
    for (std::size_t j = 0; j < lambda.size(); ++j) {
      internal.push_back(design.internal_factor(static_cast<int>(j), lambda[j]));
    }
    return parameters.parameters(internal);
  }

  std::vector<bool> free_parameters(const Vector& theta) const {
    std::vector<bool> free(theta.size(), true);
    for (int j = 0; j < parameters.terms(); ++j) {
      std::vector<bool> mine;
      parameters.structure(j).reduce(parameters.part(theta, j), objective.mean_cross(j), 1e-12, mine);
      for (std::size_t i = 0; i < mine.size(); ++i) free[parameters.offset(j) + i] = mine[i];
    }
    return free;
  }

  Design design;
  BlockLayout layout;
  CrossProducts cross;
  CovarianceParameters parameters;
  ProfiledDeviance objective;
};

// The start: standard deviations equal to the residual's on the internal scale, or the user's.
Vector start_parameters(const Specification& spec, const Engine& engine) {
  std::vector<Matrix> start;
  for (std::size_t j = 0; j < spec.terms.size(); ++j) {
    const RandomTerm& term = spec.terms[j];
    start.push_back(term.start.size() > 0
                        ? engine.design.internal_factor(static_cast<int>(j), term.start)
                        : Matrix(Matrix::Identity(term.columns, term.columns)));
  }
  return engine.parameters.parameters(start);
}

// A start so large that the factorization fails is brought nearer to zero, where it cannot.
Vector finite_start(Engine& engine, Vector start) {
  if (!start.allFinite()) start = Vector::Zero(start.size());
  for (int attempt = 0; attempt < 400; ++attempt) {
    if (std::isfinite(engine.objective.value(start))) return start;
    start *= 0.1;
  }
  throw std::runtime_error("the deviance is not finite anywhere near the start");
}

// True where X and Z reproduce the response to rounding: no residual variance is left. Looked at
// only where the fit has become very close; the random effects are then as good as fixed.
bool fits_perfectly(Engine& engine) {
  const double floor =
      std::max(1e-14, 4.0 * std::numeric_limits<double>::epsilon() * engine.design.response_magnitude());
  const auto close = [&](double sum_of_squares) {
    return std::sqrt(sum_of_squares / static_cast<double>(engine.objective.degrees())) < floor;
  };
  std::vector<Matrix> huge;
  for (const auto& term : engine.design.specification().terms) {
    huge.push_back(1e7 * Matrix::Identity(term.columns, term.columns));
  }
  const Vector theta = engine.parameters.parameters(huge);
  for (int refinement = 0; refinement < 2; ++refinement) {
    if (!std::isfinite(engine.objective.value(theta))) return false;
    engine.objective.anchor();
  }
  engine.objective.value(theta);
  const auto solution = engine.objective.solve();
  const Vector eta = engine.objective.linear_predictor(solution);
  double sum = 0.0;
  for (Index i = 0; i < engine.design.rows(); ++i) {
    const double e = engine.design.response(i) - eta[i];
    sum += engine.design.weight(i) * e * e;
  }
  return close(sum);
}

}  // namespace

Specification prepare(Specification spec) {
  for (auto& term : spec.terms) {
    term.rescaling = make_covariance(term.structure, term.columns)->rescaling();
  }
  return spec;
}

FitResult fit_model(const Specification& raw, const Control& control) {
  const Specification spec = prepare(raw);
  Engine engine(spec, control);
  FitResult out;
  out.used_rows = engine.design.used_rows();
  out.kept = engine.design.kept();
  out.reciprocal_condition = engine.design.reciprocal_condition();
  out.parameter_count = engine.design.rank() + engine.parameters.size() + 1;

  const Vector start = finite_start(engine, start_parameters(spec, engine));
  BoundaryOptimum found = minimize_with_boundary(engine.objective, engine.parameters, start, control);
  const Optimum& optimum = found.optimum;
  const double near = engine.objective.value(optimum.psi);
  const double sigma2 = engine.objective.residual_square() / static_cast<double>(engine.objective.degrees());
  if (sigma2 < 1e-9 && fits_perfectly(engine)) {
    out.status = FitStatus::perfect_fit;
    return out;
  }
  engine.objective.value(optimum.psi);
  engine.objective.refresh();
  out.deviance = std::isfinite(near) ? engine.objective.value(optimum.psi) + engine.design.deviance_shift(spec.reml)
                                     : near;
  const auto solution = engine.objective.solve();
  const double sigma = std::sqrt(solution.residual / static_cast<double>(engine.objective.degrees()));

  out.iterations = optimum.convergence.iterations;
  out.evaluations = optimum.convergence.evaluations;
  out.gain = optimum.convergence.gain;
  out.gradient_norm = optimum.convergence.gradient_norm;
  out.ending = optimum.convergence.ending;
  out.status = !optimum.convergence.converged ? FitStatus::not_converged
               : found.at_boundary            ? FitStatus::boundary
                                              : FitStatus::converged;
  out.coefficients = engine.design.user_coefficients(solution.beta);
  const Matrix& lower = engine.objective.factor().fixed_lower();
  Matrix inverse = Matrix::Identity(lower.rows(), lower.rows());
  lower.triangularView<Eigen::Lower>().solveInPlace(inverse);
  out.vcov = engine.design.user_covariance(sigma * sigma * (inverse.transpose() * inverse));
  out.sigma = engine.design.user_sigma(sigma);
  const auto factors = engine.parameters.factors(optimum.psi);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.lambda.push_back(engine.design.user_factor(j, factors[j]));
    out.modes.push_back((engine.design.mode_map(j) * engine.objective.modes(solution, j)).transpose());
    TermBoundary boundary;
    if (found.boundary[j].multipliers.size() > 0) {
      boundary.directions = engine.design.user_directions(j, found.boundary[j].directions);
      boundary.multipliers = found.boundary[j].multipliers;
    }
    out.boundary.push_back(boundary);
  }
  out.fitted = engine.objective.linear_predictor(solution);
  for (Index i = 0; i < spec.n; ++i) out.fitted[i] = engine.design.user_response(out.fitted[i], i);
  return out;
}

Inference infer(const Specification& raw, const std::vector<Matrix>& lambda, const Control& control) {
  const Specification spec = prepare(raw);
  Engine engine(spec, control);
  const Vector theta = engine.internal_parameters(lambda);
  engine.objective.value(theta);
  engine.objective.refresh();
  Inference out = covariance_inference(engine.objective, theta, engine.free_parameters(theta));
  for (Matrix& derivative : out.dvcov) derivative = engine.design.user_covariance(derivative);
  return out;
}

DevianceAt evaluate(const Specification& raw, const std::vector<Matrix>& lambda, const Control& control) {
  const Specification spec = prepare(raw);
  Engine engine(spec, control);
  const Vector theta = engine.internal_parameters(lambda);
  DevianceAt out;
  out.deviance = engine.objective.value(theta);
  if (engine.objective.refresh()) out.deviance = engine.objective.value(theta);
  out.deviance += engine.design.deviance_shift(spec.reml);
  Vector internal;
  Matrix curvature;
  engine.objective.derivatives(internal, curvature);
  // Sigma_internal = M Sigma_user M', so D_user = M'D M.
  Vector gradient(theta.size());
  const Vector user = engine.parameters.parameters(lambda);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Matrix map = engine.design.internal_map(j);
    const Matrix d = map.transpose() * engine.objective.sigma_gradient()[j] * map;
    const Vector part = engine.parameters.part(user, j);
    for (Index i = 0; i < part.size(); ++i) {
      const Matrix derivative = engine.parameters.structure(j).factor_derivative(part, i);
      gradient[engine.parameters.offset(j) + i] = 2.0 * (d * lambda[j]).cwiseProduct(derivative).sum();
    }
  }
  out.gradient = gradient;
  return out;
}

std::vector<Matrix> conditional_variances(const Specification& raw, const std::vector<Matrix>& lambda,
                                          const Control& control) {
  const Specification spec = prepare(raw);
  Engine engine(spec, control);
  const Vector theta = engine.internal_parameters(lambda);
  engine.objective.value(theta);
  const auto factors = engine.parameters.factors(theta);
  std::vector<Matrix> out;
  std::vector<Matrix> map;
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const Index k = spec.terms[j].columns;
    out.emplace_back(k, k * spec.terms[j].n_levels);
    // b_user = T b_internal / sqrt(w0) relative to sigma_user.
    map.push_back(engine.design.internal_map(j).inverse() * factors[j]);
  }
  engine.objective.factor().visit_inverse_blocks(
      [&](int f, Index level, const auto& block) {
        const Factor& factor = engine.layout.factors()[f];
        for (std::size_t t = 0; t < factor.terms.size(); ++t) {
          const int j = factor.terms[t];
          const Index k = spec.terms[j].columns;
          out[j].middleCols(level * k, k) =
              map[j] * block.block(factor.first_column[t], factor.first_column[t], k, k) * map[j].transpose();
        }
      },
      control.poll);
  return out;
}

}  // namespace tiers
