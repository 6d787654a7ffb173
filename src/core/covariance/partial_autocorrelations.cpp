#include "partial_autocorrelations.h"

namespace tiers {

std::vector<Jet> autoregressive_coefficients(const std::vector<Jet>& partial) {
  std::vector<Jet> a;
  for (const Jet& pi : partial) {
    std::vector<Jet> next;
    for (std::size_t j = 0; j < a.size(); ++j) next.push_back(a[j] - pi * a[a.size() - 1 - j]);
    next.push_back(pi);
    a = next;
  }
  return a;
}

// The first from the same recursion,
// rho_k = sum_(j<k) a_(k-1)j rho_(k-j) + pi_k prod_(j<k) (1 - pi_j^2).
std::vector<Jet> autocorrelations(const std::vector<Jet>& partial, std::size_t lags, Index n) {
  std::vector<Jet> rho{Jet::constant(1.0, n)}, before;
  Jet left = Jet::constant(1.0, n);
  for (std::size_t k = 1; k <= partial.size(); ++k) {
    const Jet& pi = partial[k - 1];
    Jet sum = pi * left;
    for (std::size_t j = 1; j < k; ++j) sum = sum + before[j - 1] * rho[k - j];
    rho.push_back(sum);
    left = left - left * (pi * pi);
    before = autoregressive_coefficients(
        {partial.begin(), partial.begin() + static_cast<std::ptrdiff_t>(k)});
  }
  while (rho.size() <= lags) {
    Jet sum = Jet::constant(0.0, n);
    for (std::size_t j = 0; j < before.size(); ++j) sum = sum + before[j] * rho[rho.size() - 1 - j];
    rho.push_back(sum);
  }
  return rho;
}

}  // namespace tiers
