// A structure with fewer parameters than columns that has correlations, for tests of what must not
// conclude anything from the number of parameters or take them for entries of Lambda.
#pragma once

#include <cmath>

#include "core/covariance/covariance_registry.h"

namespace tiers {

// Compound symmetry: theta = (SD, correlation) itself, which are no entries of Lambda. It has no
// boundary.
class CompoundSymmetry final : public CovarianceStructure {
 public:
  using CovarianceStructure::CovarianceStructure;
  Index parameter_count() const override { return 2; }
  Rescaling rescaling() const override { return Rescaling::common; }
  std::vector<NaturalParameter> natural_parameters() const override {
    return {{NaturalParameter::Kind::sd, 0, 0, true, 0.0, kUnbounded},
            {NaturalParameter::Kind::correlation, 1, 0, true, -1.0 / (columns() - 1.0), 1.0}};
  }
  Vector parameters(const Matrix& lambda) const override {
    const Matrix sigma = lambda * lambda.transpose();
    const double k = static_cast<double>(columns()), variance = sigma.trace() / k;
    Vector theta(2);
    theta << std::sqrt(variance), (sigma.sum() - sigma.trace()) / (k * (k - 1.0) * variance);
    return theta;
  }
  Matrix factor(const Vector& theta) const override {
    return natural_covariance(theta).llt().matrixL();
  }
  // dLambda = Lambda low(Lambda^-1 dSigma Lambda^-T), the diagonal halved.
  Matrix factor_derivative(const Vector& theta, Index i) const override {
    const Matrix lambda = factor(theta);
    Matrix change = 2.0 / theta[0] * (lambda * lambda.transpose());
    if (i == 1) {
      change.setConstant(theta[0] * theta[0]);
      change.diagonal().setZero();
    }
    const auto lower = lambda.triangularView<Eigen::Lower>();
    const Matrix half = lower.solve(change);
    const Matrix half_transposed = half.transpose();
    Matrix inner = lower.solve(half_transposed);
    inner.diagonal() *= 0.5;
    return lambda * Matrix(inner.triangularView<Eigen::Lower>());
  }
  // Sigma = s^2 (I + r (J - I)).
  Matrix second_derivative_product(const Vector& theta, const Matrix& d) const override {
    const double diagonal = d.trace(), beside = d.sum() - diagonal;
    Matrix out = Matrix::Zero(2, 2);
    out(0, 0) = 2.0 * (diagonal + theta[1] * beside);
    out(0, 1) = out(1, 0) = 2.0 * theta[0] * beside;
    return out;
  }
  Vector reduce(const Vector& theta, const Matrix&, double,
                std::vector<bool>& free) const override {
    free.assign(2, true);
    return theta;
  }
  Boundary boundary(const Vector&, const Matrix&) const override { return {}; }
  Vector reopen(const Vector& theta, const Vector&, double) const override { return theta; }
};

// Structures whose parameters are entries of Lambda.
inline std::vector<std::string> factor_names() {
  std::vector<std::string> out;
  for (const auto& name : covariance_names()) {
    if (!make_covariance(name, 2)->factor_entries().empty()) out.push_back(name);
  }
  return out;
}

// SDs that differ, correlations that a covariance matrix can have.
inline Vector some_natural(const CovarianceStructure& structure) {
  const auto about = structure.natural_parameters();
  Vector out(static_cast<Index>(about.size()));
  for (Index i = 0; i < out.size(); ++i) {
    const bool sd = about[i].kind == NaturalParameter::Kind::sd;
    out[i] =
        sd ? 0.7 + 0.4 * static_cast<double>(i) : 0.4 - 0.15 * static_cast<double>(about[i].column);
  }
  return out;
}

}  // namespace tiers
