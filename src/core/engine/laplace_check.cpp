#include "laplace_check.h"

#include <algorithm>
#include <cmath>

namespace tiers {

namespace {

// Work in the unit of one Newton step of the search for the mode: what a comparison costs whatever
// its nodes, and for each node that the rows are evaluated at, more where it has several
// coordinates (measured; families and links differ little).
constexpr double kBase = 0.6, kNode = 0.09, kCoordinate = 0.75;
// Parts of the search's work: of a comparison, and together with a second one where the first
// leaves open on which side of the limits the fit lies. What else there is to a call takes as long
// as half of the search and more, so that this is a tenth of it at most.
constexpr double kShare = 0.1, kBothShares = 0.15;
// Evaluations of a row, those that go with each unit counted as rows, that pass as nothing beside
// the rest of a call: about a millisecond, where a call of R's takes ten and more.
constexpr double kSmall = 2e4, kUnit = 10.0;
// Points in each dimension, from the best: three are the fewest that see how skewed the integrand
// is.
constexpr int kPoints[] = {9, 7, 5, 4, 3};
// From here on the number of points makes no difference to the verdict.
constexpr int kSure = 7;

double work(const GeneralizedEngine& engine, int points) {
  double coordinates = 0.0;
  for (const ChainLevel& level : engine.layout.chain())
    coordinates += static_cast<double>(level.columns);
  return kBase + kNode * (1.0 + kCoordinate * (coordinates - 1.0)) * engine.nodes(points);
}

// After `before`, of which it is the second.
bool affordable(const GeneralizedEngine& engine, int points, double share, double before = 0.0) {
  const double rows = static_cast<double>(engine.rows.size());
  const double units = static_cast<double>(engine.layout.chain()[0].units);
  return engine.nodes(points) * (rows + kUnit * units) <= kSmall ||
         before + work(engine, points) <= share * engine.mode.steps();
}

// log of the standard deviations of a term's columns, moved to first order by a change of its
// factor: d log sd_a = (Lambda dLambda')_aa / (Lambda Lambda')_aa on the user's scale.
Vector log_sd_moves(const Matrix& map, const Matrix& lambda, const Matrix& change) {
  const Matrix user = map * lambda, moved = map * change;
  Vector out = Vector::Zero(user.rows());
  for (Index a = 0; a < out.size(); ++a) {
    const double variance = user.row(a).squaredNorm();
    if (variance > 0.0) out[a] = user.row(a).dot(moved.row(a)) / variance;
  }
  return out;
}

// One Newton step by the quadrature's gradient with Laplace's Hessian.
LaplaceCheck compare(GeneralizedEngine& engine, int points, const Vector& psi, double deviance,
                     const Matrix& covariance) {
  LaplaceCheck out;
  QuadratureDeviance quadrature(engine.mode, engine.parameters,
                                std::vector<int>(engine.layout.chain().size(), points));
  Vector gradient;
  const double value = quadrature.value_and_gradient(psi, gradient);
  if (!std::isfinite(value)) return out;
  out.points = points;
  out.difference = value - deviance;
  const std::vector<Matrix> here = engine.parameters.lambdas(psi);
  const std::vector<Matrix> ahead = engine.parameters.lambdas(psi - 0.5 * covariance * gradient);
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    out.log_sd_move.push_back(log_sd_moves(engine.design.mode_map(j), here[j], ahead[j] - here[j]));
  }
  return out;
}

// The fit is told to be off where the first of these is passed by the difference, in -2 logLik, or
// the second by the move of a standard deviation (R/accuracy.R), and few points are wrong by less
// than the factor.
constexpr double kLimitDifference = 1.0, kLimitMove = 0.05, kFactor = 3.0;

// Whether few points leave the verdict open: within a factor of the limits on either side.
bool near_limits(const LaplaceCheck& check) {
  double move = 0.0;
  for (const Vector& of_term : check.log_sd_move)
    move = std::max(move, of_term.cwiseAbs().maxCoeff());
  const double size = std::max(std::abs(check.difference) / kLimitDifference, move / kLimitMove);
  return size > 1.0 / kFactor && size < kFactor;
}

}  // namespace

LaplaceCheck check_laplace(GeneralizedEngine& engine, const Vector& psi, double deviance,
                           const Matrix& covariance) {
  LaplaceCheck out;
  if (!engine.layout.remainder().empty() || engine.layout.chain().empty()) return out;
  // Without a third derivative the integrand is normal and Laplace exact.
  if ((engine.mode.dw().array() == 0.0).all()) return out;
  for (const int points : kPoints) {
    if (!affordable(engine, points, kShare)) continue;
    out = compare(engine, points, psi, deviance, covariance);
    if (points >= kSure || !near_limits(out)) return out;
    for (const int more : kPoints) {
      if (more > points && affordable(engine, more, kBothShares, work(engine, points))) {
        return compare(engine, more, psi, deviance, covariance);
      }
    }
    return out;
  }
  return out;
}

}  // namespace tiers
