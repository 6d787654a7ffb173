// The sources of this folder, compiled together: Eigen is read, and its templates are made, once.
#include "block_layout.cpp"
#include "blocked_cholesky.cpp"
#include "blocked_solve.cpp"
#include "cross_products.cpp"
#include "dense_kernels.cpp"
#include "inverse_products.cpp"
#include "level_blocks.cpp"
#include "packed_rows.cpp"
