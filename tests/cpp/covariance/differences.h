// Derivatives by central differences, for tests.
#pragma once

#include "core/model/eigen.h"

namespace tiers {

// (f(at + h e_i) - f(at - h e_i)) / 2h
template <class Function>
Matrix central_difference(const Function& f, const Vector& at, Index i) {
  const double h = 1e-5;
  Vector up = at, down = at;
  up[i] += h;
  down[i] -= h;
  return (f(up) - f(down)) / (2.0 * h);
}

inline double largest(const Matrix& m) { return m.size() == 0 ? 0.0 : m.cwiseAbs().maxCoeff(); }

}  // namespace tiers
