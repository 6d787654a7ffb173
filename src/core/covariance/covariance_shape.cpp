#include "covariance_shape.h"

#include <cmath>

namespace tiers {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

}  // namespace

Positions equally_spaced(Index visits) {
  Positions out{std::vector<Index>(visits), Matrix(visits, 1)};
  for (Index v = 0; v < visits; ++v) {
    out.visits[v] = v;
    out.coordinates(v, 0) = static_cast<double>(v);
  }
  return out;
}

Vector CovarianceShape::natural(const Vector& phi) const {
  const auto about = parameters();
  Vector out = phi;
  for (Index i = 0; i < out.size(); ++i) {
    if (about[i].map == ShapeParameter::Map::exponential) out[i] = std::exp(phi[i]);
    if (about[i].map == ShapeParameter::Map::square) out[i] = phi[i] * phi[i];
  }
  return out;
}

Matrix CovarianceShape::natural_slope(const Vector& phi) const {
  const auto about = parameters();
  Matrix out = Matrix::Identity(phi.size(), phi.size());
  for (Index i = 0; i < phi.size(); ++i) {
    if (about[i].map == ShapeParameter::Map::exponential) out(i, i) = std::exp(phi[i]);
    if (about[i].map == ShapeParameter::Map::square) out(i, i) = 2.0 * phi[i];
  }
  return out;
}

Matrix CovarianceShape::natural_bend(const Vector& phi, Index i) const {
  const ShapeParameter::Map map = parameters()[i].map;
  Matrix out = Matrix::Zero(phi.size(), phi.size());
  if (map == ShapeParameter::Map::exponential) out(i, i) = std::exp(phi[i]);
  if (map == ShapeParameter::Map::square) out(i, i) = 2.0;
  return out;
}

Vector CovarianceShape::from_natural(const Vector& natural) const {
  const auto about = parameters();
  Vector out = natural;
  for (Index i = 0; i < out.size(); ++i) {
    const double value = natural[i];
    if (!(value >= about[i].lower && value <= about[i].upper)) return Vector();
    if (about[i].map == ShapeParameter::Map::exponential) {
      if (!(value > 0.0)) return Vector();
      out[i] = std::log(value);
    }
    if (about[i].map == ShapeParameter::Map::square) out[i] = std::sqrt(value);
  }
  return out;
}

void CovarianceShape::box(Vector& lower, Vector& upper) const {
  const auto about = parameters();
  lower = Vector::Constant(parameter_count(), -kInfinite);
  upper = Vector::Constant(parameter_count(), kInfinite);
  for (Index i = 0; i < lower.size(); ++i) {
    if (about[i].map != ShapeParameter::Map::identity) continue;
    lower[i] = about[i].lower;
    upper[i] = about[i].upper;
  }
}

std::vector<std::string> shape_parameter_names(const CovarianceShape& shape,
                                               const std::vector<VisitLabels>& labels) {
  std::vector<std::string> names;
  for (const ShapeParameter& one : shape.parameters()) {
    const VisitLabels& own = labels.at(one.child);
    std::string name = one.word;
    if (one.row >= 0) {
      name += "_" + own.visits.at(one.row);
      if (one.column >= 0) {
        name += "." + (one.kind == ShapeParameter::Kind::loading ? std::to_string(one.column + 1)
                                                                 : own.visits.at(one.column));
      }
    } else if (!own.variable.empty()) {
      name += "_" + own.variable;
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace tiers
