// The conditional mode of the random effects given the parameters, by damped Newton steps:
//   u maximizes  sum logp(y_i | eta_i) - u'u/2,   eta = offset + X beta + Z Lambda u,
// with the factor of H = Lambda'Z'WZ Lambda + I and all row derivatives there. W are the observed
// weights; where they make H indefinite, one step is taken with the family's fall-back weights. At
// the mode itself H must be positive definite (vignettes/algorithm.Rmd 3.1).
//
// Vectors "of the mode" hold u (q entries). With beta in the mode too - the fast approximation, in
// which beta maximizes the penalized likelihood together with u - they hold (u, beta), and solve()
// is with the augmented system.
#pragma once

#include "../blocks/blocked_cholesky.h"
#include "packed_response.h"

namespace tiers {

class ConditionalMode {
 public:
  ConditionalMode(const ResponseFamily& family, PackedResponse& response, const PackedRows& rows,
                  CrossProducts& cross, bool fixed_in_mode, const Poll& poll);

  Index size() const { return random_count_ + fixed_count_; }
  // Columns of X whose coefficients are part of the mode: p or 0.
  Index fixed_in_mode() const { return fixed_count_; }

  // Finds the mode from `start`; false where it does not exist or H is not positive definite there.
  // The Newton step before the last has a decrement below `tolerance`; `residual()` is what is
  // left. beta is empty where it is part of the mode. The factor has the part of X only if
  // `with_fixed`: gradients do without. A start with a decrement below `accepted` is taken for the
  // mode.
  bool find(const Vector& beta, const std::vector<Matrix>& lambda, const Vector& start,
            double tolerance, bool with_fixed, double accepted = 0.0);

  // At the mode:
  const Vector& u() const { return u_; }
  const Vector& eta() const { return eta_; }
  const Vector& logp() const { return logp_; }
  const Vector& s() const { return s_; }
  const Vector& w() const { return w_; }
  const Vector& dw() const { return dw_; }
  const Vector& dlogp_dphi() const { return dlogp_dphi_; }
  const Vector& ds_dphi() const { return ds_dphi_; }
  const Vector& dw_dphi() const { return dw_dphi_; }
  const Vector& residual() const { return residual_; }                     // (U's - u, X's)
  double penalty() const { return u_.head(random_count_).squaredNorm(); }  // u'u
  const BlockedCholesky& factor() const { return factor_; }
  BlockedCholesky& factor() { return factor_; }
  const CrossProducts& cross() const { return cross_; }
  const PackedRows& rows() const { return rows_; }
  const PackedResponse& response() const { return response_; }
  PackedResponse& response() { return response_; }
  const ResponseFamily& family() const { return family_; }
  const Poll& poll() const { return poll_; }
  int steps() const { return steps_; }  // Newton steps since construction

  // Per row what a vector of the mode adds to eta (Z Lambda u + X beta), the transposed map of a
  // vector of rows, and H^-1 of vectors of the mode.
  Vector predictor(const Vector& of_mode) const;
  Vector project(const Vector& r) const;
  Matrix solve(const Matrix& of_mode) const;

 private:
  // The penalized deviance at a vector of the mode, with all that one pass over the rows gives
  // there: their derivatives, residual(), A by the observed weights (with the part of X if asked
  // for).
  double pass(const Vector& of_mode, Detail detail, bool with_fixed);
  bool factorize();
  // A step along `direction`, at most as long as `longest`, that lets `value` fall by enough;
  // `left_domain`: a longer one met the end of the domain of eta.
  struct Step {
    bool fell = false, left_domain = false;
    double length = 1.0;
  };
  Step search_line(const Vector& direction, double decrement, double longest, Detail detail,
                   bool with_fixed, double& value);
  RowDerivatives row_derivatives();

  const ResponseFamily& family_;
  PackedResponse& response_;
  const PackedRows& rows_;
  CrossProducts& cross_;
  const Poll poll_;
  const Index random_count_, fixed_count_;
  BlockedCholesky factor_;
  std::vector<Matrix> lambda_;
  Vector u_, fixed_part_, eta_, residual_;
  Vector logp_, s_, w_, w_fallback_, dw_, dlogp_dphi_, ds_dphi_, dw_dphi_;
  int steps_ = 0;
};

}  // namespace tiers
