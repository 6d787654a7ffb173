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
// Logarithms: a range this much below the shortest distance has no correlations; an SD this much
// below the largest of its kind is tried at zero, which is this much below it.
constexpr double kNoRange = 14.0, kSmallSd = 6.0, kNoSd = 40.0;
// Of a logarithm of an SD at the start.
constexpr double kLowered = 2.0;
// A range at the start in units of the shortest distance: every structure has a correlation there.
constexpr double kTellingRange = 1.2;

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
  about_ = shape_->parameters();
  shortest_ = Vector::Ones(groups_);
  centre_ = Vector::Zero(term.dispersion.cols());
  if (rows > 0 && centre_.size() > 0) centre_ = term.dispersion.colwise().mean();
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
  const Index own = i % group_size_, group = i / group_size_;
  const ShapeParameter& about = about_[own];
  if (about.log_range) {
    const double shortest = std::log(shortest_[group]);
    return phi[i] < shortest ? shortest - kNoRange : kNaN;
  }
  if (is_log_sd(own)) {
    double largest = phi[i];
    for (Index k = 0; k < group_size_; ++k) {
      if (is_log_sd(k)) largest = std::max(largest, phi[group * group_size_ + k]);
    }
    return phi[i] < largest - kSmallSd ? largest - kNoSd : kNaN;
  }
  const double width = std::min(1.0, upper_[own] - lower_[own]);
  if (phi[i] - lower_[own] < kNearEnd * width) return lower_[own];
  if (upper_[own] - phi[i] < kNearEnd * width) return upper_[own];
  return kNaN;
}

void ResidualStructure::lengthen_ranges(Vector& phi) const {
  for (Index i = 0; i < first_of_dispersion(); ++i) {
    if (!about_[i % group_size_].log_range) continue;
    const double least = std::log(kTellingRange * shortest_[i / group_size_]);
    phi[i] = std::max(phi[i], least);
  }
}

bool ResidualStructure::has_sds() const {
  Index count = 0;
  for (Index k = 0; k < group_size_; ++k) count += is_log_sd(k) ? 1 : 0;
  return count > 1;
}

void ResidualStructure::lower_smallest_sd(Vector& phi) const {
  for (Index g = 0; g < groups_; ++g) {
    Index smallest = -1;
    for (Index k = g * group_size_; k < (g + 1) * group_size_; ++k) {
      if (is_log_sd(k % group_size_) && (smallest < 0 || phi[k] < phi[smallest])) smallest = k;
    }
    if (smallest >= 0) phi[smallest] -= kLowered;
  }
}

bool ResidualStructure::is_product() const {
  for (const ShapeParameter& one : about_) {
    const bool step = one.kind == ShapeParameter::Kind::correlation && one.row >= 0 &&
                      one.map == ShapeParameter::Map::identity;
    if (step || one.kind == ShapeParameter::Kind::loading) return true;
  }
  return false;
}

double ResidualStructure::step_limit(const Vector& phi, const Vector& step) const {
  double limit = 1.0;
  for (Index g = 0; g < groups_; ++g) {
    for (Index i = 0; i < group_size_; ++i) {
      const double at = phi[g * group_size_ + i], move = step[g * group_size_ + i];
      const double room = move > 0.0 ? upper_[i] - at : at - lower_[i];
      if (std::abs(move) > kInsideShare * room)
        limit = std::min(limit, kInsideShare * room / std::abs(move));
      if (about_[i].map == ShapeParameter::Map::exponential && std::abs(move) > kLogReach)
        limit = std::min(limit, kLogReach / std::abs(move));
    }
  }
  return limit;
}

}  // namespace tiers
