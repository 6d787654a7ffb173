#include "at_point_structured.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../model/dense_algebra.h"
#include "structured_engine.h"

namespace tiers {

namespace {

// L^-1 of every unit's matrix, or its inverse, times columns of rows in the user's order.
Matrix solve_by_unit(const StructuredSpecification& spec, const StructuredPoint& point,
                     UnitMatrix which, const Matrix& columns, bool half, const Control& control) {
  StructuredEngine engine(spec, control);
  const Vector psi = engine.internal(point);
  UnitCovariances covariances(engine.patterns, engine.parameters, engine.structure,
                              engine.absolute_unit());
  covariances.move_to(psi);
  const double scale = engine.covariance_scale(point);
  Matrix out = Matrix::Zero(columns.rows(), columns.cols());
  Matrix v;
  for (const UnitPattern& pattern : engine.patterns.patterns()) {
    if (which == UnitMatrix::conditional)
      covariances.conditional(pattern, v);
    else
      covariances.value(pattern, v);
    const CholeskyFactor factor(scale * v);
    if (!factor.positive_definite())
      throw std::runtime_error("the covariance matrix at this point is not positive definite");
    Matrix own(pattern.size, columns.cols());
    for (const Index u : pattern.units) {
      const Index* rows = engine.patterns.rows(u);
      for (Index i = 0; i < pattern.size; ++i) own.row(i) = columns.row(rows[i]);
      solve_lower(factor.lower(), own);
      if (!half) solve_lower_transposed(factor.lower(), own);
      for (Index i = 0; i < pattern.size; ++i) out.row(rows[i]) = own.row(i);
    }
  }
  return out;
}

}  // namespace

StructuredAt evaluate(const StructuredSpecification& spec, const StructuredPoint& point,
                      const Control& control) {
  StructuredEngine engine(spec, control);
  MarginalDeviance& objective = engine.objective;
  const CovarianceParameters& parameters = engine.parameters;
  const Vector psi = engine.internal(point);
  StructuredAt out;
  out.deviance = objective.value(psi) + engine.design.deviance_shift(spec.model.reml);
  if (!std::isfinite(out.deviance)) return out;
  Vector internal;
  Matrix curvature;
  objective.derivatives(internal, curvature);
  // Sigma_internal = M Sigma_user M' with a factor for the units of sigma: D_user = M'D M.
  const double unit = engine.sigma_unit() / engine.design.user_sigma(1.0);
  std::vector<Matrix> by_lambda;
  for (int j = 0; j < parameters.terms(); ++j) {
    const Matrix map = unit * engine.design.internal_map(j);
    const Matrix d = map.transpose() * objective.sigma_gradient()[j] * map;
    by_lambda.push_back(2.0 * d * point.lambda[j]);
  }
  out.gradient = internal;
  out.gradient.head(parameters.size()) =
      parameters.gradient(parameters.parameters(point.lambda), by_lambda);
  return out;
}

Matrix whiten(const StructuredSpecification& spec, const StructuredPoint& point, UnitMatrix which,
              const Matrix& columns, const Control& control) {
  return solve_by_unit(spec, point, which, columns, true, control);
}

Matrix solve_units(const StructuredSpecification& spec, const StructuredPoint& point,
                   UnitMatrix which, const Matrix& columns, const Control& control) {
  return solve_by_unit(spec, point, which, columns, false, control);
}

UnitCovariance unit_covariance(const StructuredSpecification& spec, const StructuredPoint& point,
                               Index row, const Control& control) {
  StructuredEngine engine(spec, control);
  const Vector psi = engine.internal(point);
  UnitCovariances covariances(engine.patterns, engine.parameters, engine.structure,
                              engine.absolute_unit());
  covariances.move_to(psi);
  const double scale = engine.covariance_scale(point);
  const Index unit = engine.patterns.unit_of(row);
  UnitCovariance out;
  if (unit < 0) return out;
  out.rows.assign(engine.patterns.rows(unit),
                  engine.patterns.rows(unit) + engine.patterns.unit_size(unit));
  for (const UnitPattern& pattern : engine.patterns.patterns()) {
    if (!std::binary_search(pattern.units.begin(), pattern.units.end(), unit)) continue;
    covariances.value(pattern, out.marginal);
    covariances.conditional(pattern, out.conditional);
  }
  out.marginal *= scale;
  out.conditional *= scale;
  return out;
}

}  // namespace tiers
