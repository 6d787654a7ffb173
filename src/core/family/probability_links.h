// Links of a probability, mu = F(eta): p = F and q = 1 - F to full relative accuracy,
// A = log F and B = log(1 - F) with three derivatives each, and the expected information of one
// trial, F'^2/(p q). One struct a link, static and inline: the binomial family loops over them.
#pragma once

#include <cmath>

#include "numeric_kernels.h"

namespace tiers {

struct LogSide {
  double value, d1, d2, d3;
};
struct LogProbability {
  double p, q;
  LogSide a, b;
  double information;
};

// The side of -eta, where F(-eta) = 1 - F(eta).
inline LogSide mirrored(const LogSide& side) { return {side.value, -side.d1, side.d2, -side.d3}; }

// log(1 - x), 0 <= x <= 1/2, with 1/(1 - x) at hand: what rounding took from 1 - x is put back.
inline double log_complement(double x, double inverse) {
  const double rest = 1.0 - x;
  return std::log(rest) + ((1.0 - rest) - x) * inverse;
}

struct LogitLink {
  static constexpr const char* name = "logit";
  static bool in_domain(double) { return true; }
  static double eta(double mu) { return std::log(mu) - std::log1p(-mu); }
  static LogProbability at(double x) {
    const Logistic l = logistic(x);
    const double v = l.p * l.q;
    return {l.p, l.q, {l.log_p, l.q, -v, v * (l.p - l.q)}, {l.log_q, -l.p, -v, v * (l.p - l.q)}, v};
  }
};

// lambda = density/Phi, D = lambda + x, T = D (lambda + D) - 1: A' = lambda, A'' = -lambda D,
// A''' = lambda T. Below -3.5 lambda, D and T come from the continued fraction of the Mills ratio,
// whose tails D = 1/(x + E), E = 2/(x + F), F = 3/(x + G) give them without cancellation.
struct ProbitLink {
  static constexpr const char* name = "probit";
  static bool in_domain(double) { return true; }
  static double eta(double mu);

  static LogSide far_tail(double x) {  // the side of eta = -x, x > 3.5
    double g = 0.0;
    for (int k = x < 5.0 ? 52 : x < 8.0 ? 36 : 24; k >= 4; --k) g = k / (x + g);
    const double f = 3.0 / (x + g);
    const double e = 2.0 / (x + f);
    const double d = 1.0 / (x + e);
    const double lambda = x + d;
    const double t = 2.0 * d * (f - e) / ((x + e) * (x + f));
    return {-0.5 * x * x - 0.5 * kLogTwoPi - std::log(lambda), lambda, -lambda * d, lambda * t};
  }
  static LogSide side(double x, double log_value, double lambda) {
    const double d = lambda + x;
    return {log_value, lambda, -lambda * d, lambda * (d * (lambda + d) - 1.0)};
  }
  static LogProbability at(double x) {
    const double distance = std::fabs(x);
    const double density = std::exp(-0.5 * x * x) * 0.39894228040143267794;
    const double tail = 0.5 * std::erfc(distance * 0.70710678118654752440);
    const LogSide small =
        distance > 3.5 ? far_tail(distance) : side(-distance, std::log(tail), density / tail);
    const double inverse = 1.0 / (1.0 - tail);
    const LogSide large = side(distance, log_complement(tail, inverse), density * inverse);
    const double information = small.d1 * large.d1;
    if (x < 0.0) return {tail, 1.0 - tail, small, mirrored(large), information};
    return {1.0 - tail, tail, large, mirrored(small), information};
  }
};

// F = 1 - exp(-t), t = e^eta, rho = t/(e^t - 1), ka = t + rho - 1.
struct CloglogLink {
  static constexpr const char* name = "cloglog";
  static bool in_domain(double) { return true; }
  static double eta(double mu) { return std::log(-std::log1p(-mu)); }
  static LogProbability at(double x) {
    const double t = std::exp(x);
    const LogSide b{-t, -t, -t, -t};
    if (t > 700.0) return {1.0, 0.0, {0.0, 0.0, 0.0, 0.0}, b, 0.0};
    const double q = std::exp(-t);
    const double p = t < 0.3 ? -std::expm1(-t) : 1.0 - q;
    const bool normal = p > 1e-300;  // 1 / p of less leaves the range of doubles
    const double inverse = normal ? 1.0 / p : 0.0;
    const double rho = normal ? t * q * inverse : 1.0;
    double ka = t + rho - 1.0;
    if (t < 0.3) {
      const double c = t * t;
      ka = t / 2 + c * (1.0 / 12 - c * (1.0 / 720 - c * (1.0 / 30240 - c * (1.0 / 1209600))));
    }
    const double log_p = t < 1e-300 ? x : t < 0.7 ? std::log(p) : log_complement(q, inverse);
    return {p, q, {log_p, rho, -rho * ka, rho * (ka * ka + rho * ka - t)}, b, t * rho};
  }
};

// F = exp(-e^-eta): the complementary log-log of the failures.
struct LoglogLink {
  static constexpr const char* name = "loglog";
  static bool in_domain(double) { return true; }
  static double eta(double mu) { return -std::log(-std::log(mu)); }
  static LogProbability at(double x) {
    const LogProbability c = CloglogLink::at(-x);
    return {c.q, c.p, mirrored(c.b), mirrored(c.a), c.information};
  }
};

struct CauchitLink {
  static constexpr const char* name = "cauchit";
  static bool in_domain(double) { return true; }
  static double eta(double mu) {
    return mu < 0.5 ? -1.0 / std::tan(kPi * mu) : 1.0 / std::tan(kPi * (1.0 - mu));
  }
  static LogSide side(double x, double f, double other) {
    const double c = 1.0 / (1.0 + x * x);
    const double k = -2.0 * x * c;
    const double k1 = 2.0 * (x * x - 1.0) * c * c;
    const double ro = c / (kPi * f);
    const double second = ro * (k - ro);
    const double log_f = x > 0.0 ? std::log1p(-other) : std::log(f);
    return {log_f, ro, second, second * (k - ro) + ro * (k1 - second)};
  }
  static LogProbability at(double x) {
    const double p = std::atan2(1.0, -x) / kPi, q = std::atan2(1.0, x) / kPi;
    const LogSide a = side(x, p, q), b = mirrored(side(-x, q, p));
    return {p, q, a, b, -a.d1 * b.d1};
  }
};

// F = e^eta, eta < 0; r = F/(1 - F).
struct LogProbabilityLink {
  static constexpr const char* name = "log";
  static bool in_domain(double x) { return x < 0.0; }
  static double eta(double mu) { return std::log(mu); }
  static LogProbability at(double x) {
    const double p = std::exp(x), q = -std::expm1(x);
    const double r = p / q;
    const double second = -r * (1.0 + r);
    const double log_q = x > -0.7 ? std::log(q) : std::log1p(-p);
    return {p, q, {x, 1.0, 0.0, 0.0}, {log_q, -r, second, second * (1.0 + 2.0 * r)}, r};
  }
};

}  // namespace tiers
