// Everything between the rows of a generalized model and its objective, in the order in which each
// needs the one before; and the way between the user's scale and the objective's parameters.
#pragma once

#include <memory>

#include "../model/generalized_result.h"
#include "../objective/laplace_deviance.h"
#include "../objective/quadrature_deviance.h"
#include "saturation.h"

namespace tiers {

// Is the log dispersion one number?
bool constant_dispersion(const GeneralizedSpecification& spec);

struct GeneralizedEngine {
  GeneralizedEngine(const GeneralizedSpecification& spec, const Control& control);

  // Laplace's approximation where every term has one point (or asks for an automatic choice).
  void use_points(const std::vector<int>& by_term);
  // Integrand evaluations per row with `count` points in every dimension.
  double nodes(int count) const;

  Vector internal_point(const GeneralizedPoint& point) const;
  // The same, and the objective's first search for the modes starts from those of the point.
  Vector start_at(const GeneralizedPoint& point);
  // At the point of the objective's last value(): levels x k per term, and eta of every row for the
  // internal coefficients given, offset included.
  std::vector<Matrix> user_modes() const;
  Vector user_predictor(const Vector& beta) const;
  ConstMatrixMap x() const;  // p x n, packed

  const GeneralizedSpecification& spec;
  CovarianceParameters parameters;
  const Saturation saturation;
  const Scaling& scaling = saturation.scaling;
  Design design;
  BlockLayout layout;
  PackedRows rows;
  PackedResponse response;
  CrossProducts cross;
  ConditionalMode mode;
  std::unique_ptr<ModalDeviance> objective;
  const QuadratureDeviance* quadrature = nullptr;  // the objective, where it is one
  std::vector<int> points;                         // per term
};

}  // namespace tiers
