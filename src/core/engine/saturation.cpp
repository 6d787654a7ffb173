#include "saturation.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Share of |Z_l v|^2 outside the span of X: below the first a direction is looked at, below the
// second (from the rows themselves, where nothing cancels) it is saturated.
constexpr double kSuspect = 1e-9, kSaturated = 1e-16;
constexpr double kOwnColumn = 1e-10;  // squared distance of a column from the directions
// Few rows, because one costs the square of the number of fixed effects.
constexpr Index kPollEvery = 64;

// Calls f(row) for the rows that count.
template <class F>
void visit_rows(const Design& design, const Poll& poll, const F& f) {
  for (Index i = 0; i < design.rows(); ++i) {
    if (poll && i % kPollEvery == kPollEvery - 1) poll();
    if (design.weight(i) > 0.0) f(i);
  }
}

class FixedSpan {
 public:
  FixedSpan(const Design& design, const Poll& poll) : design_(design), poll_(poll) {
    Matrix cross = Matrix::Zero(design.rank(), design.rank());
    Vector x(design.rank());
    visit_rows(design, poll, [&](Index i) {
      design.fixed_row(i, x.data());
      cross.selfadjointView<Eigen::Lower>().rankUpdate(x);
    });
    factor_.compute(cross);
  }
  bool defined() const { return factor_.positive_definite(); }
  Matrix directions(int term) const;

 private:
  double share_outside(int term, const Vector& direction) const;

  const Design& design_;
  const Poll& poll_;
  CholeskyFactor factor_;  // of X'X
};

// Null space of sum_l Z_l'M Z_l (k x k), M = I - X (X'X)^-1 X'.
Matrix FixedSpan::directions(int term) const {
  const RandomTerm& t = design_.specification().terms[term];
  const Index k = t.columns;
  Matrix fixed = Matrix::Zero(design_.rank(), k * t.n_levels),
         own = Matrix::Zero(k, k);  // X'Z, sum Z_l'Z_l
  Vector x(design_.rank()), z(k);
  visit_rows(design_, poll_, [&](Index i) {
    design_.fixed_row(i, x.data());
    design_.random_row(term, i, z.data());
    fixed.middleCols(k * (t.codes[i] - 1), k).noalias() += x * z.transpose();
    own.noalias() += z * z.transpose();
  });
  solve_lower(factor_.lower(), fixed);
  Matrix outside = own;
  for (Index level = 0; level < t.n_levels; ++level) {
    const auto mine = fixed.middleCols(k * level, k);
    outside.noalias() -= mine.transpose() * mine;
  }
  const Vector scale = own.diagonal().cwiseMax(1e-300).cwiseSqrt().cwiseInverse();
  const SymmetricEigen eigen(scaled_both_ways(outside, scale));
  Index count = 0;
  Matrix found(k, k);
  for (Index a = 0; a < k && eigen.eigenvalues()[a] < kSuspect; ++a) {
    const Vector direction = scale.cwiseProduct(eigen.eigenvectors().col(a)).normalized();
    if (share_outside(term, direction) < kSaturated) found.col(count++) = direction;
  }
  if (count == 0) return Matrix();
  return QrFactor(found.leftCols(count)).q(count);
}

// Of a combination of the levels' columns Z_l v with irregular weights: in the span only if all
// are.
double FixedSpan::share_outside(int term, const Vector& direction) const {
  const RandomTerm& t = design_.specification().terms[term];
  Vector x(design_.rank()), z(t.columns), cross = Vector::Zero(design_.rank());
  const auto value = [&](Index i) {
    design_.random_row(term, i, z.data());
    return z.dot(direction) * std::cos(1.7 * static_cast<double>(t.codes[i]) * t.codes[i] + 0.3);
  };
  visit_rows(design_, poll_, [&](Index i) {
    design_.fixed_row(i, x.data());
    cross += value(i) * x;
  });
  Vector coefficients = factor_.solve(cross);
  double whole = 0.0, outside = 0.0;
  for (int refinement = 0; refinement < 2; ++refinement) {
    whole = outside = 0.0;
    cross.setZero();
    visit_rows(design_, poll_, [&](Index i) {
      design_.fixed_row(i, x.data());
      const double v = value(i), rest = v - x.dot(coefficients);
      cross += rest * x;
      whole += v * v;
      outside += rest * rest;
    });
    coefficients += factor_.solve(cross);
  }
  return whole > 0.0 ? outside / whole : 1.0;
}

std::vector<Matrix> directions(const Design& design, const Poll& poll) {
  const auto& terms = design.specification().terms;
  std::vector<Matrix> out(terms.size());
  std::unique_ptr<FixedSpan> span;
  for (std::size_t j = 0; j < terms.size(); ++j) {
    // Columns of different levels have no row in common, so that X would need as many.
    if (terms[j].n_levels > design.rank()) continue;
    if (!span) span = std::make_unique<FixedSpan>(design, poll);
    if (span->defined()) out[j] = span->directions(static_cast<int>(j));
  }
  return out;
}

// Is one of a term's parameters held, or equal to another one?
bool ties_any(const HeldParameters& held, const CovarianceParameters& parameters, int term) {
  const Index first = parameters.offset(term);
  for (Index i = first; i < first + parameters.structure(term).parameter_count(); ++i) {
    if (held.is_held(i) || std::count(held.same.begin(), held.same.end(), held.same[i]) > 1)
      return true;
  }
  return false;
}

// A covariance matrix of which some directions are saturated, in an order of its columns in which
// the last ones have no part of their own.
void bound_rank(const CovarianceStructure& structure, std::size_t term, Saturation& out) {
  const Index k = structure.columns(), rank = k - out.directions[term].cols();
  if (out.ranks[term] < k || structure.free_of_rank(rank).empty()) return;
  std::vector<Index>& order = out.scaling.order[term];
  Matrix left = out.directions[term];
  for (Index found = rank; found < k; ++found) {
    Index most = 0;
    left.rowwise().squaredNorm().maxCoeff(&most);
    order.push_back(most);
    const Vector unit = left.row(most).transpose().normalized();
    left -= (left * unit) * unit.transpose();
  }
  std::sort(order.begin(), order.end());
  const std::vector<Index> last = order;
  for (Index a = k - 1; a >= 0; --a) {
    if (!std::count(last.begin(), last.end(), a)) order.insert(order.begin(), a);
  }
  out.ranks[term] = rank;
}

// The columns that lie among the directions.
Matrix own_columns(const Matrix& directions) {
  const Matrix unit = Matrix::Identity(directions.rows(), directions.rows());
  Matrix out(directions.rows(), directions.cols());
  Index count = 0;
  for (Index a = 0; a < directions.rows(); ++a) {
    if (directions.row(a).squaredNorm() > 1.0 - kOwnColumn) out.col(count++) = unit.col(a);
  }
  return out.leftCols(count);
}

}  // namespace

Saturation find_saturation(const Specification& spec, const CovarianceParameters& parameters,
                           Scaling scaling, const Poll& poll) {
  Saturation out{std::move(scaling), std::vector<Matrix>(spec.terms.size()), {}};
  for (const RandomTerm& term : spec.terms) out.ranks.push_back(term.columns);
  out.scaling.order.resize(spec.terms.size());
  const auto few_levels = [&](const RandomTerm& term) { return term.n_levels <= spec.X.cols(); };
  if (std::none_of(spec.terms.begin(), spec.terms.end(), few_levels)) return out;
  const bool ties = spec.held.ties(static_cast<std::size_t>(parameters.size()));
  for (bool again = true; again;) {
    again = false;
    out.directions = directions(Design(spec, out.scaling, poll), poll);
    for (std::size_t j = 0; j < spec.terms.size(); ++j) {
      const bool some =
          out.directions[j].cols() > 0 && out.directions[j].cols() < spec.terms[j].columns;
      if (some && !spec.reml && parameters.structure(static_cast<int>(j)).has_correlation()) {
        if (!ties) bound_rank(parameters.structure(static_cast<int>(j)), j, out);
        out.directions[j].resize(0, 0);
        continue;
      }
      if (ties) {
        const bool whole = spec.reml || !ties_any(spec.held, parameters, static_cast<int>(j));
        out.directions[j] = whole ? own_columns(out.directions[j]) : Matrix();
        continue;
      }
      if (!some || out.scaling.terms[j] != Rescaling::affine) continue;
      out.scaling.terms[j] = Rescaling::per_column;
      again = true;
    }
  }
  return out;
}

// Of standard deviations and correlations; `directions` are columns of the terms.
std::vector<bool> Saturation::natural_free(const CovarianceParameters& parameters) const {
  std::vector<bool> out(parameters.size(), true);
  for (int j = 0; j < parameters.terms(); ++j) {
    if (directions[j].cols() == 0) continue;
    const auto about = parameters.structure(j).natural_parameters();
    const auto taken = [&](Index a) { return directions[j].row(a).cwiseAbs().maxCoeff() > 0.5; };
    for (std::size_t i = 0; i < about.size(); ++i) {
      const bool all = directions[j].cols() == parameters.structure(j).columns();
      const bool zero = about[i].common ? all : taken(about[i].row) || taken(about[i].column);
      out[parameters.offset(j) + static_cast<Index>(i)] = !zero;
    }
  }
  return out;
}

std::vector<bool> Saturation::free_parameters(const CovarianceParameters& parameters) const {
  std::vector<bool> out(parameters.size(), true);
  for (int j = 0; j < parameters.terms(); ++j) {
    if (directions[j].cols() == 0) continue;
    const std::vector<bool> mine = parameters.structure(j).free_without(directions[j]);
    std::copy(mine.begin(), mine.end(), out.begin() + parameters.offset(j));
  }
  return out;
}

std::vector<bool> Saturation::searched_parameters(const CovarianceParameters& parameters) const {
  std::vector<bool> out = free_parameters(parameters);
  for (int j = 0; j < parameters.terms(); ++j) {
    if (ranks[j] == parameters.structure(j).columns()) continue;
    const std::vector<bool> mine = parameters.structure(j).free_of_rank(ranks[j]);
    std::copy(mine.begin(), mine.end(), out.begin() + parameters.offset(j));
  }
  return out;
}

// Equal parameters are settled only together.
HeldParameters Saturation::settle(const HeldParameters& held,
                                  const CovarianceParameters& parameters) const {
  HeldParameters out = held;
  if (held.value.empty()) return out;
  const std::vector<bool> free = natural_free(parameters);
  std::set<int> open;
  for (std::size_t i = 0; i < free.size(); ++i) {
    if (free[i]) open.insert(held.same[i]);
  }
  // With sigma, which comes after them, too.
  for (std::size_t i = free.size(); i < held.same.size(); ++i) open.insert(held.same[i]);
  for (std::size_t i = 0; i < free.size(); ++i) {
    if (!held.is_held(i) && open.count(held.same[i]) == 0) out.value[i] = 0.0;
  }
  return out;
}

std::vector<Index> Saturation::columns(int term, const CovarianceParameters& parameters,
                                       const HeldParameters& held) const {
  std::vector<Index> out;
  if (directions[term].cols() == 0) return out;
  const CovarianceStructure& structure = parameters.structure(term);
  if (held.ties(static_cast<std::size_t>(parameters.size()))) {
    const HeldParameters settled = settle(held, parameters);
    const auto about = structure.natural_parameters();
    for (std::size_t i = 0; i < about.size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(parameters.offset(term)) + i;
      if (about[i].kind != NaturalParameter::Kind::sd || held.is_held(at) || !settled.is_held(at))
        continue;
      for (Index a = 0; a < structure.columns(); ++a) {
        if (about[i].common || a == about[i].row) out.push_back(a);
      }
    }
    return out;
  }
  const std::vector<bool> free = structure.free_without(directions[term]);
  Vector theta(structure.parameter_count());
  for (Index i = 0; i < theta.size(); ++i) theta[i] = free[i] ? 1.0 : 0.0;
  const Matrix factor = structure.factor(theta);
  for (Index a = 0; a < factor.rows(); ++a) {
    if (factor.row(a).cwiseAbs().maxCoeff() == 0.0) out.push_back(a);
  }
  return out;
}

bool Saturation::any_column(const CovarianceParameters& parameters,
                            const HeldParameters& held) const {
  for (int j = 0; j < parameters.terms(); ++j) {
    if (!columns(j, parameters, held).empty()) return true;
  }
  return false;
}

}  // namespace tiers
