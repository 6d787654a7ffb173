#include "dense_algebra.h"

#include <cmath>
#include <limits>

namespace tiers {

namespace {

// First columns of the product of Householder's reflections.
template <class Sequence>
Matrix first_columns(const Sequence& reflections, Index columns) {
  Matrix out = Matrix::Identity(reflections.rows(), columns);
  out.applyOnTheLeft(reflections);
  return out;
}

template <class Decomposition>
Matrix upper_of(const Decomposition& of) {
  const Matrix& packed = of.matrixQR();
  const Index rank = std::min(packed.rows(), packed.cols());
  return packed.topRows(rank).template triangularView<Eigen::Upper>();
}

}  // namespace

void SymmetricEigen::compute(const Matrix& a, Wanted wanted) {
  Eigen::SelfAdjointEigenSolver<Matrix> eigen(
      a, wanted == Wanted::values ? Eigen::EigenvaluesOnly : Eigen::ComputeEigenvectors);
  values_ = eigen.eigenvalues();
  if (wanted == Wanted::vectors) vectors_ = eigen.eigenvectors();
}

void CholeskyFactor::compute(const Matrix& a) {
  const Eigen::LLT<Matrix> factor(a);
  positive_definite_ = factor.info() == Eigen::Success;
  lower_ = factor.matrixL();
}

double CholeskyFactor::log_det() const {
  double sum = 0.0;
  for (Index j = 0; j < lower_.rows(); ++j) sum += 2.0 * std::log(lower_(j, j));
  return sum;
}

Vector CholeskyFactor::solve(const Vector& b) const {
  return lower_transposed_solution(lower_, lower_solution(lower_, b));
}

QrFactor::QrFactor(const Matrix& a) {
  const Eigen::HouseholderQR<Matrix> qr(a);
  packed_ = qr.matrixQR();
  coefficients_ = qr.hCoeffs();
  upper_ = upper_of(qr);
}

Matrix QrFactor::q(Index columns) const {
  return first_columns(Eigen::householderSequence(packed_, coefficients_), columns);
}

void PivotedQr::compute(const Matrix& a) {
  const Eigen::ColPivHouseholderQR<Matrix> qr(a);
  packed_ = qr.matrixQR();
  coefficients_ = qr.hCoeffs();
  upper_ = upper_of(qr);
  rank_ = qr.rank();
  reflections_ = qr.nonzeroPivots();
  columns_.assign(a.cols(), 0);
  for (Index j = 0; j < a.cols(); ++j) columns_[j] = qr.colsPermutation().indices()[j];
}

Matrix PivotedQr::q(Index columns) const {
  return first_columns(Eigen::householderSequence(packed_, coefficients_), columns);
}

Matrix PivotedQr::basis_coefficients() const {
  Matrix out(rank_, upper_.cols());
  for (Index j = 0; j < upper_.cols(); ++j) out.col(columns_[j]) = upper_.col(j).head(rank_);
  return out;
}

Matrix PivotedQr::solve(const Matrix& b) const {
  Matrix turned = b;
  apply_q_transposed(turned);
  Matrix known = turned.topRows(rank_);
  solve_upper(upper_.topLeftCorner(rank_, rank_), known);
  Matrix out = Matrix::Zero(upper_.cols(), b.cols());
  for (Index j = 0; j < rank_; ++j) out.row(columns_[j]) = known.row(j);
  return out;
}

void PivotedQr::apply_q_transposed(Matrix& b) const {
  b.applyOnTheLeft(
      Eigen::householderSequence(packed_, coefficients_).setLength(reflections_).transpose());
}

SingularValues::SingularValues(const Matrix& a) {
  const Eigen::JacobiSVD<Matrix, Eigen::NoQRPreconditioner> svd(
      a, Eigen::ComputeFullU | Eigen::ComputeFullV);
  u = svd.matrixU();
  v = svd.matrixV();
  values = svd.singularValues();
}

Vector singular_values(const Matrix& a) {
  return Eigen::JacobiSVD<Matrix, Eigen::NoQRPreconditioner>(a).singularValues();
}

Matrix inverse(const Matrix& a) { return linear_solution(a, Matrix::Identity(a.rows(), a.rows())); }

Matrix inverse_of_product(const Matrix& lower) {
  const Matrix root = lower_solution(lower, Matrix::Identity(lower.rows(), lower.rows()));
  return root.transpose() * root;
}

Matrix linear_solution(const Matrix& a, const Matrix& b) { return a.partialPivLu().solve(b); }

double log_abs_det(const Matrix& a) {
  return a.partialPivLu().matrixLU().diagonal().array().abs().log().sum();
}

Matrix pseudo_inverse(const Matrix& a) {
  if (a.size() == 0) return a;
  const SingularValues parts(a);
  const double zero =
      std::numeric_limits<double>::epsilon() * static_cast<double>(a.rows()) * parts.values[0];
  Matrix half = parts.v;
  for (Index j = 0; j < a.rows(); ++j) {
    half.col(j) *= parts.values[j] > zero ? 1.0 / parts.values[j] : 0.0;
  }
  return half * parts.u.transpose();
}

void solve_lower(const Eigen::Ref<const Matrix>& lower, Eigen::Ref<Matrix> b) {
  lower.triangularView<Eigen::Lower>().solveInPlace(b);
}

void solve_lower_transposed(const Eigen::Ref<const Matrix>& lower, Eigen::Ref<Matrix> b) {
  lower.transpose().triangularView<Eigen::Upper>().solveInPlace(b);
}

void solve_upper(const Eigen::Ref<const Matrix>& upper, Eigen::Ref<Matrix> b) {
  upper.triangularView<Eigen::Upper>().solveInPlace(b);
}

void solve_upper_transposed(const Eigen::Ref<const Matrix>& upper, Eigen::Ref<Matrix> b) {
  upper.transpose().triangularView<Eigen::Lower>().solveInPlace(b);
}

Matrix lower_solution(const Eigen::Ref<const Matrix>& lower, Matrix b) {
  solve_lower(lower, b);
  return b;
}

Matrix lower_transposed_solution(const Eigen::Ref<const Matrix>& lower, Matrix b) {
  solve_lower_transposed(lower, b);
  return b;
}

void add_square(Matrix& a, const Eigen::Ref<const Matrix>& b) {
  a.selfadjointView<Eigen::Lower>().rankUpdate(b);
}

Matrix scaled_both_ways(const Matrix& a, const Vector& scale) {
  return scale.asDiagonal() * a * scale.asDiagonal();
}

}  // namespace tiers
