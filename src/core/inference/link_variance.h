// The prediction error of the linear predictor m'b + l'beta of a generalized mixed model. At given
// parameters b is off its mode by Lambda H^-1 Lambda'; the mode and beta follow the parameters psi
// = (theta, beta, phi), whose estimates have the covariance matrix V:
//   m'Lambda H^-1 Lambda'm + d'V d,   d = (0, l, 0) + (db/dpsi)'m,
//   db = Ldot u + Lambda du/dpsi  (Booth and Hobert 1998; vignettes/algorithm.Rmd 4.11).
// Where beta is part of the mode (the fast approximation) the variances are taken as known.
#pragma once

#include "../objective/modal_deviance.h"
#include "contrast_rows.h"

namespace tiers {

// At the point of the objective's last value(); internal scale. vcov_psi: V. A level without data
// adds m'Sigma m, Sigma = Lambda Lambda' of its term (`lambda`).
Vector link_variances(const ModalDeviance& objective, const TermPlaces& places,
                      const std::vector<Matrix>& lambda, const ContrastRows& rows,
                      const Matrix& vcov_psi);
Matrix link_covariance(const ModalDeviance& objective, const TermPlaces& places,
                       const ContrastBlock& contrasts, const Matrix& vcov_psi);

}  // namespace tiers
