// How the data may be brought to a scale of order one; see design.h for what is done with it.
#pragma once

#include "specification.h"

namespace tiers {

// Which linear maps of a term's columns leave its covariance structure's family of models
// unchanged.
enum class Rescaling { affine, per_column, common };

struct Scaling {
  std::vector<Rescaling> terms;  // per term: what its covariance structure allows
  // False: the response belongs to a family. It is not rescaled then, and neither are the weights,
  // which only say which rows count.
  bool response = true;
  // A power of two, of the order of the changes in the linear predictor that the data can tell:
  // internal columns are multiplied by it, so that coefficients and standard deviations are of
  // order one.
  double predictor_unit = 1.0;
  // Per term, the user's columns in the order of the internal ones. Empty: as they stand.
  std::vector<std::vector<Index>> order = std::vector<std::vector<Index>>();
};

}  // namespace tiers
