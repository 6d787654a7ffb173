#include "structured_engine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "../model/dense_algebra.h"
#include "../residual/residual_moments.h"
#include "write_result.h"

namespace tiers {

namespace {

// Multiplications of an evaluation with its derivatives beyond which a fit of ten steps takes more
// than some minutes, and rows of a unit beyond which its matrices alone take a gigabyte.
constexpr double kMostWork = 2e10;
constexpr Index kMostRows = 2500;
// With random effects: shares of the residuals' variance and correlations at the start, the rest
// being theirs.
constexpr double kVarianceShare = 0.5, kCorrelationShare = 0.3;
constexpr int kMostDivisions = 12;

void require_reach(const UnitPatterns& patterns, Index parameters) {
  double work = 0.0;
  for (const UnitPattern& one : patterns.patterns()) {
    const double t = static_cast<double>(one.size);
    work += t * t * t * static_cast<double>(parameters + 1);
  }
  const Index largest = patterns.largest();
  if (largest <= kMostRows && work <= kMostWork) return;
  char text[300];
  std::snprintf(
      text, sizeof text,
      "the covariance matrix of the residuals connects too many rows: the largest set of "
      "rows that share subjects or levels of grouping factors has %ld rows (at most %ld), "
      "and an evaluation would take %.1e multiplications (at most %.0e)",
      static_cast<long>(largest), static_cast<long>(kMostRows), work, kMostWork);
  throw std::length_error(text);
}

}  // namespace

StructuredEngine::StructuredEngine(const StructuredSpecification& of, const Control& control)
    : spec(of),
      parameters(of.model.terms),
      structure(of.residual, of.model.n),
      design(of.model, Scaling{rescaling_of(parameters, of.model)}, control.poll),
      patterns(design, of.residual, structure, control.poll),
      data((require_reach(patterns, parameters.size() + structure.size()), design), patterns,
           control.poll),
      objective(design, patterns, data, parameters, structure, of.model.reml, control.poll) {
  structure.set_shortest(shortest_distances(patterns, structure.groups()));
}

Vector StructuredEngine::start(Start from) {
  const bool random = parameters.terms() > 0 && from != Start::without_random;
  const double share = random ? kVarianceShare : 1.0;
  const bool correlated = from == Start::moments || from == Start::without_random;
  const double correlations = !correlated ? 0.0 : random ? kCorrelationShare : 1.0;
  const double unit = design.user_sigma(1.0);
  Vector phi = Vector::Zero(structure.size());
  for (Index g = 0; g < structure.groups(); ++g) {
    phi.segment(g * structure.group_size(), structure.group_size()) =
        structure.shape().start(residual_moments(
            patterns, data, structure, g, spec.residual.recipe.visits, unit, share, correlations));
  }
  if (from == Start::small_sd) structure.lower_smallest_sd(phi);
  structure.lengthen_ranges(phi);
  const double variance =
      data.residual_square() / static_cast<double>(std::max<Index>(design.used_rows(), 1));
  double size = 0.0;  // of the random effects' SDs, internal
  if (random) size = structure.has_sigma() ? 1.0 : std::sqrt((1.0 - share) * variance);
  std::vector<Matrix> lambda;
  for (std::size_t j = 0; j < spec.model.terms.size(); ++j) {
    const RandomTerm& term = spec.model.terms[j];
    lambda.push_back(size * Matrix::Identity(term.columns, term.columns));
    if (term.start.size() > 0 && random)
      lambda.back() = design.internal_factor(static_cast<int>(j), term.start) / absolute_unit();
  }
  Vector psi(objective.size());
  psi << parameters.parameters(lambda), phi;
  for (int division = 0; division < kMostDivisions; ++division) {
    if (std::isfinite(objective.value(psi))) break;
    psi.head(parameters.size()) *= 0.1;
  }
  return psi;
}

double StructuredEngine::sigma_unit() const {
  return structure.has_sigma() ? design.user_sigma(1.0) : 1.0;
}

Matrix StructuredEngine::user_lambda(int term, const Matrix& lambda) const {
  return design.user_factor(term, lambda) * absolute_unit();
}

double StructuredEngine::covariance_scale(const StructuredPoint& point) const {
  const double sigma = structure.has_sigma() ? point.sigma / sigma_unit() : 1.0;
  const double root = design.response_scale() * sigma;
  return root * root;
}

Vector StructuredEngine::internal(const StructuredPoint& point) const {
  Vector psi(objective.size());
  psi.tail(structure.size()) = point.phi;
  std::vector<Matrix> lambda;
  for (std::size_t j = 0; j < point.lambda.size(); ++j)
    lambda.push_back(design.internal_factor(static_cast<int>(j), point.lambda[j]) /
                     absolute_unit());
  psi.head(parameters.size()) = parameters.parameters(lambda);
  return psi;
}

}  // namespace tiers
