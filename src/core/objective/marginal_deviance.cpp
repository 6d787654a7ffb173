#include "marginal_deviance.h"

#include <algorithm>
#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

constexpr double kTwoPi = 6.283185307179586;
// Of a step in theta, in units of its size: beyond, curvature here says nothing.
constexpr double kThetaReach = 10.0;

// The blocks of t columns of `stacked`, each transposed.
void transpose_blocks(Matrix& stacked) {
  const Index t = stacked.rows();
  for (Index at = 0; at < stacked.cols(); at += t) {
    for (Index b = 0; b < t; ++b) {
      for (Index a = b + 1; a < t; ++a) std::swap(stacked(a, at + b), stacked(b, at + a));
    }
  }
}

}  // namespace

MarginalDeviance::MarginalDeviance(const Design& design, const UnitPatterns& patterns,
                                   const PatternData& data, const CovarianceParameters& parameters,
                                   const ResidualStructure& structure, bool reml, const Poll& poll)
    : design_(design),
      patterns_(patterns),
      data_(data),
      parameters_(parameters),
      structure_(structure),
      reml_(reml),
      poll_(poll),
      degrees_(design.used_rows() - (reml ? design.rank() : 0)),
      covariances_(patterns, parameters, structure,
                   structure.has_sigma() ? 1.0 : design.user_sigma(1.0)) {}

double MarginalDeviance::value(const Vector& psi) {
  if (!psi.allFinite() || !structure_.inside(psi.tail(structure_.size()))) return kInfinity;
  covariances_.move_to(psi);
  const auto& patterns = patterns_.patterns();
  factor_.resize(patterns.size());
  const Index p = design_.rank(), columns = p + 1;
  products_ = Matrix::Zero(columns, columns);
  Vector moments = Vector::Zero(packed_size(columns));
  double log_det = 0.0;
  Matrix v;
  for (std::size_t g = 0; g < patterns.size(); ++g) {
    if (poll_ && g % 256 == 0) poll_();
    covariances_.value(patterns[g], v);
    const CholeskyFactor factor(v);
    if (!factor.positive_definite()) return kInfinity;
    log_det += static_cast<double>(patterns[g].count()) * factor.log_det();
    if (!std::isfinite(log_det)) return kInfinity;
    factor_[g] = factor.lower();
    if (data_.has_moments(static_cast<Index>(g))) {
      moments += data_.contract(static_cast<Index>(g), packed(inverse_of_product(factor_[g])));
      continue;
    }
    Matrix rows = data_.rows(patterns[g]);
    solve_lower(factor_[g], rows);
    for (Index i = 0; i < rows.cols(); i += columns) {
      const auto one = rows.middleCols(i, columns);
      products_.noalias() += one.transpose() * one;
    }
  }
  products_ += unpacked(moments, columns);
  const CholeskyFactor fixed(products_.topLeftCorner(p, p));
  if (!fixed.positive_definite()) return kInfinity;
  fixed_lower_ = fixed.lower();
  Matrix solved = products_.col(p).head(p);
  solve_lower(fixed_lower_, solved);
  residual_ = products_(p, p) - solved.squaredNorm();
  solve_lower_transposed(fixed_lower_, solved);
  beta_ = solved;
  if (!(residual_ > 0.0)) return kInfinity;
  const double fit = structure_.has_sigma() ? m() * (1.0 + std::log(kTwoPi * residual_ / m()))
                                            : residual_ + m() * std::log(kTwoPi);
  const double out = log_det + (reml_ ? fixed.log_det() : 0.0) + fit;
  return std::isfinite(out) ? out : kInfinity;
}

// What one pass over the patterns collects.
struct MarginalDeviance::Sums {
  Sums(Index k, Index packed_columns, const UnitCovariances& of)
      : trace(Vector::Zero(k)),
        quadratic(Vector::Zero(k)),
        moved(Matrix::Zero(k, k)),
        traces(Matrix::Zero(k, k)),
        packed(Matrix::Zero(packed_columns, k)),
        second(of) {}
  Vector trace, quadratic;  // tr(K V_k) and y'PV_kPy
  // y'PV_kV^-1V_lPy, and tr(V^-1 V_k V^-1 V_l), under REML less twice tr(Y V_k V^-1 V_l).
  Matrix moved, traces;
  Matrix packed;  // U'V^-1V_kV^-1U
  UnitCovariances::SecondDerivatives second;
  Vector c;                  // (-beta, 1)
  Matrix cc, fixed_inverse;  // P x P: c c', and S^-1 with a row of zeros
  Matrix fixed_root;         // P x p: L^-T with a row of zeros
};

namespace {

// Sums of a K x K matrix into its places.
void add_at(const std::vector<Index>& which, const Matrix& part, Matrix& whole) {
  for (std::size_t a = 0; a < which.size(); ++a) {
    for (std::size_t b = 0; b < which.size(); ++b)
      whole(which[a], which[b]) += part(static_cast<Index>(a), static_cast<Index>(b));
  }
}

}  // namespace

void MarginalDeviance::add_moments(std::size_t g, Sums& sums) const {
  const UnitPattern& pattern = patterns_.patterns()[g];
  const Index t = pattern.size;
  const Matrix& lower = factor_[g];
  const std::vector<Index> which = covariances_.active(pattern);
  const Index k = static_cast<Index>(which.size());
  Matrix stacked;
  covariances_.derivatives(pattern, stacked);
  // B_k = L^-1 V_k L^-T, and what the data say in the same coordinates.
  Matrix b = stacked;
  solve_lower(lower, b);
  transpose_blocks(b);
  solve_lower(lower, b);
  const auto whiten_both = [&](Matrix m) {
    solve_lower(lower, m);
    m.transposeInPlace();
    solve_lower(lower, m);
    return m;
  };
  const double count = static_cast<double>(pattern.count());
  const Index at = static_cast<Index>(g);
  const Matrix e = whiten_both(data_.spread(at, sums.cc));
  Matrix left = count * Matrix::Identity(t, t), slope = left;
  if (reml_) {
    const Matrix h = whiten_both(data_.spread(at, sums.fixed_inverse));
    left -= 2.0 * h;
    slope -= h;
  }
  const Eigen::Map<const Matrix> flat(b.data(), t * t, k);
  const Vector trace = flat.transpose() * Eigen::Map<const Vector>(slope.data(), t * t);
  const Vector quadratic = flat.transpose() * Eigen::Map<const Vector>(e.data(), t * t);
  Matrix product = e * b;
  add_at(which, flat.transpose() * Eigen::Map<const Matrix>(product.data(), t * t, k), sums.moved);
  product.noalias() = left * b;
  add_at(which, flat.transpose() * Eigen::Map<const Matrix>(product.data(), t * t, k), sums.traces);
  // D = L^-T (K - s E) L^-1, and the weights V^-1 V_k V^-1.
  Matrix d = slope - scale() * e;
  solve_lower_transposed(lower, d);
  d.transposeInPlace();
  solve_lower_transposed(lower, d);
  sums.second.add(pattern, which, stacked, d);
  solve_lower_transposed(lower, b);
  transpose_blocks(b);
  solve_lower_transposed(lower, b);
  Matrix weights(packed_size(t), k);
  for (Index i = 0; i < k; ++i) weights.col(i) = packed(b.middleCols(i * t, t));
  const Matrix contracted = data_.contract(at, weights);
  for (Index i = 0; i < k; ++i) {
    sums.trace[which[i]] += trace[i];
    sums.quadratic[which[i]] += quadratic[i];
    sums.packed.col(which[i]) += contracted.col(i);
  }
}

// The same from whitened rows W = L^-1 U, where E and the matrix of REML have low rank.
void MarginalDeviance::add_rows(std::size_t g, Sums& sums) const {
  const UnitPattern& pattern = patterns_.patterns()[g];
  const Index t = pattern.size, columns = data_.columns(), p = columns - 1;
  const Index units = pattern.count();
  const Matrix& lower = factor_[g];
  const std::vector<Index> which = covariances_.active(pattern);
  const Index k = static_cast<Index>(which.size());
  Matrix stacked;
  covariances_.derivatives(pattern, stacked);
  Matrix b = stacked;
  solve_lower(lower, b);
  transpose_blocks(b);
  solve_lower(lower, b);
  Matrix rows = data_.rows(pattern);
  solve_lower(lower, rows);
  Matrix e(t, units), j(t, reml_ ? units * p : 0);
  for (Index i = 0; i < units; ++i) {
    e.col(i) = rows.middleCols(i * columns, columns) * sums.c;
    if (reml_) j.middleCols(i * p, p) = rows.middleCols(i * columns, columns) * sums.fixed_root;
  }
  Matrix be(t * units, k), bj(j.size(), k), moved(t, rows.cols());
  for (Index i = 0; i < k; ++i) {
    const auto own = b.middleCols(i * t, t);
    Eigen::Map<Matrix>(be.col(i).data(), t, units).noalias() = own * e;
    Eigen::Map<Matrix>(bj.col(i).data(), t, j.cols()).noalias() = own * j;
    moved.noalias() = own * rows;
    Matrix sum = Matrix::Zero(columns, columns);
    for (Index u = 0; u < rows.cols(); u += columns)
      sum.noalias() += rows.middleCols(u, columns).transpose() * moved.middleCols(u, columns);
    sums.packed.col(which[i]) += packed(sum);
    sums.trace[which[i]] += static_cast<double>(units) * own.trace() -
                            Eigen::Map<const Vector>(j.data(), j.size()).dot(bj.col(i));
    sums.quadratic[which[i]] += Eigen::Map<const Vector>(e.data(), e.size()).dot(be.col(i));
  }
  const Eigen::Map<const Matrix> flat(b.data(), t * t, k);
  add_at(which, be.transpose() * be, sums.moved);
  add_at(which, static_cast<double>(units) * (flat.transpose() * flat) - 2.0 * bj.transpose() * bj,
         sums.traces);
  solve_lower_transposed(lower, e);
  solve_lower_transposed(lower, j);
  Matrix d = static_cast<double>(units) * inverse_of_product(lower);
  d.noalias() -= scale() * e * e.transpose();
  d.noalias() -= j * j.transpose();
  sums.second.add(pattern, which, stacked, d);
}

void MarginalDeviance::derivatives(Vector& gradient, Matrix& curvature) {
  const Index p = design_.rank(), columns = p + 1, k = size();
  Sums sums(k, packed_size(columns), covariances_);
  sums.c.resize(columns);
  sums.c << -beta_, 1.0;
  sums.cc = sums.c * sums.c.transpose();
  sums.fixed_root = Matrix::Zero(columns, p);
  sums.fixed_root.topRows(p) = lower_transposed_solution(fixed_lower_, Matrix::Identity(p, p));
  sums.fixed_inverse = sums.fixed_root * sums.fixed_root.transpose();
  const std::size_t count = patterns_.patterns().size();
  for (std::size_t g = 0; g < count; ++g) {
    if (poll_ && g % 64 == 0) poll_();
    if (data_.has_moments(static_cast<Index>(g)))
      add_moments(g, sums);
    else
      add_rows(g, sums);
  }
  const double s = scale();
  packed_sums_ = sums.packed;
  quadratic_ = sums.quadratic;
  gradient = sums.trace - s * quadratic_;

  // L^-1 h_k with h_k = X'V^-1V_kV^-1e, and of REML tr(S^-1P_kS^-1P_l) by L^-1P_kL^-T.
  Matrix h(p, k), fixed(reml_ ? p * p : 0, k);
  for (Index i = 0; i < k; ++i) {
    const Matrix sum = unpack_sum(i);
    h.col(i) = (sum * sums.c).head(p);
    if (!reml_) continue;
    const Matrix white = sums.fixed_root.transpose() * sum * sums.fixed_root;
    fixed.col(i) = Eigen::Map<const Vector>(white.data(), p * p);
  }
  solve_lower(fixed_lower_, h);
  traces_ = 0.5 * (sums.traces + sums.traces.transpose()) + fixed.transpose() * fixed;
  const Matrix moved = 0.5 * (sums.moved + sums.moved.transpose()) - h.transpose() * h;
  hessian_ = 2.0 * s * moved + sums.second.result() - traces_;
  curvature = traces_;
  if (structure_.has_sigma()) {
    hessian_ -= (s / residual_) * quadratic_ * quadratic_.transpose();
    curvature -= sums.trace * sums.trace.transpose() / m();
  }
  sigma_gradient_ = sums.second.by_sigma();
}

Matrix MarginalDeviance::unpack_sum(Index k) const {
  return unpacked(packed_sums_.col(k), data_.columns());
}

Matrix MarginalDeviance::fixed_derivative(Index k) const {
  return unpack_sum(k).topLeftCorner(design_.rank(), design_.rank());
}

Vector MarginalDeviance::unit_residual(Index unit) const {
  const Matrix rows = data_.unit_rows(unit);
  const Index p = design_.rank();
  return rows.col(p) - rows.leftCols(p) * beta_;
}

double MarginalDeviance::step_limit(const Vector& psi, const Vector& step) const {
  double limit = structure_.step_limit(psi.tail(structure_.size()), step.tail(structure_.size()));
  for (int j = 0; j < parameters_.terms(); ++j) {
    const double size = parameters_.part(psi, j).cwiseAbs().maxCoeff();
    const double largest = parameters_.part(step, j).cwiseAbs().maxCoeff();
    if (largest > 0.0) limit = std::min(limit, kThetaReach * (0.5 + size) / largest);
  }
  return limit;
}

// Weighed by the residual variances of the rows.
Matrix MarginalDeviance::mean_cross(int term) const {
  Matrix sum, r;
  double levels = 0.0;
  for (const UnitPattern& pattern : patterns_.patterns()) {
    const Matrix& z = pattern.basis[term];
    covariances_.conditional(pattern, r);
    const Matrix weighed = r.diagonal().cwiseInverse().asDiagonal() * z;
    const double count = static_cast<double>(pattern.count());
    if (sum.size() == 0) sum = Matrix::Zero(z.cols(), z.cols());
    sum.noalias() += count * z.transpose() * weighed;
    levels += count * static_cast<double>(pattern.levels[term]);
  }
  return sum / levels;
}

}  // namespace tiers
