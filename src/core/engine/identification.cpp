#include "identification.h"

#include <algorithm>
#include <cmath>

#include "../model/dense_algebra.h"
#include "variance_gram.h"

namespace tiers {

namespace {

// Of the Gram matrix scaled to unit diagonal: the smallest eigenvalue at which a combination of the
// derivatives is looked at, and the size, relative to its parts, at which it is zero.
constexpr double kSuspectEigenvalue = 1e-9, kZeroCombination = 1e-9;
// Share of a derivative's square that is rounding where the fixed effects take the rest.
constexpr double kProjectedRounding = 1e-12;
// The same of a product of what they leave with a vector.
constexpr double kProductRounding = 1e-14;
// A unit costs the square of the number of its terms' entries: a poll each is nothing beside it.
constexpr Index kPollRows = 4096;

Matrix relative(const Matrix& m) { return m / m.cwiseAbs().maxCoeff(); }

// The combination of directions of the smallest eigenvalue; false: of full rank.
bool suspect(const VarianceGram& gram, Vector& combination) {
  const Matrix own = gram.tangent().transpose() * gram.gram() * gram.tangent();
  if (own.rows() == 0) return false;
  const Vector whole = gram.tangent().cwiseAbs2().transpose() * gram.whole();
  const double floor = own.diagonal().maxCoeff() * 1e-24 + 1e-300;
  const Vector scale = own.diagonal()
                           .cwiseMax(kProjectedRounding * whole)
                           .cwiseMax(floor)
                           .cwiseSqrt()
                           .cwiseInverse();
  const SymmetricEigen eigen(scaled_both_ways(own, scale));
  combination = scale.cwiseProduct(eigen.eigenvectors().col(0));
  return !(eigen.eigenvalues()[0] > kSuspectEigenvalue);
}

// Products of the derivatives of V with a vector, from the rows.
class RowProducts {
 public:
  RowProducts(const Design& design, bool projected, double unit, const Poll& poll)
      : design_(design), projected_(projected), unit_(unit), poll_(poll) {
    if (projected_) find_span();
  }

  // Is D r zero, D = sum of the directions times the coefficients and r an irregular vector? To
  // rounding only if D is.
  bool vanishes(const std::vector<VarianceDirection>& directions, const Vector& coefficients) const;

 private:
  template <class F>
  void visit(const F& f) const {
    for (Index i = 0; i < design_.rows(); ++i) {
      if (poll_ && i % kPollRows == kPollRows - 1) poll_();
      f(i);
    }
  }
  double root(Index i) const {
    const double weight = design_.weight(i);
    if (!(weight > 0.0)) return 0.0;
    return design_.weights_are_precisions() ? std::sqrt(weight) : 1.0;
  }
  void find_span();
  void project(Vector& r) const;
  Vector multiply(const VarianceDirection& direction, const Vector& r, double& parts) const;

  const Design& design_;
  const bool projected_;
  const double unit_;
  const Poll& poll_;
  CholeskyFactor span_;  // of X'WX
};

void RowProducts::find_span() {
  Matrix cross = Matrix::Zero(design_.rank(), design_.rank());
  Vector x(design_.rank());
  visit([&](Index i) {
    design_.fixed_row(i, x.data());
    cross.selfadjointView<Eigen::Lower>().rankUpdate(x, root(i) * root(i));
  });
  span_.compute(cross);
}

// Twice, for what the first leaves.
void RowProducts::project(Vector& r) const {
  if (!projected_ || !span_.positive_definite()) return;
  Vector x(design_.rank());
  for (int pass = 0; pass < 2; ++pass) {
    Vector cross = Vector::Zero(design_.rank());
    visit([&](Index i) {
      design_.fixed_row(i, x.data());
      cross += root(i) * r[i] * x;
    });
    const Vector coefficients = span_.solve(cross);
    visit([&](Index i) {
      design_.fixed_row(i, x.data());
      r[i] -= root(i) * x.dot(coefficients);
    });
  }
}

// D r of one direction; adds to `parts` the norm of its terms' parts before any cancellation.
Vector RowProducts::multiply(const VarianceDirection& direction, const Vector& r,
                             double& parts) const {
  const auto& terms = design_.specification().terms;
  Vector out = direction.residual * r;
  parts += std::abs(direction.residual) * r.norm();
  for (std::size_t j = 0; j < terms.size(); ++j) {
    const Matrix& e = direction.sigma[j];
    if (e.isZero(0.0)) continue;
    Matrix by_level = Matrix::Zero(terms[j].columns, terms[j].n_levels);
    Vector z(terms[j].columns);
    const int term = static_cast<int>(j);
    visit([&](Index i) {
      design_.random_row(term, i, z.data());
      by_level.col(terms[j].codes[i] - 1) += root(i) * r[i] * unit_ * z;
    });
    by_level = (e * by_level).eval();
    double square = 0.0;
    visit([&](Index i) {
      design_.random_row(term, i, z.data());
      const double value = root(i) * unit_ * z.dot(by_level.col(terms[j].codes[i] - 1));
      out[i] += value;
      square += value * value;
    });
    // Within a term the entries may cancel, so that its parts are larger than itself.
    parts += std::max(std::sqrt(square), e.norm() * std::sqrt(r.squaredNorm()));
  }
  return out;
}

// The rank of a Gram matrix is uncertain where columns are nearly proportional.
bool RowProducts::vanishes(const std::vector<VarianceDirection>& directions,
                           const Vector& coefficients) const {
  Vector probe(design_.rows());
  for (Index i = 0; i < probe.size(); ++i) {
    const double x = static_cast<double>(i);
    probe[i] = root(i) > 0.0 ? std::cos(1.1 + 0.37 * x * x) + 0.3 * std::sin(2.3 * x) : 0.0;
  }
  double whole = 0.0;
  if (!projected_) {
    VarianceDirection sum = directions[0];
    for (Matrix& sigma : sum.sigma) sigma *= coefficients[0];
    sum.residual *= coefficients[0];
    for (Index c = 1; c < coefficients.size(); ++c) {
      for (std::size_t j = 0; j < sum.sigma.size(); ++j)
        sum.sigma[j] += coefficients[c] * directions[c].sigma[j];
      sum.residual += coefficients[c] * directions[c].residual;
    }
    const double norm = multiply(sum, probe, whole).norm();
    return !(norm > kZeroCombination * whole);
  }
  // What the fixed effects leave of each may be little, and is what counts.
  project(probe);
  Vector sum = Vector::Zero(probe.size());
  double left = 0.0;
  for (Index c = 0; c < coefficients.size(); ++c) {
    double parts = 0.0;
    Vector product = multiply(directions[c], probe, parts);
    project(product);
    sum += coefficients[c] * product;
    left += std::abs(coefficients[c]) * product.norm();
    whole += std::abs(coefficients[c]) * parts;
  }
  return !(sum.norm() > kZeroCombination * left && sum.norm() > kProductRounding * whole);
}

// On the user's scale: Sigma = M Sigma_user M', so that the entries of the one are linear in the
// other's. M is taken relative to its largest element: the ranks do not depend on the units of a
// term.
Unidentified describe(const VarianceGram& gram, const Design& design) {
  Unidentified out;
  out.found = true;
  out.residual = gram.residual();
  const auto& entries = gram.entries();
  // Between the entries, user's to internal and back.
  Matrix map = Matrix::Zero(gram.size(), gram.size()), back = map;
  if (gram.residual()) map(gram.residual_at(), gram.residual_at()) = 1.0;
  if (gram.residual()) back(gram.residual_at(), gram.residual_at()) = 1.0;
  for (Index e = 0; e < gram.residual_at(); ++e) {
    const VarianceEntry& p = entries[e];
    out.entries.push_back({p.term, p.row, p.column});
    const Matrix m = relative(design.internal_map(p.term)), from_m = inverse(m);
    Matrix unit = Matrix::Zero(m.rows(), m.rows());
    unit(p.row, p.column) = unit(p.column, p.row) = 1.0;
    const Matrix internal = m * unit * m.transpose(), user = from_m * unit * from_m.transpose();
    for (Index h = 0; h < gram.residual_at(); ++h) {
      if (entries[h].term != p.term) continue;
      map(h, e) = internal(entries[h].row, entries[h].column);
      back(h, e) = user(entries[h].row, entries[h].column);
    }
  }
  out.gram = map.transpose() * gram.gram() * map;
  out.tangent = back * gram.tangent();
  // What the fixed effects take whole.
  const Vector whole = map.cwiseAbs2().transpose() * gram.whole();
  for (Index e = 0; e < gram.size(); ++e) {
    if (out.gram(e, e) > kProjectedRounding * whole[e]) continue;
    out.gram.row(e).setZero();
    out.gram.col(e).setZero();
  }
  return out;
}

bool dependent(const VarianceGram& gram, const std::vector<VarianceDirection>& directions,
               const CrossProducts& cross, bool projected, const Poll& poll) {
  Vector combination;
  if (!suspect(gram, combination)) return false;
  const RowProducts rows(cross.design(), projected, std::sqrt(gram.scale()), poll);
  return rows.vanishes(directions, combination);
}

}  // namespace

Unidentified find_unidentified(const CrossProducts& cross,
                               const std::vector<VarianceDirection>& directions, bool projected,
                               const Poll& poll) {
  if (directions.empty() || cross.layout().groupings().empty()) return Unidentified();
  const VarianceGram gram(cross, directions, projected, poll);
  if (!dependent(gram, directions, cross, projected, poll)) return Unidentified();
  if (!projected) return describe(gram, cross.design());
  // What is not told apart before the fixed effects are taken off is described by itself.
  const VarianceGram whole(cross, directions, false, poll);
  if (dependent(whole, directions, cross, false, poll)) return describe(whole, cross.design());
  Unidentified out = describe(gram, cross.design());
  out.by_fixed = true;
  return out;
}

}  // namespace tiers
