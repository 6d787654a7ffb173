#include "natural_factor.h"

#include <algorithm>
#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

using Kind = NaturalParameter::Kind;

// Squared length below which a row lies in the span of others, and by how much its products with
// them may be off then.
constexpr double kInSpan = 1e-10, kConsistent = 1e-5;
// Part of a row on the diagonal that is rounding: of the cosine of a right angle.
constexpr double kNoOwnPart = 1e-12;
constexpr double kRoundingPivot = 1e-12;
constexpr double kSmallAngle = 1e-2;  // squared, below which series are exact
const double kWholeTurn = 2.0 * std::acos(-1.0);

// sin(x) / x as a function of t = x^2, and its derivatives.
struct Sinc {
  double value, first, second;
};
Sinc sinc_of_square(double t) {
  if (t < kSmallAngle) {
    return {1.0 - t / 6.0 * (1.0 - t / 20.0 * (1.0 - t / 42.0 * (1.0 - t / 72.0))),
            -1.0 / 6.0 + t / 60.0 * (1.0 - t / 28.0 * (1.0 - t / 54.0)),
            1.0 / 60.0 - t / 840.0 * (1.0 - t / 36.0)};
  }
  const double x = std::sqrt(t), g = std::sin(x) / x, first = (std::cos(x) - g) / (2.0 * t);
  return {g, first, -(0.5 * g + 3.0 * first) / (2.0 * t)};
}

// cos|z| base + sin|z| / |z| tangent z.
std::vector<Jet> on_sphere(const Vector& base, const Matrix& tangent, const std::vector<Jet>& z,
                           Index n) {
  Jet square = Jet::constant(0.0, n);
  for (const Jet& one : z) square = square + one * one;
  const Sinc s = sinc_of_square(square.value);
  const Jet sine = square.mapped(s.value, s.first, s.second);
  const Jet cosine =
      square.mapped(std::cos(std::sqrt(square.value)), -0.5 * s.value, -0.5 * s.first);
  std::vector<Jet> out;
  for (Index i = 0; i < base.size(); ++i) {
    Jet along = Jet::constant(0.0, n);
    for (std::size_t l = 0; l < z.size(); ++l)
      along = along + tangent(i, static_cast<Index>(l)) * z[l];
    out.push_back(base[i] * cosine + sine * along);
  }
  return out;
}

Jet dot(const std::vector<Jet>& a, const std::vector<Jet>& b, Index n) {
  Jet out = Jet::constant(0.0, n);
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) out = out + a[i] * b[i];
  return out;
}

// a -= c b
void subtract(std::vector<Jet>& a, const Jet& c, const std::vector<Jet>& b) {
  for (std::size_t i = 0; i < b.size(); ++i) a[i] = a[i] - c * b[i];
}

double norm(const std::vector<Jet>& row) {
  double sum = 0.0;
  for (const Jet& one : row) sum += one.value * one.value;
  return std::sqrt(sum);
}

// Has a column a zero on the diagonal and something below it?
bool hides_columns(const std::vector<std::vector<Jet>>& rows) {
  for (std::size_t b = 0; b < rows.size(); ++b) {
    if (std::abs(rows[b][b].value) > kNoOwnPart * norm(rows[b])) continue;
    for (std::size_t a = b + 1; a < rows.size(); ++a) {
      if (std::abs(rows[a][b].value) > kNoOwnPart * norm(rows[a])) return true;
    }
  }
  return false;
}

// The lower factor of the same matrix in which such a column is zero (Gram-Schmidt on the rows):
// the deviance's derivatives are taken beside a zero on the diagonal, where a column with more
// moves the covariance matrix by as much and not by the square.
std::vector<std::vector<Jet>> turned(std::vector<std::vector<Jet>> rows) {
  const Index n = rows[0][0].first.size();
  std::vector<std::vector<Jet>> basis, out;
  for (std::size_t a = 0; a < rows.size(); ++a) {
    const double whole = norm(rows[a]);
    std::vector<Jet> rest = rows[a];
    out.emplace_back();
    for (const auto& q : basis) {
      out[a].push_back(dot(rows[a], q, n));
      if (!q.empty()) subtract(rest, out[a].back(), q);
    }
    const Jet square = dot(rest, rest, n);
    const bool none = !(std::sqrt(square.value) > kNoOwnPart * whole);
    const Jet length = none ? Jet::constant(0.0, n) : sqrt(square);
    if (none) rest.clear();
    for (Jet& one : rest) one = inverse(length) * one;
    out[a].push_back(length);
    basis.push_back(rest);
  }
  return out;
}

}  // namespace

NaturalFactor::NaturalFactor(const CovarianceStructure& structure,
                             const std::vector<bool>& by_value, const Matrix& lambda)
    : structure_(&structure), parameters_(structure.natural_parameters()) {
  const Index k = structure.columns();
  rows_.resize(k);
  CorrelationCurve curve;
  curved_ =
      structure.correlation_curve(Vector::Zero(static_cast<Index>(parameters_.size())), curve);
  if (curved_) return;
  Vector none(static_cast<Index>(parameters_.size()));
  for (Index i = 0; i < none.size(); ++i) none[i] = parameters_[i].kind == Kind::sd ? 1.0 : 0.0;
  const Matrix constant = structure.natural_covariance(none);
  std::vector<Matrix> slope;
  for (Index i = 0; i < none.size(); ++i) {
    Vector one = none;
    one[i] = 1.0;
    slope.push_back(structure.natural_covariance(one) - constant);
  }
  for (Index a = 1; a < k && structure.has_correlation(); ++a) {
    for (Index b = 0; b < a; ++b) {
      Given given{b, constant(a, b), {}};
      bool free = false;
      for (Index i = 0; i < none.size(); ++i) {
        if (slope[i](a, b) == 0.0) continue;
        free = free || !by_value[i];
        if (by_value[i])
          given.of.emplace_back(i, slope[i](a, b));
        else
          rows_[a].free.push_back(i);
      }
      if (!free) rows_[a].given.push_back(given);
    }
  }
  Matrix c = lambda;
  for (Index a = 0; a < k; ++a) {
    const double norm = c.row(a).norm();
    if (norm > 0.0) c.row(a) /= norm;
    if (!(norm > 0.0)) c(a, a) = 1.0;
  }
  for (Index a = 0; a < k; ++a) place(a, c);
}

// The frame: an orthonormal basis of what is orthogonal to the given rows, its own direction last.
void NaturalFactor::place(Index row, const Matrix& c) {
  Row& at = rows_[row];
  const Index d = static_cast<Index>(at.free.size()) + 1;
  Matrix wide(row + 1, static_cast<Index>(at.given.size()) + row + 1);
  Index given = 0;
  for (const Given& one : at.given) wide.col(given++) = c.row(one.with).head(row + 1).transpose();
  wide.rightCols(row + 1).setIdentity();
  wide.topRows(row + 1).col(wide.cols() - 1).setZero();
  at.frame = Matrix::Zero(row + 1, d);
  Matrix basis(row + 1, row + 1);
  Index count = 0, kept = 0;
  for (Index l = 0; l < wide.cols(); ++l) {
    Vector v = wide.col(l);
    for (int pass = 0; pass < 2; ++pass)
      v -= basis.leftCols(count) * (basis.leftCols(count).transpose() * v);
    if (!(v.norm() > (l < given ? 1e-7 : 1e-3)) || count > row) continue;
    basis.col(count++) = v.normalized();
    if (l >= given && kept < d - 1) at.frame.col(kept++) = v.normalized();
  }
  at.frame.col(d - 1).setZero();
  at.frame(row, d - 1) = 1.0;
  at.base = at.frame.transpose() * c.row(row).head(row + 1).transpose();
  const double norm = at.base.norm();
  if (norm > 1e-8)
    at.base /= norm;
  else
    at.base = Vector::Unit(d, d - 1);
  at.tangent = tangent_of(at.base);
}

// Orthonormal, orthogonal to the base; the last towards the last entry where the base has none.
Matrix NaturalFactor::tangent_of(const Vector& base) {
  const Index d = base.size();
  if (d < 2) return Matrix(d, 0);
  if (base[d - 1] == 0.0) {
    Matrix out = Matrix::Zero(d, d - 1);
    out.topLeftCorner(d - 1, d - 2) = tangent_of(base.head(d - 1));
    out(d - 1, d - 2) = 1.0;
    return out;
  }
  Matrix start(d, d);
  start.col(0) = base;
  Index largest = 0;
  base.head(d - 1).cwiseAbs().maxCoeff(&largest);
  if (std::abs(base[d - 1]) > base.head(d - 1).cwiseAbs().maxCoeff()) largest = d - 1;
  Index column = 1;
  for (Index i = 0; i < d; ++i) {
    if (i != largest) start.col(column++) = Vector::Unit(d, i);
  }
  const Matrix q = QrFactor(start).q(d);
  return q.rightCols(d - 1);
}

double NaturalFactor::own_at(Index row, const Vector& z) const {
  const Row& at = rows_[row];
  const double t = z.squaredNorm();
  const Index last = at.base.size() - 1;
  return std::cos(std::sqrt(t)) * at.base[last] +
         sinc_of_square(t).value * at.tangent.row(last).dot(z);
}

void NaturalFactor::move_base(Index row, const Vector& z, double own) {
  Row& at = rows_[row];
  const double t = z.squaredNorm();
  Vector point = std::cos(std::sqrt(t)) * at.base + sinc_of_square(t).value * at.tangent * z;
  const Index last = point.size() - 1;
  point[last] = 0.0;
  const double norm = point.norm();
  if (norm > 0.0) point *= std::sqrt(1.0 - own * own) / norm;
  if (!(norm > 0.0)) point[0] = std::sqrt(1.0 - own * own);
  point[last] = own;
  at.base = point;
  at.tangent = tangent_of(point);
}

std::vector<Jet> NaturalFactor::lambda(const std::vector<Jet>& natural,
                                       const std::vector<Jet>& roots) const {
  const Index k = structure_->columns(), n = natural.empty() ? 0 : natural[0].first.size();
  std::vector<Jet> sd(k, Jet::constant(0.0, n)), out;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].kind != Kind::sd) continue;
    if (!(natural[i].value >= 0.0)) return {};
    for (Index a = 0; a < k; ++a) {
      if (parameters_[i].common || parameters_[i].row == a) sd[a] = natural[i];
    }
  }
  std::vector<std::vector<Jet>> c(k);
  if (curved_) {
    c = curved_rows(natural);
    if (c.empty()) return {};
  }
  for (Index a = 0; a < k && !curved_; ++a) {
    const Row& at = rows_[a];
    c[a].assign(a + 1, Jet::constant(0.0, n));
    Jet left = Jet::constant(1.0, n);
    std::vector<std::vector<Jet>> basis;
    for (const Given& given : at.given) {
      std::vector<Jet> q = c[given.with];
      Jet product = Jet::constant(given.constant, n);
      for (const auto& one : given.of) product = product + one.second * natural[one.first];
      for (const auto& before : basis) {
        const Jet along = dot(q, before, n);
        q.resize(std::max(q.size(), before.size()), Jet::constant(0.0, n));
        subtract(q, along, before);
        product = product - along * dot(c[a], before, n);
      }
      const Jet square = dot(q, q, n);
      if (!(square.value > kInSpan)) {
        if (std::abs(product.value) > kConsistent) return {};
        continue;
      }
      const Jet length = inverse(sqrt(square));
      for (Jet& one : q) one = length * one;
      const Jet part = length * product;
      left = left - part * part;
      for (std::size_t i = 0; i < q.size(); ++i) c[a][i] = c[a][i] + part * q[i];
      basis.push_back(q);
    }
    if (left.value < -1e-12) return {};
    // Of one given correlation the root is smooth through its end.
    const Index single = at.given.size() == 1 ? at.given[0].parameter() : -1;
    Jet length = single >= 0        ? roots[single]
                 : left.value > 0.0 ? sqrt(left)
                                    : Jet::constant(0.0, n);
    std::vector<Jet> z;
    double turn = 0.0;
    for (const Index i : at.free) {
      z.push_back(natural[i]);
      turn += natural[i].value * natural[i].value;
    }
    // After a whole turn the points come again, and far out coordinates do not tell them apart.
    if (turn > kWholeTurn * kWholeTurn) return {};
    const std::vector<Jet> point = on_sphere(at.base, at.tangent, z, n);
    std::vector<Jet> rest(a + 1, Jet::constant(0.0, n));
    for (Index i = 0; i <= a; ++i) {
      for (std::size_t l = 0; l < point.size(); ++l)
        rest[i] = rest[i] + at.frame(i, static_cast<Index>(l)) * point[l];
    }
    if (!basis.empty()) {
      for (const auto& q : basis) subtract(rest, dot(rest, q, n), q);
      const Jet square = dot(rest, rest, n);
      if (!(square.value > kInSpan)) return {};
      length = length * inverse(sqrt(square));
    }
    for (Index i = 0; i <= a; ++i) c[a][i] = c[a][i] + length * rest[i];
  }
  for (Index a = 0; a < k; ++a) {
    for (Jet& one : c[a]) one = sd[a] * one;
  }
  if (hides_columns(c)) c = turned(c);
  for (const auto& row : c) out.insert(out.end(), row.begin(), row.end());
  return out;
}

// The Cholesky factor of C(natural), row by row; a pivot that is rounding makes a column of zeros.
std::vector<std::vector<Jet>> NaturalFactor::curved_rows(const std::vector<Jet>& natural) const {
  const Index k = structure_->columns(), n = natural.empty() ? 0 : natural[0].first.size();
  Vector values(static_cast<Index>(natural.size()));
  std::vector<const Jet*> inner;
  for (Index i = 0; i < values.size(); ++i) {
    values[i] = natural[i].value;
    if (parameters_[i].kind != Kind::sd) inner.push_back(&natural[i]);
  }
  CorrelationCurve curve;
  structure_->correlation_curve(values, curve);
  if (curve.value.size() == 0 || !curve.value.allFinite()) return {};
  const auto entry = [&](Index a, Index b) {
    Jet out = Jet::constant(curve.value(a, b), n);
    for (std::size_t i = 0; i < inner.size() && n > 0; ++i) {
      out.first += curve.first[i](a, b) * inner[i]->first;
      out.second += curve.first[i](a, b) * inner[i]->second;
      for (std::size_t l = 0; l < inner.size(); ++l) {
        out.second += curve.second[i * inner.size() + l](a, b) * inner[i]->first *
                      inner[l]->first.transpose();
      }
    }
    return out;
  };
  std::vector<std::vector<Jet>> c(k);
  for (Index a = 0; a < k; ++a) {
    for (Index b = 0; b <= a; ++b) {
      Jet left = entry(a, b);
      for (Index l = 0; l < b; ++l) left = left - c[a][l] * c[b][l];
      if (a == b && left.value < -kRoundingPivot) return {};
      if (a == b) {
        c[a].push_back(left.value > kRoundingPivot ? sqrt(left) : Jet::constant(0.0, n));
      } else if (c[b][b].value > 0.0) {
        c[a].push_back(left * inverse(c[b][b]));
      } else if (std::abs(left.value) > kConsistent) {
        return {};
      } else {
        c[a].push_back(Jet::constant(0.0, n));
      }
    }
  }
  return c;
}

}  // namespace tiers
