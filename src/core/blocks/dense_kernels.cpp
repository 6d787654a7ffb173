// First plain version on Eigen's own blocked algorithms.
#include "dense_kernels.h"

#include <Eigen/Cholesky>

namespace tiers {

bool cholesky_lower(MatrixBlock a, const Poll& poll) {
  if (poll) poll();
  if (a.rows() == 0) return true;
  Eigen::LLT<Eigen::Ref<Eigen::MatrixXd, 0, Eigen::OuterStride<>>, Eigen::Lower> llt(a);
  return llt.info() == Eigen::Success;
}

void inverse_from_cholesky(const ConstMatrixBlock& l, Eigen::MatrixXd& inverse, const Poll& poll) {
  if (poll) poll();
  inverse.setIdentity(l.rows(), l.rows());
  solve_lower_in_place(l, inverse, poll);
  solve_lower_transposed_in_place(l, inverse, poll);
  inverse.triangularView<Eigen::StrictlyUpper>() = inverse.transpose();
}

void rank_update_lower(MatrixBlock c, const ConstMatrixBlock& a, const Poll& poll) {
  if (poll) poll();
  c.selfadjointView<Eigen::Lower>().rankUpdate(a, -1.0);
}

void multiply_subtract_transposed(MatrixBlock c, const ConstMatrixBlock& a,
                                  const ConstMatrixBlock& b, const Poll& poll) {
  if (poll) poll();
  c.noalias() -= a * b.transpose();
}

void solve_lower_in_place(const ConstMatrixBlock& l, MatrixBlock x, const Poll& poll) {
  if (poll) poll();
  l.triangularView<Eigen::Lower>().solveInPlace(x);
}

void solve_lower_transposed_in_place(const ConstMatrixBlock& l, MatrixBlock x, const Poll& poll) {
  if (poll) poll();
  l.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
}

}  // namespace tiers
