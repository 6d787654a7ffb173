#include "unit_covariances.h"

#include <algorithm>
#include <cmath>

namespace tiers {

namespace {

// Doubles that tables and their derivatives may take to be kept.
constexpr double kMostKept = 2e7;

}  // namespace

UnitCovariances::UnitCovariances(const UnitPatterns& patterns,
                                 const CovarianceParameters& parameters,
                                 const ResidualStructure& structure, double unit)
    : patterns_(patterns),
      parameters_(parameters),
      structure_(structure),
      inverse_unit_(1.0 / unit) {
  double size = 0.0;
  for (const PositionTable& one : patterns.tables())
    size += static_cast<double>(one.at.size() * one.at.size() * (structure.group_size() + 2));
  kept_ = size < kMostKept;
}

void UnitCovariances::move_to(const Vector& psi) {
  theta_ = psi.head(parameters_.size());
  phi_ = psi.tail(structure_.size());
  lambda_ = parameters_.lambdas(theta_);
  sigma_.clear();
  for (const Matrix& one : lambda_) sigma_.push_back(one * one.transpose());
  if (kept_)
    table_.assign(structure_.group_size() + 1, std::vector<Matrix>(patterns_.tables().size()));
}

const Matrix& UnitCovariances::table(Index parameter, Index table, Matrix& room) const {
  Matrix& out = kept_ ? table_[parameter + 1][table] : room;
  if (kept_ && out.size() > 0) return out;
  const PositionTable& of = patterns_.tables()[table];
  const Vector phi = structure_.part(phi_, of.group);
  if (parameter == kValue)
    structure_.shape().value(phi, of.at, out);
  else
    structure_.shape().first(phi, of.at, parameter, out);
  return out;
}

void UnitCovariances::value(const UnitPattern& pattern, Matrix& v) const {
  conditional(pattern, v);
  for (int j = 0; j < parameters_.terms(); ++j) add_random(pattern, j, sigma_[j], v);
}

void UnitCovariances::conditional(const UnitPattern& pattern, Matrix& r) const {
  r = Matrix::Zero(pattern.size, pattern.size);
  add_subjects(pattern, kValue, -1, row_scale(pattern), r);
}

// sqrt(1 / w) exp(d'gamma) / unit.
Vector UnitCovariances::row_scale(const UnitPattern& pattern) const {
  Vector out = inverse_unit_ * pattern.scale;
  if (structure_.dispersion() == 0) return out;
  const Vector log_sd = pattern.dispersion * phi_.tail(structure_.dispersion());
  for (Index i = 0; i < out.size(); ++i) out[i] *= std::exp(log_sd[i]);
  return out;
}

void UnitCovariances::add_random(const UnitPattern& pattern, int term, const Matrix& sigma,
                                 Eigen::Ref<Matrix> v) const {
  const Matrix& z = pattern.basis[term];
  const auto& level = pattern.level[term];
  const Matrix moved = z * sigma;
  const Index t = pattern.size, k = z.cols();
  if (pattern.levels[term] == 1) {
    v.noalias() += moved * z.transpose();
    return;
  }
  for (Index b = 0; b < t; ++b) {
    for (Index a = 0; a < t; ++a) {
      if (level[a] != level[b]) continue;
      double sum = 0.0;
      for (Index c = 0; c < k; ++c) sum += moved(a, c) * z(b, c);
      v(a, b) += sum;
    }
  }
}

// group -1: all.
void UnitCovariances::add_subjects(const UnitPattern& pattern, Index parameter, Index group,
                                   const Vector& scale, Eigen::Ref<Matrix> v) const {
  Matrix room;
  for (const auto& one : pattern.subjects) {
    const SubjectPattern& subject = patterns_.subjects()[one.pattern];
    if (group >= 0 && patterns_.tables()[subject.table].group != group) continue;
    const Matrix& sigma = table(parameter, subject.table, room);
    const Index count = static_cast<Index>(subject.index.size());
    for (Index b = 0; b < count; ++b) {
      for (Index a = 0; a < count; ++a) {
        v(one.first + a, one.first + b) +=
            sigma(subject.index[a], subject.index[b]) * scale[one.first + a] * scale[one.first + b];
      }
    }
  }
}

std::vector<Index> UnitCovariances::active(const UnitPattern& pattern) const {
  std::vector<Index> out;
  for (Index i = 0; i < parameters_.size(); ++i) out.push_back(i);
  std::vector<bool> there(structure_.groups(), false);
  for (const auto& one : pattern.subjects)
    there[patterns_.tables()[patterns_.subjects()[one.pattern].table].group] = true;
  for (Index g = 0; g < structure_.groups(); ++g) {
    for (Index i = 0; there[g] && i < structure_.group_size(); ++i)
      out.push_back(parameters_.size() + g * structure_.group_size() + i);
  }
  for (Index i = 0; i < structure_.dispersion(); ++i)
    out.push_back(parameters_.size() + structure_.first_of_dispersion() + i);
  return out;
}

void UnitCovariances::derivatives(const UnitPattern& pattern, Matrix& stacked) const {
  const Index t = pattern.size;
  const std::vector<Index> which = active(pattern);
  stacked = Matrix::Zero(t, t * static_cast<Index>(which.size()));
  Index at = 0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Vector part = parameters_.part(theta_, j);
    for (Index i = 0; i < part.size(); ++i, ++at) {
      const Matrix half =
          parameters_.structure(j).factor_derivative(part, i) * lambda_[j].transpose();
      add_random(pattern, j, half + half.transpose(), stacked.middleCols(at * t, t));
    }
  }
  const Vector scale = row_scale(pattern);
  const Index phis = structure_.first_of_dispersion();
  for (; at < static_cast<Index>(which.size()); ++at) {
    const Index place = which[at] - parameters_.size();
    if (place >= phis) break;
    const Index group = place / structure_.group_size(), i = place % structure_.group_size();
    add_subjects(pattern, i, group, scale, stacked.middleCols(at * t, t));
  }
  if (structure_.dispersion() == 0) return;
  Matrix r;
  conditional(pattern, r);
  for (Index d = 0; d < structure_.dispersion(); ++d, ++at) {
    for (Index b = 0; b < t; ++b) {
      for (Index a = 0; a < t; ++a)
        stacked(a, at * t + b) = r(a, b) * (pattern.dispersion(a, d) + pattern.dispersion(b, d));
    }
  }
}

void UnitCovariances::weighted_second(const UnitPattern& pattern, const Matrix& w,
                                      Matrix& out) const {
  const Index t = pattern.size, each = structure_.group_size();
  out = Matrix::Zero(t, t);
  const Vector scale = row_scale(pattern);
  Matrix second;
  for (const auto& one : pattern.subjects) {
    const SubjectPattern& subject = patterns_.subjects()[one.pattern];
    const PositionTable& table = patterns_.tables()[subject.table];
    const Vector part = structure_.part(phi_, table.group);
    const Index first = table.group * each, count = static_cast<Index>(subject.index.size());
    for (Index k = 0; k < each; ++k) {
      for (Index l = 0; l < each; ++l) {
        if (w(first + k, first + l) == 0.0) continue;
        if (!structure_.shape().second(part, table.at, k, l, second)) continue;
        for (Index b = 0; b < count; ++b) {
          for (Index a = 0; a < count; ++a) {
            out(one.first + a, one.first + b) += w(first + k, first + l) *
                                                 second(subject.index[a], subject.index[b]) *
                                                 scale[one.first + a] * scale[one.first + b];
          }
        }
      }
    }
  }
  const Index count = structure_.dispersion(), at = structure_.first_of_dispersion();
  if (count == 0) return;
  Matrix stacked;
  derivatives(pattern, stacked);
  const std::vector<Index> which = active(pattern);
  const Index theta = parameters_.size();
  for (std::size_t k = static_cast<std::size_t>(theta); k < which.size(); ++k) {
    const Index own = which[k] - theta;
    // Pairs of two coefficients stand twice in W already.
    const double times = own < at ? 2.0 : 1.0;
    for (Index l = 0; l < count; ++l) {
      const double weight = times * w(own, at + l);
      for (Index b = 0; b < t; ++b) {
        for (Index a = 0; a < t; ++a) {
          out(a, b) += weight * stacked(a, static_cast<Index>(k) * t + b) *
                       (pattern.dispersion(a, l) + pattern.dispersion(b, l));
        }
      }
    }
  }
}

Matrix UnitCovariances::effects(const UnitPattern& pattern, int term, const Vector& v) const {
  const Matrix& z = pattern.basis[term];
  Matrix out = Matrix::Zero(z.cols(), pattern.levels[term]);
  for (Index a = 0; a < pattern.size; ++a)
    out.col(pattern.level[term][a]) += v[a] * z.row(a).transpose();
  return sigma_[term] * out;
}

UnitCovariances::SecondDerivatives::SecondDerivatives(const UnitCovariances& of)
    : of_(of), sum_(Matrix::Zero(of.size(), of.size())) {
  for (const Matrix& one : of.sigma_) by_sigma_.push_back(Matrix::Zero(one.rows(), one.cols()));
  by_table_.resize(of.patterns_.tables().size());
}

void UnitCovariances::SecondDerivatives::add(const UnitPattern& pattern,
                                             const std::vector<Index>& which, const Matrix& stacked,
                                             const Matrix& d) {
  for (std::size_t j = 0; j < by_sigma_.size(); ++j) {
    const Matrix& z = pattern.basis[j];
    const auto& level = pattern.level[j];
    if (pattern.levels[j] == 1) {
      by_sigma_[j].noalias() += z.transpose() * (d * z);
      continue;
    }
    for (Index b = 0; b < pattern.size; ++b) {
      for (Index a = 0; a < pattern.size; ++a) {
        if (level[a] != level[b]) continue;
        for (Index c = 0; c < z.cols(); ++c)
          by_sigma_[j].col(c) += d(a, b) * z(b, c) * z.row(a).transpose();
      }
    }
  }
  const Vector scale = of_.row_scale(pattern);
  for (const auto& one : pattern.subjects) {
    const SubjectPattern& subject = of_.patterns_.subjects()[one.pattern];
    Matrix& table = by_table_[subject.table];
    if (table.size() == 0 || !of_.kept_) {
      const Index size = of_.patterns_.tables()[subject.table].at.size();
      table = Matrix::Zero(size, size);
    }
    const Index count = static_cast<Index>(subject.index.size());
    for (Index b = 0; b < count; ++b) {
      for (Index a = 0; a < count; ++a) {
        table(subject.index[a], subject.index[b]) +=
            d(one.first + a, one.first + b) * scale[one.first + a] * scale[one.first + b];
      }
    }
    if (of_.kept_) continue;
    contract(subject.table, table);
    table.resize(0, 0);
  }
  if (of_.structure_.dispersion() > 0) add_dispersion(pattern, which, stacked, d);
}

// With u_k,ij = d_ik + d_jk: R o u_k o u_l, and R_k o u_l with another parameter of R.
void UnitCovariances::SecondDerivatives::add_dispersion(const UnitPattern& pattern,
                                                        const std::vector<Index>& which,
                                                        const Matrix& stacked, const Matrix& d) {
  const Index t = pattern.size, theta = of_.parameters_.size();
  const Index count = of_.structure_.dispersion();
  const Index first = theta + of_.structure_.first_of_dispersion();
  for (std::size_t k = static_cast<std::size_t>(theta); k < which.size(); ++k) {
    const auto own = stacked.middleCols(static_cast<Index>(k) * t, t);
    // d is symmetric: the sum over i and j of m_ij (d_il + d_jl) is twice that of m_ij d_il.
    const Vector rows = d.cwiseProduct(own).rowwise().sum();
    for (Index l = 0; l < count; ++l) {
      const double value = 2.0 * rows.dot(pattern.dispersion.col(l));
      sum_(which[k], first + l) += value;
      if (which[k] < first) sum_(first + l, which[k]) += value;
    }
  }
}

// <D, Sigma_kl> of the places of a table.
void UnitCovariances::SecondDerivatives::contract(Index table, const Matrix& d) {
  const PositionTable& of = of_.patterns_.tables()[table];
  const Vector part = of_.structure_.part(of_.phi_, of.group);
  const Index first = of_.parameters_.size() + of.group * part.size();
  Matrix second;
  for (Index k = 0; k < part.size(); ++k) {
    for (Index l = 0; l <= k; ++l) {
      if (!of_.structure_.shape().second(part, of.at, k, l, second)) continue;
      double value = 0.0;
      for (Index i = 0; i < d.size(); ++i) {
        // Pairs that no subject has need not be covariances of anything.
        if (d.data()[i] != 0.0) value += d.data()[i] * second.data()[i];
      }
      sum_(first + k, first + l) += value;
      if (k != l) sum_(first + l, first + k) += value;
    }
  }
}

// After the last add().
Matrix UnitCovariances::SecondDerivatives::result() {
  for (std::size_t s = 0; s < by_table_.size(); ++s) {
    if (by_table_[s].size() > 0) contract(static_cast<Index>(s), by_table_[s]);
  }
  const Index theta = of_.parameters_.size();
  sum_.topLeftCorner(theta, theta) +=
      of_.parameters_.second_derivative_product(of_.theta_, by_sigma_);
  return sum_;
}

}  // namespace tiers
