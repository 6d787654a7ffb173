// Everything large is one operation, C -= A B' on packed operands (Goto's scheme):
//   for each panel of B' (kDepth x up to kWidth, packed into strips of `columns` rows of B)
//     for each block of A (up to kHeight x kDepth, packed into strips of `rows` rows of A)
//       each pair of strips updates one register tile of C (rows x columns).
// A packed strip stores its entries depth by depth and is padded with zeros, so a tile is
// always summed over the depth in the same order, whatever the address, edge or shape.
//
// Solves use the same strips. For X <- X L^-T, with the columns of X taken in groups J of
// `columns` and the earlier ones called P,
//   X_J <- (X_J - X_P L_JP') L_JJ^-T,
// and a strip of X is itself a packed operand, so the product and the small solve share one
// register tile.
#include "dense_kernels.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>

#include "dense_microkernel.h"

namespace tiers {
namespace {

using detail::find_kernel;
using detail::MicroKernel;
using Eigen::Index;

std::atomic<const MicroKernel*>& chosen_kernel() {
  static std::atomic<const MicroKernel*> kernel{find_kernel(nullptr)};
  return kernel;
}

constexpr Index kDepth = 256;        // a strip of B stays in the first-level cache
constexpr Index kHeight = 192;       // kHeight x kDepth of A stays in the second-level cache
constexpr Index kWidth = 1008;       // kDepth x kWidth of B stays in the third-level cache
constexpr Index kSmall = 32;         // up to this order plain loops beat packing
constexpr Index kTiny = 512;         // and up to this many operations in a solve
constexpr Index kMaxTile = 24 * 8;   // entries of the largest micro-kernel's part of C
constexpr double kPollFlops = 5e7;   // 1 ms with AVX2, 10 ms on a slow processor
constexpr double kMemoryFlops = 50;  // what moving one entry costs

// Entry (i, k) is data[i * row_step + k * column_step]: a matrix, its transpose, or either of
// them read backwards.
template <class Scalar>
struct Strided {
  Scalar* data;
  Index row_step, column_step;
  Scalar* at(Index i, Index k) const { return data + i * row_step + k * column_step; }
  Strided from(Index i, Index k) const { return {at(i, k), row_step, column_step}; }
  operator Strided<const double>() const { return {data, row_step, column_step}; }
};
using View = Strided<const double>;
using MutableView = Strided<double>;

// Storage on a cache-line boundary that only grows and is not initialised.
class Buffer {
 public:
  double* reserve(Index size) {
    if (storage_.size() < size + 8) storage_.resize(size + 8);
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
    return storage_.data() + (64 - address % 64) % 64 / sizeof(double);
  }

 private:
  Eigen::ArrayXd storage_;
};

// What one call carries along: its kernel, its buffers, and the work since the last poll.
class Workspace {
 public:
  explicit Workspace(const Poll& poll) : kernel(*chosen_kernel().load()), poll_(poll) {
    if (poll_) poll_();
  }
  void count(double flops) {
    work_ += flops;
    if (work_ < kPollFlops) return;
    work_ = 0;
    if (poll_) poll_();
  }

  const MicroKernel& kernel;
  Buffer left, right, panel;

 private:
  const Poll& poll_;
  double work_ = 0;
};

Index round_up(Index size, Index unit) { return (size + unit - 1) / unit * unit; }

// Rows [0, rows) and columns [0, depth) of `source` as strips of `height` rows.
void pack_strips(const View& source, Index rows, Index depth, Index height, double* target) {
  for (Index i = 0; i < rows; i += height) {
    const Index used = std::min(height, rows - i);
    for (Index k = 0; k < depth; ++k, target += height) {
      const double* column = source.at(i, k);
      if (source.row_step == 1) {
        std::copy_n(column, used, target);
      } else {
        for (Index r = 0; r < used; ++r) target[r] = column[r * source.row_step];
      }
      std::fill(target + used, target + height, 0.0);
    }
  }
}

// One packed block of A times one packed panel of B. The tile with its corner at (i, j) of C
// lies `below` + i - j under the diagonal; with `lower` nothing above the diagonal is written.
void subtract_packed(const MicroKernel& kernel, Index rows, Index columns, Index depth,
                     const double* a, const double* b, double* c, Index stride, bool lower,
                     Index below) {
  alignas(64) double edge[kMaxTile];
  for (Index j = 0; j < columns; j += kernel.columns) {
    const Index width = std::min(kernel.columns, columns - j);
    for (Index i = 0; i < rows; i += kernel.rows) {
      const Index height = std::min(kernel.rows, rows - i);
      const Index offset = below + i - j;
      if (lower && offset + height <= 0) continue;
      double* tile = c + i + j * stride;
      const bool crosses = lower && offset < width - 1;
      if (!crosses && height == kernel.rows && width == kernel.columns) {
        kernel.multiply(depth, a + i * depth, b + j * depth, tile, stride);
        continue;
      }
      std::fill_n(edge, kernel.rows * kernel.columns, 0.0);
      kernel.multiply(depth, a + i * depth, b + j * depth, edge, kernel.rows);
      for (Index s = 0; s < width; ++s) {
        for (Index r = crosses ? std::max<Index>(0, s - offset) : 0; r < height; ++r) {
          tile[r + s * stride] += edge[r + s * kernel.rows];
        }
      }
    }
  }
}

// C -= A B' for A (m x k) and B (n x k); with `lower` only on and below the diagonal of C.
void subtract_product(Workspace& work, double* c, Index stride, View a, View b, Index m, Index n,
                      Index k, bool lower) {
  const MicroKernel& kernel = work.kernel;
  const Index depth_max = std::min(k, kDepth);
  double* left = work.left.reserve(round_up(std::min(m, kHeight), kernel.rows) * depth_max);
  double* right = work.right.reserve(round_up(std::min(n, kWidth), kernel.columns) * depth_max);
  for (Index j = 0; j < n; j += kWidth) {
    const Index width = std::min(kWidth, n - j);
    for (Index p = 0; p < k; p += kDepth) {
      const Index depth = std::min(kDepth, k - p);
      pack_strips(b.from(j, p), width, depth, kernel.columns, right);
      for (Index i = lower ? j : 0; i < m; i += kHeight) {
        const Index height = std::min(kHeight, m - i);
        const Index reach = lower ? std::min(width, i + height - j) : width;
        pack_strips(a.from(i, p), height, depth, kernel.rows, left);
        subtract_packed(kernel, height, reach, depth, left, right, c + i + j * stride, stride,
                        lower, i - j);
        work.count(2.0 * height * reach * depth);
      }
    }
  }
}

// X <- X L^-T for X (m x n) and a diagonal block L (n x n, n <= kDepth).
void solve_block(Workspace& work, View l, MutableView x, Index m, Index n) {
  const MicroKernel& kernel = work.kernel;
  const Index padded = round_up(n, kernel.columns);
  double* triangle = work.right.reserve(padded * padded);
  double* strip = work.left.reserve(kernel.rows * padded);
  for (Index j = 0; j < n; j += kernel.columns) {
    double* rows = triangle + j * padded;
    const Index used = std::min(kernel.columns, n - j);
    pack_strips(l.from(j, 0), used, j + used, kernel.columns, rows);
    double* corner = rows + j * kernel.columns;
    for (Index s = 0; s < kernel.columns; ++s) {  // padded with the identity
      double* diagonal = corner + s * (kernel.columns + 1);
      if (s >= used) std::fill_n(diagonal - s, kernel.columns, 0.0);
      *diagonal = s < used ? 1.0 / *diagonal : 1.0;
    }
  }
  std::fill(strip + kernel.rows * n, strip + kernel.rows * padded, 0.0);
  for (Index i = 0; i < m; i += kernel.rows) {
    const Index height = std::min(kernel.rows, m - i);
    pack_strips(x.from(i, 0), height, n, kernel.rows, strip);
    for (Index j = 0; j < n; j += kernel.columns) kernel.solve(j, strip, triangle + j * padded);
    for (Index j = 0; j < n; ++j) {
      for (Index r = 0; r < height; ++r) *x.at(i + r, j) = strip[r + j * kernel.rows];
    }
    work.count(static_cast<double>(height) * n * n);
  }
}

// y -= scale * x
inline void subtract_scaled(Index n, double scale, const double* x, double* y) {
  for (Index i = 0; i < n; ++i) y[i] -= x[i] * scale;
}

// y -= sum_k scale_k x_k for `count` columns x_k; scale_k lies `step` after scale_k-1. Taken by
// four columns and two rows; the order of each sum does not depend on the row.
void subtract_columns(Index n, Index count, const double* scale, Index step, const double* x,
                      Index stride, double* y) {
  using Pair = detail::Lanes<2>::Loose;
  const auto pair = [](const double* p) { return *reinterpret_cast<const Pair*>(p); };
  for (; count >= 4; count -= 4, scale += 4 * step, x += 4 * stride) {
    const double s0 = scale[0], s1 = scale[step], s2 = scale[2 * step], s3 = scale[3 * step];
    const double *x1 = x + stride, *x2 = x1 + stride, *x3 = x2 + stride;
    Index i = 0;
    for (; i + 1 < n; i += 2) {
      *reinterpret_cast<Pair*>(y + i) = pair(y + i) - pair(x + i) * s0 - pair(x1 + i) * s1 -
                                        pair(x2 + i) * s2 - pair(x3 + i) * s3;
    }
    if (i < n) y[i] = y[i] - x[i] * s0 - x1[i] * s1 - x2[i] * s2 - x3[i] * s3;
  }
  for (; count > 0; --count, scale += step, x += stride) subtract_scaled(n, *scale, x, y);
}

// One running sum on purpose: two would be loaded as a pair, which waits for single stores that
// have only just been made, as in the solve below.
inline double dot(Index n, const double* x, const double* y) {
  double sum = 0.0;
  for (Index i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// Column j: (A_ij - sum_k<j L_ik L_jk) / L_jj.
bool factor_small(double* a, Index stride, Index n) {
  for (Index j = 0; j < n; ++j) {
    double* column = a + j * stride;
    subtract_columns(n - j, j, a + j, stride, a + j, stride, column + j);
    const double pivot = column[j];
    if (!(pivot > 0.0 && pivot <= std::numeric_limits<double>::max())) return false;
    column[j] = std::sqrt(pivot);
    for (Index i = j + 1; i < n; ++i) column[i] /= column[j];
  }
  return true;
}

void solve_vector(const double* l, Index stride, Index n, double* x) {
  for (Index j = 0; j < n; ++j) {
    const double* column = l + j * stride;
    x[j] /= column[j];
    subtract_scaled(n - j - 1, x[j], column + j + 1, x + j + 1);
  }
}

void solve_vector_transposed(const double* l, Index stride, Index n, double* x) {
  for (Index j = n - 1; j >= 0; --j) {
    const double* column = l + j * stride;
    x[j] = (x[j] - dot(n - j - 1, column + j + 1, x + j + 1)) / column[j];
  }
}

// A11 = L11 L11', L21 = A21 L11^-T, A22 -= L21 L21'; the diagonal block by smaller blocks.
bool factor(Workspace& work, double* a, Index stride, Index n) {
  if (n <= kSmall) return factor_small(a, stride, n);
  const Index block = n <= 128 ? kSmall : n <= 400 ? 48 : n <= 768 ? 96 : 192;
  for (Index k = 0; k < n; k += block) {
    const Index size = std::min(block, n - k), rest = n - k - size;
    double* diagonal = a + k * (stride + 1);
    if (!factor(work, diagonal, stride, size)) return false;
    if (rest == 0) break;
    const MutableView below = {diagonal + size, 1, stride};
    solve_block(work, {diagonal, 1, stride}, below, rest, size);
    subtract_product(work, diagonal + size * (stride + 1), stride, below, below, rest, rest, size,
                     true);
  }
  return true;
}

// Copies the negative of the lower triangle to both triangles, by blocks for the cache.
void negate_and_mirror(Workspace& work, Eigen::MatrixXd& s) {
  const Index n = s.rows();
  double* entries = s.data();
  for (Index j = 0; j < n; j += kSmall) {
    for (Index i = j; i < n; i += kSmall) {
      for (Index column = j; column < std::min(j + kSmall, n); ++column) {
        for (Index row = std::max(i, column); row < std::min(i + kSmall, n); ++row) {
          const double value = -entries[row + column * n];
          entries[row + column * n] = value;
          entries[column + row * n] = value;
        }
      }
    }
    work.count(kSmall * (n - j) * kMemoryFlops);
  }
}

}  // namespace

bool cholesky_lower(MatrixBlock a, const Poll& poll) {
  if (a.rows() <= kSmall) return factor_small(a.data(), a.outerStride(), a.rows());
  Workspace work(poll);
  return factor(work, a.data(), a.outerStride(), a.rows());
}

// With W = L^-1, row block k of W is W_k = L_kk^-1 (I_k - sum_{j<k} L_kj W_j), and
// (L L')^-1 = sum_k W_k' W_k, where W_k has columns up to the end of block k. One pass over k
// keeps both sums in `inverse`: rows not yet reached hold I_k - sum L_kj W_j, the square
// before them holds the negative of the second sum.
void inverse_from_cholesky(const ConstMatrixBlock& l, Eigen::MatrixXd& inverse, const Poll& poll) {
  const Index n = l.rows(), stride = l.outerStride();
  inverse.resize(n, n);
  double* x = inverse.data();
  if (n <= kSmall) {
    inverse.setIdentity();
    for (Index j = 0; j < n; ++j) {
      solve_vector(l.data() + j * (stride + 1), stride, n - j, x + j * (n + 1));
    }
    for (Index j = 0; j < n; ++j) {  // (W'W)_ij for i >= j needs only rows from i on
      for (Index i = j; i < n; ++i) {
        x[i + j * n] = dot(n - i, x + i + i * n, x + i + j * n);
        x[j + i * n] = x[i + j * n];
      }
    }
    return;
  }
  Workspace work(poll);
  const Index block = n <= 128 ? kSmall : n <= 1500 ? 48 : 96;
  for (Index k = 0; k < n; k += block) {
    const Index size = std::min(block, n - k), end = k + size;
    double* row_block = work.panel.reserve(size * end);
    for (Index j = 0; j < end; ++j) {
      double* target = x + k + j * n;
      if (j >= k) {
        std::fill(target, x + n + j * n, 0.0);
        target[j - k] = 1.0;
      }
      std::copy_n(target, size, row_block + j * size);
      std::fill_n(target, size, 0.0);
    }
    const MutableView transposed = {row_block, size, 1};
    solve_block(work, {l.data() + k * (stride + 1), 1, stride}, transposed, end, size);
    const View below = {l.data() + end + k * stride, 1, stride};
    subtract_product(work, x + end, n, below, transposed, n - end, end, size, false);
    subtract_product(work, x, n, transposed, transposed, end, end, size, true);
  }
  negate_and_mirror(work, inverse);
}

void rank_update_lower(MatrixBlock c, const ConstMatrixBlock& a, const Poll& poll) {
  const Index n = c.rows(), k = a.cols();
  if (k == 0) return;
  const View view = {a.data(), 1, a.outerStride()};
  if (n * n * k <= 8 * kTiny) {
    for (Index j = 0; j < n; ++j) {
      subtract_columns(n - j, k, view.at(j, 0), a.outerStride(), view.at(j, 0), a.outerStride(),
                       &c(j, j));
    }
    return;
  }
  Workspace work(poll);
  subtract_product(work, c.data(), c.outerStride(), view, view, n, n, k, true);
}

void multiply_subtract_transposed(MatrixBlock c, const ConstMatrixBlock& a,
                                  const ConstMatrixBlock& b, const Poll& poll) {
  const Index m = c.rows(), n = c.cols(), k = a.cols();
  if (k == 0) return;
  const View left = {a.data(), 1, a.outerStride()}, right = {b.data(), 1, b.outerStride()};
  if (n <= 2 || m * n * k <= 8 * kTiny) {
    for (Index j = 0; j < n; ++j) {
      subtract_columns(m, k, right.at(j, 0), b.outerStride(), a.data(), a.outerStride(),
                       c.col(j).data());
    }
    return;
  }
  Workspace work(poll);
  subtract_product(work, c.data(), c.outerStride(), left, right, m, n, k, false);
}

void solve_lower_in_place(const ConstMatrixBlock& l, MatrixBlock x, const Poll& poll) {
  const Index n = l.rows(), m = x.cols(), stride = l.outerStride();
  if (m <= 2 || n * n * m <= kTiny) {
    for (Index j = 0; j < m; ++j) solve_vector(l.data(), stride, n, x.col(j).data());
    return;
  }
  Workspace work(poll);
  for (Index k = 0; k < n; k += kDepth) {
    const Index size = std::min(kDepth, n - k), end = k + size;
    const MutableView transposed = {x.data() + k, x.outerStride(), 1};
    solve_block(work, {l.data() + k * (stride + 1), 1, stride}, transposed, m, size);
    subtract_product(work, x.data() + end, x.outerStride(),
                     {l.data() + end + k * stride, 1, stride}, transposed, n - end, m, size, false);
  }
}

// Read backwards, L' is a lower triangle.
void solve_lower_transposed_in_place(const ConstMatrixBlock& l, MatrixBlock x, const Poll& poll) {
  const Index n = l.rows(), m = x.cols(), stride = l.outerStride();
  if (m <= 2 || n * n * m <= kTiny) {
    for (Index j = 0; j < m; ++j) solve_vector_transposed(l.data(), stride, n, x.col(j).data());
    return;
  }
  Workspace work(poll);
  for (Index end = n; end > 0;) {
    const Index size = std::min(kDepth, end), k = end - size, last = end - 1;
    solve_block(work, {l.data() + last * (stride + 1), -stride, -1},
                {x.data() + last, x.outerStride(), -1}, m, size);
    subtract_product(work, x.data(), x.outerStride(), {l.data() + k, stride, 1},
                     {x.data() + k, x.outerStride(), 1}, k, m, size, false);
    end = k;
  }
}

namespace detail {

const char* dense_kernel_name() { return chosen_kernel().load()->name; }

bool choose_dense_kernel(const char* name) {
  const MicroKernel* kernel = find_kernel(name);
  if (kernel == nullptr) return false;
  chosen_kernel().store(kernel);
  return true;
}

}  // namespace detail
}  // namespace tiers
