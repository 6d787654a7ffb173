// diag: one variance for each column, theta = diagonal of Lambda.
// id: one variance for all columns, theta = the common diagonal element.
#include "diagonal.h"

#include <cmath>

namespace tiers {

namespace {

constexpr double kSameColumn =
    1e-10;  // squared distance of a unit vector from a space that it is in

class Diagonal final : public CovarianceStructure {
 public:
  using CovarianceStructure::CovarianceStructure;

  Index parameter_count() const override { return columns(); }
  Rescaling rescaling() const override { return Rescaling::per_column; }

  std::vector<NaturalParameter> natural_parameters() const override {
    std::vector<NaturalParameter> out;
    for (Index a = 0; a < columns(); ++a) {
      out.push_back({NaturalParameter::Kind::sd, a, a, false, 0.0, kUnbounded});
    }
    return out;
  }
  std::vector<FactorEntry> factor_entries() const override {
    std::vector<FactorEntry> out;
    for (Index a = 0; a < columns(); ++a) out.push_back({a, a});
    return out;
  }

  Vector parameters(const Matrix& lambda) const override {
    return (lambda * lambda.transpose()).diagonal().cwiseSqrt();
  }
  Matrix factor(const Vector& theta) const override { return theta.asDiagonal(); }
  Matrix factor_derivative(const Vector&, Index i) const override {
    Matrix derivative = Matrix::Zero(columns(), columns());
    derivative(i, i) = 1.0;
    return derivative;
  }

  Vector reduce(const Vector& theta, const Matrix& mean_cross, double threshold,
                std::vector<bool>& free) const override {
    Vector reduced = theta;
    free.assign(columns(), true);
    for (Index i = 0; i < columns(); ++i) {
      if (!(theta[i] * theta[i] * mean_cross(i, i) >= threshold)) {
        reduced[i] = 0.0;
        free[i] = false;
      }
    }
    return reduced;
  }

  // A column of its own must be among the directions: a combination with others is told by their
  // variances.
  std::vector<bool> free_without(const Matrix& directions) const override {
    std::vector<bool> free(columns());
    for (Index i = 0; i < columns(); ++i)
      free[i] = !(directions.row(i).squaredNorm() > 1.0 - kSameColumn);
    return free;
  }

  Boundary boundary(const Vector& theta, const Matrix& d) const override {
    const Index zeros = (theta.array() == 0.0).count();
    Boundary out{Matrix::Zero(columns(), zeros), Vector(zeros)};
    for (Index i = 0, at = 0; i < columns(); ++i) {
      if (theta[i] != 0.0) continue;
      out.directions(i, at) = 1.0;
      out.multipliers[at++] = d(i, i);
    }
    return out;
  }

  Vector reopen(const Vector& theta, const Vector& direction, double variance) const override {
    return (theta.array().square() + variance * direction.array().square()).sqrt();
  }
};

class Identity final : public CovarianceStructure {
 public:
  using CovarianceStructure::CovarianceStructure;

  Index parameter_count() const override { return 1; }
  Rescaling rescaling() const override { return Rescaling::common; }
  std::vector<NaturalParameter> natural_parameters() const override {
    return {{NaturalParameter::Kind::sd, 0, 0, true, 0.0, kUnbounded}};
  }
  std::vector<FactorEntry> factor_entries() const override { return {{0, 0}}; }

  Vector parameters(const Matrix& lambda) const override {
    return Vector::Constant(1, std::sqrt((lambda * lambda.transpose()).trace() / columns()));
  }
  Matrix factor(const Vector& theta) const override {
    return theta[0] * Matrix::Identity(columns(), columns());
  }
  Matrix factor_derivative(const Vector&, Index) const override {
    return Matrix::Identity(columns(), columns());
  }

  Vector reduce(const Vector& theta, const Matrix& mean_cross, double threshold,
                std::vector<bool>& free) const override {
    const double share = mean_cross.trace() / columns();
    const bool zero = !(theta[0] * theta[0] * share >= threshold);
    free.assign(1, !zero);
    return zero ? Vector(Vector::Zero(1)) : theta;
  }

  // One common variance: all directions are zero together, and the multiplier is their sum.
  Boundary boundary(const Vector& theta, const Matrix& d) const override {
    if (theta[0] != 0.0) return {Matrix(columns(), 0), Vector(0)};
    const double unit = 1.0 / std::sqrt(static_cast<double>(columns()));
    return {Matrix::Constant(columns(), 1, unit), Vector::Constant(1, d.trace())};
  }

  Vector reopen(const Vector& theta, const Vector&, double variance) const override {
    return Vector::Constant(1, std::sqrt(theta[0] * theta[0] + variance));
  }
};

}  // namespace

std::unique_ptr<CovarianceStructure> make_diagonal(Index columns) {
  return std::make_unique<Diagonal>(columns);
}

std::unique_ptr<CovarianceStructure> make_identity(Index columns) {
  return std::make_unique<Identity>(columns);
}

}  // namespace tiers
