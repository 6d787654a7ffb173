#include "kenward_roger.h"

#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"
#include "observed_information.h"

namespace tiers {

namespace {

// T of (g, s) from that of the relative parameters: `first` tr(P V_i), `second` tr(P V_i P V_j) at
// sigma = 1, psi = (g, s), m = n - p.
Matrix expected_information(const VarianceProducts& at, const Vector& psi, double m) {
  const Index count = at.first.size();
  const double s = psi[count];
  const Vector first = at.first / s, g = psi.head(count);
  Matrix out(count + 1, count + 1);
  out.topLeftCorner(count, count) = at.second / (s * s);
  const Vector cross = (first - out.topLeftCorner(count, count) * g) / s;
  out.col(count).head(count) = cross;
  out.row(count).head(count) = cross.transpose();
  out(count, count) = ((m - g.dot(first)) / s - g.dot(cross)) / s;
  return out;
}

// dg_i = s dtheta_i + (s theta_i / 2) dlog s; ds = s dlog s: the covariance of psi from that of
// theta and log s.
Matrix linear_coordinates(const Matrix& covariance, const Vector& theta, double s) {
  const Index count = theta.size();
  Matrix jacobian = s * Matrix::Identity(count + 1, count + 1);
  jacobian.col(count).head(count) = 0.5 * s * theta;
  Matrix out = jacobian * covariance * jacobian.transpose();
  for (Index i = 0; i < count; ++i) {
    if (covariance(i, i) > 0.0) continue;
    out.row(i).setZero();
    out.col(i).setZero();
  }
  return out;
}

// sum_ij W_ij A_ij. With e_i = (1, 0, ..) - g_i/s that A_is and A_ss follow from, this is the sum
// over the g's own A_ij of E W E', E = [I, -g/s].
Matrix contract(const std::vector<std::vector<Matrix>>& products, const Matrix& w,
                const Vector& psi) {
  const Index count = psi.size() - 1;
  Matrix spread(count, count + 1);
  spread << Matrix::Identity(count, count), -psi.head(count) / psi[count];
  const Matrix weight = spread * w * spread.transpose();
  Matrix out;
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      const Matrix& product = products[i][j];
      if (out.size() == 0) out = Matrix::Zero(product.rows(), product.cols());
      out += weight(i, j) * product;
    }
  }
  return out;
}

}  // namespace

KenwardRoger kenward_roger(ProfiledDeviance& objective, const std::vector<bool>& free) {
  const Inference inference = covariance_inference(objective, free);
  const VarianceProducts at = objective.variance_products();
  const Matrix& lower = objective.factor().fixed_lower();
  const Index p = lower.rows(), count = at.theta.size();
  Matrix inverse = Matrix::Identity(p, p);
  lower.triangularView<Eigen::Lower>().solveInPlace(inverse);
  const Matrix root = inverse.transpose();  // Phi = s root root'
  const double m = static_cast<double>(objective.used_rows() - p);
  const double s = objective.sigma2();
  Vector psi(count + 1);
  psi << 0.5 * s * at.theta, s;

  KenwardRoger out;
  Matrix rest = s * root * root.transpose();
  for (Index i = 0; i < count; ++i) {
    out.derivatives.push_back(root * at.fixed[i] * root.transpose());
    rest -= psi[i] * out.derivatives[i];
  }
  out.derivatives.push_back(rest / s);

  const Matrix information = expected_information(at, psi, m);
  std::vector<bool> with_sigma = free;
  with_sigma.push_back(true);
  const FreeParameters counted(with_sigma);
  out.expected = 2.0 * counted.spread(ScaledEigen(counted.take(information)).pseudo_inverse());
  out.observed = linear_coordinates(inference.vcov_psi, at.theta, s);
  std::vector<std::vector<Matrix>> products(count);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      products[i].push_back(root * at.products[i][j] * root.transpose() / s);
    }
  }
  out.expected_products = contract(products, out.expected, psi);
  out.observed_products = contract(products, out.observed, psi);
  if (count == 0) out.expected_products = out.observed_products = Matrix::Zero(p, p);
  return out;
}

}  // namespace tiers
