#include "generalized_engine.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../blocks/level_blocks.h"
#include "../model/dense_algebra.h"
#include "write_result.h"

namespace tiers {

namespace {

// Of the linear predictor where the response has its root mean square and, on the real line, its
// standard deviation; 1 where that is near enough.
double unit_of_response(const GeneralizedSpecification& spec) {
  constexpr double near = 4.0;  // powers of two
  if (spec.family->uses_trials()) return 1.0;
  std::vector<double> used;
  for (Index i = 0; i < spec.model.n; ++i) {
    if (!(spec.model.weights && spec.model.weights[i] == 0.0)) used.push_back(spec.model.y[i]);
  }
  const Eigen::Map<const Eigen::ArrayXd> y(used.data(), static_cast<Index>(used.size()));
  const double largest = y.size() > 0 ? y.abs().maxCoeff() : 0.0;
  if (largest == 0.0) return 1.0;
  const double middle = largest * std::sqrt((y / largest).square().mean());
  const double variance = (y / largest - (y / largest).mean()).square().mean();
  const double phi = std::log(largest) + 0.5 * std::log(variance);
  ResponseRows one;
  one.n = 1;
  one.y = &middle;
  one.phi = &phi;
  double eta = 0.0;
  spec.family->start_eta(one, &eta);
  const double power = std::round(std::log2(spec.family->predictor_unit(one, &eta)));
  return std::abs(power) < near || !std::isfinite(power) ? 1.0 : std::exp2(power);
}

bool fast(const GeneralizedSpecification& spec) {
  return !spec.points.empty() && spec.points[0] == 0;
}

}  // namespace

bool constant_dispersion(const GeneralizedSpecification& spec) {
  return spec.dispersion.cols() == 1 && (spec.dispersion.array() == 1.0).all();
}

GeneralizedEngine::GeneralizedEngine(const GeneralizedSpecification& given, const Control& control)
    : spec(given),
      parameters(spec.model.terms),
      saturation(find_saturation(
          spec.model, parameters,
          Scaling{rescaling_of(parameters, spec.model), false, unit_of_response(spec)},
          control.poll)),
      design(spec.model, saturation.scaling, control.poll),
      layout(design),
      rows((layout.require_memory(), design), layout,
           [&given](Index a, Index b) { return PackedResponse::same(given, a, b); }),
      response(spec, rows),
      cross(design, layout),
      mode(*spec.family, response, rows, cross, fast(spec), control.poll) {
  use_points(spec.points);
}

void GeneralizedEngine::use_points(const std::vector<int>& by_term) {
  std::vector<int> by_level;
  bool more = false;
  for (const auto& level : layout.chain()) {
    by_level.push_back(1);
    for (const int j : layout.groupings()[level.grouping].terms) {
      by_level.back() = std::max(by_level.back(), by_term[j]);
    }
    more = more || by_level.back() > 1;
  }
  points.assign(by_term.size(), fast(spec) ? 0 : 1);
  quadrature = nullptr;
  if (!more) {
    objective = std::make_unique<LaplaceDeviance>(mode, parameters);
    return;
  }
  if (!layout.remainder().empty()) {
    throw std::invalid_argument("quadrature needs grouping factors that are nested in each other");
  }
  for (std::size_t c = 0; c < by_level.size(); ++c) {
    for (const int j : layout.groupings()[layout.chain()[c].grouping].terms)
      points[j] = by_level[c];
  }
  auto made = std::make_unique<QuadratureDeviance>(mode, parameters, by_level);
  quadrature = made.get();
  objective = std::move(made);
}

double GeneralizedEngine::nodes(int count) const {
  double product = 1.0;
  for (const auto& level : layout.chain()) {
    product *= std::pow(count, static_cast<double>(level.columns));
  }
  return product;
}

Vector GeneralizedEngine::internal_point(const GeneralizedPoint& point) const {
  Vector psi(objective->size());
  psi.head(parameters.size()) = internal_parameters(design, parameters, point.lambda);
  if (objective->fixed_count() > 0) {
    psi.segment(objective->fixed_start(), objective->fixed_count()) =
        design.internal_coefficients(point.coefficients);
  }
  psi.tail(objective->dispersion_count()) = response.parameters(point.dispersion);
  return psi;
}

// Of the u with b = Lambda u the smallest: a factor may be singular.
Vector GeneralizedEngine::start_at(const GeneralizedPoint& point) {
  const Vector psi = internal_point(point);
  if (mode.fixed_in_mode() > 0)
    objective->start_mode_at(design.internal_coefficients(point.coefficients));
  for (const Matrix& one : point.modes) {
    if (!one.allFinite()) return psi;
  }
  if (point.modes.empty()) return psi;
  const std::vector<Matrix> lambda = parameters.lambdas(psi);
  std::vector<Matrix> u;
  for (std::size_t j = 0; j < lambda.size(); ++j) {
    const Matrix map = design.mode_map(static_cast<int>(j)) * lambda[j];
    u.push_back(pseudo_inverse(map) * point.modes[j].transpose());
  }
  objective->start_mode_at(u);
  return psi;
}

std::vector<Matrix> GeneralizedEngine::user_modes() const {
  std::vector<Matrix> out;
  for (int j = 0; j < parameters.terms(); ++j) {
    out.push_back((design.mode_map(j) * objective->modes(j)).transpose());
  }
  return out;
}

Vector GeneralizedEngine::user_predictor(const Vector& beta) const {
  Vector out = linear_predictor(design, layout, beta, objective->random_effects());
  if (spec.model.offset) out += Eigen::Map<const Vector>(spec.model.offset, out.size());
  return out;
}

ConstMatrixMap GeneralizedEngine::x() const {
  return ConstMatrixMap(rows.fixed().data(), rows.fixed().rows(), rows.fixed().cols());
}

}  // namespace tiers
