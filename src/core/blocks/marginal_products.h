// Products of M = Z'V^-1 Z, V = W^-1 + Z G Z', at any G (vignettes/algorithm.Rmd 4.2). In u-space
// (inverse_products.cpp) what belongs to a variance of zero is zero times infinity; here nothing is
// divided by Lambda.
//
// For one unit of the chain with A~ = [alpha a] (see blocked_cholesky.h), G of its grouping and W~
// = Lambda Omega^-1 Lambda' of everything above it,
//   C = (I + alpha G)^-1,  S = G C = H H',  m = C alpha
// give M_uu = m - C a W~ a'C'; so does the remainder with its whole A~ for alpha.
#pragma once

#include "blocked_cholesky.h"

namespace tiers {

class MarginalProducts {
 public:
  using Form = LevelForm;
  // Both must outlive it; the factor must not change.
  MarginalProducts(const CrossProducts& cross, const BlockedCholesky& factor, const Poll& poll);

  // Z'WX (q x p).
  Matrix cross_fixed() const { return cross_.cross_fixed(); }
  // Z'V^-1 x of the columns x whose Z'Wx (q x m) are given.
  Matrix apply(Matrix t) const;
  // M w (q x m).
  Matrix multiply(const Matrix& w) const;
  // Of one level where the grouping is alone: I - m G = (I + alpha G)^-1 and its diagonal block m
  // of M. No other block of that grouping differs from zero.
  struct Own {
    Matrix rest, product;
  };
  Own own_level(Index level) const;
  // E w: the form's block applied to each level of its grouping, zeros elsewhere.
  Matrix spread(const Form& form, const Matrix& w) const;

  struct Traces {
    Vector first;   // tr(V^-1 V_i) = tr(E_i M)
    Matrix second;  // tr(V^-1 V_i V^-1 V_j) = tr(E_i M E_j M)
  };
  Traces traces(const std::vector<Form>& forms) const;

 private:
  using Carried = BlockedCholesky::Carried;
  Eigen::Map<const Matrix> panel(int c, Index unit) const;
  Matrix alpha(int c, Index unit) const;
  ConstMatrixMap shrink(int c, Index unit) const;
  void shrink_units();
  void shrink_remainder();
  void carry(const Form& form, int own_level, Carried& carried) const;
  void remainder_traces(const std::vector<Form>& forms, const std::vector<int>& own_level,
                        const std::vector<Carried>& carried, Traces& out) const;
  void level_traces(int c, const std::vector<Form>& forms, const std::vector<int>& own_level,
                    const std::vector<Carried>& carried, BlockedCholesky::ScaledInverse& inverse,
                    Traces& out) const;

  const CrossProducts& cross_;
  const BlockedCholesky& factor_;
  const BlockLayout& layout_;
  const Poll poll_;
  std::vector<std::vector<double>> shrink_;      // C of every unit, k x k each
  Matrix dense_, dense_shrink_, dense_inverse_;  // A~, C and W~ of the remainder, full
};

}  // namespace tiers
