#include "variance_start.h"

#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Rows of F (X'WX)^{-1/2} for F = Z'WX, one column of the result a coordinate of Z.
Matrix standardized_fixed(const CrossProducts& cross) {
  const Index p = cross.fixed_columns();
  const Matrix out = cross.cross_fixed().transpose();
  if (p == 0) return out;
  // Columns of X without information (weights of zero) count as absent.
  const Matrix full = cross.fixed().selfadjointView<Eigen::Lower>();
  Vector scale = full.diagonal();
  for (Index j = 0; j < p; ++j) scale[j] = scale[j] > 0.0 ? 1.0 / std::sqrt(scale[j]) : 0.0;
  const SymmetricEigen parts(scaled_both_ways(full, scale));
  Vector root = parts.eigenvalues();
  const double largest = root.maxCoeff();
  for (Index j = 0; j < p; ++j)
    root[j] = root[j] > 1e-12 * largest ? 1.0 / std::sqrt(root[j]) : 0.0;
  return (root.asDiagonal() * parts.eigenvectors().transpose() * scale.asDiagonal()) * out;
}

class SystemBuilder {
 public:
  SystemBuilder(const CrossProducts& cross, const Vector& random_score)
      : cross_(cross), layout_(cross.layout()), fixed_(standardized_fixed(cross)) {
    number_columns();
    gram_.assign(columns_, Matrix::Zero(fixed_.rows(), fixed_.rows()));
    out_.square = Matrix::Zero(columns_, columns_);
    out_.excess = Vector::Zero(columns_);
    for (Index at = 0; at < layout_.random_columns(); ++at) {
      const int i = column_[at];
      out_.excess[i] += random_score[at] * random_score[at] + fixed_.col(at).squaredNorm();
    }
    // The coordinates of a column of a grouping are k apart.
    const Index p = fixed_.rows();
    for (const Grouping& grouping : layout_.groupings()) {
      for (Index a = 0; a < grouping.columns; ++a) {
        using Column = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
        const Index first = grouping.offset + a;
        add_square(gram_[column_[first]], Column(fixed_.data() + p * first, p, grouping.levels,
                                                 Eigen::OuterStride<>(p * grouping.columns)));
      }
    }
    for (Matrix& gram : gram_) gram = Matrix(gram.selfadjointView<Eigen::Lower>());
  }

  VarianceSystem build() {
    for (std::size_t c = 0; c < layout_.chain().size(); ++c) add_chain(static_cast<int>(c));
    add_remainder();
    for (Index i = 0; i < columns_; ++i) {
      for (Index j = 0; j < columns_; ++j) {
        out_.square(i, j) += gram_[i].cwiseProduct(gram_[j]).sum();
      }
    }
    return out_;
  }

 private:
  // Which of all columns each coordinate belongs to.
  void number_columns() {
    column_.resize(layout_.random_columns());
    for (const Grouping& grouping : layout_.groupings()) {
      for (Index at = 0; at < grouping.levels * grouping.columns; ++at) {
        column_[grouping.offset + at] = static_cast<int>(columns_ + at % grouping.columns);
      }
      columns_ += grouping.columns;
    }
  }

  // A nonzero entry a of Z'WZ at (row, column), to M at the place of its two columns.
  double share(double a, Index row, Index column) const {
    return a * (a - 2.0 * fixed_.col(row).dot(fixed_.col(column)));
  }
  void add(double a, Index row, Index column) {
    if (a == 0.0) return;
    const int i = column_[row], j = column_[column];
    const double value = share(a, row, column);
    out_.square(i, j) += value;
    if (row != column) out_.square(j, i) += value;
    if (row == column) out_.excess[i] -= a;
  }

  void add_chain(int c) {
    const ChainLevel& level = layout_.chain()[c];
    const Index k = level.columns, offset = layout_.groupings()[level.grouping].offset;
    for (Index unit = 0; unit < level.units; ++unit) {
      const Index at = offset + unit * k;
      const double* own = cross_.own(c).data() + unit * k * k;
      for (Index a = 0; a < k; ++a) {
        for (Index b = 0; b <= a; ++b) add(own[a * k + b], at + a, at + b);
      }
      const double* panel = cross_.panel(c).data() + level.panel_start[unit];
      layout_.visit_coordinates(c, unit, [&](Index other) {
        for (Index a = 0; a < k; ++a) add(panel[a], at + a, other);
        panel += k;
      });
    }
  }

  void add_remainder() {
    const Index size = layout_.remainder_columns(), base = layout_.remainder_offset();
    for (Index j = 0; j < size; ++j) {
      for (Index i = j; i < size; ++i) add(cross_.remainder()(i, j), base + i, base + j);
    }
  }

  const CrossProducts& cross_;
  const BlockLayout& layout_;
  const Matrix fixed_;
  std::vector<int> column_;  // of every coordinate
  Index columns_ = 0;
  std::vector<Matrix> gram_;
  VarianceSystem out_;
};

// Least squares on the system scaled to unit diagonal; a variance that nothing tells apart from
// others gets its share of theirs.
Vector solve_scaled(const VarianceSystem& system) {
  const Index m = system.excess.size();
  Vector scale(m);
  for (Index i = 0; i < m; ++i) {
    const double diagonal = system.square(i, i);
    scale[i] = diagonal > 0.0 ? 1.0 / std::sqrt(diagonal) : 0.0;
  }
  const Matrix scaled = scaled_both_ways(system.square, scale);
  if (m == 0 || !scaled.allFinite()) return Vector::Zero(m);
  const SymmetricEigen parts(scaled);
  Vector along = parts.eigenvectors().transpose() * scale.cwiseProduct(system.excess);
  for (Index i = 0; i < m; ++i) {
    const double value = parts.eigenvalues()[i];
    along[i] = value > 1e-10 * parts.eigenvalues().maxCoeff() ? along[i] / value : 0.0;
  }
  return scale.cwiseProduct(parts.eigenvectors() * along);
}

}  // namespace

VarianceSystem variance_system(const CrossProducts& cross, const Vector& random_score) {
  return SystemBuilder(cross, random_score).build();
}

std::vector<Matrix> variance_start(const CrossProducts& cross, const Vector& random_score,
                                   double unit) {
  // Standard deviations, in units of the residual's or of the linear predictor: a start nearer to
  // zero would take many steps to leave it, one farther out many to come back.
  constexpr double kSmallest = 0.05, kLargest = 2.0, kUnknown = 0.5;
  const Vector variance = solve_scaled(variance_system(cross, random_score));
  std::vector<Matrix> out;
  Index at = 0;
  for (const Grouping& grouping : cross.layout().groupings()) {
    Matrix sd = Matrix::Zero(grouping.columns, grouping.columns);
    for (Index a = 0; a < grouping.columns; ++a, ++at) {
      const double found = std::sqrt(std::max(variance[at], 0.0)) / unit;
      sd(a, a) =
          unit * (std::isfinite(found) ? std::min(std::max(found, kSmallest), kLargest) : kUnknown);
    }
    out.push_back(sd);
  }
  return out;
}

}  // namespace tiers
