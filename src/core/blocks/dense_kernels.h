// Dense one-thread kernels for the root block: Cholesky, inverse, triangular solves and
// rank-k updates of column-major matrices, several times as fast as plain -O2 Eigen where the
// processor has AVX2 or AVX-512, without any compiler flag.
//
// Contract: the result depends on the values only, never on addresses or leading dimensions,
// and is bitwise the same in every run on the same processor. Of a triangular or symmetric
// argument only the lower triangle is read or written, unless stated. Arguments of one call
// must not share memory. `poll` may be empty; it is called every few milliseconds of work and
// may throw, which leaves the output undefined and leaks nothing.
#pragma once

#include <functional>

#include "../model/eigen.h"

namespace tiers {

using Poll = std::function<void()>;
using MatrixBlock = Eigen::Ref<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using ConstMatrixBlock = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;

// A = L L': replaces the lower triangle of A (n x n) by L. Returns false, with `a` undefined,
// when a pivot is not positive and finite.
bool cholesky_lower(MatrixBlock a, const Poll& poll = Poll());

// inverse = (L L')^-1 for L (n x n, lower), written to both triangles; resized if need be.
void inverse_from_cholesky(const ConstMatrixBlock& l, Eigen::MatrixXd& inverse,
                           const Poll& poll = Poll());

// C -= A A' on the lower triangle of C (n x n), for A (n x k).
void rank_update_lower(MatrixBlock c, const ConstMatrixBlock& a, const Poll& poll = Poll());

// C -= A B' for C (m x n), A (m x k) and B (n x k).
void multiply_subtract_transposed(MatrixBlock c, const ConstMatrixBlock& a,
                                  const ConstMatrixBlock& b, const Poll& poll = Poll());

// X <- L^-1 X for L (n x n, lower) and X (n x m).
void solve_lower_in_place(const ConstMatrixBlock& l, MatrixBlock x, const Poll& poll = Poll());

// X <- L^-T X for L (n x n, lower) and X (n x m).
void solve_lower_transposed_in_place(const ConstMatrixBlock& l, MatrixBlock x,
                                     const Poll& poll = Poll());

namespace detail {

// For tests and benchmarks: the inner kernel in use ("portable", "avx2" or "avx512"), and a
// way to choose one by name, or the best one by nullptr. Returns false if the processor lacks
// it. The choice holds for the whole process.
const char* dense_kernel_name();
bool choose_dense_kernel(const char* name);

}  // namespace detail
}  // namespace tiers
