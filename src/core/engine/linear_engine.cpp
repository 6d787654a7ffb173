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
// Of standard deviations of random effects that are as good as fixed, in units of the residual's:
// its square, 1e14, is as large as the penalty can be beside one in double precision.
constexpr double kHuge = 1e7;

}  // namespace

LinearEngine::LinearEngine(const Specification& spec, const Control& control)
    : parameters(spec.terms),
      design(spec, Scaling{rescaling_of(parameters, spec)}),
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
  for (int division = 0; division < kMaxDivisions; ++division) {
    if (std::isfinite(objective.value(theta))) return theta;
    theta *= 0.1;
  }
  throw std::runtime_error("the deviance is not finite anywhere near the start");
}

bool LinearEngine::fits_perfectly() {
  std::vector<Matrix> huge;
  for (const auto& term : design.specification().terms) {
    huge.push_back(kHuge * Matrix::Identity(term.columns, term.columns));
  }
  const Vector theta = parameters.parameters(huge);
  for (int refinement = 0; refinement < 2; ++refinement) {
    if (!std::isfinite(objective.value(theta))) return false;
    objective.anchor();
  }
  objective.value(theta);
  const Vector eta = objective.linear_predictor(objective.solve());
  double sum = 0.0;
  for (Index i = 0; i < design.rows(); ++i) {
    const double e = design.response(i) - eta[i];
    sum += design.weight(i) * e * e;
  }
  const double floor = std::max(
      kRounding, 4.0 * std::numeric_limits<double>::epsilon() * design.response_magnitude());
  return std::sqrt(sum / static_cast<double>(objective.degrees())) < floor;
}

}  // namespace tiers
