// The border, compiled together, after Eigen as the core reads it. The order matters.
// clang-format off

// RcppEigen's copy of Eigen takes back settings of warnings that it has not made, and so undoes
// those of eigen.h; with this it leaves them alone.
#define EIGEN_PERMANENTLY_DISABLE_STUPID_WARNINGS
#include "core/model/eigen.h"

#include "bind_cluster.cpp"
#include "bind_covariance.cpp"
#include "bind_family.cpp"
#include "bind_glmm.cpp"
#include "bind_inference.cpp"
#include "bind_lmm.cpp"
#include "bind_profile.cpp"
#include "bind_replicates.cpp"
#include "bind_structured.cpp"
#include "convert.cpp"
#include "RcppExports.cpp"  // last: it opens the namespace Rcpp
