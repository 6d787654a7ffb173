// What Kenward and Roger's method needs of a fit, in coordinates psi = (g, s) of V = Z G(g) Z' + s
// W^-1 that V is linear in: G = sum g_i E_i with the derivatives E_i of Sigma at the estimate, s =
// sigma^2. V is homogeneous of degree one in psi, so that what belongs to s follows from the rest
// (Euler), and no row is read. With P = V^-1 - V^-1 X Phi X'V^-1:
//   D_i = dPhi/dpsi_i = Phi X'V^-1 V_i V^-1 X Phi         sum_i psi_i D_i  = Phi
//   A_ij = Phi X'V^-1 V_i P V_j V^-1 X Phi                sum_j psi_j A_ij = 0
//   T_ij = tr(P V_i P V_j)                                sum_j psi_j T_ij = tr(P V_i)
//                                                         sum_i psi_i tr(P V_i) = n - p
#pragma once

#include "../model/fit_result.h"
#include "../objective/profiled_deviance.h"

namespace tiers {

// As covariance_inference(). For structures whose factor is linear in theta.
KenwardRoger kenward_roger(ProfiledDeviance& objective, const std::vector<bool>& free);

}  // namespace tiers
