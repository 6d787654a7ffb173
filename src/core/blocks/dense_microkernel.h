// The inner kernels of dense_kernels.cpp: one register tile of a matrix product or of a
// triangular solve, for the widest vectors that the processor offers.
//
// A strip is a packed operand of `rows` (left) or `columns` (right) entries for each depth k,
// one depth after the other. The bodies are written once with compiler vectors and inlined
// into functions that are compiled for one instruction set each, so that no compiler flag is
// needed. Nothing from Eigen or the standard library may be called in them: such an inline
// function could be kept for the whole program under the wrong instruction set.
#pragma once

#include <cstring>

#include "../model/eigen.h"

// GCC for Windows aligns the stack to 16 bytes only, and faults when it saves a wider vector
// there (GCC bug 54412): the vectors stay at 16 bytes.
#if defined(__x86_64__) && defined(__GNUC__)
#define TIERS_X86_KERNELS 1
#if defined(_WIN32) && !defined(__clang__)
#define TIERS_WIDE_VECTORS 0
#else
#define TIERS_WIDE_VECTORS 1
#endif
#endif

namespace tiers {
namespace detail {

using Eigen::Index;

template <int LANES>
struct Lanes {
  typedef double Vector __attribute__((vector_size(8 * LANES)));
  typedef double Loose __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
};

// A tile of (VECTORS * LANES) x COLUMNS entries, which the registers must hold in full.
template <int LANES, int VECTORS, int COLUMNS>
struct Tile {
  using Vector = typename Lanes<LANES>::Vector;
  using Loose = typename Lanes<LANES>::Loose;
  static constexpr int rows = LANES * VECTORS;
  static constexpr int columns = COLUMNS;

  // C -= A B' for the strips a (rows x depth) and b (columns x depth).
  static inline __attribute__((always_inline)) void multiply(Index depth, const double* a,
                                                             const double* b, double* c,
                                                             Index stride) {
    Vector sum[COLUMNS][VECTORS] = {};
    accumulate(depth, a, b, sum);
#pragma GCC unroll 16
    for (int j = 0; j < COLUMNS; ++j) {
#pragma GCC unroll 16
      for (int v = 0; v < VECTORS; ++v) {
        Loose* target = reinterpret_cast<Loose*>(c + j * stride + v * LANES);
        *target = *target - sum[j][v];
      }
    }
  }

  // X_J <- (X_J - X_P L_JP') L_JJ^-T for a strip x of X, where the group J of columns starts
  // at `depth` and P are the columns before it; l is the strip of the rows J of L, with the
  // diagonal inverted.
  static inline __attribute__((always_inline)) void solve(Index depth, double* x, const double* l) {
    Vector sum[COLUMNS][VECTORS] = {};
    accumulate(depth, x, l, sum);
    double* target = x + depth * rows;
    const double* corner = l + depth * COLUMNS;
#pragma GCC unroll 16
    for (int j = 0; j < COLUMNS; ++j) {
#pragma GCC unroll 16
      for (int v = 0; v < VECTORS; ++v) {
        Loose* entry = reinterpret_cast<Loose*>(target + j * rows + v * LANES);
        Vector value = *entry - sum[j][v];
#pragma GCC unroll 16
        for (int i = 0; i < j; ++i) value -= sum[i][v] * corner[i * COLUMNS + j];
        value *= corner[j * COLUMNS + j];
        sum[j][v] = value;  // from here on the solved entry
        *entry = value;
      }
    }
  }

 private:
  // sum += A B'
  static inline __attribute__((always_inline)) void accumulate(Index depth, const double* a,
                                                               const double* b,
                                                               Vector (&sum)[COLUMNS][VECTORS]) {
    for (Index k = 0; k < depth; ++k, a += rows, b += COLUMNS) {
      Vector left[VECTORS];
#pragma GCC unroll 16
      for (int v = 0; v < VECTORS; ++v) left[v] = *reinterpret_cast<const Loose*>(a + v * LANES);
#pragma GCC unroll 16
      for (int j = 0; j < COLUMNS; ++j) {
        const double right = b[j];
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; ++v) sum[j][v] += left[v] * right;
      }
    }
  }
};

struct PortableKernel {
  using Shape = Tile<2, 2, 4>;
  static void multiply(Index depth, const double* a, const double* b, double* c, Index stride) {
    Shape::multiply(depth, a, b, c, stride);
  }
  static void solve(Index depth, double* x, const double* l) { Shape::solve(depth, x, l); }
};

#ifdef TIERS_X86_KERNELS
struct Avx2Kernel {
  using Shape = Tile<TIERS_WIDE_VECTORS ? 4 : 2, 3, 4>;
  __attribute__((target("avx2,fma"))) static void multiply(Index depth, const double* a,
                                                           const double* b, double* c,
                                                           Index stride) {
    Shape::multiply(depth, a, b, c, stride);
  }
  __attribute__((target("avx2,fma"))) static void solve(Index depth, double* x, const double* l) {
    Shape::solve(depth, x, l);
  }
};

struct Avx512Kernel {
  using Shape = Tile<8, 3, 8>;
  __attribute__((target("avx512f"))) static void multiply(Index depth, const double* a,
                                                          const double* b, double* c,
                                                          Index stride) {
    Shape::multiply(depth, a, b, c, stride);
  }
  __attribute__((target("avx512f"))) static void solve(Index depth, double* x, const double* l) {
    Shape::solve(depth, x, l);
  }
};
#endif

struct MicroKernel {
  const char* name;
  Index rows, columns;  // of the tile
  void (*multiply)(Index depth, const double* a, const double* b, double* c, Index stride);
  void (*solve)(Index depth, double* x, const double* l);
};

template <class Kernel>
const MicroKernel* describe_kernel(const char* name) {
  static const MicroKernel kernel = {name, Kernel::Shape::rows, Kernel::Shape::columns,
                                     Kernel::multiply, Kernel::solve};
  return &kernel;
}

// The kernel of that name, or the best one for nullptr; nullptr if the processor lacks it.
inline const MicroKernel* find_kernel(const char* name) {
  const auto wanted = [name](const char* candidate) {
    return name == nullptr || std::strcmp(name, candidate) == 0;
  };
#ifdef TIERS_X86_KERNELS
  if (TIERS_WIDE_VECTORS && wanted("avx512") && __builtin_cpu_supports("avx512f")) {
    return describe_kernel<Avx512Kernel>("avx512");
  }
  if (wanted("avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return describe_kernel<Avx2Kernel>("avx2");
  }
#endif
  return wanted("portable") ? describe_kernel<PortableKernel>("portable") : nullptr;
}

}  // namespace detail
}  // namespace tiers
