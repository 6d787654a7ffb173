#include "kenward_roger.h"

#include "../model/dense_algebra.h"
#include "../model/scaled_eigen.h"

namespace tiers {

namespace {

// Those of (g, s) from those of the relative parameters, at sigma = 1; m = n or n - p.
VarianceTraces with_residual(const Vector& relative_first, const Matrix& relative_second,
                             const Vector& psi, double m) {
  const Index count = relative_first.size();
  const double s = psi[count];
  const Vector first = relative_first / s, g = psi.head(count);
  Matrix out(count + 1, count + 1);
  out.topLeftCorner(count, count) = relative_second / (s * s);
  const Vector cross = (first - out.topLeftCorner(count, count) * g) / s;
  out.col(count).head(count) = cross;
  out.row(count).head(count) = cross.transpose();
  const double last = (m - g.dot(first)) / s;
  out(count, count) = (last - g.dot(cross)) / s;
  Vector all(count + 1);
  all << first, last;
  return {all, out};
}

// Coefficients of symmetric matrices of one term on its forms, the nearest ones; both in internal
// columns (map * user's), where neither units nor the origin of a covariate take digits, and the
// forms in units of their own sizes.
class TermForms {
 public:
  TermForms(const std::vector<VarianceForm>& forms, int term, const Matrix& map) {
    for (std::size_t a = 0; a < forms.size(); ++a) {
      if (forms[a].term == term) index_.push_back(static_cast<Index>(a));
    }
    const Index k = index_.empty() ? 0 : forms[index_[0]].block.rows();
    Matrix columns(k * k, static_cast<Index>(index_.size()));
    size_.resize(columns.cols());
    for (std::size_t i = 0; i < index_.size(); ++i) {
      const Matrix block = map * forms[index_[i]].block * map.transpose();
      size_[i] = block.norm();
      columns.col(i) = Eigen::Map<const Vector>(block.data(), k * k) / size_[i];
    }
    decomposed_.compute(columns);
  }
  // Into the places of the term's forms.
  void put(const Matrix& symmetric, double factor, Eigen::Ref<Vector> out) const {
    if (index_.empty()) return;
    const Vector found =
        decomposed_.solve(Eigen::Map<const Vector>(symmetric.data(), symmetric.size()));
    for (std::size_t i = 0; i < index_.size(); ++i) out[index_[i]] = factor * found[i] / size_[i];
  }

 private:
  std::vector<Index> index_;
  Vector size_;
  PivotedQr decomposed_;
};

// psi, and its derivative with respect to (theta, log s): dg = s dg_relative + g dlog s, ds = s
// dlog s.
struct PsiCoordinates {
  PsiCoordinates(const Design& design, const CovarianceParameters& parameters, const Vector& theta,
                 double s, const std::vector<VarianceForm>& forms)
      : psi(Vector::Zero(static_cast<Index>(forms.size()) + 1)),
        jacobian(Matrix::Zero(psi.size(), theta.size() + 1)) {
    const Index last = psi.size() - 1;
    for (int j = 0; j < parameters.terms(); ++j) {
      const TermForms own(forms, j, design.internal_map(j));
      const Vector part = parameters.part(theta, j);
      const Matrix lambda = parameters.structure(j).factor(part);
      own.put(lambda * lambda.transpose(), s, psi.head(last));
      for (Index i = 0; i < part.size(); ++i) {
        const Matrix half = lambda * parameters.structure(j).factor_derivative(part, i).transpose();
        own.put(half + half.transpose(), s, jacobian.col(parameters.offset(j) + i).head(last));
      }
    }
    psi[last] = s;
    jacobian.col(theta.size()) = psi;
  }
  Vector psi;
  Matrix jacobian;
};

// Columns that span what is free of psi.
Matrix free_directions(const VarianceForms& forms, const PsiCoordinates& at) {
  const Index size = at.psi.size();
  if (forms.all_free) return Matrix::Identity(size, size);
  const ScaledEigen free(forms.vcov_psi);
  const Vector sizes = free.eigen.eigenvalues().cwiseAbs();
  std::vector<Vector> columns;
  for (Index i = 0; i < sizes.size(); ++i) {
    if (sizes[i] <= 1e-9 * sizes.maxCoeff()) continue;
    const Vector direction =
        free.scale.cwiseInverse().asDiagonal() * free.eigen.eigenvectors().col(i);
    columns.push_back(at.jacobian * direction);
  }
  Matrix out(size, static_cast<Index>(columns.size()) + forms.also_free.cols());
  for (std::size_t i = 0; i < columns.size(); ++i) out.col(i) = columns[i];
  out.rightCols(forms.also_free.cols()) = forms.also_free;
  return out;
}

// What the fixed effects add, in units of sigma: with b = Z'V^-1 X L^-T, S^-1 = L^-T L^-1,
// small_a = b'E_a b and U_ab = b'E_a M E_b b - small_a small_b (that of P, p x p).
struct FixedParts {
  FixedParts(const MarginalProducts& products, const std::vector<MarginalProducts::Form>& forms,
             const Matrix& lower)
      : moved(forms.size()), multiplied(forms.size()), small(forms.size()) {
    const Index p = lower.rows();
    if (p == 0) return;
    const Matrix b =
        lower_solution(lower, products.apply(products.cross_fixed()).transpose()).transpose();
    for (std::size_t a = 0; a < forms.size(); ++a) {
      moved[a] = products.spread(forms[a], b);
      multiplied[a] = products.multiply(moved[a]);
      small[a] = b.transpose() * moved[a];
    }
  }
  // What P takes off tr(V^-1 V_a V^-1 V_b).
  double trace(Index a, Index b) const {
    return -2.0 * moved[a].cwiseProduct(multiplied[b]).sum() +
           small[a].cwiseProduct(small[b]).sum();
  }
  // sum_ab W_ab U_ab.
  Matrix contract(const Matrix& w, const Vector& psi, Index p) const {
    const Index count = psi.size() - 1;
    if (count == 0 || p == 0) return Matrix::Zero(p, p);
    const Matrix weight = own_weight(w, psi);
    Matrix out = Matrix::Zero(p, p);
    for (Index a = 0; a < count; ++a) {
      Matrix sum = Matrix::Zero(multiplied[a].rows(), p), small_sum = Matrix::Zero(p, p);
      for (Index b = 0; b < count; ++b) {
        sum += weight(a, b) * multiplied[b];
        small_sum += weight(a, b) * small[b];
      }
      out += moved[a].transpose() * sum - small[a] * small_sum;
    }
    return 0.5 * (out + out.transpose());
  }
  std::vector<Matrix> moved, multiplied, small;
};

// The traces of P from those of V^-1; m = n - p.
VarianceTraces without_fixed(MarginalProducts::Traces traces, const FixedParts& fixed,
                             const Vector& psi, double m) {
  const Index count = traces.first.size();
  for (Index a = 0; a < count; ++a) {
    traces.first[a] -= fixed.small[a].trace();
    for (Index b = 0; b < count; ++b) traces.second(a, b) += fixed.trace(a, b);
  }
  return with_residual(traces.first, traces.second, psi, m);
}

}  // namespace

std::vector<LevelForm> internal_forms(const Design& design, const TermPlaces& places,
                                      const BlockLayout& layout,
                                      const std::vector<VarianceForm>& forms) {
  std::vector<LevelForm> out;
  for (const VarianceForm& form : forms) {
    const int f = places.grouping(form.term);
    const Index all = layout.groupings()[f].columns, k = form.block.rows();
    const Matrix map = design.internal_map(form.term);
    Matrix block = Matrix::Zero(all, all);
    block.block(places.column(form.term), places.column(form.term), k, k) =
        map * form.block * map.transpose();
    out.push_back({f, block});
  }
  return out;
}

Matrix own_weight(const Matrix& w, const Vector& psi) {
  const Index count = psi.size() - 1;
  Matrix spread(count, count + 1);
  spread << Matrix::Identity(count, count), -psi.head(count) / psi[count];
  return spread * w * spread.transpose();
}

VarianceTraces variance_traces(const MarginalProducts& products,
                               const std::vector<LevelForm>& forms, const Matrix& fixed_lower,
                               const Vector& psi, double rows) {
  const MarginalProducts::Traces traces = products.traces(forms);
  if (fixed_lower.rows() == 0) return with_residual(traces.first, traces.second, psi, rows);
  return without_fixed(traces, FixedParts(products, forms, fixed_lower), psi,
                       rows - static_cast<double>(fixed_lower.rows()));
}

VarianceInformation variance_information(const Design& design, const CrossProducts& cross,
                                         const CovarianceParameters& parameters,
                                         const ProfiledDeviance& objective, const Vector& theta,
                                         const VarianceForms& forms, const Poll& poll) {
  const Index count = static_cast<Index>(forms.entries.size()), p = design.rank();
  const double sigma = design.user_sigma(std::sqrt(objective.sigma2())), s = sigma * sigma;
  const PsiCoordinates at(design, parameters, theta, s, forms.entries);
  const BlockedCholesky factor = objective.blocked_factor(theta);
  const MarginalProducts products(cross, factor, poll);
  const auto internal =
      internal_forms(design, TermPlaces(cross.layout(), parameters), cross.layout(), forms.entries);
  const Matrix& lower = factor.fixed_lower();
  const MarginalProducts::Traces traces = products.traces(internal);
  const FixedParts fixed(products, internal, lower);

  VarianceInformation out;
  out.psi = at.psi;
  const double n = static_cast<double>(design.used_rows());
  out.ml = with_residual(traces.first, traces.second, at.psi, n).second;
  out.reml = without_fixed(traces, fixed, at.psi, n - static_cast<double>(p)).second;
  if (forms.vcov_psi.size() == 0) return out;

  out.observed = at.jacobian * forms.vcov_psi * at.jacobian.transpose();
  const Matrix free = free_directions(forms, at);
  out.expected = 2.0 * free * ScaledEigen(free.transpose() * out.reml * free).pseudo_inverse() *
                 free.transpose();
  Matrix inverse = Matrix::Identity(p, p);
  solve_lower(lower, inverse);
  const Matrix root = inverse.transpose();  // Phi = sigma^2 root root'
  const auto covariance = [&](const Matrix& middle) {
    return design.user_covariance(objective.sigma2() * root * middle * root.transpose());
  };
  Matrix rest = covariance(Matrix::Identity(p, p));
  for (Index a = 0; a < count; ++a) {
    out.derivatives.push_back(covariance(fixed.small[a]) / s);
    rest -= at.psi[a] * out.derivatives[a];
  }
  out.derivatives.push_back(rest / s);
  out.expected_products = covariance(fixed.contract(out.expected, at.psi, p)) / (s * s);
  out.observed_products = covariance(fixed.contract(out.observed, at.psi, p)) / (s * s);
  return out;
}

}  // namespace tiers
