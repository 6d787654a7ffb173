// A link mu = mu(eta), for families that have no formulas of their own for it. Every family is
// known on a base scale x of its mean, given by the mean's range:
//   real: x = mu      positive: x = log mu      unit interval: x = log(mu/(1 - mu))
// and a link gives x(eta) with three derivatives; linked_family.h has the chain rule. A link that
// a user wrote is a subclass that calls back with whole vectors (user_link.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../model/specification.h"

namespace tiers {

enum class MeanRange { real, positive, unit };

class Link {
 public:
  virtual ~Link() = default;
  virtual std::string name() const = 0;
  virtual MeanRange range() const = 0;
  // Whether it is another function in every row of the data. Then `row` below says which these are
  // (nullptr: the first row for all); other links do not read it.
  virtual bool differs_by_row() const { return false; }
  virtual void mean(const double* eta, Index n, double* mu, const int* row = nullptr) const = 0;
  virtual void eta(const double* mu, Index n, double* eta, const int* row = nullptr) const = 0;
  // x and its derivatives up to `order` (1 to 3; those above may be left alone); x is NaN outside
  // the domain.
  virtual void base(const double* eta, Index n, int order, double* x, double* x1, double* x2,
                    double* x3, const int* row = nullptr) const = 0;
};

// The first name is the base scale itself. Throws std::invalid_argument for other names.
std::vector<std::string> link_names(MeanRange range);
std::shared_ptr<const Link> make_link(MeanRange range, const std::string& name);

}  // namespace tiers
