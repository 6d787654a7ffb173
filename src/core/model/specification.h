// What a mixed model is made of, as the caller holds it. Linear: y = X beta + Z b + e; generalized:
// y has a density given eta = offset + X beta + Z b. Nothing is copied; every pointer must outlive
// the fit.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "structure_recipe.h"

namespace tiers {

// May throw to abandon a computation (an interrupt); called at most every few milliseconds of work.
using Poll = std::function<void()>;

struct RandomTerm {
  std::string group;
  const int* codes = nullptr;  // n level codes, 1-based
  Index n_levels = 0;
  Index columns = 1;              // k
  const double* basis = nullptr;  // n x k column-major; nullptr: the single column is 1
  Index n = 0;
  Index intercept = 1;  // 1-based column of the basis that is identically 1; 0: none
  StructureRecipe recipe;
  Matrix start;  // k x k factor relative to sigma on the user's scale; 0 x 0: none
  double value(Index row, Index column) const { return basis ? basis[row + n * column] : 1.0; }
};

// Parameters that the user holds at a value or sets equal, in the order of the table of parameters
// (fit_result.h), on the user's scale. Both empty: none.
struct HeldParameters {
  std::vector<double> value;  // NaN: free
  std::vector<int> same;      // equal ones share a number

  bool is_held(std::size_t i) const { return !value.empty() && !std::isnan(value[i]); }
  // Is one of the first `count` held, or equal to another of them?
  bool ties(std::size_t count) const {
    for (std::size_t i = 0; i < count && !value.empty(); ++i) {
      if (is_held(i) || std::count(same.begin(), same.end(), same[i]) > 1) return true;
    }
    return false;
  }
  // How many of `count` parameters there are to estimate.
  std::size_t free_count(std::size_t count) const {
    if (value.empty()) return count;
    std::set<int> groups;
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_held(i)) groups.insert(same[i]);
    }
    return groups.size();
  }
};

struct Specification {
  Index n = 0;
  const double* y = nullptr;
  const double* offset = nullptr;  // nullptr: none
  // Precision weights, of a generalized model prior weights; nullptr: all one; zero: row not used.
  const double* weights = nullptr;
  ConstMatrixMap X{nullptr, 0, 0};  // n x p
  bool reml = true;
  std::vector<RandomTerm> terms;
  HeldParameters held;
};

class ResponseFamily;

struct GeneralizedSpecification {
  Specification model;
  const ResponseFamily* family = nullptr;
  const double* size = nullptr;  // trials; nullptr: 1 each
  // Whether the rows have an unknown variance of their own, from which random effects of rows could
  // not be told apart: a gaussian response, or single trials.
  bool row_variance = false;
  ConstMatrixMap dispersion{nullptr, 0, 0};  // n x d, model of the family's log dispersion
  std::vector<int>
      points;  // of quadrature per term: 1 Laplace, 0 the fast approximation, -1 chosen
  Vector start_fixed, start_dispersion;  // user's scale; empty: none
};

// How the search for an optimum ended.
enum class Ending {
  converged,
  iterations,  // as many as were allowed
  stuck,       // no step lowers the deviance, or there is no step
  edge,        // nor does one here, and steps lead to where the deviance is not defined
};

struct Control {
  int max_iterations = 200;
  double tolerance = 2.5e-13;  // predicted gain in deviance at which the fit is finished
  std::function<void(const std::string&)> trace;  // empty: silent
  Poll poll;
};

}  // namespace tiers
