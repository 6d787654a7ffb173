#include "loading_shape.h"

#include <algorithm>
#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

constexpr double kLeastUnique = 0.1;  // share of a variance

}  // namespace

LoadingShape::LoadingShape(Index visits, Index rank, Index band, Uniqueness uniqueness)
    : visits_(visits), rank_(rank), uniquenesses_(visits) {
  if (uniqueness == Uniqueness::common) uniquenesses_ = 1;
  if (uniqueness == Uniqueness::none) uniquenesses_ = 0;
  for (Index b = 0; b < rank; ++b) {
    for (Index a = b; a < std::min(visits, b + band); ++a) entries_.emplace_back(a, b);
  }
}

std::vector<ShapeParameter> LoadingShape::parameters() const {
  std::vector<ShapeParameter> out;
  for (const auto& [a, b] : entries_) {
    ShapeParameter one{"loading", ShapeParameter::Kind::loading,
                       -std::numeric_limits<double>::infinity()};
    one.row = a;
    one.column = b;
    out.push_back(one);
  }
  for (Index a = 0; a < uniquenesses_; ++a) {
    ShapeParameter one{"uniqueness", ShapeParameter::Kind::uniqueness};
    one.map = ShapeParameter::Map::square;
    if (uniquenesses_ > 1) one.row = a;
    out.push_back(one);
  }
  return out;
}

Matrix LoadingShape::factor(const Vector& phi) const {
  Matrix f = Matrix::Zero(visits_, rank_);
  for (Index k = 0; k < loadings(); ++k) f(entries_[k].first, entries_[k].second) = phi[k];
  return f;
}

Vector LoadingShape::parameters_of(const Matrix& f) const {
  Vector out(loadings());
  for (Index k = 0; k < loadings(); ++k) out[k] = f(entries_[k].first, entries_[k].second);
  return out;
}

void LoadingShape::value(const Vector& phi, const Positions& at, Matrix& sigma) const {
  const Index m = at.size();
  const Matrix f = factor(phi);
  sigma.resize(m, m);
  for (Index j = 0; j < m; ++j) {
    for (Index i = j; i < m; ++i) {
      double sum = 0.0;
      for (Index b = 0; b < rank_; ++b) sum += f(at.visits[i], b) * f(at.visits[j], b);
      sigma(i, j) = sigma(j, i) = sum;
    }
    for (Index k = loadings(); k < parameter_count(); ++k) {
      if (is_own(k, at.visits[j])) sigma(j, j) += phi[k] * phi[k];
    }
  }
}

// E_ab F' + F E_ab'; 2 delta_a E_aa.
void LoadingShape::first(const Vector& phi, const Positions& at, Index k, Matrix& d) const {
  const Index m = at.size();
  d = Matrix::Zero(m, m);
  if (k >= loadings()) {
    for (Index j = 0; j < m; ++j) d(j, j) = is_own(k, at.visits[j]) ? 2.0 * phi[k] : 0.0;
    return;
  }
  const Matrix f = factor(phi);
  for (Index i = 0; i < m; ++i) {
    if (at.visits[i] != entries_[k].first) continue;
    for (Index j = 0; j < m; ++j) {
      const double part = f(at.visits[j], entries_[k].second);
      d(i, j) += part;
      d(j, i) += part;
    }
  }
}

// Of entries of one column E_aa' + E_a'a; 2 E_aa.
bool LoadingShape::second(const Vector&, const Positions& at, Index k, Index l, Matrix& d) const {
  const Index m = at.size();
  const bool unique = k >= loadings();
  if (unique ? k != l : l >= loadings() || entries_[k].second != entries_[l].second) return false;
  d = Matrix::Zero(m, m);
  for (Index i = 0; i < m; ++i) {
    if (unique) {
      d(i, i) = is_own(k, at.visits[i]) ? 2.0 : 0.0;
      continue;
    }
    if (at.visits[i] != entries_[k].first) continue;
    for (Index j = 0; j < m; ++j) {
      if (at.visits[j] != entries_[l].first) continue;
      d(i, j) += 1.0;
      d(j, i) += 1.0;
    }
  }
  return true;
}

// The largest principal components, turned to the form of F; what they leave of the variances is
// unique.
Vector LoadingShape::start(const ShapeMoments& moments) const {
  const Matrix s = completed_covariance(moments);
  const SymmetricEigen parts(s);  // ascending
  Matrix f(visits_, rank_);
  for (Index b = 0; b < rank_; ++b) {
    const Index at = visits_ - 1 - b;
    f.col(b) = std::sqrt(std::max(parts.eigenvalues()[at], 0.0)) * parts.eigenvectors().col(at);
  }
  // F_top' = Q R: F Q has the rows R' on top.
  const Matrix top = f.topRows(rank_).transpose();
  f = f * QrFactor(top).q(rank_);
  for (Index b = 0; b < rank_; ++b) {
    if (f(b, b) < 0.0) f.col(b) *= -1.0;
  }
  Vector phi(parameter_count());
  phi.head(loadings()) = parameters_of(f);
  Vector own(visits_);
  for (Index a = 0; a < visits_; ++a)
    own[a] = std::max(s(a, a) - f.row(a).squaredNorm(), kLeastUnique * s(a, a));
  if (uniquenesses_ == 1) phi[loadings()] = std::sqrt(own.mean());
  if (uniquenesses_ > 1) phi.tail(visits_) = own.cwiseSqrt();
  return phi;
}

}  // namespace tiers
