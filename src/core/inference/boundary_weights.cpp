// The projection minimizes (x - z)'I(x - z) / 2 over the cone by projected gradients with
// Nesterov's momentum, restarted where it points uphill (O'Donoghue and Candes 2015). The
// coordinates are scaled so that off-diagonal entries count twice in the Euclidean norm (svec), in
// which the projection on each cone sets negative eigenvalues to zero.
#include "boundary_weights.h"

#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Of a drawn vector's length: far below what the number of draws resolves. In a metric that is not
// near to singular it takes tens of steps.
constexpr int kMostProjectionSteps = 500;
constexpr double kProjectionTolerance = 1e-10;

// To the nearest point of the cone, in svec coordinates.
void project_on_cone(const std::vector<Index>& sizes, Vector& x) {
  const double root_two = std::sqrt(2.0);
  Index at = 0;
  for (const Index k : sizes) {
    const Index length = k * (k + 1) / 2;
    if (k == 1) {
      x[at] = std::max(x[at], 0.0);
      ++at;
      continue;
    }
    Matrix full(k, k);
    Index i = at;
    for (Index b = 0; b < k; ++b) {
      for (Index a = b; a < k; ++a, ++i) full(a, b) = full(b, a) = a == b ? x[i] : x[i] / root_two;
    }
    const SymmetricEigen eigen(full);
    if (eigen.eigenvalues()[0] < 0.0) {
      const Matrix inside = eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).asDiagonal() *
                            eigen.eigenvectors().transpose();
      i = at;
      for (Index b = 0; b < k; ++b) {
        for (Index a = b; a < k; ++a, ++i) x[i] = a == b ? inside(a, b) : root_two * inside(a, b);
      }
    }
    at += length;
  }
}

}  // namespace

Vector projected_squares(const Matrix& metric, const std::vector<Index>& sizes, const Matrix& draws,
                         const Poll& poll) {
  const Index c = metric.rows();
  // svec: x = D entries with sqrt(2) for off-diagonal ones; a scale of one's own for each block
  // keeps its cone, and makes the metric's diagonal even.
  Vector scale(c);
  Index at = 0;
  for (const Index k : sizes) {
    const Index length = k * (k + 1) / 2;
    const double own = std::sqrt(metric.diagonal().segment(at, length).mean());
    for (Index b = 0; b < k; ++b) {
      for (Index a = b; a < k; ++a) scale[at++] = own * (a == b ? 1.0 : std::sqrt(2.0));
    }
  }
  const Matrix scaled =
      scale.cwiseInverse().asDiagonal() * metric * scale.cwiseInverse().asDiagonal();
  const CholeskyFactor factor(scaled);
  const double lipschitz =
      SymmetricEigen(scaled, SymmetricEigen::Wanted::values).eigenvalues().maxCoeff();
  Matrix white = draws;
  solve_lower_transposed(factor.lower(), white);
  Vector out(draws.cols());
  for (Index draw = 0; draw < draws.cols(); ++draw) {
    if (poll && (draw & 0xff) == 0) poll();
    const Vector z = white.col(draw);
    Vector x = z, before, y;
    project_on_cone(sizes, x);
    y = x;
    double momentum = 1.0;
    for (int step = 0; step < kMostProjectionSteps; ++step) {
      before = x;
      const Vector gradient = scaled * (y - z);
      x = y - gradient / lipschitz;
      project_on_cone(sizes, x);
      const Vector move = x - before;
      if (move.norm() <= kProjectionTolerance * (1.0 + x.norm())) break;
      if (gradient.dot(move) > 0.0) momentum = 1.0;
      const double next = 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * momentum * momentum));
      y = x + (momentum - 1.0) / next * move;
      momentum = next;
    }
    // x'I(z - x) = 0 at the projection on a cone.
    out[draw] = std::max(x.dot(scaled * z), 0.0);
  }
  return out;
}

}  // namespace tiers
