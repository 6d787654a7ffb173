// The sources of this folder, compiled together: Eigen is read, and its templates are made, once.
#include "cone.cpp"
#include "glm_start.cpp"
#include "separation.cpp"
#include "variance_start.cpp"
