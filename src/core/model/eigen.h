// Eigen, in one place. Its headers give GCC a warning for every vector type of the processor that
// stands as a template argument, thousands of lines in a build; none of them is about this code.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

#include <Eigen/Dense>
#include <limits>

namespace tiers {

using Index = Eigen::Index;
using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using ConstMatrixMap = Eigen::Map<const Eigen::MatrixXd>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();  // not known

}  // namespace tiers
