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

constexpr double kLogTwoPi = 1.837877066409345483560659472811;
constexpr double kPi = 3.141592653589793238462643383280;

// log1p(x) = 2 atanh(r), r = x/(2 + x), for |x| <= 1/2: ph = r x - 2 r y (1/3 + y/5 + y^2/7 + ...),
// y = r^2, the terms grouped so that they can be computed side by side.
inline double ph(double x) {
  if (!(std::fabs(x) <= 0.5)) return x - std::log1p(x);
  const double r = x / (2.0 + x);
  const double y = r * r, y2 = y * y, y4 = y2 * y2;
  const double low = (1.0 / 3 + y * (1.0 / 5)) + y2 * (1.0 / 7 + y * (1.0 / 9));
  const double middle = (1.0 / 11 + y * (1.0 / 13)) + y2 * (1.0 / 15 + y * (1.0 / 17));
  const double high = (1.0 / 19 + y * (1.0 / 21)) + y2 * (1.0 / 23 + y * (1.0 / 25));
  const double rest = 1.0 / 27 + y * (1.0 / 29);
  return r * x - 2.0 * r * y * ((low + y4 * middle) + y4 * y4 * (high + y4 * rest));
}

struct Stirling {
  double de, e0, e1, e2;
};
// de and the first `order` of e0, e1, e2, the others zero; x > 0. The second form is given log(x).
template <int order>
Stirling stirling(double x, double log_x);
template <int order>
Stirling stirling(double x);
inline double stirling_remainder(double x) { return stirling<0>(x).de; }

// Dv(x, d) for x >= 0, d >= -x. far_log() gives log((x + d)/x) and is called only where d is not
// small against x: there the caller knows that logarithm without cancellation.
template <class FarLog>
inline double deviance_part(double x, double d, FarLog far_log) {
  if (x == 0.0) return d;
  const double ratio = d / x;
  if (std::fabs(ratio) <= 0.5) return x * ph(ratio);
  return d - x * far_log();
}

// p = 1/(1 + e^-eta) and q = 1 - p, both to full relative accuracy, with their logarithms.
struct Logistic {
  double p, q, log_p, log_q;
};
inline Logistic logistic(double eta) {
  const double e = std::exp(-std::fabs(eta));
  const double sum = 1.0 + e;
  const double larger = 1.0 / sum;
  const double smaller = e * larger;
  // log1p(e): what rounding took from the sum is put back.
  const double log_sum = std::log(sum) + (e - (sum - 1.0)) * larger;
  const bool up = eta > 0.0;
  return {up ? larger : smaller, up ? smaller : larger, (up ? 0.0 : eta) - log_sum,
          (up ? -eta : 0.0) - log_sum};
}

// The Stirling terms of x against those of x + y, for y >= 0 (a rising factorial's derivatives).
struct StirlingDifference {
  double t, o;            // x/(x + y), y/(x + y)
  double de, e0, e1, e2;  // de(x + y) - de(x);  e_k(x) - t^(k+1) e_k(x + y)
};
template <int order>
StirlingDifference stirling_difference(double x, double y, const Stirling& at_x) {
  if (y == 0.0) return {1.0, 0.0, 0.0, 0.0, 0.0, 0.0};
  const double sum = x + y;
  const Stirling at_sum = stirling<order>(sum);
  StirlingDifference out;
  out.t = x / sum;
  out.o = y / sum;
  out.de = at_sum.de - at_x.de;
  out.e0 = at_x.e0 - out.t * at_sum.e0;
  out.e1 = at_x.e1 - out.t * out.t * at_sum.e1;
  out.e2 = at_x.e2 - out.t * out.t * out.t * at_sum.e2;
  return out;
}

// Below it beta's kernels take this for A or B, and logp the true logarithm.
constexpr double smallest_shape = 1e-290;

}  // namespace tiers
