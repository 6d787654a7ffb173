#include "isotropic_shape.h"

namespace tiers {

namespace {

template <class Entry>
void fill_by_distance(const Positions& at, double diagonal, Matrix& out, const Entry& entry) {
  const Index m = at.size();
  out.resize(m, m);
  for (Index b = 0; b < m; ++b) {
    out(b, b) = diagonal;
    for (Index a = b + 1; a < m; ++a) out(a, b) = out(b, a) = entry(distance(at, a, b));
  }
}

}  // namespace

void IsotropicShape::value(const Vector& phi, const Positions& at, Matrix& sigma) const {
  fill_by_distance(at, 1.0, sigma, [&](double h) { return correlation(phi, h); });
}

void IsotropicShape::first(const Vector& phi, const Positions& at, Index k, Matrix& d) const {
  fill_by_distance(at, 0.0, d, [&](double h) { return slope(phi, h, k); });
}

bool IsotropicShape::second(const Vector& phi, const Positions& at, Index k, Index l,
                            Matrix& d) const {
  if (!bends(k, l)) return false;
  fill_by_distance(at, 0.0, d, [&](double h) { return curvature(phi, h, k, l); });
  return true;
}

}  // namespace tiers
