// The sources of this folder, compiled together: Eigen is read, and its templates are made, once.
#include "conditional_mode.cpp"
#include "laplace_deviance.cpp"
#include "modal_deviance.cpp"
#include "packed_response.cpp"
#include "profiled_deviance.cpp"
#include "quadrature_deviance.cpp"
#include "term_places.cpp"
#include "variance_products.cpp"
