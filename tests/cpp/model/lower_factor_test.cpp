#include "core/model/lower_factor.h"

#include "catch.h"

using namespace tiers;

namespace {

Matrix some_matrix(Index k, unsigned seed) {
  std::srand(seed);
  return Matrix::Random(k, k);
}

// Five-point central differences, whose error is h^4.
Matrix differences(const Matrix& a, const Matrix& da) {
  const double h = 1e-3;
  const auto at = [&](double step) { return lower_factor(a + step * h * da); };
  return (at(-2.0) - 8.0 * at(-1.0) + 8.0 * at(1.0) - at(2.0)) / (12.0 * h);
}

void check_derivative(const Matrix& a, const Matrix& da) {
  const Matrix exact = lower_factor_derivative(a, da);
  CHECK((exact - differences(a, da)).cwiseAbs().maxCoeff() < 1e-8 * (1.0 + exact.norm()));
}

}  // namespace

TEST_CASE("the derivative of a lower factor is that of its differences") {
  for (Index k = 1; k <= 5; ++k) {
    const Matrix a = some_matrix(k, 3) + 2.0 * Matrix::Identity(k, k);
    check_derivative(a, some_matrix(k, 4));
    check_derivative(-a, some_matrix(k, 5));  // every diagonal entry of a'R is turned round
    Matrix lower = a.triangularView<Eigen::Lower>();
    lower.col(0) = -lower.col(0);
    check_derivative(lower, some_matrix(k, 6));
  }
}

TEST_CASE("a singular matrix has the derivative that leaves its zero column open") {
  // Of [[2, 0], [1, 0]] along a change of its first column: the second stays zero.
  Matrix a(2, 2), da(2, 2);
  a << 2.0, 0.0, 1.0, 0.0;
  da << 0.5, 0.0, -1.0, 0.0;
  CHECK((lower_factor_derivative(a, da) - da).norm() < 1e-14);
  // A full matrix of rank 2 moved within its rank.
  const Matrix b = some_matrix(3, 7).leftCols(2), db = some_matrix(3, 8).leftCols(2);
  Matrix wide = Matrix::Zero(3, 3), moved = Matrix::Zero(3, 3);
  wide.leftCols(2) = b;
  moved.leftCols(2) = db;
  const Matrix exact = lower_factor_derivative(wide, moved), l = lower_factor(wide);
  const Matrix change = l * exact.transpose() + exact * l.transpose();
  CHECK((change - b * db.transpose() - db * b.transpose()).norm() < 1e-12);
}
