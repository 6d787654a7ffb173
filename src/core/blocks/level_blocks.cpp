#include "level_blocks.h"

namespace tiers {

std::vector<Matrix> zero_blocks(const BlockLayout& layout) {
  std::vector<Matrix> out;
  for (const auto& factor : layout.factors()) {
    out.push_back(Matrix::Zero(factor.columns, factor.columns));
  }
  return out;
}

Matrix apply_factors(const BlockLayout& layout, const std::vector<Matrix>& by_factor,
                     const Matrix& u, bool transposed) {
  Matrix out(u.rows(), u.cols());
  const auto& factors = layout.factors();
  for (std::size_t f = 0; f < factors.size(); ++f) {
    const Index k = factors[f].columns;
    const Matrix lambda = transposed ? Matrix(by_factor[f].transpose()) : by_factor[f];
    const Index rows = factors[f].levels * k;
    for (Index column = 0; column < u.cols(); ++column) {
      const Eigen::Map<const Matrix> from(u.col(column).data() + factors[f].offset, k,
                                          factors[f].levels);
      Eigen::Map<Matrix> to(out.col(column).data() + factors[f].offset, k, factors[f].levels);
      if (k == 1) {
        out.col(column).segment(factors[f].offset, rows) =
            lambda(0, 0) * u.col(column).segment(factors[f].offset, rows);
      } else {
        to.noalias() = lambda.lazyProduct(from);
      }
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
