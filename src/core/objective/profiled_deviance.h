// The (RE)ML deviance of a linear mixed model, with beta and sigma profiled out, of theta alone:
//   ML    log|Omega| + n (1 + log(2 pi r2 / n))
//   REML  log|Omega| + log|X'V^-1X| + m (1 + log(2 pi r2 / m)),  m = n - p
// Omega = Lambda'Z'WZ Lambda + I, r2 = min over u, beta of |y - X beta - Z Lambda u|^2_W + |u|^2.
// Its gradient is exact, its curvature the average information (vignettes/algorithm.Rmd 2.4, 2.5):
//   M_j = q_j I - T_j - [REML] sum B_l S^-1 B_l' - (m/r2) sum u_l u_l',  D_j = Lambda^-T M
//   Lambda^-1 gradient 2 D Lambda;  H = (m/r2) Q - (m/r2^2) d d' + <D, Sigma''>.
//
// Where r2 is a small difference of large cross-products, the response is replaced by the residual
// of a solution in hand (the anchor): y = e + X b0 + Z Lambda0 u0, and the system is solved for the
// distance from it. Where random effects are so large that the matrix itself cancels, its factor is
// made from the rows (blocks/orthogonal_factor.h). See vignettes/algorithm.Rmd 2.8.
#pragma once

#include <cmath>
#include <memory>

#include "../blocks/orthogonal_factor.h"
#include "mixed_objective.h"
#include "term_places.h"

namespace tiers {

// Whether sigma is the best one for each theta (and its derivatives those of the profile), or
// given.
enum class Scale { profiled, fixed };

class ProfiledDeviance final : public MixedObjective {
 public:
  ProfiledDeviance(const Design& design, CrossProducts& cross,
                   const CovarianceParameters& parameters, bool reml, const Poll& poll);

  Index size() const override { return parameters_.size(); }
  double value(const Vector& theta) override;
  // Where Lambda has a zero on its diagonal, those of a point just beside it, as hessian() and
  // fixed_derivatives() after them.
  void derivatives(Vector& gradient, Matrix& curvature) override;
  // H = 2 (m/r2) Q - (m/r2^2) d d' + <D, Sigma''> - TT, TT_ij = tr(K V_i K V_j), K = V^-1 or P.
  Matrix hessian() override;
  // With TT no larger than tr(E_i N E_j) of the levels' own blocks (see hessian(); N is at most I).
  Matrix hessian_bound() const override;
  CurvaturePlan curvature_plan() const override { return CurvaturePlan::average_information; }
  double resolution(double value) const override { return 1e-7 + 1e-12 * std::abs(value); }
  double step_limit(const Vector& theta, const Vector& step) const override;
  Vector safe_step(const Vector& theta) override;
  // Straight in Sigma: the deviance depends on theta through V only, which is linear in Sigma.
  Vector follow_path(const Vector& theta, const Vector& step) const override;
  Matrix path_correction() const override { return path_correction_; }
  bool refresh() override;
  // From now on sigma is this one, on the internal scale of the response:
  //   log|Omega| [+ log|X'V^-1X|] + m log(2 pi sigma^2) + r2 / sigma^2,
  // and m/r2 is 1/sigma^2 in all derivatives, without the terms of the profile in d d'.
  void fix_scale(double sigma);
  Scale scale() const { return scale_kind_; }
  double sigma2() const {
    return scale_kind_ == Scale::fixed ? fixed_sigma2_
                                       : here_.residual / static_cast<double>(degrees_);
  }
  // One value a row on the internal scale: the design's, until another is set. That has no anchor.
  const Vector& response() const { return response_; }
  void set_response(const Vector& y);
  // With the next response nothing of a search before matters: sigma is profiled out, and the
  // factor is made from cross-products.
  void forget();
  // The value without random effects, from the cross-products alone; before there is an anchor.
  double value_without() const;
  // Makes the solution at the point of the last value() the anchor.
  void anchor();

  // At the point of the last value():
  struct Solution {
    Vector beta, u;       // p, q
    double residual = 0;  // r2
  };
  Solution solve() const;
  double residual_square() const { return here_.residual; }
  Index degrees() const { return degrees_; }  // m
  // b = Lambda u of one term: k x levels.
  Matrix modes(const Solution& solution, int term) const;
  // eta = X beta + Z b for every row, on the internal scale of the response.
  Vector linear_predictor(const Solution& solution) const;
  const PenalizedFactor& factor() const { return *here_.factor; }
  // Of any theta.
  BlockedCholesky blocked_factor(const Vector& theta) const;
  const std::vector<Matrix>& sigma_gradient() const override { return sigma_gradient_; }
  // d r2 / d theta of the last derivatives().
  const Vector& residual_gradient() const { return residual_gradient_; }
  // X'V^-1 V_i V^-1 X for every theta_i (p x p each), at the point of the last derivatives().
  std::vector<Matrix> fixed_derivatives() const;
  Index used_rows() const { return design_.used_rows(); }
  Matrix mean_cross(int term) const override;

 private:
  struct Anchor {
    bool active = false;
    Vector beta, u;
    std::vector<Matrix> lambda;  // per grouping
  };
  // What is known at one Lambda.
  struct State {
    std::unique_ptr<PenalizedFactor> factor;
    std::vector<Matrix> lambda;  // per grouping
    Matrix random, fixed;        // c and s
    Vector shift;                // u = shift + what the system is solved for; empty: no anchor
    double constant = 0.0, residual = 0.0, deviance = 0.0;
    bool defined = false;
  };
  std::unique_ptr<PenalizedFactor> new_factor() const;
  void evaluate(const std::vector<Matrix>& lambda, State& at) const;
  void use_anchor(State& at, Matrix& random, Matrix& fixed) const;
  Solution solve(const State& at) const;
  bool needs_rows() const;
  double profile_share(double residual) const;
  void find_m(const Solution& solution);
  Vector theta_gradient();
  Matrix theta_information(const Solution& solution);
  Matrix average_information(const Matrix& directions) const;
  // E_i b, L^-1 E_i b (both q x p) and b'E_i b for every parameter.
  struct FixedForms {
    std::vector<Matrix> moved, solved, small;
    double trace(Index i, Index j) const;
  };
  Matrix random_traces(const std::vector<LevelForm>& forms) const;
  FixedForms fixed_forms(const std::vector<LevelForm>& forms) const;
  Matrix assemble_hessian(const Matrix& trace) const;

  const Design& design_;
  CrossProducts& cross_;
  const CovarianceParameters& parameters_;
  const bool reml_;
  const Poll poll_;
  const Index degrees_;
  const TermPlaces places_;
  std::vector<Matrix> mean_own_;  // per grouping

  Vector theta_, response_;
  // At theta_, and where derivatives() worked: there too, or just beside it.
  State here_, beside_;
  const State* floored_ = &here_;
  bool from_rows_ = false;  // the factor is
  Scale scale_kind_ = Scale::profiled;
  double fixed_sigma2_ = 1.0;
  Anchor anchor_;
  std::vector<Matrix> m_;  // M per grouping of the last derivatives()
  std::vector<Matrix> sigma_gradient_;
  Matrix information_;                           // Q
  double scale_ = 0.0, floored_residual_ = 0.0;  // m / r2 and r2 at the floored point
  std::vector<Matrix> inverse_sum_;              // sum over levels of (Omega^-1)_ll, per grouping
  Matrix path_correction_;                       // <D, d2 Sigma / dtheta dtheta'>
  Vector residual_gradient_;
  Matrix projection_;  // B
};

}  // namespace tiers
