// Makers of the families, one file each. `own` is the name of a registered link, for which a family
// may have formulas of its own; empty for a link that a user wrote, which goes by the chain rule.
#pragma once

#include <memory>
#include <string>

#include "link.h"
#include "response_family.h"

namespace tiers {

std::unique_ptr<ResponseFamily> make_gaussian(std::shared_ptr<const Link> link,
                                              const std::string& own);
std::unique_ptr<ResponseFamily> make_binomial(std::shared_ptr<const Link> link,
                                              const std::string& own);
std::unique_ptr<ResponseFamily> make_poisson(std::shared_ptr<const Link> link,
                                             const std::string& own);
std::unique_ptr<ResponseFamily> make_nbinom2(std::shared_ptr<const Link> link,
                                             const std::string& own);
std::unique_ptr<ResponseFamily> make_nbinom1(std::shared_ptr<const Link> link,
                                             const std::string& own);
std::unique_ptr<ResponseFamily> make_gamma(std::shared_ptr<const Link> link,
                                           const std::string& own);
std::unique_ptr<ResponseFamily> make_inverse_gaussian(std::shared_ptr<const Link> link,
                                                      const std::string& own);
std::unique_ptr<ResponseFamily> make_beta(std::shared_ptr<const Link> link, const std::string& own);
std::unique_ptr<ResponseFamily> make_beta_binomial(std::shared_ptr<const Link> link,
                                                   const std::string& own);

}  // namespace tiers
