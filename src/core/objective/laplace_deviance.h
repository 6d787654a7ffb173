// Laplace's approximation: f = -2 sum logp + u'u + log|H| at the mode, with the correction
// f - r'd + omega'U d for the Newton step d = H^-1 r not taken: second order in the mode's error.
#pragma once

#include "modal_deviance.h"

namespace tiers {

class LaplaceDeviance final : public ModalDeviance {
 public:
  LaplaceDeviance(ConditionalMode& mode, const CovarianceParameters& parameters)
      : ModalDeviance(mode, parameters, 1e-2) {}

 protected:
  bool integrate(Integral& out) override;
  std::vector<Matrix> sigma_gradient_beside_zero(const Adjoint& at_mode) override;
};

}  // namespace tiers
