// Random effects that are fixed effects too. Where every level's column Z_l v lies in the span of
// X, the fixed effects take up whatever the levels do in the direction v: the variance along it is
// zero by maximum likelihood (the fixed effects can be put where the likelihood, of which a
// variance only makes an average, is largest), and the REML criterion does not depend on it. By
// maximum likelihood that holds for the part of the effect that is independent of the term's other
// directions: what of it follows from them still counts, so that a covariance matrix of which d of
// k directions are saturated has rank k - d (vignettes/algorithm.Rmd, 4.16).
#pragma once

#include "../covariance/covariance_parameters.h"
#include "../model/design.h"

namespace tiers {

struct Saturation {
  // Where only some of a term's directions are saturated its columns are not centred: what is left
  // out on the internal scale is then left out on the user's.
  Scaling scaling;
  std::vector<Matrix> directions;  // per term, k x d orthonormal on that scale; empty: none

  std::vector<Index> ranks;  // per term, that of its covariance matrix at most at an optimum

  // The covariance parameters that stay free; the others are held at zero.
  std::vector<bool> free_parameters(const CovarianceParameters& parameters) const;
  // Those that a search for the optimum has to move, of matrices of these ranks.
  std::vector<bool> searched_parameters(const CovarianceParameters& parameters) const;
  std::vector<bool> natural_free(const CovarianceParameters& parameters) const;
  // What the user holds, and at zero what else does not stay free.
  HeldParameters settle(const HeldParameters& held, const CovarianceParameters& parameters) const;
  // The columns of a term (0-based) whose variance is held at zero, and not by the user.
  std::vector<Index> columns(int term, const CovarianceParameters& parameters,
                             const HeldParameters& held) const;
  bool any_column(const CovarianceParameters& parameters, const HeldParameters& held) const;
};

// Costs a design and a pass over the rows for each term that has no more levels than there are
// fixed effects; otherwise nothing. Where covariance parameters are held or tied, only whole
// columns: under REML, which does not depend on them, those of any term, by maximum likelihood
// those of terms that have none held or tied.
Saturation find_saturation(const Specification& spec, const CovarianceParameters& parameters,
                           Scaling scaling, const Poll& poll);

}  // namespace tiers
