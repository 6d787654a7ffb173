#include "link_variance.h"

#include <algorithm>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

constexpr Index kLinkChunk = 1024;  // rows solved for at one time, a few megabytes

// What all rows share.
struct LinkParts {
  explicit LinkParts(const ModalDeviance& objective)
      : factor(objective.mode().factor()), fixed_in_mode(objective.mode().fixed_in_mode() > 0) {
    if (!fixed_in_mode) {
      moves = objective.random_effect_derivatives();
      return;
    }
    phi = inverse_of_product(factor.fixed_lower());
    projected = factor.apply_lambda(factor.fixed_projection(), false);
  }
  // d of rows that ask for `fixed` of beta, before what they ask of b.
  Matrix start(const Matrix& fixed, const ModalDeviance& objective) const {
    if (fixed_in_mode) return fixed;
    Matrix out = Matrix::Zero(fixed.rows(), objective.size());
    out.middleCols(objective.fixed_start(), fixed.cols()) = fixed;
    return out;
  }
  const BlockedCholesky& factor;
  const bool fixed_in_mode;
  Matrix moves;           // db/dpsi, q x parameters
  Matrix phi, projected;  // with beta in the mode: its variance, and Lambda H^-1 Lambda'Z'WX
};

}  // namespace

Vector link_variances(const ModalDeviance& objective, const TermPlaces& places,
                      const std::vector<Matrix>& lambda, const ContrastRows& rows,
                      const Matrix& vcov_psi) {
  const LinkParts parts(objective);
  const Matrix& middle = parts.fixed_in_mode ? parts.phi : vcov_psi;
  const Matrix moves = parts.fixed_in_mode ? Matrix(-parts.projected) : parts.moves;
  LocalInverse local(parts.factor, {}, objective.mode().poll());
  CombinedRows walk(rows, parts.factor.layout(), places);
  const Index n = rows.fixed.rows();
  Vector out = Vector::Zero(n);
  Matrix moves_here;
  for (Index first = 0; first < n; first += kLinkChunk) {
    const Index size = std::min(kLinkChunk, n - first);
    if (objective.mode().poll()) objective.mode().poll()();
    Matrix fixed(size, rows.fixed.cols());
    for (Index i = 0; i < size; ++i) fixed.row(i) = rows.fixed.row(walk.row(first + i));
    Matrix d = parts.start(fixed, objective);
    for (Index i = 0; i < size; ++i) {
      if (walk.move_to(first + i)) {
        local.find(walk.places());
        moves_here = walk.take(moves);
      }
      const Vector& m = walk.coefficients();
      if (m.size() == 0) continue;
      d.row(i).noalias() += m.transpose() * moves_here;
      out[walk.row(first + i)] = m.dot(local.inverse() * m);
    }
    if (d.cols() == 0) continue;
    const Vector moved = (d * middle).cwiseProduct(d).rowwise().sum();
    for (Index i = 0; i < size; ++i) out[walk.row(first + i)] += moved[i];
  }
  for (const ContrastPart& part : rows.parts) {
    for (Index i = 0; i < n; ++i) {
      if (part.level[i] != kNewLevel) continue;
      out[i] += (part.basis.row(i) * lambda[part.term]).squaredNorm();
    }
  }
  return out;
}

Matrix link_covariance(const ModalDeviance& objective, const TermPlaces& places,
                       const ContrastBlock& contrasts, const Matrix& vcov_psi) {
  const LinkParts parts(objective);
  const Matrix m = places.coordinates(contrasts.random);
  Matrix random = parts.factor.apply_lambda(m, true);
  Matrix fixed(0, m.cols());
  if (parts.fixed_in_mode) fixed = contrasts.fixed.transpose();
  parts.factor.solve_forward(random, fixed);
  const Matrix out = random.transpose() * random;
  if (parts.fixed_in_mode) return out + fixed.transpose() * fixed;
  const Matrix d = parts.start(contrasts.fixed, objective) + m.transpose() * parts.moves;
  return out + d * vcov_psi * d.transpose();
}

}  // namespace tiers
