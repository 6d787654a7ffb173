// What the binomial and the beta-binomial family share: y successes of m trials, n = m - y.
#pragma once

#include "linked_family.h"
#include "numeric_kernels.h"

namespace tiers {

// c(y, m): what log choose(m, y) leaves beyond y log(m/y) + n log(m/n).
inline double choose_remainder(double y, double m) {
  const double n = m - y;
  if (!(y > 0.0 && n > 0.0)) return 0.0;
  if (m == 2.0) return -std::log(2.0);  // y = n = 1
  return 0.5 * (std::log(m / n) - std::log(y) - kLogTwoPi) + stirling_remainder(m) -
         stirling_remainder(y) - stirling_remainder(n);
}

class SuccessFamily : public LinkedFamily {
 public:
  using LinkedFamily::LinkedFamily;
  bool uses_trials() const override { return true; }

 protected:
  bool valid_response(double y, double m) const override {
    return y >= 0.0 && y <= m && y == std::floor(y) && m == std::floor(m);
  }
  double start_mean(double y, double m, double) const override { return (y + 0.5) / (m + 1.0); }
};

}  // namespace tiers
