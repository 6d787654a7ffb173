#include "residual_structure.h"

#include <algorithm>
#include <cmath>

#include "../covariance/shape_registry.h"

namespace tiers {

namespace {

// Of the way to an end of the box; and the largest change of a logarithm.
constexpr double kInsideShare = 0.9, kLogReach = 3.0;
// Of the width of the box: an end this near is tried.
constexpr double kNearEnd = 1e-3;

}  // namespace

ResidualStructure::ResidualStructure(const ResidualTerm& term, Index rows)
    : groups_(term.by ? term.n_by : 1) {
  StructureRecipe recipe = term.recipe;
  has_sigma_ = !term.by && scale_of(recipe) == StructureRecipe::Scale::common;
  if (has_sigma_) recipe.scale = StructureRecipe::Scale::none;
  shape_ = make_shape(recipe);
  has_sigma_ = shape_->unit_diagonal();
  group_size_ = shape_->parameter_count();
  shape_->box(lower_, upper_);
  for (const ShapeParameter& one : shape_->parameters())
    logarithm_.push_back(one.map == ShapeParameter::Map::exponential);
  centre_ = Vector::Zero(term.dispersion.cols());
  if (has_sigma_ && rows > 0 && centre_.size() > 0) centre_ = term.dispersion.colwise().mean();
}

bool ResidualStructure::inside(const Vector& phi) const {
  for (Index g = 0; g < groups_; ++g) {
    for (Index i = 0; i < group_size_; ++i) {
      const double at = phi[g * group_size_ + i];
      if (!(at >= lower_[i] && at <= upper_[i])) return false;
    }
  }
  return phi.allFinite();
}

double ResidualStructure::near_end(const Vector& phi, Index i) const {
  if (i >= first_of_dispersion()) return kNaN;
  const Index own = i % group_size_;
  const double width = std::min(1.0, upper_[own] - lower_[own]);
  if (phi[i] - lower_[own] < kNearEnd * width) return lower_[own];
  if (upper_[own] - phi[i] < kNearEnd * width) return upper_[own];
  return kNaN;
}

double ResidualStructure::step_limit(const Vector& phi, const Vector& step) const {
  double limit = 1.0;
  for (Index g = 0; g < groups_; ++g) {
    for (Index i = 0; i < group_size_; ++i) {
      const double at = phi[g * group_size_ + i], move = step[g * group_size_ + i];
      const double room = move > 0.0 ? upper_[i] - at : at - lower_[i];
      if (std::abs(move) > kInsideShare * room)
        limit = std::min(limit, kInsideShare * room / std::abs(move));
      if (logarithm_[i] && std::abs(move) > kLogReach)
        limit = std::min(limit, kLogReach / std::abs(move));
    }
  }
  return limit;
}

}  // namespace tiers
