#include "core/model/dense_algebra.h"

#include "catch.h"

using namespace tiers;

namespace {

Matrix random_matrix(Index rows, Index columns, unsigned seed) {
  std::srand(seed);
  return Matrix::Random(rows, columns);
}

double largest(const Matrix& m) { return m.size() == 0 ? 0.0 : m.cwiseAbs().maxCoeff(); }

}  // namespace

TEST_CASE("a QR factorization of tall, wide and square matrices is one", "[algebra]") {
  for (const auto& size : {std::pair<Index, Index>{7, 3}, {3, 7}, {4, 4}}) {
    const Matrix a = random_matrix(size.first, size.second, 1);
    const Index rank = std::min(a.rows(), a.cols());
    const QrFactor factor(a);
    CHECK(largest(factor.q(rank) * factor.r() - a) < 1e-14);
    const Matrix all = factor.q(a.rows());
    CHECK(largest(all.transpose() * all - Matrix::Identity(a.rows(), a.rows())) < 1e-14);
  }
}

TEST_CASE("a pivoted QR factorization finds the rank, a basis and a solution", "[algebra]") {
  Matrix a = random_matrix(8, 4, 2);
  a.col(1) = 3.0 * a.col(0) - a.col(3);
  a.col(2) *= 100.0;
  const PivotedQr factor(a);
  REQUIRE(factor.rank() == 3);
  CHECK(factor.permutation()[0] == 2);
  CHECK(largest(factor.q(3) * factor.basis_coefficients() - a) < 1e-12);
  const Matrix b = a * random_matrix(4, 2, 3);
  const Matrix x = factor.solve(b);
  CHECK(largest(a * x - b) < 1e-12);
  Index zero = 0;
  for (Index i = 0; i < 4; ++i) zero += x.row(i).cwiseAbs().maxCoeff() == 0.0;
  CHECK(zero == 1);
  Matrix turned = a;
  factor.apply_q_transposed(turned);
  CHECK(largest(factor.q(8) * turned - a) < 1e-12);
}

TEST_CASE("a pseudoinverse of any rank is Moore and Penrose's", "[algebra]") {
  Matrix a = random_matrix(5, 5, 4);
  CHECK(largest(pseudo_inverse(a) * a - Matrix::Identity(5, 5)) < 1e-12);
  a.col(2) = a.col(0) + 2.0 * a.col(4);
  const Matrix inverse = pseudo_inverse(a), left = inverse * a, right = a * inverse;
  CHECK(largest(a * left - a) < 1e-12);
  CHECK(largest(left * inverse - inverse) < 1e-12);
  CHECK(largest(left - left.transpose()) < 1e-12);
  CHECK(largest(right - right.transpose()) < 1e-12);
  CHECK(pseudo_inverse(Matrix(0, 0)).size() == 0);
}

TEST_CASE("solutions and inverses fit together", "[algebra]") {
  const Matrix a = random_matrix(6, 6, 5), b = random_matrix(6, 2, 6);
  const Matrix square = a * a.transpose();
  CHECK(largest(a * linear_solution(a, b) - b) < 1e-12);
  CHECK(largest(inverse(a) * a - Matrix::Identity(6, 6)) < 1e-12);
  const CholeskyFactor factor(square);
  REQUIRE(factor.positive_definite());
  CHECK(factor.log_det() == Approx(2.0 * log_abs_det(a)));
  CHECK(largest(square * factor.solve(Vector(b.col(0))) - b.col(0)) < 1e-11);
  CHECK(largest(square * inverse_of_product(factor.lower()) - Matrix::Identity(6, 6)) < 1e-10);
  CHECK(largest(factor.lower() * lower_solution(factor.lower(), b) - b) < 1e-12);
  const Matrix up = factor.lower().transpose();
  CHECK(largest(up * lower_transposed_solution(factor.lower(), b) - b) < 1e-12);
  Matrix x = b, y = b;
  solve_upper(up, x);
  solve_upper_transposed(up, y);
  CHECK(largest(up * x - b) < 1e-12);
  CHECK(largest(factor.lower() * y - b) < 1e-12);
  CHECK_FALSE(CholeskyFactor(Matrix(-square)).positive_definite());
  const SingularValues parts(a);
  CHECK(largest(parts.u * parts.values.asDiagonal() * parts.v.transpose() - a) < 1e-13);
  CHECK(largest(singular_values(a) - parts.values) < 1e-13);
  const SymmetricEigen eigen(square);
  CHECK(largest(eigen.eigenvalues().reverse() - Matrix(parts.values.cwiseAbs2())) < 1e-12);
}
