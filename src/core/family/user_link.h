// A link that a user wrote: four functions of whole vectors, as in R's class "link-glm". It may be
// another function in each row (logistic exposure): then the functions are told the rows of their
// values.
//
// The first derivative of the base scale x(eta) (link.h) is exact; the second and third are central
// differences of it over nine points, of order h^8, with steps of 1/40 in x. Against links written
// out, with mu and 1 - mu above 1e-4: x2 within 1e-10 and x3 within 2e-9, relative to x1^2 and
// x1^3. A link that computes 1 - mu as a difference loses digits in proportion as 1 - mu gets
// small, and so does a user's link here.
#pragma once

#include <functional>

#include "link.h"

namespace tiers {

struct LinkFunctions {
  // `row` as in Link; nullptr where the link does not differ by row.
  using Map = std::function<void(const double* from, Index n, double* to, const int* row)>;
  std::string name;
  bool by_row = false;
  Map eta;    // linkfun
  Map mean;   // linkinv
  Map slope;  // mu.eta
  std::function<bool(const double* eta, Index n, const int* row)>
      valid;  // valideta, of all; empty: every finite eta
};

std::shared_ptr<const Link> make_user_link(MeanRange range, LinkFunctions functions);

}  // namespace tiers
