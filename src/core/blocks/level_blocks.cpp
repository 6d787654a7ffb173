#include "level_blocks.h"

namespace tiers {

std::vector<Matrix> zero_blocks(const BlockLayout& layout) {
  std::vector<Matrix> out;
  for (const auto& grouping : layout.groupings()) {
    out.push_back(Matrix::Zero(grouping.columns, grouping.columns));
  }
  return out;
}

Matrix apply_lambdas(const BlockLayout& layout, const std::vector<Matrix>& by_grouping,
                     const Matrix& u, bool transposed) {
  Matrix out(u.rows(), u.cols());
  const auto& groupings = layout.groupings();
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    const Index k = groupings[f].columns;
    const Matrix lambda = transposed ? Matrix(by_grouping[f].transpose()) : by_grouping[f];
    const Index rows = groupings[f].levels * k;
    for (Index column = 0; column < u.cols(); ++column) {
      const Eigen::Map<const Matrix> from(u.col(column).data() + groupings[f].offset, k,
                                          groupings[f].levels);
      Eigen::Map<Matrix> to(out.col(column).data() + groupings[f].offset, k, groupings[f].levels);
      if (k == 1) {
        out.col(column).segment(groupings[f].offset, rows) =
            lambda(0, 0) * u.col(column).segment(groupings[f].offset, rows);
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
    for (const auto& grouping : layout.groupings()) {
      z.resize(grouping.columns);
      grouping_row(design, grouping, i, z.data());
      const double* mine = b.data() + grouping.offset + (grouping.codes[i] - 1) * grouping.columns;
      for (Index a = 0; a < grouping.columns; ++a) sum += z[a] * mine[a];
    }
    eta[i] = sum;
  }
  return eta;
}

}  // namespace tiers
