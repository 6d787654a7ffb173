// Information about variance parameters that V is linear in, and what Kenward and Roger's method
// makes of it. psi = (g, s): V = sum g_a V_a + s W^-1, V_a = Z E_a Z' for given symmetric forms E_a
// (the entries of the terms' G) that G is a combination of, s = sigma^2; none of it divides by G.
// V is homogeneous of degree one in psi, so what belongs to s follows from the rest (Euler). With P
// = V^-1 - V^-1 X Phi X'V^-1 and K either of V^-1 and P:
//   D_a = dPhi/dpsi_a = Phi X'V^-1 V_a V^-1 X Phi         sum_a psi_a D_a  = Phi
//   A_ab = Phi X'V^-1 V_a P V_b V^-1 X Phi                sum_b psi_b A_ab = 0
//   T_ab = tr(K V_a K V_b)                                sum_b psi_b T_ab = tr(K V_a)
//                                                         sum_a psi_a tr(K V_a) = n, or n - p
#pragma once

#include "../blocks/marginal_products.h"
#include "../model/fit_result.h"
#include "../objective/profiled_deviance.h"
#include "../objective/term_places.h"

namespace tiers {

// The forms E_a on the internal scale, over the columns of their grouping.
std::vector<LevelForm> internal_forms(const Design& design, const TermPlaces& places,
                                      const BlockLayout& layout,
                                      const std::vector<VarianceForm>& forms);
// From W over (g, s) to that of the g's own: with e_a = (1, 0, ..) - g_a/s that what belongs to s
// follows from, it is E W E', E = [I, -g/s].
Matrix own_weight(const Matrix& w, const Vector& psi);

// Of (g, s): tr(K V_a) and tr(K V_a K V_b). K is P where the lower triangular root of X'V^-1X at
// sigma = 1 is given, and V^-1 where it is empty. `rows`: n.
struct VarianceTraces {
  Vector first;
  Matrix second;
};
VarianceTraces variance_traces(const MarginalProducts& products,
                               const std::vector<LevelForm>& forms, const Matrix& fixed_lower,
                               const Vector& psi, double rows);

// At theta, the point of the objective's last value().
VarianceInformation variance_information(const Design& design, const CrossProducts& cross,
                                         const CovarianceParameters& parameters,
                                         const ProfiledDeviance& objective, const Vector& theta,
                                         const VarianceForms& forms, const Poll& poll);

}  // namespace tiers
