// Asymptotic series from 9 on. Below, with X = x + N the first of x, x+1, ... that is there and S_k
// the sum of 1/(x + i)^k over 0 < i < N,
//   de(x) = de(X) + (X - 1/2) log X - (x - 1/2) log x - log(x (x+1) ...) - N,
//   e0(x) = (x/X) e0(X) + 1/2 - x log(X/x) + x (S_1 + 1/2X),
// and e1, e2 as the derivatives of ep(x).
#include "numeric_kernels.h"

namespace tiers {

namespace {

// From where all terms of the series, and the first six, leave less than a double shows.
constexpr double kSeriesFrom = 9.0;
constexpr double kShortSeriesFrom = 16.0;

double de_series(double r, double c) {
  return r * (1.0 / 12 -
              c * (1.0 / 360 -
                   c * (1.0 / 1260 -
                        c * (1.0 / 1680 -
                             c * (1.0 / 1188 - c * (691.0 / 360360 -
                                                    c * (1.0 / 156 - c * (3617.0 / 122400))))))));
}

double e0_series(double r, double c) {
  return r *
         (1.0 / 12 -
          c * (1.0 / 120 -
               c * (1.0 / 252 -
                    c * (1.0 / 240 -
                         c * (1.0 / 132 - c * (691.0 / 32760 -
                                               c * (1.0 / 12 - c * (3617.0 / 8160 -
                                                                    c * (43867.0 / 14364)))))))));
}

double e1_series(double r, double c) {
  return -r * (1.0 / 6 -
               c * (1.0 / 30 -
                    c * (1.0 / 42 -
                         c * (1.0 / 30 -
                              c * (5.0 / 66 -
                                   c * (691.0 / 2730 -
                                        c * (7.0 / 6 -
                                             c * (3617.0 / 510 - c * (43867.0 / 798 -
                                                                      c * (174611.0 / 330))))))))));
}

double e2_series(double r, double c) {
  return r * (1.0 / 2 -
              c * (1.0 / 6 -
                   c * (1.0 / 6 -
                        c * (3.0 / 10 -
                             c * (5.0 / 6 -
                                  c * (691.0 / 210 -
                                       c * (35.0 / 2 - c * (3617.0 / 30 -
                                                            c * (43867.0 / 42 -
                                                                 c * (1222277.0 / 110 -
                                                                      c * (854513.0 / 6)))))))))));
}

template <int order>
Stirling short_series(double x) {
  const double r = 1.0 / x, c = r * r;
  Stirling out{0.0, 0.0, 0.0, 0.0};
  out.de = r * (1.0 / 12 -
                c * (1.0 / 360 - c * (1.0 / 1260 -
                                      c * (1.0 / 1680 - c * (1.0 / 1188 - c * (691.0 / 360360))))));
  if (order > 0) {
    out.e0 = r * (1.0 / 12 -
                  c * (1.0 / 120 -
                       c * (1.0 / 252 - c * (1.0 / 240 - c * (1.0 / 132 - c * (691.0 / 32760))))));
  }
  if (order > 1) {
    out.e1 =
        -r *
        (1.0 / 6 -
         c * (1.0 / 30 - c * (1.0 / 42 - c * (1.0 / 30 - c * (5.0 / 66 - c * (691.0 / 2730))))));
  }
  if (order > 2) {
    out.e2 =
        r * (1.0 / 2 -
             c * (1.0 / 6 - c * (1.0 / 6 - c * (3.0 / 10 - c * (5.0 / 6 - c * (691.0 / 210))))));
  }
  return out;
}

template <int order>
Stirling series(double x) {
  if (x >= kShortSeriesFrom) return short_series<order>(x);
  const double r = 1.0 / x, c = r * r;
  Stirling out{de_series(r, c), 0.0, 0.0, 0.0};
  if (order > 0) out.e0 = e0_series(r, c);
  if (order > 1) out.e1 = e1_series(r, c);
  if (order > 2) out.e2 = e2_series(r, c);
  return out;
}

}  // namespace

template <int order>
Stirling stirling(double x, double log_x) {
  if (x >= kSeriesFrom) return series<order>(x);
  double product = x, first = 0.0, second = 0.0, third = 0.0, at = x + 1.0;
  int steps = 1;
  const auto add = [&](double inverse) {
    if (order > 0) first += inverse;
    if (order > 1) second += inverse * inverse;
    if (order > 2) third += inverse * inverse * inverse;
  };
  for (; at < kSeriesFrom - 1.0; at += 2.0, steps += 2) {  // two for one division
    const double pair = at * (at + 1.0);
    product *= pair;
    if (order == 0) continue;
    const double inverse = 1.0 / pair;
    add(inverse * (at + 1.0));
    add(inverse * at);
  }
  if (at < kSeriesFrom) {
    product *= at;
    if (order > 0) add(1.0 / at);
    at += 1.0;
    ++steps;
  }
  const double log_at = std::log(at), r = 1.0 / at, ratio = x * r;
  const Stirling tail = series<order>(at);
  Stirling out{0.0, 0.0, 0.0, 0.0};
  out.de = tail.de + (at - 0.5) * log_at - (x - 0.5) * log_x - std::log(product) - steps;
  if (order > 0) out.e0 = 0.5 - x * (log_at - log_x) + x * (first + 0.5 * r) + ratio * tail.e0;
  if (order > 1) {
    out.e1 = x - 0.5 - x * x * (second + r + 0.5 * r * r) + ratio * ratio * tail.e1;
  }
  if (order > 2) {
    out.e2 =
        1.0 - x + x * x * x * (2.0 * third + r * r * (1.0 + r)) + ratio * ratio * ratio * tail.e2;
  }
  return out;
}

template <int order>
Stirling stirling(double x) {
  return stirling<order>(x, x < kSeriesFrom ? std::log(x) : 0.0);
}

template Stirling stirling<0>(double, double);
template Stirling stirling<1>(double, double);
template Stirling stirling<2>(double, double);
template Stirling stirling<3>(double, double);
template Stirling stirling<0>(double);
template Stirling stirling<1>(double);
template Stirling stirling<2>(double);
template Stirling stirling<3>(double);

}  // namespace tiers
