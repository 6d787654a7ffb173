// The parameters of a residual structure: phi of the shape for each `by` group in turn, then the
// coefficients gamma of log SD = D gamma. The shape is a correlation matrix where sigma is a
// parameter of the model (one variance for all rows but for weights and dispersion), and has its
// variances elsewhere.
#pragma once

#include <memory>

#include "../covariance/covariance_shape.h"
#include "../model/residual_term.h"

namespace tiers {

class ResidualStructure {
 public:
  ResidualStructure(const ResidualTerm& term, Index rows);

  const CovarianceShape& shape() const { return *shape_; }
  bool has_sigma() const { return has_sigma_; }
  Index groups() const { return groups_; }
  Index group_size() const { return group_size_; }
  Index dispersion() const { return centre_.size(); }
  Index size() const { return groups_ * group_size_ + dispersion(); }
  Index first_of_dispersion() const { return groups_ * group_size_; }
  Vector part(const Vector& phi, Index group) const {
    return phi.segment(group * group_size_, group_size_);
  }
  // What rows of D are taken relative to. sigma, or the standard deviations of the shape, are those
  // there; logarithms of the ones that are reported, at D = 0, are less by centre'gamma.
  const Vector& centre() const { return centre_; }
  double log_sigma_shift(const Vector& phi) const { return centre_.dot(phi.tail(dispersion())); }

  // The box with its ends, at which a covariance matrix may be one or not.
  bool inside(const Vector& phi) const;
  // Is parameter i the logarithm of a range?
  bool is_range(Index i) const {
    return i < first_of_dispersion() && about_[i % group_size_].log_range;
  }
  // The end of its range that parameter i is next to: of the box, an SD of zero, a range without
  // correlations. NaN: none.
  double near_end(const Vector& phi, Index i) const;
  // Smallest distance of two rows of a subject, of each group: what a range is told from.
  void set_shortest(const Vector& distances) { shortest_ = distances; }
  // Ranges that data can tell from none.
  void lengthen_ranges(Vector& phi) const;
  // SDs of several visits, and phi with the smallest of them (of each group) much smaller.
  bool has_sds() const;
  void lower_smallest_sd(Vector& phi) const;
  // Is Sigma a product of its parameters, so that there may be several optima?
  bool is_product() const;

  // Factor in (0, 1] by which a step stays well inside the box, and logarithms in reach.
  double step_limit(const Vector& phi, const Vector& step) const;

 private:
  bool is_log_sd(Index own) const {
    return about_[own].kind == ShapeParameter::Kind::sd &&
           about_[own].map == ShapeParameter::Map::exponential;
  }

  std::unique_ptr<CovarianceShape> shape_;
  bool has_sigma_ = true;
  Index groups_ = 1, group_size_ = 0;
  Vector centre_;
  Vector lower_, upper_;               // of one group
  std::vector<ShapeParameter> about_;  // of one group
  Vector shortest_;
};

}  // namespace tiers
