#include "parameter_map.h"

#include "../model/dense_algebra.h"
#include "../model/lower_factor.h"

namespace tiers {

namespace {

// Share of the largest eigenvalue of the <S_t, S_s> that is rounding.
constexpr double kFlatDirection = 1e-13;

Matrix inverse_where_certain(const Matrix& gram) {
  const SymmetricEigen parts(gram);
  Vector values = parts.eigenvalues();
  const double least = kFlatDirection * values.cwiseAbs().maxCoeff();
  for (Index i = 0; i < values.size(); ++i) values[i] = values[i] > least ? 1.0 / values[i] : 0.0;
  return parts.eigenvectors() * values.asDiagonal() * parts.eigenvectors().transpose();
}

}  // namespace

ParameterMap::ParameterMap(const CovarianceStructure& structure, const Matrix& root)
    : structure_(structure), places_(structure.factor_entries()), root_(root) {
  if (!places_.empty()) {
    theta_ = entries(root);
    return;
  }
  theta_ = structure.parameters(lower_factor(root));
  const Matrix lambda = structure.factor(theta_);
  const Index count = theta_.size();
  Matrix gram(count, count);
  for (Index t = 0; t < count; ++t) {
    const Matrix half = structure.factor_derivative(theta_, t) * lambda.transpose();
    sigma_.push_back(half + half.transpose());
    for (Index s = 0; s <= t; ++s) {
      gram(t, s) = gram(s, t) = sigma_[t].cwiseProduct(sigma_[s]).sum();
    }
  }
  if (count > 0) inverse_ = inverse_where_certain(gram);
}

Vector ParameterMap::entries(const Matrix& m) const {
  Vector out(static_cast<Index>(places_.size()));
  for (Index t = 0; t < out.size(); ++t) out[t] = m(places_[t].row, places_[t].column);
  return out;
}

Vector ParameterMap::change(const Matrix& d) const {
  if (!places_.empty()) return entries(d);
  // S_t is symmetric: <S_t, d L' + L d'> = 2 <S_t, d L'>.
  const Matrix half = d * root_.transpose();
  Vector right(theta_.size());
  for (Index t = 0; t < right.size(); ++t) right[t] = 2.0 * sigma_[t].cwiseProduct(half).sum();
  return inverse_ * right;
}

ParameterMap::Weighted::Weighted(const ParameterMap& map, const Vector& weight)
    : map_(map), weight_(weight) {
  if (!map.places_.empty() || weight.size() == 0) return;
  const Vector along = map.inverse_ * weight;
  form_ = Matrix::Zero(map.root_.rows(), map.root_.rows());
  for (Index t = 0; t < along.size(); ++t) form_ += along[t] * map.sigma_[t];
  curvature_ = map.structure_.second_derivative_product(map.theta_, form_);
}

double ParameterMap::Weighted::second(const Matrix& a, const Matrix& b, const Matrix& ab) const {
  if (!map_.places_.empty()) return weight_.dot(map_.entries(ab));
  const Matrix half = ab * map_.root_.transpose() + a * b.transpose();
  return 2.0 * form_.cwiseProduct(half).sum() - map_.change(a).dot(curvature_ * map_.change(b));
}

}  // namespace tiers
