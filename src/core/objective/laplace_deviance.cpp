#include "laplace_deviance.h"

#include <algorithm>
#include <cmath>

#include "../blocks/level_blocks.h"
#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Where -logp is not convex a mode can come close to a saddle: log|H| falls to -infinity there, and
// with it a deviance that means nothing. It has lost its meaning where a conditional variance is as
// many times its prior variance, or where rounding has made the leverage of a row (at most 1 by w
// >= 0) larger.
constexpr double kWidest = 100.0;
constexpr double kLargestLeverage = 1.1;
// The corrections for what the mode search left, in units of the deviance: a search that came to
// its end leaves 1e-8 and less, and to first order they are exact only where they are small.
constexpr double kLargestCorrection = 1.0;

}  // namespace

bool LaplaceDeviance::integrate(Integral& out) {
  const PackedRows& rows = mode().rows();
  const BlockLayout& layout = rows.layout();
  const auto& groupings = layout.groupings();

  std::vector<Matrix> inverse_sum = zero_blocks(layout);  // T: sum over levels of (H^-1)_ll
  out.leverage = Vector::Zero(rows.size());
  LocalRows local(rows);
  double widest = 0.0;
  mode().factor().visit_inverse_blocks(
      [&](int f, Index, const Eigen::Ref<const Matrix>& block) {
        inverse_sum[f] += block;
        widest = std::max(widest, block.diagonal().maxCoeff());
      },
      [&](Index unit, const Matrix& inverse) {
        for (Index i = rows.unit_start(unit); i < rows.unit_start(unit + 1); ++i) {
          local.move_to(i);
          out.leverage[i] = local.quadratic(inverse);
        }
      },
      mode().poll());

  const auto leverage = mode().w().cwiseProduct(out.leverage);
  const bool convex = rows.size() > 0 && mode().w().minCoeff() >= 0.0;
  if (widest > kWidest || (convex && leverage.maxCoeff() > kLargestLeverage)) return false;

  const Vector& r = mode().residual();
  const Vector d = r.size() > 0 ? Vector(mode().solve(r)) : r;
  const Vector moved = mode().predictor(d);
  const double decrement = r.dot(d),
               moved_log_det = mode().dw().cwiseProduct(out.leverage).dot(moved);
  if (!(decrement < kLargestCorrection && std::abs(moved_log_det) < kLargestCorrection))
    return false;
  out.u = mode().u() + d;
  out.value = mode().penalty() - 2.0 * mode().logp().sum() + mode().factor().log_det_random() -
              decrement + moved_log_det;
  out.score_at_mode = mode().s() - mode().w().cwiseProduct(moved);
  out.score = out.score_at_mode;
  out.dispersion_score = mode().dlogp_dphi() + mode().ds_dphi().cwiseProduct(moved);

  const Vector z = rows.project_random(out.score);
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    const Index k = groupings[f].columns, levels = groupings[f].levels;
    const Eigen::Map<const Matrix> z_f(z.data() + groupings[f].offset, k, levels);
    const Eigen::Map<const Matrix> u_f(out.u.data() + groupings[f].offset, k, levels);
    out.outer.push_back(-2.0 * z_f * u_f.transpose());
    // Z'WU H^-1 = Lambda^-T (I - H^-1), block by block of the diagonal.
    Matrix inner;
    if (!near_zero(static_cast<int>(f))) {
      inner = static_cast<double>(levels) * Matrix::Identity(k, k) - inverse_sum[f];
      inner = 2.0 * lower_transposed_solution(lambda()[f], inner);
    }
    out.variance.push_back(inner);
  }
  return true;
}

// D_j = Lambda^-T (q I - T) Lambda^-1 - sum_l z_l z_l' + (tau_l z_l' + z_l tau_l')/2 with T of the
// moved Lambda alone.
std::vector<Matrix> LaplaceDeviance::sigma_gradient_beside_zero(const Adjoint& at_mode) {
  const auto& groupings = mode().rows().layout().groupings();
  const std::vector<Matrix>& moved = divisible_lambda();
  mode().factor().factorize(moved, mode().poll());
  const std::vector<Matrix> inverse_sum = mode().factor().inverse_sums(mode().poll());
  std::vector<Matrix> out;
  for (std::size_t f = 0; f < groupings.size(); ++f) {
    const Index k = groupings[f].columns, levels = groupings[f].levels;
    const Matrix inner = static_cast<double>(levels) * Matrix::Identity(k, k) - inverse_sum[f];
    const Matrix half = lower_transposed_solution(moved[f], inner);
    Matrix d = lower_transposed_solution(moved[f], half.transpose());
    const Eigen::Map<const Matrix> z_f(at_mode.z.data() + groupings[f].offset, k, levels);
    const Eigen::Map<const Matrix> tau_f(at_mode.tau.data() + groupings[f].offset, k, levels);
    d += (tau_f - z_f) * z_f.transpose();
    out.push_back(0.5 * (d + d.transpose()));
  }
  return out;
}

}  // namespace tiers
