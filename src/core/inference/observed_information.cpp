#include "observed_information.h"

#include "../model/dense_algebra.h"
#include "../model/free_parameters.h"

namespace tiers {

// With t = log sigma^2 the joint deviance has f_tt = m and f_theta,t = -(m/r2) dr2/dtheta at the
// profile; the profiled Hessian is f_theta,theta less their product over f_tt.
Inference covariance_inference(ProfiledDeviance& objective, const std::vector<bool>& free) {
  Vector gradient;
  Matrix curvature;
  objective.derivatives(gradient, curvature);
  const Matrix hessian = objective.hessian();
  const FreeParameters some(free);
  const Index size = some.size();
  const Matrix profiled = some.take(hessian);
  const double sigma2 = objective.sigma2();
  const double m = static_cast<double>(objective.degrees());
  const Vector cross = -some.take(objective.residual_gradient()) / sigma2;
  Matrix joint(size + 1, size + 1);
  joint.topLeftCorner(size, size) = profiled + cross * cross.transpose() / m;
  joint.topRightCorner(size, 1) = cross;
  joint.bottomLeftCorner(1, size) = cross.transpose();
  joint(size, size) = m;

  Inference out;
  std::vector<bool> known = free;
  known.push_back(objective.scale() == Scale::profiled);
  const FreeParameters all(known);
  const Matrix own = all.size() > size ? joint : profiled;
  // Where nothing was estimated there is nothing to invert.
  const Matrix inverse_information = own.size() > 0 ? pseudo_inverse(own) : own;
  out.vcov_psi = 2.0 * all.spread(inverse_information);
  const Matrix unscaled = inverse_of_product(objective.factor().fixed_lower());  // S^-1
  const auto derivatives = objective.fixed_derivatives();
  for (const Matrix& derivative : derivatives)
    out.dvcov.push_back(sigma2 * unscaled * derivative * unscaled);
  out.dvcov.push_back(sigma2 * unscaled);
  return out;
}

}  // namespace tiers
