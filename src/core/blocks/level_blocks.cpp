#include "level_blocks.h"

namespace tiers {

std::vector<Matrix> zero_blocks(const BlockLayout& layout) {
  std::vector<Matrix> out;
  for (const auto& factor : layout.factors()) {
    out.push_back(Matrix::Zero(factor.columns, factor.columns));
  }
  return out;
}

Vector apply_factors(const BlockLayout& layout, const std::vector<Matrix>& lambda, const Vector& u,
                     bool transposed) {
  Vector out(u.size());
  for (std::size_t f = 0; f < layout.factors().size(); ++f) {
    const Factor& factor = layout.factors()[f];
    const Eigen::Map<const Matrix> from(u.data() + factor.offset, factor.columns, factor.levels);
    Eigen::Map<Matrix> to(out.data() + factor.offset, factor.columns, factor.levels);
    if (transposed) {
      to.noalias() = lambda[f].transpose().lazyProduct(from);
    } else {
      to.noalias() = lambda[f].lazyProduct(from);
    }
  }
  return out;
}

Vector linear_predictor(const Design& design, const BlockLayout& layout, const Vector& beta,
                        const Vector& b) {
  Vector eta(design.rows()), x(design.rank());
  std::vector<double> z;
  for (Index i = 0; i < design.rows(); ++i) {
    design.fixed_row(i, x.data());
    double sum = x.dot(beta);
    for (const auto& factor : layout.factors()) {
      z.resize(factor.columns);
      factor_row(design, factor, i, z.data());
      const double* mine = b.data() + factor.offset + (factor.codes[i] - 1) * factor.columns;
      for (Index a = 0; a < factor.columns; ++a) sum += z[a] * mine[a];
    }
    eta[i] = sum;
  }
  return eta;
}

}  // namespace tiers
