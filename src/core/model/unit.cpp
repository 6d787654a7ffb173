// Compiled together: Eigen is read, and its templates are made, once.
#include "dense_algebra.cpp"
#include "lower_factor.cpp"
