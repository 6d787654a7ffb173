#include "natural_factor.h"

#include <limits>

namespace tiers {

namespace {

using Kind = NaturalParameter::Kind;

// Below this pivot a correlation matrix counts as singular.
constexpr double kSingular = 1e-10;

}  // namespace

NaturalFactor::NaturalFactor(const CovarianceStructure& structure, const Vector& natural)
    : parameters_(structure.natural_parameters()) {
  const Index k = structure.columns(), count = natural.size();
  Vector of_correlations = natural, none(count);
  s_ = Matrix::Zero(k, k);
  for (Index i = 0; i < count; ++i) {
    none[i] = 0.0;
    if (parameters_[i].kind != Kind::sd) continue;
    if (!(natural[i] >= 0.0)) return;
    of_correlations[i] = none[i] = 1.0;
    if (parameters_[i].common) {
      s_.diagonal().setConstant(natural[i]);
    } else {
      s_(parameters_[i].row, parameters_[i].row) = natural[i];
    }
  }
  c_ = structure.natural_factor(of_correlations);
  if (c_.size() == 0) return;
  lambda_ = s_ * c_;
  const bool singular = !(c_.diagonal().minCoeff() > kSingular);
  for (Index i = 0; i < count; ++i) {
    if (parameters_[i].kind == Kind::sd) {
      Matrix unit = Matrix::Zero(k, k);
      if (parameters_[i].common)
        unit.diagonal().setOnes();
      else
        unit(parameters_[i].row, parameters_[i].row) = 1.0;
      unit_.push_back(unit);
      first_.push_back(unit * c_);
      continue;
    }
    Vector one = none;
    one[i] = 1.0;
    Matrix change = structure.natural_covariance(one);
    change.diagonal().setZero();
    unit_.push_back(singular
                        ? Matrix(Matrix::Constant(k, k, std::numeric_limits<double>::quiet_NaN()))
                        : below(change));
    first_.push_back(s_ * unit_.back());
  }
}

Matrix NaturalFactor::below(const Matrix& change) const {
  const auto lower = c_.triangularView<Eigen::Lower>();
  const Matrix half = lower.solve(change);
  const Matrix half_transposed = half.transpose();
  Matrix inner = lower.solve(half_transposed);
  inner.diagonal() *= 0.5;
  return c_ * Matrix(inner.triangularView<Eigen::Lower>());
}

// Twice differentiated, C C' = R says C_il C' + C C_il' = -(C_i C_l' + C_l C_i').
Matrix NaturalFactor::second_derivative(Index i, Index l) const {
  const bool i_sd = parameters_[i].kind == Kind::sd, l_sd = parameters_[l].kind == Kind::sd;
  if (i_sd && l_sd) return Matrix::Zero(lambda_.rows(), lambda_.cols());
  if (i_sd) return unit_[i] * unit_[l];
  if (l_sd) return unit_[l] * unit_[i];
  const Matrix product = unit_[i] * unit_[l].transpose();
  return -s_ * below(product + product.transpose());
}

}  // namespace tiers
