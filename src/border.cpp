// The border, compiled together, after Eigen as the core reads it. The order matters.
// clang-format off
#include "core/model/eigen.h"

#include "bind_covariance.cpp"
#include "bind_family.cpp"
#include "bind_glmm.cpp"
#include "bind_lmm.cpp"
#include "convert.cpp"
#include "RcppExports.cpp"  // last: it opens the namespace Rcpp
