// The one place that knows which response families exist, by the names that R's users type.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "link.h"
#include "response_family.h"

namespace tiers {

std::vector<std::string> family_names();
// The family's links, its default first.
std::vector<std::string> family_links(const std::string& family);
MeanRange family_range(const std::string& family);
// An empty link: the default. Throws std::invalid_argument for names that are not registered.
std::unique_ptr<ResponseFamily> make_family(const std::string& family, const std::string& link);
// With a link of the user's own (user_link.h), for means of family_range().
std::unique_ptr<ResponseFamily> make_family(const std::string& family,
                                            std::shared_ptr<const Link> link);

}  // namespace tiers
