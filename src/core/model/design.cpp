#include "design.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dense_algebra.h"
#include "lower_factor.h"

namespace tiers {

namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// Pivot of the correlations below which they do not decide the rank, because half of its digits are
// gone: the rows do.
constexpr double kSmallPivot = 1e-8;
// Share of a column's length that is left beside the ones before it: below it the column is a
// linear combination of them; and below which cross-products would lose too many digits of it.
constexpr double kCollinear = 1e-11;
constexpr double kNearlyCollinear = 1e-4;

struct CentreScale {
  double centre = 0.0, scale = 1.0, magnitude = 0.0;
  bool constant = true;
};

// Centre: the data value nearest to the mean. Scale: the power of two next to the root mean square
// about it. `value(row)` for the rows that count.
template <class Value, class Used>
CentreScale centre_and_scale(Index n, const Value& value, const Used& used, bool centred) {
  CentreScale out;
  double mean = 0.0, first = 0.0;
  Index count = 0;
  for (Index i = 0; i < n; ++i) {
    if (!used(i)) continue;
    const double x = value(i);
    if (count == 0) first = x;
    ++count;
    mean += (x - mean) / static_cast<double>(count);
    out.magnitude = std::max(out.magnitude, std::abs(x));
    out.constant = out.constant && x == first;
  }
  if (count == 0) return out;
  if (centred) {
    out.centre = first;
    for (Index i = 0; i < n; ++i) {
      if (used(i) && std::abs(value(i) - mean) < std::abs(out.centre - mean)) out.centre = value(i);
    }
  }
  double largest = 0.0;
  for (Index i = 0; i < n; ++i) {
    if (used(i)) largest = std::max(largest, std::abs(value(i) - out.centre));
  }
  if (largest == 0.0) return out;
  double mean_square = 0.0;
  for (Index i = 0; i < n; ++i) {
    if (!used(i)) continue;
    const double x = (value(i) - out.centre) / largest;
    mean_square += x * x;
  }
  const double root = largest * std::sqrt(mean_square / static_cast<double>(count));
  out.scale = std::exp2(std::round(std::log2(root)));
  return out;
}

// Smallest pivot of the sequential Cholesky factor of the correlations of a Gram matrix; the first
// below kSmallPivot ends it, and a column of length zero has 0.
double smallest_pivot(const Matrix& gram) {
  const Index p = gram.rows();
  const Vector length = gram.diagonal().cwiseSqrt();
  double smallest = 1.0;
  Matrix lower = Matrix::Zero(p, p);
  for (Index a = 0; a < p; ++a) {
    if (length[a] == 0.0) return 0.0;
    for (Index b = 0; b <= a; ++b) {
      double value = gram(a, b) / (length[a] * length[b]);
      value -= lower.row(a).head(b).dot(lower.row(b).head(b));
      if (b < a) {
        lower(a, b) = value / lower(b, b);
      } else {
        smallest = std::min(smallest, value);
        lower(a, a) = std::sqrt(std::max(value, 0.0));
      }
    }
    if (smallest < kSmallPivot) return smallest;
  }
  return smallest;
}

}  // namespace

Design::Design(const Specification& spec, Scaling scaling, Poll poll)
    : spec_(spec), scaling_(std::move(scaling)), poll_(std::move(poll)) {
  scale_weights();
  find_constant();
  scale_response();
  scale_fixed();
  scale_random();
  apply_unit();
}

void Design::scale_weights() {
  used_rows_ = 0;
  if (!spec_.weights) {
    used_rows_ = spec_.n;
    return;
  }
  double sum = 0.0;
  for (Index i = 0; i < spec_.n; ++i) {
    if (!used(i)) continue;
    ++used_rows_;
    sum += std::log(spec_.weights[i]);
  }
  if (used_rows_ == 0 || !scaling_.response) return;
  weight_scale_ = std::exp2(std::round(sum / static_cast<double>(used_rows_) / std::log(2.0)));
  sum_log_weights_ = sum - static_cast<double>(used_rows_) * std::log(weight_scale_);
}

// A vector v with X v = 1 exactly: a constant column, or the dummies of a factor without intercept.
void Design::find_constant() {
  const Index n = spec_.n, p = spec_.X.cols();
  for (Index j = 0; j < p; ++j) {
    const double first = n > 0 ? spec_.X(0, j) : 0.0;
    if (first != 0.0 && (spec_.X.col(j).array() == first).all()) {
      ones_ = Vector::Zero(p);
      ones_[j] = 1.0 / first;
      return;
    }
  }
  // Columns of zeros and ones that do not overlap, taken in order while they do not.
  std::vector<char> covered(n, 0);
  Vector v = Vector::Zero(p);
  Index total = 0;
  for (Index j = 0; j < p; ++j) {
    const auto column = spec_.X.col(j);
    bool fits = true;
    Index count = 0;
    for (Index i = 0; i < n && fits; ++i) {
      fits = column[i] == 0.0 || (column[i] == 1.0 && !covered[i]);
      count += column[i] != 0.0;
    }
    if (!fits || count == 0) continue;
    for (Index i = 0; i < n; ++i) covered[i] |= column[i] != 0.0;
    v[j] = 1.0;
    total += count;
  }
  if (n > 0 && total == n) ones_ = v;
}

void Design::scale_response() {
  if (!scaling_.response) return;
  const auto scale = centre_and_scale(
      spec_.n, [&](Index i) { return raw_response(i); }, [&](Index i) { return used(i); },
      ones_.size() > 0);
  response_centre_ = scale.centre;
  response_scale_ = scale.scale;
  response_magnitude_ = scale.magnitude / scale.scale;
}

double Design::response(Index row) const {
  return (raw_response(row) - response_centre_) / response_scale_;
}

void Design::scale_fixed() {
  const Index p = spec_.X.cols();
  centre_ = Vector::Zero(p);
  inverse_scale_ = Vector::Ones(p);
  double rounding = 0.0;  // of the centred and scaled columns, relative to their size
  std::vector<Index> order, rest;
  for (Index j = 0; j < p; ++j) {
    const bool carries_constant = ones_.size() > 0 && ones_[j] != 0.0;
    const auto scale = centre_and_scale(
        spec_.n, [&](Index i) { return spec_.X(i, j); }, [&](Index i) { return used(i); },
        ones_.size() > 0 && !carries_constant);
    centre_[j] = scale.centre;
    inverse_scale_[j] = 1.0 / scale.scale;
    rounding = std::max(rounding, kEpsilon * scale.magnitude / scale.scale);
    (carries_constant ? order : rest).push_back(j);
  }
  order.insert(order.end(), rest.begin(), rest.end());  // the constant is never the one dropped

  const double smallest = smallest_pivot(fixed_gram(order));
  if (smallest < kSmallPivot) {
    orthogonalize_rows(order, std::max(kCollinear, 64.0 * rounding));
    return;
  }
  reciprocal_condition_ = std::sqrt(smallest);
  kept_.resize(p);
  map_ = Matrix::Zero(p, p);
  for (Index j = 0; j < p; ++j) {
    kept_[j] = j;
    map_(j, j) += inverse_scale_[j];
    if (ones_.size() > 0) map_.col(j) -= centre_[j] * inverse_scale_[j] * ones_;
  }
}

// Cross-products (lower triangle) of the centred and scaled columns in this order.
Matrix Design::fixed_gram(const std::vector<Index>& order) const {
  const Index n = spec_.n, p = spec_.X.cols();
  Matrix gram = Matrix::Zero(p, p);
  constexpr Index kChunk = 256;  // rows at a time: the chunk stays in the cache
  Matrix chunk(p, kChunk);
  for (Index start = 0; start < n; start += kChunk) {
    if (poll_) poll_();
    const Index rows = std::min(kChunk, n - start);
    for (Index a = 0; a < p; ++a) {
      for (Index i = 0; i < rows; ++i) chunk(a, i) = scaled_fixed(start + i, order[a]);
    }
    add_square(gram, chunk.leftCols(rows));
  }
  return gram;
}

// Gram-Schmidt, twice, on the centred and scaled rows, in this order; columns of which less than
// `tolerance` is left are dropped.
Design::Orthogonal Design::gram_schmidt(const std::vector<Index>& order, double tolerance) const {
  const Index n = spec_.n, p = spec_.X.cols();
  Orthogonal out;
  Matrix basis(n, p), r = Matrix::Zero(p, p);
  Index rank = 0;
  for (const Index j : order) {
    if (poll_) poll_();
    for (Index i = 0; i < n; ++i) basis(i, rank) = scaled_fixed(i, j);
    const double length = basis.col(rank).norm();
    Vector coefficients = Vector::Zero(p);
    for (int pass = 0; pass < 2; ++pass) {
      const Vector part = basis.leftCols(rank).transpose() * basis.col(rank);
      basis.col(rank) -= basis.leftCols(rank) * part;
      coefficients.head(rank) += part;
    }
    const double left = basis.col(rank).norm();
    if (!(left > tolerance * length)) continue;
    out.smallest = std::min(out.smallest, left / length);
    r.col(rank).head(rank) = coefficients.head(rank);
    r(rank, rank) = left;
    basis.col(rank) /= left;
    out.columns.push_back(j);
    ++rank;
  }
  out.basis = basis.leftCols(rank);
  out.r = r.topLeftCorner(rank, rank);
  return out;
}

// What takes coefficients of the centred and scaled columns, in the order given, to those of the
// kept columns of X.
Matrix Design::scaled_map(const std::vector<Index>& columns) const {
  const Index rank = static_cast<Index>(columns.size());
  Matrix map = Matrix::Zero(rank, rank);
  for (Index a = 0; a < rank; ++a) {
    const Index j = columns[a];
    map(kept_position(j), a) += inverse_scale_[j];
    if (ones_.size() == 0) continue;
    for (const Index other : kept_) {  // one that is dropped is zero in every row that counts
      map(kept_position(other), a) -= centre_[j] * inverse_scale_[j] * ones_[other];
    }
  }
  return map;
}

// Decides the rank, and replaces X by an orthogonal basis where what is left is still nearly
// collinear.
void Design::orthogonalize_rows(const std::vector<Index>& order, double tolerance) {
  const Orthogonal found = gram_schmidt(order, tolerance);
  const Index n = spec_.n, rank = static_cast<Index>(found.columns.size());
  reciprocal_condition_ = found.smallest;
  kept_ = found.columns;
  std::sort(kept_.begin(), kept_.end());
  const Matrix map = scaled_map(found.columns);
  if (found.smallest >= kNearlyCollinear) {
    // Same columns as without dropping; fixed_row() follows kept_.
    map_ = Matrix::Zero(rank, rank);
    for (Index a = 0; a < rank; ++a) map_.col(kept_position(found.columns[a])) = map.col(a);
    return;
  }
  const double root = std::sqrt(static_cast<double>(std::max<Index>(n, 1)));
  orthogonal_ = found.basis * root;
  Matrix from_r = Matrix::Identity(rank, rank);
  solve_upper(found.r, from_r);
  map_ = map * from_r * root;
  // Rows that do not count still need their values: they follow from the same map.
  for (Index i = 0; i < n; ++i) {
    if (used(i)) continue;
    for (Index a = 0; a < rank; ++a) {
      double value = 0.0;
      for (Index b = 0; b < rank; ++b) value += spec_.X(i, kept_[b]) * map_(b, a);
      orthogonal_(i, a) = value;
    }
  }
}

void Design::fixed_row(Index row, double* x) const {
  const Index r = rank();
  if (orthogonal_.size() > 0) {
    for (Index a = 0; a < r; ++a) x[a] = orthogonal_(row, a);
    return;
  }
  const double* values = spec_.X.data() + row;
  for (Index a = 0; a < r; ++a) {
    const Index j = kept_[a];
    x[a] = (values[spec_.n * j] - centre_[j]) * inverse_scale_[j];
  }
}

void Design::scale_random() {
  for (std::size_t j = 0; j < spec_.terms.size(); ++j) {
    const RandomTerm& term = spec_.terms[j];
    const Rescaling allowed = scaling_.terms[j];
    RandomScale scale{
        Vector::Zero(term.columns), Vector::Ones(term.columns), {}, term.intercept - 1};
    if (!scaling_.order.empty()) scale.column = scaling_.order[j];
    for (Index a = static_cast<Index>(scale.column.size()); a < term.columns; ++a)
      scale.column.push_back(a);
    double common = 0.0;
    for (Index a = 0; a < term.columns && term.basis; ++a) {
      if (scale.column[a] == scale.intercept) continue;
      const bool centred = allowed == Rescaling::affine && scale.intercept >= 0;
      const auto found = centre_and_scale(
          spec_.n, [&](Index i) { return term.value(i, scale.column[a]); },
          [&](Index i) { return used(i); }, centred);
      scale.centre[a] = found.centre;
      scale.inverse_scale[a] = 1.0 / found.scale;
      common = std::max(common, found.scale);
    }
    if (allowed == Rescaling::common && common > 0.0 && scale.intercept < 0) {
      scale.inverse_scale.setConstant(1.0 / common);
    } else if (allowed == Rescaling::common) {
      scale.inverse_scale.setOnes();
    }
    random_.push_back(scale);
  }
}

void Design::apply_unit() {
  if (scaling_.predictor_unit == 1.0) return;
  inverse_scale_ *= scaling_.predictor_unit;
  map_ *= scaling_.predictor_unit;
  orthogonal_ *= scaling_.predictor_unit;
  for (RandomScale& scale : random_) scale.inverse_scale *= scaling_.predictor_unit;
}

// T_j: column a, the user's u, is (e_u - centre_a e_intercept) / scale_a.
Matrix Design::random_map(int term) const {
  const auto& scale = random_[term];
  Matrix map = Matrix::Zero(scale.centre.size(), scale.centre.size());
  for (Index a = 0; a < map.cols(); ++a) map(scale.column[a], a) = scale.inverse_scale[a];
  if (scale.intercept >= 0) {
    map.row(scale.intercept) -= scale.centre.cwiseProduct(scale.inverse_scale).transpose();
  }
  return map;
}

Vector Design::user_coefficients(const Vector& beta) const {
  Vector user = Vector::Constant(spec_.X.cols(), std::numeric_limits<double>::quiet_NaN());
  const Vector scaled = response_scale_ * (map_ * beta);
  for (Index a = 0; a < rank(); ++a) {
    const Index j = kept_[a];
    user[j] = scaled[a];
    if (ones_.size() > 0) user[j] += response_centre_ * ones_[j];
  }
  return user;
}

Vector Design::internal_coefficients(const Vector& user) const {
  Vector kept(rank());
  for (Index a = 0; a < rank(); ++a) kept[a] = user[kept_[a]];
  return linear_solution(map_, kept);
}

Vector Design::user_gradient(const Vector& gradient) const {
  return linear_solution(map_.transpose(), gradient);
}

Matrix Design::user_covariance(const Matrix& vcov) const {
  const Matrix scaled_map = response_scale_ * map_;
  return scaled_map * vcov * scaled_map.transpose();
}

Matrix Design::internal_contrasts(const Matrix& rows) const {
  Matrix kept(rows.rows(), rank());
  for (Index a = 0; a < rank(); ++a) kept.col(a) = rows.col(kept_[a]);
  return response_scale_ * (kept * map_);
}

double Design::user_sigma(double sigma) const {
  return response_scale_ * std::sqrt(weight_scale_) * sigma;
}

Matrix Design::user_factor(int term, const Matrix& lambda) const {
  return lower_factor(random_map(term) * lambda) / std::sqrt(weight_scale_);
}

Matrix Design::internal_factor(int term, const Matrix& lambda) const {
  return lower_factor(internal_map(term) * lambda);
}

Matrix Design::internal_map(int term) const {
  return inverse(random_map(term)) * std::sqrt(weight_scale_);
}

// A direction d has variance d'Sigma d; b_user = T b_internal, so d_user = T^-T d_internal.
Matrix Design::user_directions(int term, const Matrix& directions) const {
  Matrix user = inverse(random_map(term)).transpose() * directions;
  for (Index a = 0; a < user.cols(); ++a) user.col(a).normalize();
  return user;
}

double Design::user_response(double eta, Index row) const {
  const double offset = spec_.offset ? spec_.offset[row] : 0.0;
  return eta * response_scale_ + response_centre_ + offset;
}

// The scale of the weights cancels between log|W|, r2 and log|X'V^-1X|.
double Design::deviance_shift(bool reml) const {
  const double m = static_cast<double>(used_rows_ - (reml ? rank() : 0));
  double shift = 2.0 * m * std::log(response_scale_);
  if (reml && rank() > 0) shift -= 2.0 * log_abs_det(map_);
  return shift;
}

}  // namespace tiers
