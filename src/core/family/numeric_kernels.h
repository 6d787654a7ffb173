// Pieces of log densities without cancellation, so that the same code serves y = 1 and y = 1e15.
//
//   ph(x)   = x - log(1 + x)
//   de(x)   = lgamma(x) - (x - 1/2) log x + x - log(2 pi)/2     (Stirling's remainder)
//   ep(x)   = log x - 1/(2x) - psi(x):  e0 = x ep,  e1 = x^2 ep',  e2 = x^3 ep''
//   Dv(x,d) = x ph(d/x): the deviance part of x against x + d
//
// Sources: the saddle-point form of discrete densities is Loader's (2000); the asymptotic series
// are those of lgamma and its derivatives (Abramowitz and Stegun 6.1.40, 6.3.18, 6.4.11).
#pragma once

#include <cmath>

namespace tiers {

constexpr double log_two_pi = 1.837877066409345483560659472811;
constexpr double pi = 3.141592653589793238462643383280;

double ph(double x);
double stirling_remainder(double x);  // de

struct Stirling {
  double de, e0, e1, e2;
};
// All four at once, x > 0. Below 15 they share one walk up to it.
Stirling stirling(double x);

// Dv(x, d) for x >= 0, d >= -x. far_log() gives log((x + d)/x) and is called only where d is not
// small against x: there the caller knows that logarithm without cancellation.
template <class FarLog>
inline double deviance_part(double x, double d, FarLog far_log) {
  if (x == 0.0) return d;
  const double ratio = d / x;
  if (std::fabs(ratio) <= 0.5) return x * ph(ratio);
  return d - x * far_log();
}

// log(1 + e^x)
inline double softplus(double x) {
  return (x > 0.0 ? x : 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

// p = 1/(1 + e^-eta) and q = 1 - p, both to full relative accuracy, with their logarithms.
struct Logistic {
  double p, q, log_p, log_q;
};
inline Logistic logistic(double eta) {
  const double e = std::exp(-std::fabs(eta));
  const double larger = 1.0 / (1.0 + e);
  const double smaller = e * larger;
  const double log_larger = -std::log1p(e);
  if (eta > 0.0) return {larger, smaller, log_larger, log_larger - eta};
  return {smaller, larger, log_larger + eta, log_larger};
}

// The Stirling terms of x against those of x + y, for y >= 0 (a rising factorial's derivatives).
struct StirlingDifference {
  double t, o;            // x/(x + y), y/(x + y)
  double de, e0, e1, e2;  // de(x + y) - de(x);  e_k(x) - t^(k+1) e_k(x + y)
};
StirlingDifference stirling_difference(double x, double y, const Stirling& at_x);

}  // namespace tiers
