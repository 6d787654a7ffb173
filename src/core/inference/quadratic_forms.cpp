#include "quadratic_forms.h"

#include <algorithm>

namespace tiers {

namespace {

// Rows at a time, so that their products stay in the cache: of p(p + 1)/2 columns this many bytes.
constexpr Index kProductBytes = Index{1} << 17;

}  // namespace

Matrix quadratic_forms(const Eigen::Ref<const Matrix>& rows, const std::vector<Matrix>& forms) {
  const Index n = rows.rows(), p = rows.cols(), pairs = p * (p + 1) / 2;
  Matrix coefficients(pairs, static_cast<Index>(forms.size()));
  for (std::size_t a = 0; a < forms.size(); ++a) {
    Index at = 0;
    for (Index j = 0; j < p; ++j) {
      for (Index i = 0; i <= j; ++i)
        coefficients(at++, static_cast<Index>(a)) =
            i == j ? forms[a](i, i) : forms[a](i, j) + forms[a](j, i);
    }
  }
  Matrix out(n, static_cast<Index>(forms.size()));
  const Index fit = kProductBytes / static_cast<Index>(sizeof(double)) / std::max(pairs, Index{1});
  const Index chunk = std::min(std::max(fit, Index{8}), Index{1024});
  Matrix products(std::min(chunk, n), pairs);
  for (Index first = 0; first < n; first += chunk) {
    const Index size = std::min(chunk, n - first);
    Index at = 0;
    for (Index j = 0; j < p; ++j) {
      const auto right = rows.col(j).segment(first, size).array();
      for (Index i = 0; i <= j; ++i)
        products.col(at++).head(size) = rows.col(i).segment(first, size).array() * right;
    }
    out.middleRows(first, size).noalias() = products.topRows(size) * coefficients;
  }
  return out;
}

}  // namespace tiers
