// The sources of this folder, compiled together: Eigen is read, and its templates are made, once.
#include "boundary.cpp"
#include "fit_generalized.cpp"
#include "fit_model.cpp"
#include "generalized_engine.cpp"
#include "optimum_proof.cpp"
