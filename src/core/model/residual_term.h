// The covariance matrix of the residuals as the caller holds it: R is block diagonal over subjects,
//   R_rs = Sigma(phi_g)_rs exp((d_r + d_s)'gamma) / sqrt(w_r w_s),
// Sigma a structure at the positions of the rows r and s of a subject, g the group whose parameters
// it has, d rows of the model of the log standard deviation, w weights. Nothing is copied.
#pragma once

#include "specification.h"

namespace tiers {

struct ResidualTerm {
  StructureRecipe recipe;        // scale by_name; "id": independent rows
  const int* subject = nullptr;  // n codes, 1-based; nullptr: each row alone
  Index n_subjects = 0;
  const int* visit = nullptr;  // n, 0-based; nullptr: the structure reads coordinates
  ConstMatrixMap coordinates{nullptr, 0, 0};  // n x d, or empty
  const int* by = nullptr;                    // n codes, 1-based, equal within subjects
  Index n_by = 1;
  ConstMatrixMap dispersion{nullptr, 0, 0};  // n x q, or empty: log SD = D gamma beside the scale
};

struct StructuredSpecification {
  Specification model;
  ResidualTerm residual;
};

}  // namespace tiers
