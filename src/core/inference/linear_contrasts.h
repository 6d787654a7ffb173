// What Kenward and Roger's method makes of any contrast w'(b; beta), w = (m; l): the derivatives of
// C = w'Psi w by parameters psi that V is linear in, and what the uncertainty of these adds to it
// (Kackar and Harville 1984; Kenward and Roger 1997). With M = Z'PZ, N = Z'V^-1 Z and Gdot_a the
// form of psi_a repeated over the levels,
//   kappa = Z'V^-1 X Phi h - (I - N G) m,   h = l - X'V^-1 Z G m,
//   dC_a = kappa'Gdot_a kappa,   K2_ab = kappa'Gdot_a M Gdot_b kappa,
// which is right at any G: nothing is divided by Lambda, and for m = 0 it is what kenward_roger.h
// has. What belongs to sigma^2 follows from sum_b psi_b K2_ab = 0 and sum_a psi_a dC_a = C. A level
// without data has kappa = -m and no K2 (vignettes/algorithm.Rmd 4.12).
#pragma once

#include "../blocks/marginal_products.h"
#include "contrast_rows.h"

namespace tiers {

class LinearContrasts {
 public:
  // At sigma = 1, internal scale; all must outlive it. `share`: what sum_ab share_ab K2_ab is
  // wanted for, over the forms' own parameters.
  LinearContrasts(const CrossProducts& cross, const BlockedCholesky& factor,
                  const TermPlaces& places, std::vector<LevelForm> forms, const Matrix& share,
                  const Poll& poll);

  // Gradients without that of sigma^2, and the adjustment. Of one grouping a level costs what its
  // own block does; where groupings are crossed or nested every combination of levels has a few
  // solves.
  void rows(const ContrastRows& rows, RowVariances& out) const;
  void block(const ContrastBlock& contrasts, BlockVariances& out) const;

 private:
  // Of kappa = -(I - N G) m at the coordinates of a combination: dC_a and the sum of K2.
  struct Combination {
    std::vector<Matrix> form;
    Matrix squares;
  };
  Combination combination(const CombinedRows& here) const;
  Combination one_level(const CombinedRows& here) const;
  Combination any_levels(const CombinedRows& here) const;
  Combination products(const Matrix& kappa) const;
  void add_new_levels(const ContrastRows& rows, Matrix& gradient) const;
  Matrix spread_variance(const Matrix& v) const;  // G v
  Matrix rest(const Matrix& v) const { return v - marginal_.multiply(spread_variance(v)); }
  Matrix rest_transposed(const Matrix& v) const {
    return v - spread_variance(marginal_.multiply(v));
  }
  Matrix without_fixed(const Matrix& v) const;  // M v
  // sum_ab share_ab left_a'right_b.
  Matrix shared(const std::vector<Matrix>& left, const std::vector<Matrix>& right) const;

  const BlockedCholesky& factor_;
  const BlockLayout& layout_;
  const TermPlaces& places_;
  const std::vector<LevelForm> forms_;
  const Matrix share_;
  const MarginalProducts marginal_;
  const bool separate_;  // one grouping: N is block diagonal over its levels

  Matrix cross_;               // Z'V^-1 X, q x p
  Matrix fixed_;               // Z'V^-1 X Phi
  Matrix root_;                // Z'V^-1 X L^-T, Phi = L^-T L^-1
  Matrix projected_;           // G Z'V^-1 X
  std::vector<Matrix> small_;  // of kappa = fixed_ h: dC_a, p x p
  std::vector<Matrix> mixed_;  // (I - G N) Gdot_a fixed_, q x p
  Matrix fixed_squares_;       // the sum of K2, p x p
  Matrix mixed_squares_;       // (I - G N) sum_ab share_ab Gdot_a M Gdot_b fixed_, q x p
};

}  // namespace tiers
