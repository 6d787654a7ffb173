// Autoregressions by their partial autocorrelations (Durbin, Levinson), with derivatives by these.
#pragma once

#include <vector>

#include "jet.h"

namespace tiers {

// Coefficients: of order k from those of order k - 1, a_kj = a_(k-1)j - pi_k a_(k-1)(k-j).
std::vector<Jet> autoregressive_coefficients(const std::vector<Jet>& partial);
// Autocorrelations 0, ..., `lags`; n: of how many variables jets are.
std::vector<Jet> autocorrelations(const std::vector<Jet>& partial, std::size_t lags, Index n);

}  // namespace tiers
