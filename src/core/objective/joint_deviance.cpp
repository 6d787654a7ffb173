#include "joint_deviance.h"

#include <cmath>

namespace tiers {

double JointDeviance::value(const Vector& psi) {
  inner_.fix_scale(std::exp(psi[inner_.size()]));
  return inner_.value(psi.head(inner_.size()));
}

void JointDeviance::derivatives(Vector& gradient, Matrix& curvature) {
  Vector by_theta;
  Matrix inner;
  inner_.derivatives(by_theta, inner);
  gradient.resize(size());
  gradient.head(inner_.size()) = by_theta;
  gradient[inner_.size()] =
      2.0 * (static_cast<double>(inner_.degrees()) - inner_.residual_square() / inner_.sigma2());
  curvature = with_sigma(inner);
}

Matrix JointDeviance::with_sigma(const Matrix& by_theta) const {
  const Index count = inner_.size();
  Matrix out(count + 1, count + 1);
  out.topLeftCorner(count, count) = by_theta;
  out.topRightCorner(count, 1) = -2.0 / inner_.sigma2() * inner_.residual_gradient();
  out.bottomLeftCorner(1, count) = out.topRightCorner(count, 1).transpose();
  out(count, count) = 4.0 * inner_.residual_square() / inner_.sigma2();
  return out;
}

double JointDeviance::step_limit(const Vector& psi, const Vector& step) const {
  const Index count = inner_.size();
  const double limit = inner_.step_limit(psi.head(count), step.head(count));
  return std::abs(step[count]) > 1.0 ? std::min(limit, 1.0 / std::abs(step[count])) : limit;
}

}  // namespace tiers
