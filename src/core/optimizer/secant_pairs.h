// The last steps and what the gradient did along them, laid over a curvature as BFGS updates.
#pragma once

#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "../model/specification.h"

namespace tiers {

class SecantPairs {
 public:
  explicit SecantPairs(int most) : most_(most) {}

  bool empty() const { return pairs_.empty(); }
  void clear() { pairs_.clear(); }
  void add(const Vector& step, const Vector& gradient_change) {
    pairs_.emplace_back(step, gradient_change);
    if (static_cast<int>(pairs_.size()) > most_) pairs_.pop_front();
  }

  // Oldest first. A positive definite curvature stays so: where the gradient rose too little along
  // a step, its change is mixed with what the curvature expects (Powell's damping).
  Matrix update(Matrix curvature) const {
    curvature *= common_factor(curvature);
    for (const auto& [step, gradient_change] : pairs_) {
      const Vector expected = curvature * step;
      const double bend = step.dot(expected), seen = step.dot(gradient_change);
      if (!(bend > 0.0) || !gradient_change.allFinite()) continue;
      const double share = seen < kDamp * bend ? (1.0 - kDamp) * bend / (bend - seen) : 1.0;
      const Vector change = share * gradient_change + (1.0 - share) * expected;
      curvature +=
          change * change.transpose() / step.dot(change) - expected * expected.transpose() / bend;
    }
    return curvature;
  }

 private:
  // Where the curvature is too large along every step, or too small along every one, it is so
  // elsewhere too: by the least of these factors.
  double common_factor(const Matrix& curvature) const {
    if (pairs_.size() < 2) return 1.0;
    double least = std::numeric_limits<double>::infinity(), most = 0.0;
    for (const auto& [step, gradient_change] : pairs_) {
      const double factor = step.dot(gradient_change) / step.dot(curvature * step);
      if (!std::isfinite(factor)) return 1.0;
      least = std::min(least, factor);
      most = std::max(most, factor);
    }
    if (least > 1.0) return least;
    return most > 0.0 && most < 1.0 ? most : 1.0;
  }

  static constexpr double kDamp = 0.2;  // Powell's (1978)
  int most_;
  std::deque<std::pair<Vector, Vector>> pairs_;
};

}  // namespace tiers
