#include "residual_parameters.h"

#include <cmath>

namespace tiers {

namespace {

constexpr double kAtEnd = 1e-8;

const char* role_of(ShapeParameter::Kind kind) {
  switch (kind) {
    case ShapeParameter::Kind::sd:
      return "sd";
    case ShapeParameter::Kind::variance:
      return "variance";
    case ShapeParameter::Kind::correlation:
      return "correlation";
    case ShapeParameter::Kind::covariance:
      return "covariance";
    case ShapeParameter::Kind::range:
      return "range";
    case ShapeParameter::Kind::nugget:
      return "nugget";
    case ShapeParameter::Kind::smoothness:
      return "smoothness";
    case ShapeParameter::Kind::loading:
      return "loading";
    case ShapeParameter::Kind::uniqueness:
      return "uniqueness";
    case ShapeParameter::Kind::coefficient:
      return "coefficient";
  }
  return "";
}

// Which power of a standard deviation's unit a value has.
int power_of(ShapeParameter::Kind kind) {
  switch (kind) {
    case ShapeParameter::Kind::sd:
    case ShapeParameter::Kind::loading:
      return 1;
    case ShapeParameter::Kind::variance:
    case ShapeParameter::Kind::covariance:
    case ShapeParameter::Kind::uniqueness:
      return 2;
    default:
      return 0;
  }
}

// `unit`: what differences of values of this kind are measured in.
ModelParameter describe_residual(const ShapeParameter& shape, Index group, bool grouped,
                                 double value, double unit) {
  ModelParameter out;
  out.kind = ModelParameter::Kind::residual;
  out.word = shape.word;
  out.role = role_of(shape.kind);
  out.row = shape.row;
  out.column = shape.column;
  out.child = shape.child;
  out.by = grouped ? static_cast<int>(group) : -1;
  out.value = value;
  out.lower = shape.lower;
  out.upper = shape.upper;
  // Ends that are next to impossible to tell from a point beside them. Of ranges, and correlations
  // that are known by them, that depends on the distances, and the search says so.
  const double reach = shape.map == ShapeParameter::Map::exponential ? 0.0 : kAtEnd * unit;
  out.at_boundary =
      !shape.log_range && !(value > shape.lower + reach && value < shape.upper - reach);
  return out;
}

}  // namespace

ParameterTable structured_parameters(const CovarianceParameters& parameters,
                                     const ResidualStructure& structure, const Vector& psi,
                                     const UserScale& user, double sigma) {
  const Index theta = parameters.size(), own = structure.size();
  const Index last = theta + own, size = last + (structure.has_sigma() ? 1 : 0);
  ParameterTable out = random_parameters(parameters, psi.head(theta), user, size - theta);
  out.jacobian.conservativeResize(size, size);
  out.jacobian.bottomRows(size - theta).setZero();
  const Vector phi = psi.tail(own);
  const auto about = structure.shape().parameters();
  // Standard deviations of the user are those where the columns of the dispersion are zero.
  const double unit = std::exp(-structure.log_sigma_shift(phi));
  for (Index g = 0; g < structure.groups(); ++g) {
    const Vector part = structure.part(phi, g);
    const Vector value = structure.shape().natural(part);
    const Matrix slope = structure.shape().natural_slope(part);
    const Index at = theta + g * part.size();
    for (Index i = 0; i < part.size(); ++i) {
      const int power = structure.has_sigma() ? 0 : power_of(about[i].kind);
      const double scale = std::pow(unit, power), moved = value[i] * scale;
      out.rows.push_back(describe_residual(about[i], g, structure.groups() > 1, moved,
                                           scale * std::pow(user.scale, power)));
      out.jacobian.row(at + i).segment(at, part.size()) = scale * slope.row(i);
      for (Index d = 0; d < structure.dispersion(); ++d)
        out.jacobian(at + i, theta + structure.first_of_dispersion() + d) =
            -power * structure.centre()[d] * moved;
    }
  }
  for (Index i = 0; i < structure.dispersion(); ++i) {
    ModelParameter one;
    one.kind = ModelParameter::Kind::dispersion;
    one.value = phi[structure.first_of_dispersion() + i];
    one.lower = -kUnbounded;
    out.rows.push_back(one);
    const Index at = theta + structure.first_of_dispersion() + i;
    out.jacobian(at, at) = 1.0;
  }
  if (!structure.has_sigma()) return out;
  for (Index i = 0; i < theta; ++i) {
    if (out.rows[i].kind == ModelParameter::Kind::sd)
      out.jacobian(i, last) = 0.5 * out.rows[i].value;
  }
  ModelParameter residual;
  residual.kind = ModelParameter::Kind::sigma;
  residual.value = sigma * unit;
  out.rows.push_back(residual);
  out.jacobian(last, last) = 0.5 * residual.value;
  for (Index i = 0; i < structure.dispersion(); ++i)
    out.jacobian(last, theta + structure.first_of_dispersion() + i) =
        -structure.centre()[i] * residual.value;
  return out;
}

}  // namespace tiers
