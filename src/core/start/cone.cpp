#include "cone.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// Lawson and Hanson's active set for min |start + sum lambda_i a_i|.
class NonNegativeSum {
 public:
  NonNegativeSum(const Matrix& rows, const Vector& start, const Poll& poll)
      : rows_(rows), start_(start), poll_(poll) {
    passive_.assign(rows.cols(), 0);
    basis_ = Matrix::Zero(rows.rows(), 0);
  }

  // The direction of the vector of least length; of size 0 if that is zero, next to `size` and the
  // lambdas.
  Vector minimize(double size, double zero) {
    const Index limit = 500 + 10 * rows_.rows();
    for (Index step = 0; step < limit; ++step) {
      if (poll_) poll_();
      Vector d = start_ - basis_ * (basis_.transpose() * start_);
      d -= basis_ * (basis_.transpose() * d);
      const double length = d.norm();
      if (!(length > zero * std::accumulate(lambda_.begin(), lambda_.end(), size))) return Vector();
      d /= length;
      const Vector along = rows_.transpose() * d;
      Index worst = -1;
      for (Index i = 0; i < along.size(); ++i) {
        if (!passive_[i] && (worst < 0 || along[i] < along[worst])) worst = i;
      }
      if (worst < 0 || along[worst] >= -kConeTolerance) return d;
      add(worst);
    }
    return Vector();
  }

  Vector lambda() const {
    Vector out = Vector::Zero(rows_.cols());
    for (std::size_t i = 0; i < set_.size(); ++i) out[set_[i]] = lambda_[i];
    return out;
  }

 private:
  void add(Index row) {
    set_.push_back(row);
    lambda_.push_back(0.0);
    passive_[row] = 1;
    for (;;) {
      const Vector target = solve();
      const Index size = target.size();
      Index blocking = -1;
      double share = 1.0;
      for (Index i = 0; i < size; ++i) {
        if (target[i] > 0.0) continue;
        const double gap = lambda_[i] - target[i];
        const double step = gap > 0.0 ? lambda_[i] / gap : 0.0;
        if (blocking < 0 || step < share) {
          blocking = i;
          share = step;
        }
      }
      for (Index i = 0; i < size; ++i) lambda_[i] += share * (target[i] - lambda_[i]);
      if (blocking < 0) return;
      passive_[set_[blocking]] = 0;
      set_.erase(set_.begin() + blocking);
      lambda_.erase(lambda_.begin() + blocking);
    }
  }

  // Least squares on the passive rows; leaves an orthonormal basis of them.
  Vector solve() {
    const Index r = rows_.rows(), k = static_cast<Index>(set_.size());
    if (k == 0) {
      basis_ = Matrix::Zero(r, 0);
      return Vector();
    }
    Matrix chosen(r, k);
    for (Index i = 0; i < k; ++i) chosen.col(i) = rows_.col(set_[i]);
    const QrFactor factor(chosen);
    const Index rank = std::min(r, k);
    basis_ = factor.q(rank);
    Matrix along = -(basis_.transpose() * start_);
    solve_upper(factor.r().leftCols(rank), along);
    Vector out = Vector::Zero(k);
    out.head(rank) = along;
    return out;
  }

  const Matrix& rows_;
  const Vector start_;
  const Poll& poll_;
  std::vector<char> passive_;
  std::vector<Index> set_;
  std::vector<double> lambda_;
  Matrix basis_;
};

// Part of `within` on which all columns of `rows` (r x m, in coordinates of `within`) vanish.
Matrix remaining(const Matrix& rows, const Matrix& within) {
  const PivotedQr factor(rows);
  const Index most = std::min(rows.rows(), rows.cols());
  Index rank = 0;
  while (rank < most && std::fabs(factor.r()(rank, rank)) > kConeTolerance) ++rank;
  const Matrix all = factor.q(rows.rows());
  return within * all.rightCols(rows.rows() - rank);
}

// Every stride-th of the indices, at most `count`.
std::vector<Index> spread(const std::vector<Index>& from, Index count) {
  const Index size = static_cast<Index>(from.size());
  if (size <= count) return from;
  std::vector<Index> out;
  for (Index i = 0; i < count; ++i) out.push_back(from[i * size / count]);
  return out;
}

class ConeSearch {
 public:
  ConeSearch(const ConstMatrixMap& x, const std::vector<signed char>& sign, const Matrix& within,
             const Poll& poll)
      : x_(x), sign_(sign), within_(within), poll_(poll), length_(x.cols()) {
    for (Index i = 0; i < x.cols(); ++i) {
      length_[i] = x.col(i).norm();
      if (sign[i] != 0) rest_.push_back(i);
    }
    out_.separated.assign(x.cols(), 0);
    out_.direction = Vector::Zero(x.rows());
  }

  // Few rows are looked at in full; the others only join where they object to a direction.
  Cone run() {
    for (;;) {
      drop_settled_rows();
      if (rest_.empty() || within_.cols() == 0) break;
      const Index count = 200 + 20 * within_.cols();
      std::vector<Index> working = spread(rest_, count);
      for (;;) {
        if (poll_) poll_();
        const Matrix rows = projected(working);
        const Vector local = find_cone_direction(rows, poll_);
        if (local.size() == 0) {  // equalities from now on
          within_ = remaining(rows, within_);
          break;
        }
        const Vector direction = within_ * local;
        const std::vector<Index> against = objections(direction, count);
        // Where all of them have joined, those that still object do so by rounding.
        if (!against.empty() && working.size() <= rest_.size() + static_cast<std::size_t>(count)) {
          working.insert(working.end(), against.begin(), against.end());
          continue;
        }
        // Rows that it parts by their rounding alone are equalities as well.
        if (!separate(direction)) within_ = remaining(rows, within_);
        break;
      }
    }
    return finish();
  }

 private:
  double along(Index i, const Vector& d) const { return sign_[i] * x_.col(i).dot(d); }

  // Rows that say nothing within what is left.
  void drop_settled_rows() {
    const auto settled = [&](Index i) {
      return !((within_.transpose() * x_.col(i)).norm() > kConeTolerance * length_[i]);
    };
    rest_.erase(std::remove_if(rest_.begin(), rest_.end(), settled), rest_.end());
  }

  Matrix projected(const std::vector<Index>& working) const {
    Matrix rows(within_.cols(), static_cast<Index>(working.size()));
    for (std::size_t i = 0; i < working.size(); ++i) {
      rows.col(i) = within_.transpose() * x_.col(working[i]) * sign_[working[i]];
      rows.col(i).normalize();
    }
    return rows;
  }

  // The rows that a direction would make worse, the worst first, at most `count`.
  std::vector<Index> objections(const Vector& direction, Index count) const {
    std::vector<std::pair<double, Index>> found;
    for (const Index i : rest_) {
      const double sine = along(i, direction) / length_[i];
      if (sine < -kConeTolerance) found.emplace_back(sine, i);
    }
    const auto middle = found.begin() + std::min<std::ptrdiff_t>(count, found.size());
    std::partial_sort(found.begin(), middle, found.end());
    std::vector<Index> out;
    for (auto at = found.begin(); at != middle; ++at) out.push_back(at->second);
    return out;
  }

  // Takes out the rows with a'd > 0. The directions found before outweigh the new one, so that the
  // rows that they separated stay separated.
  bool separate(const Vector& direction) {
    double weight = 1.0;
    for (const Index i : done_) {
      weight = std::max(weight, -2.0 * along(i, direction) / along(i, out_.direction));
    }
    const std::size_t before = done_.size();
    std::vector<Index> kept;
    for (const Index i : rest_) {
      const bool strict = along(i, direction) > kConeTolerance * length_[i];
      (strict ? done_ : kept).push_back(i);
      if (strict) out_.separated[i] = 1;
    }
    rest_ = kept;
    if (done_.size() == before) return false;
    out_.direction = (weight * out_.direction + direction).normalized();
    return true;
  }

  Cone finish() {
    out_.null_space = within_;
    return out_;
  }

  const ConstMatrixMap& x_;
  const std::vector<signed char>& sign_;
  Matrix within_;
  const Poll& poll_;
  Vector length_;
  std::vector<Index> rest_, done_;
  Cone out_;
};

}  // namespace

Vector find_cone_direction(const Matrix& rows, const Poll& poll) {
  NonNegativeSum sum(rows, rows.rowwise().sum(), poll);
  const Vector d = sum.minimize(static_cast<double>(rows.cols()), 1e-12);
  return d.size() > 0 && (rows.transpose() * d).maxCoeff() > kConeTolerance ? d : Vector();
}

// A last row of ones, and minus one to start from, ask for weights of sum 1.
Vector vanishing_combination(const Matrix& rows, const Poll& poll) {
  Matrix lifted(rows.rows() + 1, rows.cols());
  lifted << rows, Eigen::RowVectorXd::Ones(rows.cols());
  NonNegativeSum sum(lifted, -Vector::Unit(rows.rows() + 1, rows.rows()), poll);
  return sum.minimize(1.0, kConeTolerance).size() > 0 ? Vector() : sum.lambda();
}

Cone find_cone(const ConstMatrixMap& x, const std::vector<signed char>& sign, const Matrix& within,
               const Poll& poll) {
  return ConeSearch(x, sign, within, poll).run();
}

Matrix null_space(const ConstMatrixMap& x, const std::vector<char>& chosen, const Matrix& within,
                  const Poll& poll) {
  Matrix left = within;
  const Index n = x.cols(), size = 4 * x.rows() + 64;
  const Index parts = (n + size - 1) / size;
  for (Index part = 0; part < parts && left.cols() > 0; ++part) {
    if (poll && part % 64 == 0) poll();
    std::vector<Index> rows;
    for (Index i = part; i < n; i += parts) {
      if (chosen[i]) rows.push_back(i);
    }
    Matrix projected(left.cols(), static_cast<Index>(rows.size()));
    Index count = 0;
    for (const Index i : rows) {
      const double length = x.col(i).norm();
      if (!(length > 0.0)) continue;
      projected.col(count) = left.transpose() * x.col(i) / length;
      if (projected.col(count).norm() > kConeTolerance) ++count;
    }
    if (count > 0) left = remaining(projected.leftCols(count), left);
  }
  return left;
}

}  // namespace tiers
