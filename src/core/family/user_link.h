// A link that a user wrote: four functions of whole vectors, as in R's class "link-glm".
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
  std::string name;
  std::function<void(const double* mu, Index n, double* eta)> eta;       // linkfun
  std::function<void(const double* eta, Index n, double* mu)> mean;      // linkinv
  std::function<void(const double* eta, Index n, double* slope)> slope;  // mu.eta
  std::function<bool(const double* eta, Index n)>
      valid;  // valideta, of all; empty: every finite eta
};

std::shared_ptr<const Link> make_user_link(MeanRange range, LinkFunctions functions);

}  // namespace tiers
