#include "covariance_registry.h"

#include <stdexcept>
#include <utility>

#include "diagonal.h"
#include "unstructured.h"

namespace tiers {

namespace {

using Maker = std::unique_ptr<CovarianceStructure> (*)(Index);

const std::vector<std::pair<std::string, Maker>>& registry() {
  static const std::vector<std::pair<std::string, Maker>> entries = {
      {"us", make_unstructured},
      {"diag", make_diagonal},
      {"id", make_identity},
  };
  return entries;
}

}  // namespace

std::vector<std::string> covariance_names() {
  std::vector<std::string> names;
  for (const auto& entry : registry()) names.push_back(entry.first);
  return names;
}

std::unique_ptr<CovarianceStructure> make_covariance(const std::string& name, Index columns) {
  for (const auto& entry : registry()) {
    if (entry.first == name) return entry.second(columns);
  }
  throw std::invalid_argument("no covariance structure is called '" + name + "'");
}

}  // namespace tiers
