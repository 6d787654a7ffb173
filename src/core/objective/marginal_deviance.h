// The (RE)ML deviance of a linear model with a residual structure, of psi = (theta, phi), with the
// covariance matrix of each unit as a dense matrix (vignettes/algorithm.Rmd 6.1, 6.2):
//   log|V| [+ log|X'V^-1X|] + m (1 + log(2 pi r2 / m)),   r2 = min over beta of |y - X beta|^2 by V
// where V is relative to sigma^2, and with r2 + m log(2 pi) in the last place where it is absolute.
// Gradient, Hessian and Fisher's information are exact, from one pass over the patterns of units.
#pragma once

#include "../residual/pattern_data.h"
#include "../residual/unit_covariances.h"
#include "mixed_objective.h"

namespace tiers {

class MarginalDeviance final : public MixedObjective {
 public:
  MarginalDeviance(const Design& design, const UnitPatterns& patterns, const PatternData& data,
                   const CovarianceParameters& parameters, const ResidualStructure& structure,
                   bool reml, const Poll& poll);

  Index size() const override { return covariances_.size(); }
  double value(const Vector& psi) override;
  // The curvature is the expected information.
  void derivatives(Vector& gradient, Matrix& curvature) override;
  Matrix hessian() override { return hessian_; }
  CurvaturePlan curvature_plan() const override { return CurvaturePlan::exact; }
  double resolution(double value) const override { return 1e-9 + 1e-12 * std::abs(value); }
  double step_limit(const Vector& psi, const Vector& step) const override;
  Vector safe_step(const Vector& psi) override { return psi; }
  const std::vector<Matrix>& sigma_gradient() const override { return sigma_gradient_; }
  Matrix mean_cross(int term) const override;

  // At the point of the last value():
  double sigma2() const { return structure_.has_sigma() ? residual_ / m() : 1.0; }
  Index degrees() const { return degrees_; }
  // Internal coefficients of the response itself, and of its least-squares residual r.
  Vector coefficients() const { return data_.least_squares() + beta_; }
  const Matrix& fixed_lower() const { return fixed_lower_; }  // root of X'V^-1X
  const Matrix& factor(std::size_t pattern) const { return factor_[pattern]; }
  const UnitCovariances& covariances() const { return covariances_; }
  // y - X beta of a unit's rows.
  Vector unit_residual(Index unit) const;
  // After derivatives(): y'P V_k P y, and X'V^-1 V_k V^-1 X.
  const Vector& quadratic() const { return quadratic_; }
  Matrix fixed_derivative(Index k) const;
  // tr(K V_k V_l) of V^-1 V_k V^-1 V_l in full (ML) or of P (REML), before sigma is profiled.
  const Matrix& traces() const { return traces_; }

 private:
  struct Sums;
  double m() const { return static_cast<double>(degrees_); }
  double scale() const { return structure_.has_sigma() ? m() / residual_ : 1.0; }
  void add_moments(std::size_t pattern, Sums& sums) const;
  void add_rows(std::size_t pattern, Sums& sums) const;
  Matrix unpack_sum(Index k) const;

  const Design& design_;
  const UnitPatterns& patterns_;
  const PatternData& data_;
  const CovarianceParameters& parameters_;
  const ResidualStructure& structure_;
  const bool reml_;
  const Poll poll_;
  const Index degrees_;
  UnitCovariances covariances_;

  std::vector<Matrix> factor_;  // per pattern: L of V
  Matrix products_;             // [X r]'V^-1[X r]
  Vector beta_;                 // of r
  Matrix fixed_lower_;
  double residual_ = 0.0;  // r2
  Matrix packed_sums_;     // P(P+1)/2 x size: U'V^-1V_kV^-1U
  Vector quadratic_;
  Matrix hessian_, traces_;
  std::vector<Matrix> sigma_gradient_;
};

}  // namespace tiers
