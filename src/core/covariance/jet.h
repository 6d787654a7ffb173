// A number with its first and second derivatives by some variables, or none: exact derivatives of a
// composed function without writing them out.
#pragma once

#include <cmath>

#include "../model/specification.h"

namespace tiers {

struct Jet {
  double value = 0.0;
  Vector first;   // n
  Matrix second;  // n x n

  static Jet constant(double value, Index n) {
    return {value, Vector::Zero(n), Matrix::Zero(n, n)};
  }
  static Jet variable(double value, Index which, Index n) {
    Jet out = constant(value, n);
    if (n > 0) out.first[which] = 1.0;
    return out;
  }
  // f(this), from f, f' and f'' at its value. A constant stays one where f has no derivative.
  Jet mapped(double f, double f1, double f2) const {
    if (first.isZero(0.0) && second.isZero(0.0)) return constant(f, first.size());
    return {f, f1 * first, f1 * second + f2 * first * first.transpose()};
  }
};

inline Jet operator+(const Jet& a, const Jet& b) {
  return {a.value + b.value, a.first + b.first, a.second + b.second};
}
inline Jet operator-(const Jet& a, const Jet& b) {
  return {a.value - b.value, a.first - b.first, a.second - b.second};
}
inline Jet operator*(double a, const Jet& b) { return {a * b.value, a * b.first, a * b.second}; }
inline Jet operator*(const Jet& a, const Jet& b) {
  const Matrix mixed = a.first * b.first.transpose();
  return {a.value * b.value, a.value * b.first + b.value * a.first,
          a.value * b.second + b.value * a.second + mixed + mixed.transpose()};
}
inline Jet sin(const Jet& a) {
  const double s = std::sin(a.value), c = std::cos(a.value);
  return a.mapped(s, c, -s);
}
inline Jet cos(const Jet& a) {
  const double s = std::sin(a.value), c = std::cos(a.value);
  return a.mapped(c, -s, -c);
}
inline Jet exp(const Jet& a) {
  const double e = std::exp(a.value);
  return a.mapped(e, e, e);
}
inline Jet sqrt(const Jet& a) {
  const double r = std::sqrt(a.value);
  return a.mapped(r, 0.5 / r, -0.25 / (r * a.value));
}
inline Jet inverse(const Jet& a) {
  const double r = 1.0 / a.value;
  return a.mapped(r, -r * r, 2.0 * r * r * r);
}

}  // namespace tiers
