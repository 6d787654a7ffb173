// The response in the order of PackedRows, and the map from the dispersion parameters of an
// objective to phi by row. As a rule these are the coefficients delta of phi = D delta. A single
// phi of a family that is another one in the limit (no overdispersion) has tau instead, phi = -+2
// log|tau|: there the deviance is quadratic in tau, and the limit is tau = 0.
#pragma once

#include "../blocks/packed_rows.h"
#include "../family/response_family.h"

namespace tiers {

class PackedResponse {
 public:
  PackedResponse(const GeneralizedSpecification& spec, const PackedRows& rows);
  PackedResponse(const PackedResponse&) = delete;
  PackedResponse& operator=(const PackedResponse&) = delete;
  // What PackedRows asks: whether two rows have the same response, offset, weight and dispersion.
  static bool same(const GeneralizedSpecification& spec, Index a, Index b);

  const ResponseRows& rows() const { return rows_; }
  const Vector& offset() const { return offset_; }
  const Matrix& dispersion() const { return dispersion_; }  // D, n x d
  void set_dispersion(const Vector& parameters);
  // d phi / d parameters (n x d); zero in rows in which phi is held at the end of its range.
  const Matrix& dispersion_slope() const { return slope_; }
  bool at_limit() const { return held_rows_ > 0 && held_rows_ == rows_.n; }
  // Model of the second derivative of the deviance in the parameters, from the scores dlogp/dphi:
  // outer products; for tau with what the map bends.
  Matrix dispersion_curvature(const Vector& scores) const;
  Vector parameters(const Vector& coefficients) const;
  Vector coefficients(const Vector& parameters) const;
  Matrix coefficient_slope() const;  // d coefficients / d parameters at the last set_dispersion()

 private:
  ResponseRows rows_;  // points into the vectors below; phi by row
  Vector y_, size_, weight_, constant_, phi_, offset_;
  Matrix dispersion_, slope_;
  ResponseFamily::PhiRange range_;
  double root_ = 0.0;  // phi = root_ log(tau^2); 0: the parameters are coefficients
  Index held_rows_ = 0;
};

}  // namespace tiers
