#include "family_registry.h"

#include <algorithm>
#include <stdexcept>

// The families, compiled with the table that names them.
#include "beta.cpp"
#include "beta_binomial.cpp"
#include "binomial.cpp"
#include "gamma.cpp"
#include "gaussian.cpp"
#include "inverse_gaussian.cpp"
#include "nbinom1.cpp"
#include "nbinom2.cpp"
#include "poisson.cpp"

namespace tiers {

// What makes a family, in its file. The text is the name of a registered link, for which a family
// may have formulas of its own; empty for a link that a user wrote, which goes by the chain rule.
using Maker = std::unique_ptr<ResponseFamily>(std::shared_ptr<const Link>, const std::string&);

namespace {

struct Entry {
  std::string name;
  MeanRange range;
  std::string default_link;
  Maker* make;
};

const std::vector<Entry>& all_families() {
  static const std::vector<Entry> entries = {
      {"gaussian", MeanRange::real, "identity", make_gaussian},
      {"binomial", MeanRange::unit, "logit", make_binomial},
      {"poisson", MeanRange::positive, "log", make_poisson},
      {"nbinom2", MeanRange::positive, "log", make_nbinom2},
      {"nbinom1", MeanRange::positive, "log", make_nbinom1},
      {"Gamma", MeanRange::positive, "inverse", make_gamma},
      {"inverse.gaussian", MeanRange::positive, "1/mu^2", make_inverse_gaussian},
      {"beta", MeanRange::unit, "logit", make_beta},
      {"betabinomial", MeanRange::unit, "logit", make_beta_binomial},
  };
  return entries;
}

const Entry& find(const std::string& name) {
  for (const Entry& entry : all_families()) {
    if (entry.name == name) return entry;
  }
  throw std::invalid_argument("no response family is called '" + name + "'");
}

}  // namespace

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const Entry& entry : all_families()) names.push_back(entry.name);
  return names;
}

MeanRange family_range(const std::string& family) { return find(family).range; }

std::vector<std::string> family_links(const std::string& family) {
  const Entry& entry = find(family);
  std::vector<std::string> links = link_names(entry.range);
  const auto at = std::find(links.begin(), links.end(), entry.default_link);
  std::rotate(links.begin(), at, at + 1);
  return links;
}

std::unique_ptr<ResponseFamily> make_family(const std::string& family, const std::string& link) {
  const Entry& entry = find(family);
  const std::string& name = link.empty() ? entry.default_link : link;
  return entry.make(make_link(entry.range, name), name);
}

std::unique_ptr<ResponseFamily> make_family(const std::string& family,
                                            std::shared_ptr<const Link> link) {
  const Entry& entry = find(family);
  if (!link || link->range() != entry.range) {
    throw std::invalid_argument("the link is not one for the means of family '" + family + "'");
  }
  return entry.make(std::move(link), "");
}

}  // namespace tiers
