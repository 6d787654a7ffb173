// Blocks of a size known at compile time for the sizes that matter (1 to 4), dynamic otherwise.
#pragma once

#include <type_traits>

#include "../model/specification.h"

namespace tiers {

template <int K>
using Square = Eigen::Matrix<double, K, K>;
template <int K>
using Panel = Eigen::Matrix<double, K, Eigen::Dynamic>;
template <int K>
using Column = Eigen::Matrix<double, K, 1>;

// Runs `f` with the block size as a compile-time constant for the sizes that matter.
template <class F>
auto with_block_size(Index k, const F& f) {
  switch (k) {
    case 1:
      return f(std::integral_constant<int, 1>());
    case 2:
      return f(std::integral_constant<int, 2>());
    case 3:
      return f(std::integral_constant<int, 3>());
    case 4:
      return f(std::integral_constant<int, 4>());
    default:
      return f(std::integral_constant<int, Eigen::Dynamic>());
  }
}

}  // namespace tiers
