// -2 log-likelihood of a generalized linear mixed model, integrated around the conditional mode:
// what Laplace's approximation and adaptive quadrature share. A subclass integrates; from what it
// says of the rows come here the exact gradient, a curvature from the same factor (average
// information for the covariance parameters, 2 X'V^-1X for beta, outer products for the
// dispersion), modes predicted from one point to the next, and the Hessian
// (vignettes/algorithm.Rmd 3.3, 3.5, 3.6).
//
// psi = (theta, beta, phi): covariance parameters first, then the fixed effects on the internal
// scale of X (unless they are part of the mode), then the coefficients of the log dispersion.
#pragma once

#include <cmath>

#include "conditional_mode.h"
#include "mixed_objective.h"
#include "term_places.h"

namespace tiers {

class ModalDeviance : public MixedObjective {
 public:
  // mode_tolerance: decrement of the mode search below which one more step is enough.
  ModalDeviance(ConditionalMode& mode, const CovarianceParameters& parameters,
                double mode_tolerance);

  Index size() const override { return parameters_.size() + fixed_count_ + dispersion_count_; }
  double value(const Vector& psi) override;
  void derivatives(Vector& gradient, Matrix& curvature) override;
  // The value at psi and nothing but the gradient beside it, for a mode that another objective has
  // just found at this psi.
  double value_and_gradient(const Vector& psi, Vector& gradient_out);
  // Central differences of the exact gradient, from predicted modes.
  Matrix hessian() override;
  double step_limit(const Vector& psi, const Vector& step) const override;
  // There is no step without a search here: the point itself.
  Vector safe_step(const Vector& psi) override { return psi; }
  CurvaturePlan curvature_plan() const override { return CurvaturePlan::secant; }
  // It contains conditional modes, which are themselves iterated.
  double resolution(double value) const override { return 1e-9 * (1.0 + std::abs(value)); }
  const std::vector<Matrix>& sigma_gradient() const override { return sigma_gradient_; }
  Matrix mean_cross(int term) const override;

  Index fixed_start() const { return parameters_.size(); }
  Index fixed_count() const { return fixed_count_; }
  Index dispersion_start() const { return parameters_.size() + fixed_count_; }
  Index dispersion_count() const { return dispersion_count_; }
  bool dispersion_at_limit() const { return mode_.response().at_limit(); }
  // Was the last value() finite? What follows is not there where it was not.
  bool is_defined() const { return defined_; }
  // b = Lambda u of one term at the point of the last value(): k x levels.
  Matrix modes(int term) const;
  Vector random_effects() const;  // b of all coordinates (q)
  // db / dpsi (q x size()) at the point of the last value(), before its derivatives(); not where
  // beta is part of the mode.
  Matrix random_effect_derivatives() const;
  // Coefficients that are part of the mode (p or 0).
  Vector fixed_in_mode() const { return integral_.u.tail(mode_.fixed_in_mode()); }
  const ConditionalMode& mode() const { return mode_; }
  // Coefficients from which the first search for a mode that holds them starts.
  void start_mode_at(const Vector& beta) { mode_start_.tail(beta.size()) = beta; }
  // The same of the random effects: u, k x levels per term.
  void start_mode_at(const std::vector<Matrix>& u);
  // From now on the mode is found as well as it can be: for values that are reported.
  void tighten() { tolerance_ = 1e-9; }

 protected:
  // What a subclass says of the point at which the mode has just been found. Rows as in PackedRows.
  struct Integral {
    double value = 0.0;         // f
    Vector u;                   // the mode, corrected (a vector of the mode)
    Vector score_at_mode;       // s there (n)
    Vector score;               // the mean of s under the integrand (n)
    Vector dispersion_score;    // the mean of dlogp/dphi (n)
    Vector leverage;            // h_i = U_i V U_i' (n)
    Vector node_score;          // gbar: mean of U's - u over the nodes (q); empty: zero
    std::vector<Matrix> outer;  // per grouping: -2 mean of sum_l (Z's)_l u_l'
    // Per grouping 2 sum_l (Z'WUV)_ll; empty: not to be had at this Lambda, but
    // sigma_gradient_beside_zero().
    std::vector<Matrix> variance;
  };
  virtual bool integrate(Integral& out) = 0;
  // The leverages' part of the gradient, spread by H^-1.
  struct Adjoint {
    Vector v, moved, t;  // of the mode; by row: what v adds to eta, and what is left
    Vector z, tau;       // Z' of the scores at the mode and of t
  };
  // D = df/dSigma of every grouping; read where near_zero(). May leave the mode's factor at
  // divisible_lambda(): until the next value() it serves the prediction of modes and the curvature,
  // to which it is near enough.
  virtual std::vector<Matrix> sigma_gradient_beside_zero(const Adjoint& at_mode);
  const std::vector<Matrix>& lambda() const { return lambda_; }  // per grouping
  const std::vector<Matrix>& divisible_lambda() const {
    return divisible_lambda_;
  }  // moved off zero
  // Whether a diagonal element of the grouping's Lambda is too small to divide by.
  bool near_zero(int grouping) const { return lambda_[grouping] != divisible_lambda_[grouping]; }
  ConditionalMode& mode() { return mode_; }

 private:
  // `differenced`: for the difference of two gradients, without the factor's part of X.
  double evaluate(const Vector& psi, const Vector& start, bool differenced = false);
  double integrate_at_mode();
  Vector predicted_start(const Vector& psi);
  Matrix mode_changes(const Matrix& steps) const;
  Vector mode_shift(const std::vector<Matrix>& change, const Vector& step, const Vector& z) const;
  Vector gradient();
  Adjoint adjoint() const;
  Matrix factor_gradient(int f, const Adjoint& adjoint) const;
  static Matrix sigma_gradient(const Matrix& by_lambda, const Matrix& lambda);
  Matrix curvature() const;

  ConditionalMode& mode_;
  const CovarianceParameters& parameters_;
  const Index fixed_count_, dispersion_count_;
  const TermPlaces places_;

  double tolerance_;
  Vector psi_;
  std::vector<Matrix> lambda_, divisible_lambda_, mean_own_;  // per grouping
  Integral integral_;
  bool defined_ = false;
  std::vector<Matrix> sigma_gradient_;

  // The point of the last derivatives(), from which modes are predicted along one direction.
  Vector base_psi_, base_mode_, base_direction_, base_change_;
  bool factor_at_base_ = false;
  Vector mode_start_;
};

}  // namespace tiers
