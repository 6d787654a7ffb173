// us: every variance and covariance free. theta = lower triangle of Lambda, column by column.
#include "unstructured.h"

#include <cmath>

#include "../model/dense_algebra.h"
#include "../model/lower_factor.h"

namespace tiers {

namespace {

constexpr double kPresent =
    1e-6;  // length of a direction's part in a column that it is said to have

class Unstructured final : public CovarianceStructure {
 public:
  using CovarianceStructure::CovarianceStructure;

  Index parameter_count() const override { return columns() * (columns() + 1) / 2; }
  Rescaling rescaling() const override { return Rescaling::affine; }

  std::vector<NaturalParameter> natural_parameters() const override {
    std::vector<NaturalParameter> out;
    for (Index a = 0; a < columns(); ++a) {
      out.push_back({NaturalParameter::Kind::sd, a, a, false, 0.0, kUnbounded});
    }
    for (Index b = 0; b < columns(); ++b) {
      for (Index a = b + 1; a < columns(); ++a) {
        out.push_back({NaturalParameter::Kind::correlation, a, b, false, -1.0, 1.0});
      }
    }
    return out;
  }
  std::vector<FactorEntry> factor_entries() const override {
    std::vector<FactorEntry> out;
    for (Index j = 0; j < columns(); ++j) {
      for (Index i = j; i < columns(); ++i) out.push_back({i, j});
    }
    return out;
  }

  Vector parameters(const Matrix& lambda) const override {
    Vector theta(parameter_count());
    Index at = 0;
    for (Index j = 0; j < columns(); ++j) {
      for (Index i = j; i < columns(); ++i) theta[at++] = lambda(i, j);
    }
    return theta;
  }

  Matrix factor(const Vector& theta) const override {
    Matrix lambda = Matrix::Zero(columns(), columns());
    Index at = 0;
    for (Index j = 0; j < columns(); ++j) {
      for (Index i = j; i < columns(); ++i) lambda(i, j) = theta[at++];
    }
    return lambda;
  }

  Matrix factor_derivative(const Vector&, Index parameter) const override {
    Matrix derivative = Matrix::Zero(columns(), columns());
    Index at = 0;
    for (Index j = 0; j < columns(); ++j) {
      for (Index i = j; i < columns(); ++i) {
        if (at++ == parameter) derivative(i, j) = 1.0;
      }
    }
    return derivative;
  }

  // Cholesky factor of Lambda Lambda' in which a pivot that carries next to nothing is set to zero
  // together with its column. The columns left span the tangent space of that rank.
  Vector reduce(const Vector& theta, const Matrix& mean_cross, double threshold,
                std::vector<bool>& free) const override {
    const Index k = columns();
    const Matrix lambda = factor(theta);
    Matrix left = lambda * lambda.transpose();
    Matrix reduced = Matrix::Zero(k, k);
    free.assign(parameter_count(), true);
    Index at = 0;
    bool any = false;
    for (Index j = 0; j < k; ++j) {
      const double pivot = left(j, j);
      const bool zero = !(pivot * mean_cross(j, j) >= threshold);
      any = any || zero;
      if (!zero) {
        reduced.col(j).tail(k - j) = left.col(j).tail(k - j) / std::sqrt(pivot);
        left -= reduced.col(j) * reduced.col(j).transpose();
      }
      for (Index i = j; i < k; ++i) free[at++] = !zero;
    }
    return any ? parameters(reduced) : theta;
  }

  // Every random vector differs by a combination of the directions from one that is zero in as many
  // columns: the last ones that can be, so that intercepts are kept before slopes.
  std::vector<bool> free_without(const Matrix& directions) const override {
    std::vector<bool> zero(columns(), false);
    Matrix left = directions;
    for (Index i = columns() - 1, found = 0; i >= 0 && found < directions.cols(); --i) {
      const double norm = left.row(i).norm();
      if (!(norm > kPresent)) continue;
      zero[i] = true;
      ++found;
      const Vector unit = left.row(i).transpose() / norm;
      left -= (left * unit) * unit.transpose();
    }
    std::vector<bool> free;
    for (Index j = 0; j < columns(); ++j) {
      for (Index i = j; i < columns(); ++i) free.push_back(!zero[i] && !zero[j]);
    }
    return free;
  }

  std::vector<bool> free_of_rank(Index rank) const override {
    std::vector<bool> free;
    for (Index j = 0; j < columns(); ++j) free.insert(free.end(), columns() - j, j < rank);
    return free;
  }

  Boundary boundary(const Vector& theta, const Matrix& d) const override {
    const Matrix lambda = factor(theta);
    Index rank = 0;
    for (Index j = 0; j < columns(); ++j) rank += lambda.col(j).cwiseAbs().maxCoeff() > 0.0;
    const Index zeros = columns() - rank;
    if (zeros == 0) return {Matrix(columns(), 0), Vector(0)};
    // Eigenvalues ascend, so the null space comes first; within it any rotation is allowed and
    // the eigenvectors of D restricted to it are the directions that matter.
    SymmetricEigen sigma(lambda * lambda.transpose());
    const Matrix null_space = sigma.eigenvectors().leftCols(zeros);
    SymmetricEigen restricted(null_space.transpose() * d * null_space);
    return {null_space * restricted.eigenvectors(), restricted.eigenvalues()};
  }

  Vector zeros_last(const Vector& theta, std::vector<bool>& free) const override {
    const Matrix lambda = factor(theta);
    Matrix out = Matrix::Zero(columns(), columns());
    Index rank = 0;
    bool moved = false;
    for (Index j = 0; j < columns(); ++j) {
      if (lambda.col(j).isZero(0.0)) continue;
      moved = moved || rank != j;
      out.col(rank++) = lambda.col(j);
    }
    free = free_of_rank(rank);
    return moved ? parameters(out) : Vector();
  }

  Vector lower_rank(const Vector& theta, const Matrix& mean_cross) const override {
    const Index k = columns();
    const Vector scale = mean_cross.diagonal().cwiseMax(1e-300).cwiseSqrt();
    const Matrix lambda = scale.asDiagonal() * factor(theta);
    SymmetricEigen sigma(lambda * lambda.transpose());
    const Vector values = sigma.eigenvalues().cwiseMax(0.0);  // ascending
    const double largest = values[k - 1];
    const Index rank = (values.array() > 1e-12 * largest).count();
    if (!(largest > 0.0) || rank < 2) return Vector();
    const Index kept = rank - 1;
    const Matrix root =
        sigma.eigenvectors().rightCols(kept) * values.tail(kept).cwiseSqrt().asDiagonal();
    return parameters(lower_factor(scale.cwiseInverse().asDiagonal() * root));
  }

  Vector reopen(const Vector& theta, const Vector& direction, double variance) const override {
    const Matrix lambda = factor(theta);
    Matrix wide(columns(), columns() + 1);
    wide << lambda, std::sqrt(variance) * direction;
    return parameters(lower_factor(wide));
  }
};

}  // namespace

std::unique_ptr<CovarianceStructure> make_unstructured(Index columns) {
  return std::make_unique<Unstructured>(columns);
}

}  // namespace tiers
