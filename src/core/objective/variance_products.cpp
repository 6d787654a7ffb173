// Traces and products of the V_i = dV/dtheta_i at sigma = 1. In u-space V_i is E_i = Lambda^-1
// Ldot_i
// + (.)' on the levels of its grouping, Z'V^-1Z becomes N = I - Omega^-1 and Z'V^-1X becomes B;
// with b = B L_XX^-T, P = V^-1 - V^-1 X S^-1 X'V^-1 becomes N - b b'.
#include "../model/dense_algebra.h"
#include "profiled_deviance.h"

namespace tiers {

// tr(E_i N E_j N).
Matrix ProfiledDeviance::random_traces(const std::vector<LevelForm>& forms) const {
  const auto& groupings = cross_.layout().groupings();
  Matrix trace = floored_->factor->inverse_products(forms, poll_);
  for (std::size_t i = 0; i < forms.size(); ++i) {
    for (std::size_t j = 0; j < forms.size(); ++j) {
      if (forms[i].grouping != forms[j].grouping) continue;
      const Matrix product = forms[i].block * forms[j].block;
      trace(i, j) +=
          static_cast<double>(groupings[forms[i].grouping].levels) * product.trace() -
          (product + product.transpose()).cwiseProduct(inverse_sum_[forms[i].grouping]).sum();
    }
  }
  return trace;
}

ProfiledDeviance::FixedForms ProfiledDeviance::fixed_forms(
    const std::vector<LevelForm>& forms) const {
  const Index p = design_.rank();
  const Matrix half = lower_solution(floored_->factor->fixed_lower(), projection_.transpose());
  const Matrix b = half.transpose();
  FixedForms out;
  for (const auto& form : forms) {
    if (poll_) poll_();
    const Grouping& grouping = cross_.layout().groupings()[form.grouping];
    Matrix moved = Matrix::Zero(b.rows(), p);
    for (Index x = 0; x < p; ++x) {
      Eigen::Map<Matrix>(moved.col(x).data() + grouping.offset, grouping.columns, grouping.levels)
          .noalias() = form.block * Eigen::Map<const Matrix>(b.col(x).data() + grouping.offset,
                                                             grouping.columns, grouping.levels);
    }
    Matrix solved = moved, unused = Matrix::Zero(p, p);
    floored_->factor->solve_forward(solved, unused);
    out.small.push_back(b.transpose() * moved);
    out.moved.push_back(std::move(moved));
    out.solved.push_back(std::move(solved));
  }
  return out;
}

// What P takes off tr(E_i N E_j N).
double ProfiledDeviance::FixedForms::trace(Index i, Index j) const {
  return -2.0 * (moved[i].cwiseProduct(moved[j]).sum() - solved[i].cwiseProduct(solved[j]).sum()) +
         small[i].cwiseProduct(small[j]).sum();
}

}  // namespace tiers
