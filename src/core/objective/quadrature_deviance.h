// -2 log-likelihood by adaptive Gauss-Hermite quadrature over the chain of nested groupings, all of
// a unit's columns at once, with its exact gradient (vignettes/algorithm.Rmd 3.4, 3.5). The nodes
// sit where the factor of H = C C' at the joint mode puts them:
//   u_a = mode_a + C_a^-T (x_a - sum over ancestors c of C_ca'(u_c - mode_c)).
// One point everywhere is Laplace's approximation.
//
// "Path" below: a leaf unit, its parent, and so on to the root. Vectors over a path are stacked
// leaf first, so that the ancestors of one level are the tail after it.
#pragma once

#include "hermite_rule.h"
#include "modal_deviance.h"

namespace tiers {

class QuadratureDeviance final : public ModalDeviance {
 public:
  // points: per level of the layout's chain, leaf first. The layout must have no remainder.
  QuadratureDeviance(ConditionalMode& mode, const CovarianceParameters& parameters,
                     const std::vector<int>& points);

  // At the point of the last value(): how much the result still depends on where the nodes sit, a
  // bound on its error, summed over the root units, and the largest of them.
  double accuracy() const { return accuracy_; }
  double largest_error() const { return largest_error_; }
  // Per grouping, k x levels and k x (k levels): mean and covariance of u of every unit under the
  // integrand, at the point of the last value().
  const std::vector<Matrix>& means() const { return mean_; }
  const std::vector<Matrix>& second_moments() const { return second_moment_; }  // of u about zero

 protected:
  bool integrate(Integral& out) override;

 private:
  // A unit's nodes for one choice of its ancestors' nodes.
  struct Visit {
    Matrix u, shift;           // k x Q: values, and Lambda (u - mode)
    Vector probability;        // Q, given the ancestors
    std::vector<Index> below;  // visits of the children, node by node; empty for a leaf
    Matrix score, dispersion;  // leaf: rows x Q, s and dlogp/dphi
  };
  struct Point {   // the nodes chosen on the path above a visit
    Vector shift;  // stacked over the whole path; entries of levels not chosen yet are stale
    Vector x;
    std::vector<Vector> u;  // per level
  };
  double descend(int c, Index unit, Point& point, Index& visit_index);
  void evaluate_leaf(Index unit, const Point& point, Visit& visit, Vector& log_density);
  void ascend(int c, Index unit, Index visit_index, double weight, Point& point, Integral& out);
  void ascend_leaf(Index unit, const Visit& visit, double weight, Point& point, Integral& out);
  bool couple_levels(Integral& out);
  void spread_over_rows(Integral& out);

  std::vector<HermiteRule> rules_;  // per chain level
  std::vector<Vector> log_scale_;   // per chain level: log weight + x'x/2 of every node
  std::vector<Index> start_;  // per chain level: its first entry in a stacked path; and the end
  std::vector<std::vector<std::vector<int>>> children_;  // per level above the leaf, per unit
  std::vector<Visit> visits_;
  Index used_visits_ = 0;
  struct LeafRows {  // of one leaf unit at one node, overwritten at the next
    Vector eta, logp, w, dw, ds_dphi, dw_dphi;
  } leaf_rows_;
  Vector rest_;  // Z_ancestors shift of one leaf unit's rows
  // Per chain level and unit: mean of g x' for the unit and (itself, its ancestors), later S of
  // (I + S); and C between (ancestors, unit).
  std::vector<std::vector<Matrix>> products_, coupling_;
  std::vector<Matrix> mean_, second_moment_;
  double accuracy_ = 0.0, largest_error_ = 0.0;
};

}  // namespace tiers
