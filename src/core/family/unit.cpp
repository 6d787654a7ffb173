// The sources of this folder, compiled together: Eigen is read, and its templates are made, once.
#include "family_registry.cpp"
#include "link.cpp"
#include "linked_family.cpp"
#include "numeric_kernels.cpp"
#include "response_family.cpp"
#include "user_link.cpp"
