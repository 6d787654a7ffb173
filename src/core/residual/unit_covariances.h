// V = Z G(theta) Z' + R(phi) of each pattern of units, with its derivatives by psi = (theta, phi):
// theta the parameters of the random terms, phi those of the residual structure, both on the
// internal scale.
#pragma once

#include "../covariance/covariance_parameters.h"
#include "unit_patterns.h"

namespace tiers {

class UnitCovariances {
 public:
  // `unit`: standard deviation of the response's internal unit, by whose square R is divided where
  // the structure has variances of its own; 1 where sigma is a parameter.
  UnitCovariances(const UnitPatterns& patterns, const CovarianceParameters& parameters,
                  const ResidualStructure& structure, double unit);

  Index size() const { return parameters_.size() + structure_.size(); }
  void move_to(const Vector& psi);

  // At the point of the last move_to(): t x t.
  void value(const UnitPattern& pattern, Matrix& v) const;
  void conditional(const UnitPattern& pattern, Matrix& r) const;
  // The parameters that V of this pattern depends on, and V_k of them side by side (t x t K).
  std::vector<Index> active(const UnitPattern& pattern) const;
  void derivatives(const UnitPattern& pattern, Matrix& stacked) const;

  // sum_kl W_kl R_kl of a pattern, W over phi alone (symmetric).
  void weighted_second(const UnitPattern& pattern, const Matrix& w, Matrix& out) const;

  // sum over patterns of <D, V_kl> for D that are symmetric: each is added, then they are put
  // together. `stacked`: derivatives() of that pattern, `which`: active() of it.
  class SecondDerivatives {
   public:
    explicit SecondDerivatives(const UnitCovariances& of);
    void add(const UnitPattern& pattern, const std::vector<Index>& which, const Matrix& stacked,
             const Matrix& d);
    Matrix result();
    // Per term: the sum of Z_l'D Z_l over levels.
    const std::vector<Matrix>& by_sigma() const { return by_sigma_; }

   private:
    void contract(Index table, const Matrix& d);
    void add_dispersion(const UnitPattern& pattern, const std::vector<Index>& which,
                        const Matrix& stacked, const Matrix& d);
    const UnitCovariances& of_;
    std::vector<Matrix> by_sigma_, by_table_;
    Matrix sum_;
  };

  // b of each level of the unit for one term: k x levels, G Z'v for a vector v of its rows.
  Matrix effects(const UnitPattern& pattern, int term, const Vector& v) const;

 private:
  Vector row_scale(const UnitPattern& pattern) const;
  // Sigma of a table, or its derivative by a parameter of the group.
  static constexpr Index kValue = -1;
  const Matrix& table(Index parameter, Index table, Matrix& room) const;
  void add_random(const UnitPattern& pattern, int term, const Matrix& sigma,
                  Eigen::Ref<Matrix> v) const;
  void add_subjects(const UnitPattern& pattern, Index parameter, Index group, const Vector& scale,
                    Eigen::Ref<Matrix> v) const;

  const UnitPatterns& patterns_;
  const CovarianceParameters& parameters_;
  const ResidualStructure& structure_;
  const double inverse_unit_;
  Vector theta_, phi_;
  std::vector<Matrix> lambda_, sigma_;  // per term
  // Per parameter (the value first) and table, made when it is first asked for at a point; where
  // they would take much room they are made each time.
  bool kept_ = true;
  mutable std::vector<std::vector<Matrix>> table_;
};

}  // namespace tiers
