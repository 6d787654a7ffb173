#include "sheared_objective.h"

namespace tiers {

ShearedObjective::ShearedObjective(MixedObjective& inner, Index first, Vector weight,
                                   double constant, Index pivot)
    : inner_(inner),
      first_(first),
      weight_(std::move(weight)),
      constant_(constant),
      pivot_(pivot),
      back_(Matrix::Identity(inner.size(), inner.size())) {
  const double own = weight_[pivot_ - first_];
  back_.row(pivot_).segment(first_, weight_.size()) = -weight_.transpose() / own;
  back_(pivot_, pivot_) = 1.0 / own;
}

Vector ShearedObjective::sheared(Vector psi) const {
  psi[pivot_] = constant_ + weight_.dot(psi.segment(first_, weight_.size()));
  return psi;
}

Vector ShearedObjective::inner(Vector sheared) const {
  const double value = sheared[pivot_];
  sheared[pivot_] = 0.0;
  sheared[pivot_] = (value - constant_ - weight_.dot(sheared.segment(first_, weight_.size()))) /
                    weight_[pivot_ - first_];
  return sheared;
}

void ShearedObjective::derivatives(Vector& gradient, Matrix& curvature) {
  Vector inner;
  Matrix bend;
  inner_.derivatives(inner, bend);
  gradient = back_.transpose() * inner;
  curvature = back_.transpose() * bend * back_;
}

}  // namespace tiers
