// l'D l of many rows l and several symmetric matrices D: the products l_i l_j of a row serve all D.
#pragma once

#include <vector>

#include "../model/specification.h"

namespace tiers {

// rows x forms.
Matrix quadratic_forms(const Eigen::Ref<const Matrix>& rows, const std::vector<Matrix>& forms);

}  // namespace tiers
