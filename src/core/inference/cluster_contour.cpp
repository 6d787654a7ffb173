// M = A H = (V S)^(-1/2) V H with
//   (V S)^(-1/2) = (2/pi) int_0^inf (V S + t^2)^-1 dt,
// all eigenvalues of V S in [mu, Mu]. After t = sqrt(mu) sc(u | 1 - mu/Mu) the midpoint rule
// converges as exp(-2 pi^2 N / (log(Mu/mu) + 3)) (Hale, Higham and Trefethen 2008). For each node
//   (V S + t^2)^-1 V H = E + F (I - X'F)^-1 X'E,  E = (V^2 + t^2)^-1 V H,  F = V (V^2 + t^2)^-1 X,
// and (V - it)^-1 = (V + it)(V^2 + t^2)^-1 is one complex solve, by levels.
#include "cluster_contour.h"

#include <cmath>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// By its two parts: complex templates would have to be compiled for this file alone.
struct ComplexMatrix {
  Matrix real, imaginary;
  static ComplexMatrix zero(Index rows, Index columns) {
    return {Matrix::Zero(rows, columns), Matrix::Zero(rows, columns)};
  }
};

// A'diag(d)B for real A, B.
ComplexMatrix product(const Matrix& A, const ComplexMatrix& d, const Matrix& B) {
  const Matrix transposed = A.transpose();
  return {transposed * (d.real.col(0).asDiagonal() * B),
          transposed * (d.imaginary.col(0).asDiagonal() * B)};
}

// A -= B C.
void subtract_product(ComplexMatrix& A, const ComplexMatrix& B, const ComplexMatrix& C) {
  A.real -= B.real * C.real;
  A.real += B.imaginary * C.imaginary;
  A.imaginary -= B.real * C.imaginary;
  A.imaginary -= B.imaginary * C.real;
}

// A^-1 B, as a real system of twice the size.
ComplexMatrix solution(const ComplexMatrix& A, const ComplexMatrix& B) {
  const Index k = A.real.rows();
  Matrix left(2 * k, 2 * k), right(2 * k, B.real.cols());
  left.topLeftCorner(k, k) = left.bottomRightCorner(k, k) = A.real;
  left.bottomLeftCorner(k, k) = A.imaginary;
  left.topRightCorner(k, k) = -A.imaginary;
  right.topRows(k) = B.real;
  right.bottomRows(k) = B.imaginary;
  const Matrix both = linear_solution(left, right);
  return {both.topRows(k), both.bottomRows(k)};
}

// Of the dense block of a cluster, which is factorized at every node: two seconds each.
constexpr Index kMostOuterColumns = 1500;
constexpr double kPi = 3.14159265358979323846;

// Solves with V - it. The term with the most levels is eliminated level by level, what the others
// have in the cluster is one dense block.
class ShiftedSolver {
 public:
  explicit ShiftedSolver(const ClusterBlock& block);
  Index outer_columns() const { return outer_; }
  ComplexMatrix solve(double t, const Matrix& right) const;

 private:
  struct Unit {
    std::vector<int> rows;
    std::vector<int> columns;  // outer columns that its rows meet
    Matrix u, outer;           // rows x k; rows x columns
  };
  const ClusterBlock& block_;
  Index inner_ = -1, outer_ = 0;
  std::vector<Unit> units_;
};

ShiftedSolver::ShiftedSolver(const ClusterBlock& block) : block_(block) {
  std::vector<Index> start(block.terms.size(), -1);
  for (std::size_t j = 0; j < block.terms.size(); ++j) {
    if (inner_ < 0 || block.terms[j].levels > block.terms[inner_].levels) inner_ = j;
  }
  for (std::size_t j = 0; j < block.terms.size(); ++j) {
    if (static_cast<Index>(j) == inner_) continue;
    start[j] = outer_;
    outer_ += block.terms[j].levels * block.terms[j].columns;
  }
  const Index levels = inner_ < 0 ? 1 : block.terms[inner_].levels;
  units_.resize(levels);
  for (Index i = 0; i < block.rows(); ++i) {
    units_[inner_ < 0 ? 0 : block.terms[inner_].level[i]].rows.push_back(static_cast<int>(i));
  }
  std::vector<int> place(outer_, -1);
  for (Unit& unit : units_) {
    const Index m = static_cast<Index>(unit.rows.size());
    for (const int i : unit.rows) {
      for (std::size_t j = 0; j < block.terms.size(); ++j) {
        if (start[j] < 0) continue;
        const BlockTerm& term = block.terms[j];
        for (Index a = 0; a < term.columns; ++a) {
          const Index column = start[j] + term.level[i] * term.columns + a;
          if (place[column] >= 0) continue;
          place[column] = static_cast<int>(unit.columns.size());
          unit.columns.push_back(static_cast<int>(column));
        }
      }
    }
    unit.u.resize(m, inner_ < 0 ? 0 : block.terms[inner_].columns);
    unit.outer = Matrix::Zero(m, static_cast<Index>(unit.columns.size()));
    for (Index l = 0; l < m; ++l) {
      const Index i = unit.rows[l];
      if (inner_ >= 0) unit.u.row(l) = block.terms[inner_].u.row(i);
      for (std::size_t j = 0; j < block.terms.size(); ++j) {
        if (start[j] < 0) continue;
        const BlockTerm& term = block.terms[j];
        for (Index a = 0; a < term.columns; ++a) {
          unit.outer(l, place[start[j] + term.level[i] * term.columns + a]) = term.u(i, a);
        }
      }
    }
    for (const int column : unit.columns) place[column] = -1;
  }
}

ComplexMatrix ShiftedSolver::solve(double t, const Matrix& right) const {
  const Index c = right.cols();
  // d = 1 / (variance - it).
  const Vector size = block_.variance.cwiseAbs2().array() + t * t;
  const Vector d_real = block_.variance.cwiseQuotient(size), d_imaginary = t * size.cwiseInverse();
  ComplexMatrix outer{Matrix::Identity(outer_, outer_), Matrix::Zero(outer_, outer_)};
  ComplexMatrix outer_right = ComplexMatrix::zero(outer_, c);
  // Per unit (I + U'DU)^-1 U'D [outer columns, right side].
  std::vector<ComplexMatrix> solved(units_.size());
  for (std::size_t l = 0; l < units_.size(); ++l) {
    const Unit& unit = units_[l];
    const Index m = static_cast<Index>(unit.rows.size()), k = unit.u.cols(), o = unit.outer.cols();
    Matrix both(m, o + c);
    ComplexMatrix own = ComplexMatrix::zero(m, 1);
    both.leftCols(o) = unit.outer;
    for (Index i = 0; i < m; ++i) {
      both.row(i).tail(c) = right.row(unit.rows[i]);
      own.real(i, 0) = d_real[unit.rows[i]];
      own.imaginary(i, 0) = d_imaginary[unit.rows[i]];
    }
    const ComplexMatrix cross = product(unit.u, own, both);
    ComplexMatrix pivot = product(unit.u, own, unit.u);
    pivot.real.diagonal().array() += 1.0;
    solved[l] = k > 0 ? solution(pivot, cross) : cross;
    if (o == 0) continue;
    ComplexMatrix left = product(unit.outer, own, both);
    subtract_product(left,
                     {cross.real.leftCols(o).transpose(), cross.imaginary.leftCols(o).transpose()},
                     solved[l]);
    for (Index a = 0; a < o; ++a) {
      const Index row = unit.columns[a];
      for (Index b = 0; b < o; ++b) {
        outer.real(row, unit.columns[b]) += left.real(a, b);
        outer.imaginary(row, unit.columns[b]) += left.imaginary(a, b);
      }
      for (Index b = 0; b < c; ++b) {
        outer_right.real(row, b) += left.real(a, o + b);
        outer_right.imaginary(row, b) += left.imaginary(a, o + b);
      }
    }
  }
  if (outer_ > 0) outer_right = solution(outer, outer_right);
  ComplexMatrix out = ComplexMatrix::zero(block_.rows(), c);
  for (std::size_t l = 0; l < units_.size(); ++l) {
    const Unit& unit = units_[l];
    const Index o = unit.outer.cols(), m = static_cast<Index>(unit.rows.size());
    ComplexMatrix met = ComplexMatrix::zero(o, c);
    for (Index a = 0; a < o; ++a) {
      met.real.row(a) = outer_right.real.row(unit.columns[a]);
      met.imaginary.row(a) = outer_right.imaginary.row(unit.columns[a]);
    }
    ComplexMatrix effects{solved[l].real.rightCols(c), solved[l].imaginary.rightCols(c)};
    subtract_product(effects, {solved[l].real.leftCols(o), solved[l].imaginary.leftCols(o)}, met);
    const Matrix explained = unit.u * effects.real + unit.outer * met.real;
    const Matrix turned = unit.u * effects.imaginary + unit.outer * met.imaginary;
    for (Index i = 0; i < m; ++i) {
      const Index row = unit.rows[i];
      for (Index b = 0; b < c; ++b) {
        const double left = right(row, b) - explained(i, b), beside = -turned(i, b);
        out.real(row, b) = d_real[row] * left - d_imaginary[row] * beside;
        out.imaginary(row, b) = d_real[row] * beside + d_imaginary[row] * left;
      }
    }
  }
  return out;
}

// sc(u | m) and its derivative dn/cn^2 at u_j = (j - 1/2) K/N, with weights K/N, for the
// complementary parameter kc^2 = 1 - m; by descending Landen transformations.
class EllipticNodes {
 public:
  EllipticNodes(double kc, int count) : kc_(kc), count_(count) {
    double a = 1.0, b = kc, c = std::sqrt((1.0 - kc) * (1.0 + kc));
    while (true) {
      ratio_.push_back(c / a);
      if (c <= 1e-17 * a) break;
      const double next = 0.5 * (a + b);
      c = 0.5 * (a - b);
      b = std::sqrt(a * b);
      a = next;
    }
    mean_ = a;
  }
  double width() const { return 0.5 * kPi / mean_ / count_; }
  void node(int j, double& t, double& slope) const {
    const bool high = 2 * j + 1 > count_;  // u > K/2, by K - u: small cn keeps its digits
    const double u = (high ? count_ - j - 0.5 : j + 0.5) * width();
    double phi = std::ldexp(mean_ * u, static_cast<int>(ratio_.size()) - 1);
    for (std::size_t i = ratio_.size() - 1; i > 0; --i) {
      phi = 0.5 * (phi + std::asin(ratio_[i] * std::sin(phi)));
    }
    const double sn = std::sin(phi), cn = std::cos(phi);
    const double dn = std::sqrt(cn * cn + kc_ * kc_ * sn * sn);
    t = high ? cn / (kc_ * sn) : sn / cn;
    slope = high ? dn / (kc_ * sn * sn) : dn / (cn * cn);
  }

 private:
  const double kc_;
  const int count_;
  double mean_ = 1.0;
  std::vector<double> ratio_;
};

}  // namespace

bool contour_adjusted(const ClusterBlock& block, Matrix& M, const Poll& poll) {
  const ShiftedSolver solver(block);
  if (solver.outer_columns() > kMostOuterColumns) return false;
  const Index p = block.X.cols();
  Matrix right(block.rows(), block.contained ? p : 2 * p);
  right.leftCols(p) = block.X;
  if (!block.contained) {
    right.rightCols(p) =
        block.variance.asDiagonal() * block.H + block.expand(block.project(block.H));
  }
  // S >= (1 - h) V.
  const Matrix gram = block.X.transpose() * solver.solve(0.0, block.X).real;
  const double h = SymmetricEigen(0.5 * (gram + gram.transpose()), SymmetricEigen::Wanted::values)
                       .eigenvalues()
                       .maxCoeff();
  if (h > 1.0 - 1e-7) return false;
  double largest = block.variance.maxCoeff();
  for (const BlockTerm& term : block.terms) largest += term.u.squaredNorm();
  const double smallest = std::sqrt(1.0 - h) * block.variance.minCoeff();
  const double kc = smallest / largest;
  const int count =
      static_cast<int>(std::ceil(36.0 / (2.0 * kPi * kPi) * (3.0 - 2.0 * std::log(kc))));
  const EllipticNodes nodes(kc, count);
  M = Matrix::Zero(block.rows(), p);
  for (int j = 0; j < count; ++j) {
    if (poll) poll();
    double t, slope;
    nodes.node(j, t, slope);
    t *= smallest;
    const ComplexMatrix at = solver.solve(t, right);
    const Matrix F = at.real.leftCols(p), E = at.imaginary.rightCols(p) / t;
    const Matrix middle = Matrix::Identity(p, p) - block.X.transpose() * F;
    M += (2.0 / kPi * smallest * slope * nodes.width()) *
         (E + F * linear_solution(middle, block.X.transpose() * E));
  }
  return true;
}

}  // namespace tiers
