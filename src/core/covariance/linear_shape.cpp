// lin: a sum of given matrices with coefficients. Nothing keeps it positive definite but its
// factorization.
#include <stdexcept>

#include "../model/dense_algebra.h"
#include "covariance_shape.h"
#include "shape_moments.h"

namespace tiers {

namespace {

class LinearShape final : public CovarianceShape {
 public:
  explicit LinearShape(std::vector<Matrix> matrices) : matrices_(std::move(matrices)) {}

  Index parameter_count() const override { return static_cast<Index>(matrices_.size()); }
  std::vector<ShapeParameter> parameters() const override {
    std::vector<ShapeParameter> out;
    for (std::size_t k = 0; k < matrices_.size(); ++k) {
      out.push_back({"lin" + std::to_string(k + 1), ShapeParameter::Kind::covariance,
                     -std::numeric_limits<double>::infinity()});
    }
    return out;
  }
  bool unit_diagonal() const override { return false; }
  bool uses_visits() const override { return true; }
  bool uses_coordinates() const override { return false; }

  void value(const Vector& phi, const Positions& at, Matrix& sigma) const override {
    sigma = Matrix::Zero(at.size(), at.size());
    for (Index k = 0; k < parameter_count(); ++k) add(phi[k], k, at, sigma);
  }
  void first(const Vector&, const Positions& at, Index k, Matrix& d) const override {
    d = Matrix::Zero(at.size(), at.size());
    add(1.0, k, at, d);
  }
  bool second(const Vector&, const Positions&, Index, Index, Matrix&) const override {
    return false;
  }

  // Least squares; where that is no covariance matrix, equal shares of the variance for the
  // matrices that carry some.
  Vector start(const ShapeMoments& moments) const override {
    const Index count = parameter_count();
    const Matrix s = completed_covariance(moments);
    Matrix gram(count, count), sigma;
    Vector right(count), share = Vector::Zero(count);
    for (Index k = 0; k < count; ++k) {
      right[k] = matrices_[k].cwiseProduct(s).sum();
      for (Index l = 0; l < count; ++l) gram(k, l) = matrices_[k].cwiseProduct(matrices_[l]).sum();
    }
    const Vector phi = linear_solution(gram, right);
    value(phi, moments.places, sigma);
    const CholeskyFactor factor(sigma);
    if (phi.allFinite() && factor.positive_definite()) return phi;
    double carrying = 0.0;
    for (const Matrix& one : matrices_) carrying += one.trace() > 0.0;
    for (Index k = 0; k < count; ++k) {
      const double trace = matrices_[k].trace();
      if (trace > 0.0) share[k] = s.trace() / (carrying * trace);
    }
    return share;
  }

 private:
  void add(double by, Index k, const Positions& at, Matrix& out) const {
    for (Index b = 0; b < at.size(); ++b) {
      for (Index a = 0; a < at.size(); ++a)
        out(a, b) += by * matrices_[k](at.visits[a], at.visits[b]);
    }
  }

  std::vector<Matrix> matrices_;
};

}  // namespace

ShapePointer make_linear_shape(const StructureRecipe& recipe) {
  for (const Matrix& one : recipe.matrices) {
    if (one.rows() != recipe.visits || one.cols() != recipe.visits)
      throw std::invalid_argument("each matrix must have a row and a column for each position");
    if (!one.isApprox(one.transpose()))
      throw std::invalid_argument("each matrix must be symmetric");
  }
  if (recipe.matrices.empty()) throw std::invalid_argument("there must be a matrix");
  return std::make_unique<LinearShape>(recipe.matrices);
}

}  // namespace tiers
