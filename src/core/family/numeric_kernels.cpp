// Recurrence used below 15: with X = x + N the first of x, x+1, ... that is >= 15,
//   de(x) = de(X) + (X - 1/2) log X - (x - 1/2) log x - log(x (x+1) ...) - N,
//   e0(x) = sum (x/xi + x/(xi+1))/2 - x log(X/x) + (x/X) e0(X),
// and e1, e2 as the derivatives of the second: sums of rational terms, one division a step.
#include "numeric_kernels.h"

namespace tiers {

namespace {

constexpr double series_from = 15.0;

double de_series(double x) {
  const double c = 1.0 / (x * x);
  return (1.0 / 12 -
          c * (1.0 / 360 -
               c * (1.0 / 1260 - c * (1.0 / 1680 - c * (1.0 / 1188 - c * (691.0 / 360360)))))) /
         x;
}

Stirling stirling_series(double x) {
  const double c = 1.0 / (x * x);
  const double r = 1.0 / x;
  Stirling out;
  out.de = r * (1.0 / 12 -
                c * (1.0 / 360 - c * (1.0 / 1260 -
                                      c * (1.0 / 1680 - c * (1.0 / 1188 - c * (691.0 / 360360))))));
  out.e0 =
      r *
      (1.0 / 12 -
       c * (1.0 / 120 - c * (1.0 / 252 - c * (1.0 / 240 - c * (1.0 / 132 - c * (691.0 / 32760))))));
  out.e1 =
      -r * (1.0 / 6 -
            c * (1.0 / 30 - c * (1.0 / 42 - c * (1.0 / 30 - c * (5.0 / 66 - c * (691.0 / 2730))))));
  out.e2 = r * (1.0 / 2 -
                c * (1.0 / 6 - c * (1.0 / 6 - c * (3.0 / 10 - c * (5.0 / 6 - c * (691.0 / 210))))));
  return out;
}

}  // namespace

double ph(double x) {
  if (!(std::fabs(x) <= 0.5)) return x - std::log1p(x);
  // log1p(x) = 2 atanh(r), r = x/(2 + x); |r| <= 1/3.
  const double r = x / (2.0 + x);
  const double y = r * r;
  double sum = 1.0 / 29;
  for (int k = 27; k >= 3; k -= 2) sum = 1.0 / k + y * sum;
  return r * x - 2.0 * r * y * sum;
}

double stirling_remainder(double x) {
  if (x >= series_from) return de_series(x);
  double product = 1.0;
  double at = x;
  int steps = 0;
  for (; at < series_from; at += 1.0, ++steps) product *= at;
  return de_series(at) + (at - 0.5) * std::log(at) - (x - 0.5) * std::log(x) - std::log(product) -
         steps;
}

Stirling stirling(double x) {
  if (x >= series_from) return stirling_series(x);
  double product = 1.0, first = 0.0, second = 0.0, third = 0.0;
  double at = x, ratio = 1.0;  // ratio = x/at
  int steps = 0;
  for (; at < series_from; ++steps) {
    product *= at;
    const double inverse = 1.0 / (at + 1.0);
    const double pair = ratio * inverse;  // x/(at (at + 1))
    const double next = x * inverse;
    first += 0.5 * (ratio + next);
    second -= 0.5 * pair * pair;
    third += (2.0 * at + 1.0) * pair * pair * pair;
    ratio = next;
    at += 1.0;
  }
  const double log_x = std::log(x), log_at = std::log(at);
  const Stirling tail = stirling_series(at);
  Stirling out;
  out.de = tail.de + (at - 0.5) * log_at - (x - 0.5) * log_x - std::log(product) - steps;
  out.e0 = first - x * (log_at - log_x) + ratio * tail.e0;
  out.e1 = second + ratio * ratio * tail.e1;
  out.e2 = third + ratio * ratio * ratio * tail.e2;
  return out;
}

StirlingDifference stirling_difference(double x, double y, const Stirling& at_x) {
  if (y == 0.0) return {1.0, 0.0, 0.0, 0.0, 0.0, 0.0};
  const double sum = x + y;
  const Stirling at_sum = stirling(sum);
  StirlingDifference out;
  out.t = x / sum;
  out.o = y / sum;
  out.de = at_sum.de - at_x.de;
  out.e0 = at_x.e0 - out.t * at_sum.e0;
  out.e1 = at_x.e1 - out.t * out.t * at_sum.e1;
  out.e2 = at_x.e2 - out.t * out.t * out.t * at_sum.e2;
  return out;
}

}  // namespace tiers
