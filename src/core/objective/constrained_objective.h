// An objective of psi = (theta, rest) as a function of fewer coordinates phi: standard deviations
// and correlations that are free (equal ones once), then the free ones of the rest. Exact: gradient
// and Hessian by the chain rule, with the second derivatives of psi.
//
// A coordinate is a standard deviation on the user's scale, its root where the column has a given
// correlation, the arc sine of a correlation (so that all have a flat minimum where they end), or
// in terms of three and more columns the place of a row on a sphere (covariance/natural_factor.h),
// which has no end. The value is infinite where no covariance matrix has the correlations.
#pragma once

#include "../covariance/covariance_parameters.h"
#include "../covariance/natural_factor.h"
#include "../covariance/parameter_map.h"
#include "mixed_objective.h"

namespace tiers {

struct Constraints {
  // Of every parameter of the random effects: its value, NaN where it is free, and a number that
  // equal ones share.
  std::vector<double> held;
  std::vector<int> same;
  // Standard deviations that are sigma, `unit` times the exponential of the last entry of psi.
  // Empty: none.
  std::vector<bool> is_sigma;
  double unit = 1.0;
  std::vector<bool> rest_free;  // of what follows theta in psi
  Index told = -1;              // a correlation that has to be a coordinate of its own
};

class ConstrainedObjective final : public Objective {
 public:
  // maps: Lambda_j = maps[j] Lambda_j of the user; where `relative` divided by the exponential of
  // the last entry of psi. `start`: psi, from which held entries of the rest are taken.
  ConstrainedObjective(MixedObjective& inner, const CovarianceParameters& parameters,
                       std::vector<Matrix> maps, bool relative, const Constraints& constraints,
                       const Vector& start);

  Index size() const override { return coordinates() + static_cast<Index>(rest_.size()); }
  double value(const Vector& phi) override;
  void derivatives(Vector& gradient, Matrix& curvature) override;
  Matrix hessian() override;
  CurvaturePlan curvature_plan() const override { return inner_.curvature_plan(); }
  double resolution(double value) const override { return inner_.resolution(value); }
  double step_limit(const Vector& phi, const Vector& step) const override;
  // There is no step without a search here: the point itself.
  Vector safe_step(const Vector& phi) override { return phi; }
  bool refresh() override { return inner_.refresh(); }

  Vector start() const { return start_; }
  // Moved off the ends, from where there is no way; bases of rows with them.
  Vector inside(Vector phi);
  Index coordinates() const { return static_cast<Index>(kinds_.size()); }
  // Of a natural parameter of the random effects; -1: it is held, or sigma.
  Index coordinate(Index parameter) const { return coordinate_[parameter]; }
  bool is_sd(Index coordinate) const {
    return kinds_[coordinate] == Kind::sd || is_root(coordinate);
  }
  bool is_root(Index coordinate) const { return kinds_[coordinate] == Kind::root; }
  bool is_angle(Index coordinate) const { return kinds_[coordinate] == Kind::angle; }
  // Is a coordinate of correlations of no effect, and of none on what other ones can do?
  bool idle(Index coordinate, const Vector& phi) const;
  // Of rows that are coordinates: is this the one towards the row's own part of the factor, and the
  // base without any?
  bool flat(Index coordinate) const;
  // The coordinates towards their own part of all such rows, and what that part does to the data.
  std::vector<Index> own_coordinates() const;
  double own_share(Index coordinate, const Vector& phi) const;
  // The row of that coordinate without its own part: what it is at phi else becomes the base.
  Vector flatten(Index coordinate, Vector phi);
  std::vector<NaturalFactor> bases() const { return factors_; }
  void set_bases(std::vector<NaturalFactor> bases) { factors_ = std::move(bases); }
  // Largest share of the variance of its columns, in the mean level, beside the residual's.
  double share(Index coordinate, const Vector& phi) const;
  Vector psi(const Vector& phi) const;  // empty where there is none
  // d psi / d phi at the point of the last value(). As all derivatives NaN where there was no psi.
  Matrix tangent() const;

 private:
  enum class Kind { sd, root, angle, row };
  struct Row {
    int term;
    Index row;
  };
  // Root of a term's Sigma as in psi (k x k; empty: there is none), with derivatives by the
  // coordinates and the last entry of psi, second ones row by row, or without.
  struct Root {
    Matrix value;
    std::vector<Matrix> first, second;
  };

  Kind kind_of(const std::vector<NaturalParameter>& about, Index i, bool by_value,
               const std::vector<bool>& given) const;
  double sd_at(Index coordinate, const Vector& phi) const;
  Vector sds(int term, const Vector& phi) const;
  Vector row_part(const Row& row, const Vector& phi) const;
  void set_row(const Row& row, Vector& phi, double own);
  double log_sigma(const Vector& phi) const;
  double scale(const Vector& phi) const;  // of theta beside the user's factor
  Root theta(int term, const Vector& phi, bool derivatives) const;
  void expand() const;
  Matrix bend(const Vector& gradient) const;  // sum_t gradient_t d2 psi_t / d phi d phi'

  MixedObjective& inner_;
  const CovarianceParameters& parameters_;
  const std::vector<Matrix> maps_;
  const bool relative_;
  const std::vector<double> held_;
  const std::vector<bool> is_sigma_;
  const double unit_;
  std::vector<Index> coordinate_;  // of every natural parameter; -1: held, or sigma
  std::vector<Kind> kinds_;
  std::vector<Index> rest_;  // free entries of psi after theta
  Index sigma_ = -1;         // coordinate of the last entry of psi; -1: held
  Vector base_, start_;
  Vector phi_, gradient_;
  std::vector<NaturalFactor> factors_;  // per term
  std::vector<bool> any_given_;         // per term: is a correlation given by its value?
  std::vector<Row> rows_;               // of every coordinate that is of a row
  bool inside_domain_ = false;          // is there a psi of phi_?
  // At phi_, per term; empty: not made.
  mutable std::vector<Root> roots_;
  mutable std::vector<ParameterMap> theta_;
};

}  // namespace tiers
