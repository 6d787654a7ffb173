#include "packed_response.h"

#include <algorithm>
#include <cmath>

namespace tiers {

namespace {

// |tau| below it has phi where it is there: log(0) would be -infinity.
constexpr double kSmallestRoot = 1e-150;

Vector packed(const double* values, const std::vector<int>& source) {
  Vector out(values ? source.size() : 0);
  for (Index i = 0; i < out.size(); ++i) out[i] = values[source[i]];
  return out;
}

}  // namespace

PackedResponse::PackedResponse(const GeneralizedSpecification& spec,
                               const PackedRows& packed_rows) {
  const auto& source = packed_rows.source();
  const Index n = packed_rows.size();
  y_ = packed(spec.model.y, source);
  size_ = packed(spec.size, source);
  weight_ = packed(spec.model.weights, source);
  offset_ = packed(spec.model.offset, source);
  if (offset_.size() == 0) offset_ = Vector::Zero(n);
  dispersion_.resize(n, spec.dispersion.cols());
  for (Index i = 0; i < n; ++i) dispersion_.row(i) = spec.dispersion.row(source[i]);
  slope_ = dispersion_;
  phi_ = Vector::Zero(n);
  rows_.n = n;
  rows_.y = y_.data();
  rows_.size = size_.size() > 0 ? size_.data() : nullptr;
  rows_.weight = weight_.size() > 0 ? weight_.data() : nullptr;
  rows_.frequency = packed_rows.frequency().size() > 0 ? packed_rows.frequency().data() : nullptr;
  rows_.phi = phi_.data();
  rows_.phi_by_row = true;
  rows_.row = source.data();
  constant_.resize(n);
  spec.family->constants(rows_, constant_.data());
  rows_.constant = constant_.data();
  range_ = spec.family->phi_range(rows_);
  const ResponseFamily::PhiRange unlimited;
  const bool single = n > 0 && dispersion_.cols() == 1 && dispersion_(0, 0) != 0.0 &&
                      (dispersion_.array() == dispersion_(0, 0)).all();
  if (single && range_.highest < unlimited.highest) root_ = -1.0;
  if (single && range_.lowest > unlimited.lowest) root_ = 1.0;
}

bool PackedResponse::same(const GeneralizedSpecification& spec, Index a, Index b) {
  if (spec.family->link_differs_by_row()) return false;
  for (const double* values : {spec.model.y, spec.size, spec.model.weights, spec.model.offset}) {
    if (values && values[a] != values[b]) return false;
  }
  return spec.dispersion.row(a) == spec.dispersion.row(b);
}

void PackedResponse::set_dispersion(const Vector& parameters) {
  if (parameters.size() == 0) return;
  if (root_ != 0.0) {
    const double tau = parameters[0];
    phi_.setConstant(root_ * 2.0 * std::log(std::max(std::abs(tau), kSmallestRoot)));
    slope_.setConstant(2.0 * root_ / (tau == 0.0 ? kSmallestRoot : tau));
  } else {
    phi_.noalias() = dispersion_ * parameters;
    if (held_rows_ > 0) slope_ = dispersion_;
  }
  held_rows_ = 0;
  for (Index i = 0; i < phi_.size(); ++i) {
    if (phi_[i] > range_.lowest && phi_[i] < range_.highest) continue;
    phi_[i] = phi_[i] > range_.lowest ? range_.highest : range_.lowest;
    slope_.row(i).setZero();
    ++held_rows_;
  }
}

// Near the limit the deviance is f + c tau^2, so f'' in phi is |f'| there, which outer products
// miss:
//   f_tau,tau = f_phi,phi (4 / tau^2) - (+-) f_phi (2 / tau^2).
Matrix PackedResponse::dispersion_curvature(const Vector& scores) const {
  Matrix out = 2.0 * (slope_.transpose() * scores.cwiseAbs2().asDiagonal() * slope_);
  if (root_ == 0.0) return out;
  if (at_limit()) {  // the deviance no longer depends on tau, which stays where it is
    out(0, 0) = static_cast<double>(rows_.n);
    return out;
  }
  const double slope = slope_(0, 0), gradient = -2.0 * scores.sum();
  const double bend = -slope * slope / (2.0 * root_);  // d2 phi / d tau2
  out(0, 0) = std::max(out(0, 0), std::abs(gradient) * slope * slope) + gradient * bend;
  return out;
}

Vector PackedResponse::parameters(const Vector& coefficients) const {
  if (root_ == 0.0) return coefficients;
  return Vector::Constant(1, std::exp(0.5 * root_ * dispersion_(0, 0) * coefficients[0]));
}

Vector PackedResponse::coefficients(const Vector& parameters) const {
  if (root_ == 0.0) return parameters;
  const double phi = root_ * 2.0 * std::log(std::max(std::abs(parameters[0]), kSmallestRoot));
  return Vector::Constant(
      1, std::min(std::max(phi, range_.lowest), range_.highest) / dispersion_(0, 0));
}

Matrix PackedResponse::coefficient_slope() const {
  if (root_ == 0.0) return Matrix::Identity(dispersion_.cols(), dispersion_.cols());
  return Matrix::Constant(1, 1, slope_(0, 0) / dispersion_(0, 0));
}

}  // namespace tiers
