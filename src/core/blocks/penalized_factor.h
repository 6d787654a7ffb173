// What a linear model asks of a factor L of
//   [ Lambda'Z'WZ Lambda + I   Lambda'Z'WX ]  =  L L',   Omega the upper left block.
//   [ X'WZ Lambda              X'WX        ]
// Vectors live in u-space (b = Lambda u), coordinates as in BlockLayout.
#pragma once

#include "block_layout.h"

namespace tiers {

// A symmetric k x k matrix repeated on the diagonal blocks of all levels of one grouping.
struct LevelForm {
  int grouping;
  Matrix block;
};

class PenalizedFactor {
 public:
  virtual ~PenalizedFactor() = default;

  // One k x k lower factor for each Grouping of the layout. Returns false where Omega is not
  // positive definite to machine precision.
  virtual bool factorize(const std::vector<Matrix>& lambda, const Poll& poll) = 0;
  // Whether X'V^-1X is positive definite too. With weights of both signs it need not be.
  virtual bool fixed_definite() const = 0;
  virtual double log_det_random() const = 0;      // log|Omega|
  virtual double log_det_fixed() const = 0;       // log|X'V^-1X|
  virtual const Matrix& fixed_lower() const = 0;  // L_XX, p x p
  // L c = [random; fixed], in place. `fixed` without rows: with the factor of Omega alone.
  virtual void solve_forward(Matrix& random, Matrix& fixed) const = 0;
  // [u; beta] from [c; s], in place: L' [u; beta] = [c; s].
  virtual void solve_backward(Matrix& random, Matrix& fixed) const = 0;
  // B = Omega^-1 Lambda'Z'WX (q x p).
  virtual Matrix fixed_projection() const = 0;
  // Sum over levels of the k x k diagonal blocks of Omega^-1, for each grouping.
  virtual std::vector<Matrix> inverse_sums(const Poll& poll) const = 0;
  // tr(E_i Omega^-1 E_j Omega^-1) for all pairs of forms.
  virtual Matrix inverse_products(const std::vector<LevelForm>& forms, const Poll& poll) const = 0;
};

}  // namespace tiers
