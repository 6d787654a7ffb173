// Everything between the rows of a linear model with a residual structure and its objective, in the
// order in which each needs the one before.
#pragma once

#include "../model/structured_result.h"
#include "../objective/marginal_deviance.h"

namespace tiers {

struct StructuredEngine {
  StructuredEngine(const StructuredSpecification& spec, const Control& control);
  StructuredEngine(const StructuredEngine&) = delete;

  // From covariances of least-squares residuals: as they are, beside random effects a part of them;
  // without correlations; the same with one visit's variance nearly all random effects'; and with
  // variances of the random effects at zero.
  enum class Start { moments, uncorrelated, small_sd, without_random };
  Vector start(Start from);
  // psi on the internal scale; sigma of the point is not in it.
  Vector internal(const StructuredPoint& point) const;
  // Of the user's sigma: what an internal one is multiplied by. Both are those at the centre of the
  // dispersion's columns.
  double sigma_unit() const;
  // Factor of a term on the user's scale, relative to sigma, or absolute where that is none.
  Matrix user_lambda(int term, const Matrix& lambda) const;
  // V of the user at the point over the internal one.
  double covariance_scale(const StructuredPoint& point) const;
  double absolute_unit() const { return structure.has_sigma() ? 1.0 : design.user_sigma(1.0); }
  Vector phi(const Vector& psi) const { return psi.tail(structure.size()); }

  const StructuredSpecification& spec;
  CovarianceParameters parameters;
  ResidualStructure structure;
  Design design;
  UnitPatterns patterns;
  PatternData data;
  MarginalDeviance objective;
};

}  // namespace tiers
