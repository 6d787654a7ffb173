// The data on the scale on which they are fitted, and the way back.
//
// Scale is the package's problem, not the user's: the response and every fixed column are centred
// (at a data value, so that the subtraction is exact) and scaled (by a power of two, exact too);
// so are random columns where their structure allows it, which may change places, too. Internal
// rows, for kept columns X,
//   x_i = T' x,  y_i = (y - offset - c 1) / s,  z_i = T_j' z,  w_i = w / w0,
// in a generalized model multiplied by the unit of its linear predictor (part of T and T_j),
// and back: beta = s T beta_i + c v (v with X v = 1), sigma^2 = s^2 w0 sigma_i^2,
// Lambda_j = T_j Lambda_i / sqrt(w0), b_j = s T_j b_i.
// Columns of X that are linear combinations of earlier ones are dropped; the decision is taken on
// centred and scaled columns, and nearly collinear ones are orthogonalized row by row, because
// cross-products would lose them.
#pragma once

#include <algorithm>

#include "scaling.h"

namespace tiers {

class Design {
 public:
  Design(const Specification& spec, Scaling scaling, Poll poll = nullptr);

  Index rows() const { return spec_.n; }
  Index used_rows() const { return used_rows_; }
  Index rank() const { return static_cast<Index>(kept_.size()); }
  const std::vector<Index>& kept() const { return kept_; }
  double reciprocal_condition() const { return reciprocal_condition_; }
  double sum_log_weights() const { return sum_log_weights_; }
  // Largest |y - offset| on the internal scale: what rounding of the data is relative to.
  double response_magnitude() const { return response_magnitude_; }
  const Specification& specification() const { return spec_; }
  // Weights are inverse variances, not those of a family.
  bool weights_are_precisions() const { return scaling_.response; }

  // Internal values of one row. x has rank() entries, z columns(term) entries.
  double weight(Index row) const {
    return spec_.weights ? spec_.weights[row] / weight_scale_ : 1.0;
  }
  double response(Index row) const;
  void fixed_row(Index row, double* x) const;
  void random_row(int term, Index row, double* z) const {
    const RandomTerm& t = spec_.terms[term];
    const auto& map = random_[term];
    for (Index a = 0; a < t.columns; ++a) {
      z[a] = t.basis ? (t.basis[row + t.n * map.column[a]] - map.centre[a]) * map.inverse_scale[a]
                     : map.inverse_scale[a];
    }
  }

  // The way back to the user's scale.
  Vector user_coefficients(const Vector& beta) const;  // p of the user, NaN if dropped
  Matrix user_covariance(const Matrix& vcov) const;    // internal sigma^2 included
  // From rows l of the user's columns (those dropped are not read) to the internal ones: l'beta is
  // the same but for a constant.
  Matrix internal_contrasts(const Matrix& rows) const;
  // The two for a response that is not rescaled: beta of the kept columns from the user's, and the
  // gradient with respect to the user's kept coefficients.
  Vector internal_coefficients(const Vector& user) const;
  Vector user_gradient(const Vector& gradient) const;
  double user_sigma(double sigma) const;
  // The user's response in units of the internal one, but for its centre.
  double response_scale() const { return response_scale_; }
  Matrix user_factor(int term, const Matrix& lambda) const;
  Matrix internal_factor(int term, const Matrix& lambda) const;
  // Sigma_internal = M Sigma_user M' for Sigma relative to sigma^2: M = T_j^-1 sqrt(w0).
  Matrix internal_map(int term) const;
  Matrix user_directions(int term, const Matrix& directions) const;
  // k x k: b_user = map * b_internal.
  Matrix mode_map(int term) const { return response_scale_ * random_map(term); }
  double user_response(double eta, Index row) const;
  // deviance_user = deviance_internal + this; log_det_fixed is added under REML only.
  double deviance_shift(bool reml) const;

 private:
  struct RandomScale {
    Vector centre, inverse_scale;
    std::vector<Index> column;  // the user's of each internal one
    Index intercept;            // of the user's, 0-based, -1: none
  };
  void scale_weights();
  void find_constant();
  void scale_fixed();
  void scale_response();
  void scale_random();
  void apply_unit();
  // Columns of X that are no combinations of earlier ones, as basis * r (n x rank, upper
  // triangular), and the smallest share of one that the others leave of it.
  struct Orthogonal {
    Matrix basis, r;
    std::vector<Index> columns;
    double smallest = 1.0;
  };
  Matrix fixed_gram(const std::vector<Index>& order) const;
  Orthogonal gram_schmidt(const std::vector<Index>& order, double tolerance) const;
  Matrix scaled_map(const std::vector<Index>& columns) const;
  void orthogonalize_rows(const std::vector<Index>& order, double tolerance);
  // Centred and scaled value of a column; 0 in rows that do not count.
  double scaled_fixed(Index row, Index column) const {
    if (!used(row)) return 0.0;
    return (spec_.X(row, column) - centre_[column]) * inverse_scale_[column];
  }
  Index kept_position(Index column) const {
    return std::lower_bound(kept_.begin(), kept_.end(), column) - kept_.begin();
  }
  Matrix random_map(int term) const;
  bool used(Index row) const { return !spec_.weights || spec_.weights[row] > 0.0; }
  double raw_response(Index row) const {
    return spec_.offset ? spec_.y[row] - spec_.offset[row] : spec_.y[row];
  }

  const Specification& spec_;
  const Scaling scaling_;
  const Poll poll_;
  Index used_rows_ = 0;
  double weight_scale_ = 1.0, sum_log_weights_ = 0.0;
  Vector ones_;                    // p: X ones_ = 1; empty where 1 is not in the column space
  Vector centre_, inverse_scale_;  // p
  std::vector<Index> kept_;
  Matrix map_;         // rank x rank, T
  Matrix orthogonal_;  // n x rank, in use only where X is nearly collinear
  double reciprocal_condition_ = 1.0;
  double response_centre_ = 0.0, response_scale_ = 1.0, response_magnitude_ = 0.0;
  std::vector<RandomScale> random_;
};

}  // namespace tiers
