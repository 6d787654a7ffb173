#include "separated_limit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "write_result.h"

namespace tiers {

namespace {

// Of the largest change that a direction brings to a linear predictor: rounding is below it.
constexpr double kNegligible = 1e-9;

bool separated(const GeneralizedEngine& whole, const Separation& separation, Index row) {
  const int packed = whole.rows.packed()[row];
  return packed >= 0 && separation.separated_row[packed];
}

// Directions of the internal coefficients in the user's: the entries of one, or for several the
// largest of each column; zero where they change no linear predictor but by rounding.
Vector user_entries(const GeneralizedEngine& whole, const Matrix& directions) {
  const auto& x = whole.spec.model.X;
  Vector out = Vector::Zero(x.cols());
  for (Index r = 0; r < directions.cols(); ++r) {
    const Vector user = whole.design.user_coefficients(directions.col(r));
    for (const Index column : whole.design.kept()) {
      if (std::abs(user[column]) > std::abs(out[column])) out[column] = user[column];
    }
  }
  const Vector size = x.cwiseAbs().colwise().maxCoeff().transpose().cwiseProduct(out.cwiseAbs());
  return (size.array() > kNegligible * size.maxCoeff()).select(out, 0.0);
}

// Sets infinite coefficients; says which columns of X have one.
std::vector<char> put_coefficients(const GeneralizedEngine& whole, const Separation& separation,
                                   GeneralizedResult& out) {
  const Vector direction = user_entries(whole, separation.direction);
  const Vector open = user_entries(whole, separation.unidentified);
  out.separating_direction = direction;
  std::vector<char> infinite(direction.size(), 0);
  for (const Index column : whole.design.kept()) {
    infinite[column] = open[column] != 0.0 || std::isnan(out.coefficients[column]);
    if (!infinite[column]) continue;
    out.infinite.push_back(column);
    out.coefficients[column] = direction[column] < 0.0 ? -kInfinity : kInfinity;
  }
  return infinite;
}

// Of all kept columns, from that of the columns kept in the rest; infinite variances without
// covariances.
Matrix put_covariance(const std::vector<Index>& kept, const std::vector<char>& infinite,
                      const std::vector<Index>& kept_in_rest, const Matrix& vcov_rest) {
  const Index rank = static_cast<Index>(kept.size());
  const auto place = [&](Index column) {
    return std::lower_bound(kept_in_rest.begin(), kept_in_rest.end(), column) -
           kept_in_rest.begin();
  };
  Matrix out = Matrix::Zero(rank, rank);
  for (Index a = 0; a < rank; ++a) {
    if (infinite[kept[a]]) {
      out(a, a) = kInfinity;
      continue;
    }
    for (Index b = 0; b < rank; ++b) {
      if (!infinite[kept[b]]) out(a, b) = vcov_rest(place(kept[a]), place(kept[b]));
    }
  }
  return out;
}

// Parameters beside the fixed effects that are not held.
Index others(const GeneralizedEngine& whole) {
  const Index count = whole.parameters.size() + whole.spec.dispersion.cols();
  return static_cast<Index>(whole.spec.model.held.free_count(count));
}

// What the fit of the rest, `out`, says of all columns. Those that it dropped count as zero there,
// which holds for the combinations of coefficients that it can tell.
void keep_finite_part(const GeneralizedEngine& whole, const Separation& separation,
                      GeneralizedResult& out) {
  const Index p = whole.spec.model.X.cols(), known = static_cast<Index>(out.kept.size());
  out.finite_coefficients = Vector::Zero(p);
  out.finite_vcov = Matrix::Zero(p, p);
  for (Index a = 0; a < known; ++a) {
    out.finite_coefficients[out.kept[a]] = out.coefficients[out.kept[a]];
    for (Index b = 0; b < known; ++b) out.finite_vcov(out.kept[a], out.kept[b]) = out.vcov(a, b);
  }
  out.unidentified_directions.resize(p, separation.unidentified.cols());
  for (Index r = 0; r < separation.unidentified.cols(); ++r) {
    const Vector user = whole.design.user_coefficients(separation.unidentified.col(r));
    out.unidentified_directions.col(r) = user.array().isNaN().select(0.0, user);
  }
}

}  // namespace

Rest rest_of(const GeneralizedEngine& whole, const Separation& separation) {
  const Specification& model = whole.spec.model;
  Rest out(whole.spec);
  out.any = separation.kind == SeparationKind::quasi || separation.rows_inform;
  if (separation.rows_inform) return out;
  out.weights.resize(model.n);
  for (Index i = 0; i < model.n; ++i) {
    const double weight = model.weights ? model.weights[i] : 1.0;
    out.weights[i] = separated(whole, separation, i) ? 0.0 : weight;
  }
  out.spec.model.weights = out.weights.data();
  return out;
}

GeneralizedResult nothing_left(const GeneralizedEngine& whole) {
  const Index d = whole.spec.dispersion.cols();
  GeneralizedResult out;
  out.status = FitStatus::converged;
  out.coefficients = Vector::Constant(whole.spec.model.X.cols(), kNaN);
  out.dispersion = Vector::Constant(d, kNaN);
  out.vcov_dispersion = Matrix::Constant(d, d, kNaN);
  out.linear_predictor = Vector::Zero(whole.spec.model.n);
  out.accuracy = out.largest_error = kNaN;
  out.sigma = 1.0;
  for (const RandomTerm& term : whole.spec.model.terms) {
    out.lambda.push_back(Matrix::Zero(term.columns, term.columns));
    out.modes.push_back(Matrix::Zero(term.n_levels, term.columns));
    out.boundary.emplace_back();
    out.saturated.emplace_back();
  }
  const ParameterTable table = generalized_parameters(
      whole.parameters, Vector::Zero(whole.parameters.size()), user_scale(whole.design, 1.0),
      out.dispersion, Matrix::Zero(d, d), constant_dispersion(whole.spec), true);
  const Index size = table.jacobian.cols();
  write_parameters(table, Matrix::Zero(size, size), whole.spec.model.held, whole.parameters, out);
  out.points = whole.points;
  return out;
}

GeneralizedResult put_limit(GeneralizedResult out, const GeneralizedEngine& whole,
                            const Separation& separation) {
  const std::vector<Index> kept_in_rest = out.kept;
  keep_finite_part(whole, separation, out);
  out.separation = separation.kind;
  write_design(whole.design, others(whole), out);
  const std::vector<char> infinite = put_coefficients(whole, separation, out);
  out.vcov = put_covariance(out.kept, infinite, kept_in_rest, out.vcov);
  const Matrix& x = whole.rows.fixed();
  for (Index i = 0; i < whole.spec.model.n; ++i) {
    if (!separated(whole, separation, i)) continue;
    const bool up = x.col(whole.rows.packed()[i]).dot(separation.direction) > 0.0;
    out.linear_predictor[i] = up ? kInfinity : -kInfinity;
  }
  return out;
}

}  // namespace tiers
