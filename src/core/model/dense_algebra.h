// Decompositions and solutions of dense matrices. Eigen's templates for them are large, and every
// unit that names one compiles it anew; here they are compiled once.
#pragma once

#include "specification.h"

namespace tiers {

// A = V diag(values) V' of a symmetric A, of which the lower triangle is read; values ascend.
class SymmetricEigen {
 public:
  enum class Wanted { vectors, values };
  SymmetricEigen() = default;
  explicit SymmetricEigen(const Matrix& a, Wanted wanted = Wanted::vectors) { compute(a, wanted); }
  void compute(const Matrix& a, Wanted wanted = Wanted::vectors);
  const Vector& eigenvalues() const { return values_; }
  const Matrix& eigenvectors() const { return vectors_; }

 private:
  Vector values_;
  Matrix vectors_;
};

// A = L L' of a positive definite A, of which the lower triangle is read.
class CholeskyFactor {
 public:
  CholeskyFactor() = default;
  explicit CholeskyFactor(const Matrix& a) { compute(a); }
  void compute(const Matrix& a);
  bool positive_definite() const { return positive_definite_; }
  const Matrix& lower() const { return lower_; }
  double log_det() const;
  Vector solve(const Vector& b) const;

 private:
  bool positive_definite_ = false;
  Matrix lower_;
};

// A = Q R of an m x n matrix by Householder's reflections.
class QrFactor {
 public:
  explicit QrFactor(const Matrix& a);
  Matrix q(Index columns) const;              // m x columns, at most m of them
  const Matrix& r() const { return upper_; }  // min(m, n) x n

 private:
  Matrix packed_, upper_;
  Vector coefficients_;
};

// A P = Q R with the largest column first at each step.
class PivotedQr {
 public:
  PivotedQr() = default;
  explicit PivotedQr(const Matrix& a) { compute(a); }
  void compute(const Matrix& a);
  Index rank() const { return rank_; }
  Matrix q(Index columns) const;
  const Matrix& r() const { return upper_; }                          // min(m, n) x n
  const std::vector<Index>& permutation() const { return columns_; }  // column of A in each place
  Matrix basis_coefficients() const;         // rank x n: A = q(rank) times this
  Matrix solve(const Matrix& b) const;       // least squares, zero where not determined
  void apply_q_transposed(Matrix& b) const;  // B <- Q'B

 private:
  Matrix packed_, upper_;
  Vector coefficients_;
  std::vector<Index> columns_;
  Index rank_ = 0, reflections_ = 0;
};

// A = U diag(values) V' of a square A; values descend.
struct SingularValues {
  explicit SingularValues(const Matrix& a);
  Matrix u, v;
  Vector values;
};

Vector singular_values(const Matrix& a);

Matrix inverse(const Matrix& a);
Matrix inverse_of_product(const Matrix& lower);            // (L L')^-1
Matrix linear_solution(const Matrix& a, const Matrix& b);  // A^-1 B
double log_abs_det(const Matrix& a);
Matrix pseudo_inverse(const Matrix& a);  // of a square A

// Of a lower triangular L, in place: B <- L^-1 B and B <- L^-T B.
void solve_lower(const Eigen::Ref<const Matrix>& lower, Eigen::Ref<Matrix> b);
void solve_lower_transposed(const Eigen::Ref<const Matrix>& lower, Eigen::Ref<Matrix> b);
// The same of an upper triangular R.
void solve_upper(const Eigen::Ref<const Matrix>& upper, Eigen::Ref<Matrix> b);
void solve_upper_transposed(const Eigen::Ref<const Matrix>& upper, Eigen::Ref<Matrix> b);
// L^-1 B and L^-T B.
Matrix lower_solution(const Eigen::Ref<const Matrix>& lower, Matrix b);
Matrix lower_transposed_solution(const Eigen::Ref<const Matrix>& lower, Matrix b);
// Lower triangle of A <- A + B B'.
void add_square(Matrix& a, const Eigen::Ref<const Matrix>& b);
// diag(scale) A diag(scale).
Matrix scaled_both_ways(const Matrix& a, const Vector& scale);

}  // namespace tiers
