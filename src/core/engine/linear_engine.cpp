#include "linear_engine.h"

#include <cmath>
#include <limits>

#include "write_result.h"

namespace tiers {

namespace {

// The deviance is finite where Lambda is zero; a start of 1e300 takes 300 divisions by ten.
constexpr int kMaxDivisions = 400;
// Residual standard deviation, in units of the response's, that rounding of sums of squares leaves.
constexpr double kRounding = 1e-14;
// Of standard deviations of random effects that are as good as fixed, in units of the residual's;
// and how often they are taken off the response.
constexpr double kLarge = 1e4;
constexpr int kPasses = 5;

}  // namespace

LinearEngine::LinearEngine(const Specification& spec, const Control& control)
    : parameters(spec.terms),
      saturation(
          find_saturation(spec, parameters, Scaling{rescaling_of(parameters, spec)}, control.poll)),
      design(spec, saturation.scaling, control.poll),
      layout(design),
      cross((layout.require_memory(), design), layout, control.poll),
      objective(design, cross, parameters, spec.reml, control.poll) {}

Vector LinearEngine::start() {
  std::vector<Matrix> lambda;
  const auto& terms = design.specification().terms;
  for (std::size_t j = 0; j < terms.size(); ++j) {
    const Index k = terms[j].columns;
    lambda.push_back(terms[j].start.size() > 0
                         ? design.internal_factor(static_cast<int>(j), terms[j].start)
                         : Matrix(Matrix::Identity(k, k)));
  }
  Vector theta = parameters.parameters(lambda);
  if (!theta.allFinite()) theta = Vector::Zero(theta.size());
  const std::vector<bool> free = saturation.free_parameters(parameters);
  for (Index i = 0; i < theta.size(); ++i) theta[i] = free[i] ? theta[i] : 0.0;
  for (int division = 0; division < kMaxDivisions; ++division) {
    if (std::isfinite(objective.value(theta))) return theta;
    theta *= 0.1;
  }
  throw std::runtime_error("the deviance is not finite anywhere near the start");
}

// What is left of the response when the random effects are taken off it again and again: each time
// what of it lies in their span is smaller by about the ratio of the residual's variance to theirs.
bool LinearEngine::fits_perfectly() {
  std::vector<Matrix> large;
  for (const auto& term : design.specification().terms) {
    large.push_back(kLarge * Matrix::Identity(term.columns, term.columns));
  }
  const Vector theta = parameters.parameters(large);
  const Vector response = objective.response();
  Vector rest = response;
  bool defined = true;
  for (int pass = 0; pass < kPasses && defined; ++pass) {
    objective.set_response(rest);
    defined = std::isfinite(objective.value(theta));
    if (defined) rest -= objective.linear_predictor(objective.solve());
  }
  objective.set_response(response);
  double sum = 0.0;
  for (Index i = 0; i < rest.size(); ++i) sum += design.weight(i) * rest[i] * rest[i];
  const double floor = std::max(
      kRounding, 4.0 * std::numeric_limits<double>::epsilon() * design.response_magnitude());
  return defined && std::sqrt(sum / static_cast<double>(objective.degrees())) < floor;
}

}  // namespace tiers
