#include "term_places.h"

#include <cmath>

#include "../blocks/level_blocks.h"
#include "../model/dense_algebra.h"

namespace tiers {

namespace {

constexpr double kDiagonalFloor = 1e-4;  // see away_from_zero()

}  // namespace

TermPlaces::TermPlaces(const BlockLayout& layout, const CovarianceParameters& parameters)
    : layout_(layout),
      parameters_(parameters),
      grouping_(parameters.terms()),
      column_(parameters.terms()) {
  for (std::size_t f = 0; f < layout.groupings().size(); ++f) {
    const Grouping& grouping = layout.groupings()[f];
    for (std::size_t t = 0; t < grouping.terms.size(); ++t) {
      grouping_[grouping.terms[t]] = static_cast<int>(f);
      column_[grouping.terms[t]] = grouping.first_column[t];
    }
  }
}

std::vector<Matrix> TermPlaces::lambdas(const Vector& psi) const {
  std::vector<Matrix> out;
  for (const auto& grouping : layout_.groupings())
    out.push_back(Matrix::Zero(grouping.columns, grouping.columns));
  const std::vector<Matrix> by_term = parameters_.lambdas(psi);
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index k = by_term[j].rows();
    out[grouping_[j]].block(column_[j], column_[j], k, k) = by_term[j];
  }
  return out;
}

Matrix TermPlaces::block(const std::vector<Matrix>& by_grouping, int term) const {
  const Index k = parameters_.structure(term).columns();
  return by_grouping[grouping_[term]].block(column_[term], column_[term], k, k);
}

Matrix TermPlaces::part(const Vector& v, int term) const {
  const Grouping& grouping = layout_.groupings()[grouping_[term]];
  return Eigen::Map<const Matrix>(v.data() + grouping.offset, grouping.columns, grouping.levels)
      .middleRows(column_[term], parameters_.structure(term).columns());
}

Matrix TermPlaces::coordinates(const std::vector<Matrix>& by_term) const {
  const Index rows = by_term.empty() ? 0 : by_term[0].rows();
  Matrix out = Matrix::Zero(layout_.random_columns(), rows);
  for (std::size_t j = 0; j < by_term.size(); ++j) {
    const Index k = parameters_.structure(static_cast<int>(j)).columns();
    for (Index level = 0; level < layout_.groupings()[grouping_[j]].levels; ++level) {
      out.middleRows(layout_.coordinate(grouping_[j], level) + column_[j], k) =
          by_term[j].middleCols(level * k, k).transpose();
    }
  }
  return out;
}

std::vector<Matrix> TermPlaces::lambda_derivatives(const Vector& psi, Index i) const {
  std::vector<Matrix> out;
  for (const auto& grouping : layout_.groupings())
    out.push_back(Matrix::Zero(grouping.columns, grouping.columns));
  int j = 0;
  while (j + 1 < parameters_.terms() && i >= parameters_.offset(j + 1)) ++j;
  const Index k = parameters_.structure(j).columns();
  out[grouping_[j]].block(column_[j], column_[j], k, k) =
      parameters_.structure(j).factor_derivative(parameters_.part(psi, j),
                                                 i - parameters_.offset(j));
  return out;
}

Matrix TermPlaces::directions(const Vector& psi, const std::vector<Matrix>& lambda, const Vector& u,
                              const Vector& z) const {
  Matrix out = Matrix::Zero(layout_.random_columns(), parameters_.size());
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Grouping& grouping = layout_.groupings()[grouping_[j]];
    const Matrix own = block(lambda, j), u_j = part(u, j), z_j = part(z, j);
    const Vector theta = parameters_.part(psi, j);
    for (Index i = 0; i < theta.size(); ++i) {
      const Matrix derivative = parameters_.structure(j).factor_derivative(theta, i);
      Eigen::Map<Matrix>(out.col(parameters_.offset(j) + i).data() + grouping.offset,
                         grouping.columns, grouping.levels)
          .middleRows(column_[j], own.rows()) =
          derivative * u_j + own * (derivative.transpose() * z_j);
    }
  }
  return out;
}

std::vector<LevelForm> TermPlaces::variance_forms(const Vector& psi,
                                                  const std::vector<Matrix>& lambda) const {
  std::vector<LevelForm> forms;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Index all = layout_.groupings()[grouping_[j]].columns;
    const Matrix own = block(lambda, j);
    const Vector theta = parameters_.part(psi, j);
    for (Index i = 0; i < theta.size(); ++i) {
      const Matrix half = lower_solution(own, parameters_.structure(j).factor_derivative(theta, i));
      Matrix form = Matrix::Zero(all, all);
      form.block(column_[j], column_[j], own.rows(), own.rows()) = half + half.transpose();
      forms.push_back({grouping_[j], form});
    }
  }
  return forms;
}

double TermPlaces::step_limit(const Vector& psi, const Vector& step, double reach) const {
  double limit = 1.0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const double size = parameters_.part(psi, j).cwiseAbs().maxCoeff();
    const double largest = parameters_.part(step, j).cwiseAbs().maxCoeff();
    if (largest > 0.0) limit = std::min(limit, reach * (0.5 + size) / largest);
  }
  return limit;
}

Matrix average_information(const CrossProducts& cross, const PenalizedFactor& factor,
                           const std::vector<Matrix>& lambda, const Matrix& directions,
                           bool without_fixed) {
  Matrix random, fixed;
  cross.multiply(directions, random, fixed);
  Matrix out = directions.transpose() * random;
  random = apply_lambdas(cross.layout(), lambda, random, true);
  if (!without_fixed) fixed.resize(0, directions.cols());
  factor.solve_forward(random, fixed);
  out.noalias() -= random.transpose() * random;
  out.noalias() -= fixed.transpose() * fixed;
  return out;
}

std::vector<Matrix> away_from_zero(const std::vector<Matrix>& lambda,
                                   const std::vector<Matrix>& mean_own) {
  std::vector<Matrix> out = lambda;
  for (std::size_t f = 0; f < out.size(); ++f) {
    for (Index a = 0; a < out[f].rows(); ++a) {
      const double cross = mean_own[f](a, a);
      const double floor = kDiagonalFloor / std::sqrt(cross > 0.0 ? cross : 1.0);
      if (std::abs(out[f](a, a)) < floor) out[f](a, a) = out[f](a, a) < 0.0 ? -floor : floor;
    }
  }
  return out;
}

}  // namespace tiers
