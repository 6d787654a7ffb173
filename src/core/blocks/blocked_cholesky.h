// The factor of  [ Lambda'A_ZZ Lambda + I   Lambda'A_ZX ]   for the blocks of BlockLayout.
//                [ A_XZ Lambda              A_XX        ]
//
// Chain units are eliminated leaf to root. With D = Lambda'A Lambda + I = l l' for one unit and
// H = Lambda l^-T, the blocks that it touches lose (A H)(A H)', unscaled by their own Lambda: what
// is left, written A~, is the cross-product in the metric of V^-1 of the terms eliminated so far.
// The remainder's scaling by Lambda comes last, in one pass (vignettes/algorithm.Rmd 2.3).
//
// Vectors live in u-space (b = Lambda u), coordinates as in BlockLayout.
#pragma once

#include "block_size.h"
#include "cross_products.h"
#include "penalized_factor.h"

namespace tiers {

class BlockedCholesky final : public PenalizedFactor {
 public:
  explicit BlockedCholesky(const CrossProducts& cross) : cross_(cross) {}

  // One k x k lower factor for each Grouping of the layout. Returns false where
  // Omega = Lambda'A_ZZ Lambda + I is not positive definite to machine precision.
  bool factorize(const std::vector<Matrix>& lambda, const Poll& poll) override;
  // Whether X'V^-1X is positive definite too. With weights of both signs it need not be.
  bool fixed_definite() const override { return fixed_definite_; }

  double log_det_random() const override { return log_det_random_; }      // log|Omega|
  double log_det_fixed() const override { return log_det_fixed_; }        // log|X'V^-1X|
  const Matrix& fixed_lower() const override { return fixed_lower_; }     // L_XX, p x p
  const Matrix& fixed_information() const { return fixed_information_; }  // X'V^-1X, lower triangle
  const std::vector<Matrix>& lambda() const { return lambda_; }
  const BlockLayout& layout() const { return cross_.layout(); }

  // Of one unit of the chain: l (k x k); H = Lambda l^-T; A~ between it and its ancestors
  // (k x ancestor columns). The block of L between an ancestor a and the unit is Lambda_a'A~_a' H.
  ConstMatrixMap unit_lower(int c, Index unit) const { return unit_block(lower_, c, unit); }
  ConstMatrixMap unit_spread(int c, Index unit) const { return unit_block(spread_, c, unit); }
  ConstMatrixMap unit_ancestors(int c, Index unit) const {
    const ChainLevel& level = cross_.layout().chain()[c];
    return ConstMatrixMap(panel(c).data() + level.panel_start[unit], level.columns,
                          level.ancestor_columns);
  }

  // A~ between a unit and its (ancestors, cells).
  ConstMatrixMap unit_panel(int c, Index unit) const {
    const ChainLevel& level = cross_.layout().chain()[c];
    return ConstMatrixMap(panel(c).data() + level.panel_start[unit], level.columns,
                          level.ancestor_columns + level.cells(unit));
  }

  // L c = [random; fixed], in place. `fixed` without rows: with the factor of Omega alone.
  void solve_forward(Matrix& random, Matrix& fixed) const override;
  // [u; beta] from [c; s], in place: L' [u; beta] = [c; s].
  void solve_backward(Matrix& random, Matrix& fixed) const override;
  // B = Omega^-1 Lambda'Z'X (q x p).
  Matrix fixed_projection() const override;
  // Lambda u, or Lambda'v.
  Matrix apply_lambda(const Matrix& u, bool transposed) const;

  // Calls visit(grouping, level, block) with each k x k diagonal block of Omega^-1; where it is
  // given, also local(unit, W) with W = Lambda Omega^-1 Lambda' among the coordinates that rows of
  // one leaf unit touch: its own k, then its ancestors and cells in the order of its panel.
  // One call a level: functions behind a pointer, so that the walk is compiled once.
  using BlockVisitor =
      std::function<void(int grouping, Index level, const Eigen::Ref<const Matrix>& block)>;
  using LocalVisitor = std::function<void(Index unit, const Matrix& scaled)>;
  void visit_inverse_blocks(const BlockVisitor& visit, const LocalVisitor& local,
                            const Poll& poll) const;

  // Sum over levels of those blocks, for each grouping.
  std::vector<Matrix> inverse_sums(const Poll& poll) const override;

  // tr(E_i Omega^-1 E_j Omega^-1) for all pairs of forms.
  Matrix inverse_products(const std::vector<LevelForm>& forms, const Poll& poll) const override;
  // What a form leaves on all that is eliminated after its levels (see inverse_products.cpp),
  // unscaled by their Lambda.
  struct Carried {
    std::vector<std::vector<Matrix>> own, panel;  // of chain levels: k x k, k x (ancestors, cells)
    Matrix dense;                                 // remainder, full
  };
  // What LocalInverse needs of forms, whatever the places.
  struct FormsAbove {
    std::vector<int> own_level;     // in the chain; its depth for groupings of the remainder
    std::vector<Carried> carried;   // above that level
    Matrix inverse;                 // Lambda Omega^-1 Lambda' of the remainder, full
    std::vector<Matrix> remainder;  // Lambda Omega^-1 E Omega^-1 Lambda' there, full
  };
  void forms_above(const std::vector<LevelForm>& forms, FormsAbove& out, const Poll& poll) const;

 private:
  friend class MarginalProducts;
  ConstMatrixMap unit_block(const std::vector<std::vector<double>>& blocks, int c,
                            Index unit) const {
    const Index k = cross_.layout().chain()[c].columns;
    return ConstMatrixMap(blocks[c].data() + unit * k * k, k, k);
  }
  template <int K>
  bool eliminate_level(int c, const Poll& poll);
  template <int K>
  bool factor_unit(int c, Index unit, const Square<K>& lambda, Square<K>& l, Square<K>& h);
  template <int K>
  void subtract_from_ancestors(int c, Index unit, Eigen::Map<Panel<K>>& part);
  template <int K>
  void subtract_from_root(int c, Index unit, const Eigen::Map<Panel<K>>& part);
  bool factorize_remainder(const Poll& poll);
  void scale_remainder_columns(const Matrix& right, Index at);
  template <int K>
  void forward_level(int c, Matrix& random, Matrix& shed, Matrix& shed_fixed) const;
  template <int K>
  void backward_level(int c, Matrix& random, Matrix& scaled, const Matrix& fixed) const;
  const std::vector<double>& own(int c) const { return c == 0 ? cross_.own(0) : own_[c]; }
  const std::vector<double>& panel(int c) const { return c == 0 ? cross_.panel(0) : panel_[c]; }
  // W~ = Lambda Omega^-1 Lambda' between the ancestors and cells of one unit.
  struct ScaledInverse;
  void gather_inverse(const ScaledInverse& inverse, int c, Index unit, Matrix& block) const;
  void start_levels(ScaledInverse& inverse) const;
  // Lambda m Lambda' (or Lambda'm Lambda) for a full matrix m of the remainder, in place.
  void scale_remainder(Matrix& m, bool transposed) const;
  void carry_form(const LevelForm& form, int level, Carried& carried, const Poll& poll) const;
  void spread_update(int c, Index unit, const Matrix& update, Carried& carried) const;
  Matrix remainder_form(const LevelForm& form, int own_level, Carried& carried,
                        const Matrix& inverse, const Poll& poll) const;
  void remainder_products(const std::vector<LevelForm>& forms, const std::vector<int>& own_level,
                          std::vector<Carried>& carried, ScaledInverse& inverse, Matrix& products,
                          const Poll& poll) const;
  void level_products(int c, const std::vector<LevelForm>& forms, const std::vector<int>& own_level,
                      const std::vector<Carried>& carried, ScaledInverse& inverse, Matrix& products,
                      const Poll& poll) const;
  // visit(unit, (Omega^-1)_uu, I + H'QH, W~ over the unit's ancestors and cells); for a leaf the
  // last is empty unless asked for.
  using LevelVisitor =
      std::function<void(Index unit, const Matrix& own, const Matrix& inner, const Matrix& block)>;
  void visit_level(int c, ScaledInverse& inverse, const LevelVisitor& visit, bool leaf_block,
                   const Poll& poll) const;

  const CrossProducts& cross_;
  std::vector<Matrix> lambda_;
  std::vector<std::vector<double>> own_, panel_;     // A~ of chain levels above the leaf
  std::vector<std::vector<double>> lower_, spread_;  // l and H of every unit, k x k each
  Matrix remainder_;                                 // L of the dense remainder
  Matrix remainder_fixed_;                           // L_RX' : q_R x p
  Matrix fixed_lower_, fixed_information_;
  bool fixed_definite_ = true;
  double log_det_random_ = 0.0, log_det_fixed_ = 0.0;
};

}  // namespace tiers
