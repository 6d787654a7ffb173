// How a covariance structure is asked for: its name and what the name leaves open. One kind for
// both sides of the model; covariance/shape_registry.h makes the structure.
#pragma once

#include <string>
#include <vector>

#include "eigen.h"

namespace tiers {

struct StructureRecipe {
  // Whose the variances are: the structure's own (of us, lin, ...: always), none (a correlation
  // matrix, whose variance is the caller's), one for all positions, one for each visit. by_name: as
  // the name says, for instance common for ar1 and each for ar1h.
  enum class Scale { by_name, none, common, each };
  enum class Uniqueness { each, common, none };

  std::string name = "us";
  Index visits = 1;  // t: positions are among visits 0, ..., t - 1
  // Coordinates of a position, d; of structures by lag (ar1, toep, arma) the time.
  Index dimensions = 1;
  // Of random effects, whose visits are the columns: where each is (t x d); 0 x 0: at 0, 1, ...
  Matrix coordinates;
  Scale scale = Scale::by_name;
  bool nugget = false;
  // toep: searched by partial autocorrelations where all lags are free, which keeps it positive
  // definite for all visits.
  bool partial = false;
  Index band = 0;        // us, toep: covariances up to visit or lag band - 1; 0: all
  Index rank = 1;        // fa, rr
  Index ar = 1, ma = 1;  // arma
  std::vector<double>
      lags;  // toep: the differences in time that occur, ascending; empty: 1, 2, ...
  double smoothness = -1.0;                  // sp_mat; not positive: a parameter
  Uniqueness uniqueness = Uniqueness::each;  // fa
  std::vector<Matrix> matrices;              // lin: t x t each
  // kronecker: two. Visit v of the product is visit v / t_2 of the first and v % t_2 of the second;
  // coordinates are those of the first, then those of the second.
  std::vector<StructureRecipe> children;
};

}  // namespace tiers
