#include "covariance_structure.h"

#include <cmath>
#include <limits>

#include "semidefinite_factor.h"

namespace tiers {

namespace {

using Kind = NaturalParameter::Kind;

// d Sigma / d theta_i = Ldot Lambda' + Lambda Ldot'.
Matrix sigma_derivative(const Matrix& lambda, const Matrix& derivative) {
  const Matrix product = derivative * lambda.transpose();
  return product + product.transpose();
}

}  // namespace

Matrix CovarianceStructure::second_derivative_product(const Vector& theta, const Matrix& d) const {
  const Index count = parameter_count();
  std::vector<Matrix> derivative(count);
  for (Index i = 0; i < count; ++i) derivative[i] = factor_derivative(theta, i);
  Matrix product(count, count);
  for (Index i = 0; i < count; ++i) {
    const Matrix d_li = d * derivative[i];
    for (Index j = 0; j <= i; ++j) {
      product(i, j) = product(j, i) = 2.0 * d_li.cwiseProduct(derivative[j]).sum();
    }
  }
  return product;
}

std::vector<std::string> CovarianceStructure::parameter_names(
    const std::vector<std::string>& columns) const {
  std::vector<std::string> out;
  for (const NaturalParameter& one : natural_parameters()) {
    std::string name = one.word;
    if (name.empty()) name = one.kind == Kind::sd ? "sd" : "cor";
    if (!one.common) name += "_" + columns[one.row];
    if (!one.common && one.kind == Kind::correlation) name += "." + columns[one.column];
    out.push_back(name);
  }
  return out;
}

bool CovarianceStructure::has_correlation() const {
  for (const NaturalParameter& one : natural_parameters()) {
    if (one.kind != Kind::sd) return true;
  }
  return false;
}

Vector CovarianceStructure::natural(const Vector& theta, const Matrix& map) const {
  const Matrix lambda = map * factor(theta);
  const Vector sd = lambda.rowwise().norm();
  const auto parameters = natural_parameters();
  Vector out(static_cast<Index>(parameters.size()));
  for (Index i = 0; i < out.size(); ++i) {
    const Index a = parameters[i].row, b = parameters[i].column;
    const double product = sd[a] * sd[b];
    out[i] = a == b ? sd[a] : product > 0.0 ? lambda.row(a).dot(lambda.row(b)) / product : kNaN;
  }
  return out;
}

// With s = Sigma_aa, t = Sigma_bb, c = Sigma_ab:  d sd = ds / (2 sd);
// d r = dc / sqrt(s t) - r (ds / s + dt / t) / 2.
Matrix CovarianceStructure::natural_jacobian(const Vector& theta, const Matrix& map) const {
  const auto parameters = natural_parameters();
  const Index count = parameter_count();
  const Matrix lambda = map * factor(theta), sigma = lambda * lambda.transpose();
  const Vector value = natural(theta, map);
  Matrix out(count, count);
  for (Index j = 0; j < count; ++j) {
    const Matrix d = sigma_derivative(lambda, map * factor_derivative(theta, j));
    for (Index i = 0; i < count; ++i) {
      const Index a = parameters[i].row, b = parameters[i].column;
      const double s = sigma(a, a), t = sigma(b, b);
      if (!(s > 0.0 && t > 0.0)) {
        out(i, j) = kNaN;
      } else if (a == b) {
        out(i, j) = 0.5 * d(a, a) / value[i];
      } else {
        out(i, j) = d(a, b) / std::sqrt(s * t) - 0.5 * value[i] * (d(a, a) / s + d(b, b) / t);
      }
    }
  }
  return out;
}

Matrix CovarianceStructure::natural_covariance(const Vector& natural) const {
  const auto parameters = natural_parameters();
  Vector sd = Vector::Zero(columns());
  Matrix correlation = Matrix::Identity(columns(), columns());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const NaturalParameter& one = parameters[i];
    const double value = natural[static_cast<Index>(i)];
    if (one.kind == Kind::sd) {
      if (one.common)
        sd.setConstant(value);
      else
        sd[one.row] = value;
    } else if (one.common) {
      correlation.setConstant(value);
      correlation.diagonal().setOnes();
    } else {
      correlation(one.row, one.column) = correlation(one.column, one.row) = value;
    }
  }
  return sd.asDiagonal() * correlation * sd.asDiagonal();
}

// Sigma = S R S.
Matrix CovarianceStructure::natural_derivative(const Vector& natural, Index i) const {
  const auto parameters = natural_parameters();
  Vector sd = Vector::Zero(columns()), of_correlations = natural,
         none = Vector::Zero(natural.size());
  for (std::size_t l = 0; l < parameters.size(); ++l) {
    const NaturalParameter& one = parameters[l];
    const Index at = static_cast<Index>(l);
    if (one.kind != Kind::sd) continue;
    of_correlations[at] = none[at] = 1.0;
    if (one.common)
      sd.setConstant(natural[at]);
    else
      sd[one.row] = natural[at];
  }
  if (parameters[i].kind == Kind::sd) {
    Vector unit = Vector::Zero(columns());
    if (parameters[i].common)
      unit.setOnes();
    else
      unit[parameters[i].row] = 1.0;
    const Matrix half = unit.asDiagonal() * natural_covariance(of_correlations) * sd.asDiagonal();
    return half + half.transpose();
  }
  none[i] = 1.0;
  Matrix change = natural_covariance(none);
  change.diagonal().setZero();
  return sd.asDiagonal() * change * sd.asDiagonal();
}

Matrix CovarianceStructure::natural_factor(const Vector& natural) const {
  return semidefinite_factor(natural_covariance(natural));
}

Vector CovarianceStructure::from_natural(const Vector& natural) const {
  const Matrix lambda = natural_factor(natural);
  return lambda.size() == 0 && columns() > 0 ? Vector() : parameters(lambda);
}

// Without more knowledge of the structure: nothing is left only where every direction is.
std::vector<bool> CovarianceStructure::free_without(const Matrix& directions) const {
  return std::vector<bool>(parameter_count(), directions.cols() < columns());
}

}  // namespace tiers
