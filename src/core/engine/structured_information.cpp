#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../model/dense_algebra.h"
#include "../model/free_parameters.h"
#include "../model/scaled_eigen.h"
#include "at_point_structured.h"
#include "structured_engine.h"

namespace tiers {

namespace {

// Natural parameters x of R as functions of rho = (phi[, log sigma^2]): d x / d rho, and for each x
// d2 x / d rho d rho'.
struct NaturalResidual {
  Matrix slope;
  std::vector<Matrix> bend;
};

bool has_no_second(const ResidualStructure& structure, const Vector& phi,
                   const UnitPatterns& patterns) {
  Matrix room;
  for (const PositionTable& table : patterns.tables()) {
    const Vector part = structure.part(phi, table.group);
    for (Index k = 0; k < part.size(); ++k) {
      for (Index l = 0; l <= k; ++l) {
        if (structure.shape().second(part, table.at, k, l, room)) return false;
      }
    }
  }
  return true;
}

// Every variance and every covariance a parameter: SDs of visits and the correlations of pairs.
bool is_full(const CovarianceShape& shape) {
  for (const ShapeParameter& one : shape.parameters()) {
    const bool sd = one.kind == ShapeParameter::Kind::sd && one.row >= 0;
    const bool pair = one.kind == ShapeParameter::Kind::correlation && one.row >= 0 &&
                      one.column >= 0 && one.map == ShapeParameter::Map::other;
    if (!sd && !pair) return false;
  }
  return shape.parameter_count() > 0;
}

// The entries of Sigma (lower triangle) of visits that have an SD of their own.
void set_entries(const CovarianceShape& shape, const Vector& phi, Index at, NaturalResidual& out) {
  const Index count = phi.size();
  Index visits = 0;
  for (const ShapeParameter& one : shape.parameters())
    visits += one.kind == ShapeParameter::Kind::sd ? 1 : 0;
  const Positions all = equally_spaced(visits);
  const auto about = shape.parameters();
  const auto column = [](const ShapeParameter& one) {
    return one.kind == ShapeParameter::Kind::sd ? one.row : one.column;
  };
  Matrix d;
  for (Index i = 0; i < count; ++i) out.bend[at + i].setZero();
  for (Index k = 0; k < count; ++k) {
    shape.first(phi, all, k, d);
    for (Index i = 0; i < count; ++i) out.slope(at + i, at + k) = d(about[i].row, column(about[i]));
    for (Index l = 0; l < count; ++l) {
      if (!shape.second(phi, all, k, l, d)) continue;
      for (Index i = 0; i < count; ++i)
        out.bend[at + i](at + k, at + l) = d(about[i].row, column(about[i]));
    }
  }
}

// sigma^2 where it is one (relative to itself), the parameters of the structure with variances for
// SDs, or covariances where Sigma is linear in them, and the coefficients of the dispersion.
NaturalResidual natural_residual(const StructuredEngine& engine, const Vector& phi) {
  const ResidualStructure& structure = engine.structure;
  const CovarianceShape& shape = structure.shape();
  const bool has_sigma = structure.has_sigma(), entries = is_full(shape);
  const Index size = structure.size() + (has_sigma ? 1 : 0);
  NaturalResidual out{Matrix::Identity(size, size),
                      std::vector<Matrix>(size, Matrix::Zero(size, size))};
  const auto about = shape.parameters();
  for (Index g = 0; g < structure.groups(); ++g) {
    const Vector part = structure.part(phi, g), value = shape.natural(part);
    const Index count = part.size(), at = g * count;
    if (count == 0) continue;
    if (entries) {
      set_entries(shape, part, at, out);
      continue;
    }
    const Matrix slope = shape.natural_slope(part);
    out.slope.block(at, at, count, count) = slope;
    for (Index i = 0; i < count; ++i) {
      Matrix bend = shape.natural_bend(part, i);
      if (about[i].kind == ShapeParameter::Kind::sd) {
        // x = sd^2.
        bend = 2.0 * (value[i] * bend + slope.row(i).transpose() * slope.row(i));
        out.slope.row(at + i) *= 2.0 * value[i];
      }
      out.bend[at + i].block(at, at, count, count) = bend;
      // At an end of its range a parameter does not move: what stands for it has no weight.
      if (out.slope.row(at + i).isZero(0.0)) {
        out.slope(at + i, at + i) = 1.0;
        out.bend[at + i].setZero();
      }
    }
  }
  if (!has_sigma) return out;
  // x = sigma^2 at the centre of the dispersion's columns, so that their origin does not matter,
  // and covariances are x times correlations.
  const Index last = size - 1;
  Vector v = Vector::Zero(size);
  v[last] = 1.0;
  out.bend[last](last, last) = 1.0;
  if (!has_no_second(structure, phi, engine.patterns)) return out;
  for (Index k = 0; k < structure.first_of_dispersion(); ++k) {
    Vector own = Vector::Zero(size);
    own[k] = 1.0;
    out.slope.row(k) = (own + phi[k] * v).transpose();
    out.bend[k] = own * v.transpose() + v * own.transpose() + phi[k] * v * v.transpose();
  }
  return out;
}

// sum_ab W_ab V_ab over the parameters of R, by x: that of rho, less the bends of x times the
// derivatives by x, which are those by rho times slope^-1.
Matrix natural_second(const StructuredEngine& engine, const UnitPattern& pattern,
                      const NaturalResidual& natural, const Matrix& w_psi) {
  const UnitCovariances& covariances = engine.objective.covariances();
  const Index theta = engine.parameters.size(), own = engine.structure.size(), t = pattern.size;
  const Matrix w = w_psi.bottomRightCorner(w_psi.rows() - theta, w_psi.cols() - theta);
  Matrix out, stacked, r;
  covariances.weighted_second(pattern, w.topLeftCorner(own, own), out);
  Vector c(w.rows());
  for (Index i = 0; i < c.size(); ++i) c[i] = w.cwiseProduct(natural.bend[i]).sum();
  Vector first = -linear_solution(natural.slope, c);
  const bool sigma = engine.structure.has_sigma();
  // R is its own derivative by log sigma^2.
  if (sigma) {
    first.head(own) += 2.0 * w.col(own).head(own);
    first[own] += w(own, own);
  }
  const std::vector<Index> which = covariances.active(pattern);
  covariances.derivatives(pattern, stacked);
  for (std::size_t k = static_cast<std::size_t>(theta); k < which.size(); ++k)
    out += first[which[k] - theta] * stacked.middleCols(static_cast<Index>(k) * t, t);
  if (!sigma) return out;
  covariances.conditional(pattern, r);
  return out + first[own] * r;
}

// What a weight W makes of products of derivatives: sum_kl W_kl V_kV^-1V_l in whitened coordinates.
struct WeighedProducts {
  Matrix products, bend;  // p x p: X'V^-1 (...) V^-1X
};

class InformationSums {
 public:
  InformationSums(StructuredEngine& engine, const NaturalResidual& natural)
      : engine_(engine), natural_(natural) {}

  WeighedProducts sum(const Matrix& w) const {
    const MarginalDeviance& objective = engine_.objective;
    const Index p = engine_.design.rank();
    WeighedProducts out{Matrix::Zero(p, p), Matrix::Zero(p, p)};
    const std::size_t count = engine_.patterns.patterns().size();
    for (std::size_t g = 0; g < count; ++g) {
      const UnitPattern& pattern = engine_.patterns.patterns()[g];
      const Index t = pattern.size;
      const Matrix& lower = objective.factor(g);
      const std::vector<Index> which = objective.covariances().active(pattern);
      Matrix b;
      objective.covariances().derivatives(pattern, b);
      for (std::size_t i = 0; i < which.size(); ++i) {
        Matrix one = whitened(lower, b.middleCols(static_cast<Index>(i) * t, t));
        b.middleCols(static_cast<Index>(i) * t, t) = one;
      }
      Matrix middle = Matrix::Zero(t, t);
      const Index size = objective.size();
      for (std::size_t i = 0; i < which.size(); ++i) {
        Matrix sum = Matrix::Zero(t, t);
        for (std::size_t j = 0; j < which.size(); ++j)
          sum += w(which[i], which[j]) * b.middleCols(static_cast<Index>(j) * t, t);
        const auto own = b.middleCols(static_cast<Index>(i) * t, t);
        middle += own * sum;
        // V itself is the derivative by log sigma^2: B = I.
        if (w.rows() > size) middle += 2.0 * w(which[i], size) * own;
      }
      if (w.rows() > size) middle += w(size, size) * Matrix::Identity(t, t);
      const Matrix bent = whitened(lower, natural_second(engine_, pattern, natural_, w));
      out.products += of_fixed(g, 0.5 * (middle + middle.transpose()));
      out.bend += of_fixed(g, bent);
    }
    return out;
  }

 private:
  static Matrix whitened(const Matrix& lower, Matrix m) {
    solve_lower(lower, m);
    m.transposeInPlace();
    solve_lower(lower, m);
    return m;
  }
  // sum over units of (L^-1X)'M(L^-1X).
  Matrix of_fixed(std::size_t g, Matrix m) const {
    const UnitPattern& pattern = engine_.patterns.patterns()[g];
    const Matrix& lower = engine_.objective.factor(g);
    const Index columns = engine_.data.columns(), p = columns - 1;
    if (engine_.data.has_moments(static_cast<Index>(g))) {
      solve_lower_transposed(lower, m);
      m.transposeInPlace();
      solve_lower_transposed(lower, m);
      return unpacked(engine_.data.contract(static_cast<Index>(g), packed(m)), columns)
          .topLeftCorner(p, p);
    }
    Matrix rows = engine_.data.rows(pattern);
    solve_lower(lower, rows);
    Matrix out = Matrix::Zero(p, p);
    for (Index i = 0; i < rows.cols(); i += columns)
      out += rows.middleCols(i, p).transpose() * (m * rows.middleCols(i, p));
    return out;
  }

  StructuredEngine& engine_;
  const NaturalResidual& natural_;
};

}  // namespace

StructuredInformation variance_information(const StructuredSpecification& of,
                                           const StructuredPoint& point, const Matrix& vcov_psi,
                                           const Control& control) {
  StructuredSpecification spec = of;
  spec.model.reml = true;
  StructuredEngine engine(spec, control);
  MarginalDeviance& objective = engine.objective;
  const Vector psi = engine.internal(point);
  if (!std::isfinite(objective.value(psi)))
    throw std::runtime_error("the covariance matrix at this point is not positive definite");
  Vector gradient;
  Matrix curvature;
  objective.derivatives(gradient, curvature);
  const bool has_sigma = engine.structure.has_sigma();
  const Index size = objective.size(), all = size + (has_sigma ? 1 : 0);
  const double sigma = has_sigma ? point.sigma / engine.sigma_unit() : 1.0;

  StructuredInformation out;
  out.psi.resize(all);
  out.psi.head(size) = psi;
  out.reml = Matrix::Zero(all, all);
  out.reml.topLeftCorner(size, size) = objective.traces();
  if (has_sigma) {
    out.psi[size] = 2.0 * std::log(point.sigma);
    // tr(P V_k P V) = tr(P V_k).
    const Vector first = gradient + objective.quadratic() / objective.sigma2();
    out.reml.col(size).head(size) = first;
    out.reml.row(size).head(size) = first.transpose();
    out.reml(size, size) = static_cast<double>(objective.degrees());
  }
  std::vector<bool> free(all);
  for (Index k = 0; k < all; ++k) free[k] = vcov_psi(k, k) > 0.0;
  const FreeParameters some(free);
  out.observed = vcov_psi;
  const Matrix information = some.take(out.reml);
  out.expected =
      2.0 * some.spread(information.size() > 0 ? Matrix(ScaledEigen(information).pseudo_inverse())
                                               : information);

  const Matrix inverse_fixed = inverse_of_product(objective.fixed_lower());
  const auto covariance = [&](const Matrix& middle) {
    return engine.design.user_covariance(sigma * sigma * inverse_fixed * middle * inverse_fixed);
  };
  std::vector<Matrix> fixed;
  for (Index k = 0; k < size; ++k) fixed.push_back(objective.fixed_derivative(k));
  if (has_sigma) fixed.push_back(objective.fixed_lower() * objective.fixed_lower().transpose());
  for (const Matrix& one : fixed) out.derivatives.push_back(covariance(one));

  const NaturalResidual natural = natural_residual(engine, engine.phi(psi));
  const InformationSums sums(engine, natural);
  const auto fill = [&](const Matrix& w, Matrix& products, Matrix& bend) {
    WeighedProducts sum = sums.sum(w);
    for (Index k = 0; k < all; ++k) {
      Matrix other = Matrix::Zero(fixed[k].rows(), fixed[k].cols());
      for (Index l = 0; l < all; ++l) other += w(k, l) * fixed[l];
      sum.products -= fixed[k] * inverse_fixed * other;
    }
    products = covariance(sum.products);
    bend = covariance(sum.bend);
  };
  fill(out.expected, out.expected_products, out.expected_bend);
  fill(out.observed, out.observed_products, out.observed_bend);
  return out;
}

}  // namespace tiers
