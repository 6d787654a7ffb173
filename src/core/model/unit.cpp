// Compiled together: Eigen is read, and its templates are made, once.
#include "dense_algebra.cpp"
#include "design.cpp"
#include "lower_factor.cpp"
