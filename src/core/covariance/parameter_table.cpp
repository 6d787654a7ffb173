#include "parameter_table.h"

#include <cmath>
#include <limits>

namespace tiers {

namespace {

constexpr double kNotThere = std::numeric_limits<double>::quiet_NaN();
// A standard deviation that is this small beside what it is the sum of is zero, and a correlation
// this near to its bound is there.
constexpr double kZeroShare = 1e-10;
constexpr double kAtBound = 1e-8;

ModelParameter describe(const NaturalParameter& natural, int term, double value, bool zero) {
  ModelParameter out;
  const bool sd = natural.kind == NaturalParameter::Kind::sd;
  const bool pairs = natural.kind == NaturalParameter::Kind::correlation && natural.of_pairs;
  out.kind = ModelParameter::Kind::structure;
  if (pairs) out.kind = ModelParameter::Kind::correlation;
  if (sd) out.kind = ModelParameter::Kind::sd;
  out.word = natural.word;
  out.term = term;
  if (!natural.common) {
    out.row = natural.row;
    out.column = natural.column;
  }
  out.value = value;
  out.lower = natural.lower;
  out.upper = natural.upper;
  const double reach = natural.kind == NaturalParameter::Kind::other ? 0.0 : kAtBound;
  out.at_boundary = sd ? zero : !(value > natural.lower + reach && value < natural.upper - reach);
  return out;
}

bool estimable(const ModelParameter& one) { return !one.at_boundary && !one.fixed; }

}  // namespace

ParameterTable random_parameters(const CovarianceParameters& parameters, const Vector& theta,
                                 const UserScale& user, Index more) {
  ParameterTable out;
  out.jacobian = Matrix::Zero(parameters.size(), parameters.size() + more);
  for (int j = 0; j < parameters.terms(); ++j) {
    const CovarianceStructure& structure = parameters.structure(j);
    const Vector part = parameters.part(theta, j);
    const Matrix map = user.scale * user.maps[j];
    const Vector value = structure.natural(part, map);
    const auto natural = structure.natural_parameters();
    const Vector parts = (map.cwiseAbs() * structure.factor(part).cwiseAbs()).rowwise().sum();
    for (Index i = 0; i < value.size(); ++i) {
      const bool zero = value[i] <= kZeroShare * parts[natural[i].row];
      out.rows.push_back(describe(natural[i], j, value[i], zero));
    }
    out.jacobian.block(parameters.offset(j), parameters.offset(j), part.size(), part.size()) =
        structure.natural_jacobian(part, map);
  }
  return out;
}

void ParameterTable::mark_held(const HeldParameters& held) {
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].fixed = held.is_held(i);
}

Matrix ParameterTable::covariance(const Matrix& vcov_psi) const {
  Matrix own = jacobian;
  for (Index i = 0; i < own.rows(); ++i) {
    if (!estimable(rows[i]) || !own.row(i).allFinite()) own.row(i).setZero();
  }
  Matrix out = own * vcov_psi * own.transpose();
  for (Index i = 0; i < out.rows(); ++i) {
    const bool known = estimable(rows[i]) && jacobian.row(i).allFinite() && out(i, i) > 0.0;
    if (known) continue;
    out.row(i).setConstant(kNotThere);
    out.col(i).setConstant(kNotThere);
  }
  return out;
}

// SDs are sigma times what theta says: d sd / d log sigma^2 = sd / 2.
ParameterTable linear_parameters(const CovarianceParameters& parameters, const Vector& theta,
                                 const UserScale& user) {
  ParameterTable out = random_parameters(parameters, theta, user, 1);
  const Index size = parameters.size();
  for (Index i = 0; i < size; ++i) {
    if (out.rows[i].kind == ModelParameter::Kind::sd)
      out.jacobian(i, size) = 0.5 * out.rows[i].value;
  }
  ModelParameter sigma;
  sigma.kind = ModelParameter::Kind::sigma;
  sigma.value = user.scale;
  out.rows.push_back(sigma);
  out.jacobian.conservativeResize(size + 1, size + 1);
  out.jacobian.row(size).setZero();
  out.jacobian(size, size) = 0.5 * user.scale;
  return out;
}

ParameterTable generalized_parameters(const CovarianceParameters& parameters, const Vector& theta,
                                      const UserScale& user, const Vector& coefficients,
                                      const Matrix& slope, bool constant, bool at_limit) {
  const Index size = parameters.size(), more = coefficients.size();
  ParameterTable out = random_parameters(parameters, theta, user, more);
  out.jacobian.conservativeResize(size + more, size + more);
  out.jacobian.bottomRows(more).setZero();
  out.jacobian.bottomRightCorner(more, more) = slope;
  for (Index i = 0; i < more; ++i) {
    ModelParameter one;
    one.kind = ModelParameter::Kind::dispersion;
    one.value = constant ? std::exp(coefficients[i]) : coefficients[i];
    if (constant)
      out.jacobian.row(size + i) *= one.value;
    else
      one.lower = -kUnbounded;
    one.at_boundary = at_limit;
    out.rows.push_back(one);
  }
  return out;
}

}  // namespace tiers
