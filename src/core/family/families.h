// Makers of the families, one file each. Every one takes a link by name and throws
// std::invalid_argument for a link that it does not know.
#pragma once

#include <memory>
#include <string>

#include "response_family.h"

namespace tiers {

std::unique_ptr<ResponseFamily> make_gaussian(const std::string& link);
std::unique_ptr<ResponseFamily> make_binomial(const std::string& link);
std::unique_ptr<ResponseFamily> make_poisson(const std::string& link);
std::unique_ptr<ResponseFamily> make_nbinom2(const std::string& link);
std::unique_ptr<ResponseFamily> make_nbinom1(const std::string& link);
std::unique_ptr<ResponseFamily> make_gamma(const std::string& link);
std::unique_ptr<ResponseFamily> make_inverse_gaussian(const std::string& link);
std::unique_ptr<ResponseFamily> make_beta(const std::string& link);
std::unique_ptr<ResponseFamily> make_beta_binomial(const std::string& link);

}  // namespace tiers
