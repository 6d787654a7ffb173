#include "identification.h"

#include <algorithm>
#include <cmath>

namespace tiers {

namespace {

// Of the Gram matrix scaled to unit diagonal: the smallest eigenvalue at which a combination of the
// derivatives is looked at, and the size, relative to its parts, at which it is zero.
constexpr double kSuspectEigenvalue = 1e-9, kZeroCombination = 1e-9;
// A unit costs the square of the number of its terms' entries: a poll each is nothing beside it.
constexpr Index kPollRows = 4096;

Matrix relative(const Matrix& m) { return m / m.cwiseAbs().maxCoeff(); }

struct Place {
  int term;
  Index row, column;        // within the term, row >= column
  Index at_row, at_column;  // within its factor
};

// Some parameters at which no derivative vanishes by chance.
Vector generic_parameters(const CovarianceStructure& structure) {
  const Index k = structure.columns();
  Matrix lambda = Matrix::Zero(k, k);
  for (Index j = 0; j < k; ++j) {
    for (Index i = j; i < k; ++i) {
      const double irregular =
          std::cos(1.3 + 2.9 * static_cast<double>(i) + 4.1 * static_cast<double>(j));
      lambda(i, j) = (i == j ? 1.0 : 0.0) + 0.2 * irregular / std::sqrt(static_cast<double>(k));
    }
  }
  return structure.parameters(lambda);
}

// Sigma's derivatives with respect to a term's free parameters, at generic values of these.
std::vector<Matrix> sigma_derivatives(const CovarianceStructure& structure,
                                      const std::vector<bool>& free, Index offset) {
  Vector theta = generic_parameters(structure);
  for (Index i = 0; i < theta.size(); ++i) theta[i] = free[offset + i] ? theta[i] : 0.0;
  const Matrix lambda = structure.factor(theta);
  std::vector<Matrix> out;
  for (Index i = 0; i < theta.size(); ++i) {
    if (!free[offset + i]) continue;
    const Matrix half = structure.factor_derivative(theta, i) * lambda.transpose();
    out.push_back(half + half.transpose());
  }
  return out;
}

class VarianceGram {
 public:
  VarianceGram(const CrossProducts& cross, const CovarianceParameters& parameters,
               const std::vector<bool>& free, bool residual, const Poll& poll);

  bool full_rank(Vector& null_vector) const;
  Unidentified describe() const;
  // The norm of a combination of the derivatives, times a vector, relative to its parts'.
  double combination_size(const Vector& coefficients) const;

 private:
  void find_entries(const std::vector<bool>& free);
  void accumulate();
  void add_chain(int c);
  void add_remainder();
  template <class Block>
  void add(int f, int g, const Block& block);
  template <class Block>
  void add_own(int f, const Block& block);
  Index residual_at() const { return static_cast<Index>(places_.size()); }
  Index size() const { return residual_at() + (residual_ ? 1 : 0); }

  const CrossProducts& cross_;
  const CovarianceParameters& parameters_;
  const bool residual_;
  const Poll& poll_;
  std::vector<Place> places_;
  std::vector<std::vector<Index>> by_factor_;    // entries of each factor
  std::vector<std::vector<Matrix>> derivative_;  // per term, of its free parameters
  Matrix gram_;
  Matrix tangent_;  // entries and residual x free parameters and residual
  // The random columns may be of any size (that of the linear predictor's unit): squares of them
  // are taken relative to the largest, which is this to the power of -1/2.
  double scale_ = 1.0;
};

VarianceGram::VarianceGram(const CrossProducts& cross, const CovarianceParameters& parameters,
                           const std::vector<bool>& free, bool residual, const Poll& poll)
    : cross_(cross),
      parameters_(parameters),
      residual_(residual),
      poll_(poll),
      by_factor_(cross.layout().factors().size()) {
  find_entries(free);
  double largest = 0.0;
  for (std::size_t f = 0; f < by_factor_.size(); ++f) {
    largest = std::max(largest, cross.mean_own(static_cast<int>(f)).diagonal().maxCoeff());
  }
  if (largest > 0.0) scale_ = 1.0 / largest;
  gram_ = Matrix::Zero(size(), size());
  accumulate();
}

// Only entries on which a term's Sigma depends.
void VarianceGram::find_entries(const std::vector<bool>& free) {
  Index columns = residual_ ? 1 : 0;
  std::vector<std::pair<Index, Index>> first;  // entry and parameter of each term
  for (int j = 0; j < parameters_.terms(); ++j) {
    derivative_.push_back(sigma_derivatives(parameters_.structure(j), free, parameters_.offset(j)));
    columns += static_cast<Index>(derivative_[j].size());
  }
  std::vector<Index> first_column(parameters_.terms());
  for (std::size_t f = 0; f < by_factor_.size(); ++f) {
    const Factor& factor = cross_.layout().factors()[f];
    for (std::size_t t = 0; t < factor.terms.size(); ++t)
      first_column[factor.terms[t]] = factor.first_column[t];
  }
  for (int j = 0; j < parameters_.terms(); ++j) {
    Matrix present =
        Matrix::Zero(parameters_.structure(j).columns(), parameters_.structure(j).columns());
    for (const Matrix& d : derivative_[j]) present += d.cwiseAbs();
    for (Index b = 0; b < present.cols(); ++b) {
      for (Index a = b; a < present.rows(); ++a) {
        if (present(a, b) > 0.0)
          places_.push_back({j, a, b, first_column[j] + a, first_column[j] + b});
      }
    }
  }
  for (std::size_t f = 0; f < by_factor_.size(); ++f) {
    const auto& terms = cross_.layout().factors()[f].terms;
    for (Index e = 0; e < residual_at(); ++e) {
      if (std::find(terms.begin(), terms.end(), places_[e].term) != terms.end())
        by_factor_[f].push_back(e);
    }
  }
  tangent_ = Matrix::Zero(size(), columns);
  Index column = 0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    for (const Matrix& d : derivative_[j]) {
      for (Index e = 0; e < residual_at(); ++e) {
        if (places_[e].term == j) tangent_(e, column) = d(places_[e].row, places_[e].column);
      }
      ++column;
    }
  }
  if (residual_) tangent_(residual_at(), column) = 1.0;
}

// tr(F_e B F_f B') for F_ab = e_a e_b' + e_b e_a' (a != b) and e_a e_a', B = A_lm.
template <class Block>
void VarianceGram::add(int f, int g, const Block& block) {
  for (const Index e : by_factor_[f]) {
    const Place& p = places_[e];
    const double half = p.row == p.column ? 0.5 : 1.0;
    for (const Index h : by_factor_[g]) {
      if (f == g && h < e) continue;
      const Place& r = places_[h];
      const double trace =
          (scale_ * block(p.at_row, r.at_row)) * (scale_ * block(p.at_column, r.at_column)) +
          (scale_ * block(p.at_row, r.at_column)) * (scale_ * block(p.at_column, r.at_row));
      gram_(h, e) += (r.row == r.column ? half : 2.0 * half) * trace;
    }
  }
}

template <class Block>
void VarianceGram::add_own(int f, const Block& block) {
  add(f, f, block);
  if (!residual_) return;
  for (const Index e : by_factor_[f]) {
    const Place& p = places_[e];
    gram_(residual_at(), e) +=
        (p.row == p.column ? 1.0 : 2.0) * scale_ * block(p.at_row, p.at_column);
  }
}

void VarianceGram::accumulate() {
  for (std::size_t c = 0; c < cross_.layout().chain().size(); ++c) add_chain(static_cast<int>(c));
  if (!cross_.layout().remainder().empty()) add_remainder();
  if (residual_)
    gram_(residual_at(), residual_at()) = static_cast<double>(cross_.design().used_rows());
  // Entries of two factors stand in either triangle.
  for (Index e = 0; e < size(); ++e) {
    for (Index h = 0; h < e; ++h) {
      const double value = gram_(e, h) != 0.0 ? gram_(e, h) : gram_(h, e);
      gram_(e, h) = gram_(h, e) = value;
    }
  }
}

void VarianceGram::add_chain(int c) {
  const auto& layout = cross_.layout();
  const ChainLevel& level = layout.chain()[c];
  const Index k = level.columns;
  // The factor of the remainder of each of its columns.
  std::vector<int> factor_of(layout.remainder_columns());
  for (const int f : layout.remainder()) {
    const Factor& factor = layout.factors()[f];
    const Index first = factor.offset - layout.remainder_offset();
    std::fill_n(factor_of.begin() + first, factor.columns * factor.levels, f);
  }
  for (Index unit = 0; unit < level.units; ++unit) {
    if (poll_) poll_();
    add_own(level.factor, ConstMatrixMap(cross_.own(c).data() + unit * k * k, k, k));
    const double* panel = cross_.panel(c).data() + level.panel_start[unit];
    for (std::size_t up = c + 1; up < layout.chain().size(); ++up) {
      const ChainLevel& above = layout.chain()[up];
      add(level.factor, above.factor, ConstMatrixMap(panel, k, above.columns));
      panel += k * above.columns;
    }
    for (auto cell = level.cell_start[unit]; cell < level.cell_start[unit + 1];) {
      const int f = factor_of[level.cell_column[cell]];
      const Index columns = layout.factors()[f].columns;
      add(level.factor, f, ConstMatrixMap(panel, k, columns));
      panel += k * columns;
      cell += columns;
    }
  }
}

void VarianceGram::add_remainder() {
  const auto& layout = cross_.layout();
  const auto& remainder = layout.remainder();
  for (std::size_t i = 0; i < remainder.size(); ++i) {
    const Factor& factor = layout.factors()[remainder[i]];
    for (Index level = 0; level < factor.levels; ++level) {
      if (poll_) poll_();
      add_own(remainder[i], cross_.remainder_own(remainder[i], level));
    }
    const Index from = factor.offset - layout.remainder_offset();
    for (std::size_t h = 0; h < i; ++h) {
      const Factor& other = layout.factors()[remainder[h]];
      const Index to = other.offset - layout.remainder_offset();
      const bool below = from > to;
      for (Index a = 0; a < factor.levels; ++a) {
        if (poll_) poll_();
        for (Index b = 0; b < other.levels; ++b) {
          const Index row = from + a * factor.columns, column = to + b * other.columns;
          const Matrix block =
              below ? Matrix(cross_.remainder().block(row, column, factor.columns, other.columns))
                    : Matrix(cross_.remainder()
                                 .block(column, row, other.columns, factor.columns)
                                 .transpose());
          if (!block.isZero(0.0)) add(remainder[i], remainder[h], block);
        }
      }
    }
  }
}

bool VarianceGram::full_rank(Vector& null_vector) const {
  const Matrix gram = tangent_.transpose() * gram_ * tangent_;
  if (gram.rows() == 0) return true;
  const double floor = gram.diagonal().maxCoeff() * 1e-24;
  const Vector scale = gram.diagonal().cwiseMax(floor + 1e-300).cwiseSqrt().cwiseInverse();
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(scale.asDiagonal() * gram * scale.asDiagonal());
  null_vector = scale.cwiseProduct(eigen.eigenvectors().col(0));
  return eigen.eigenvalues()[0] > kSuspectEigenvalue;
}

// The rank of a Gram matrix is uncertain where columns are nearly proportional. D r of D = sum c_a
// V_a and an irregular vector r is zero to rounding only if D is: three passes over the rows.
double VarianceGram::combination_size(const Vector& coefficients) const {
  const Design& design = cross_.design();
  const auto& terms = design.specification().terms;
  const bool weighted = design.weights_are_precisions();
  const auto root = [&](Index i) {
    const double weight = design.weight(i);
    return weight > 0.0 ? (weighted ? std::sqrt(weight) : 1.0) : 0.0;
  };
  Vector probe(design.rows());
  for (Index i = 0; i < probe.size(); ++i) {
    const double x = static_cast<double>(i);
    probe[i] = root(i) > 0.0 ? std::cos(1.1 + 0.37 * x * x) + 0.3 * std::sin(2.3 * x) : 0.0;
  }
  const double unit = std::sqrt(scale_);
  Vector sum = Vector::Zero(design.rows());
  double parts = 0.0;
  Index at = 0;
  for (int j = 0; j < parameters_.terms(); ++j) {
    Matrix e = Matrix::Zero(terms[j].columns, terms[j].columns);
    for (const Matrix& d : derivative_[j]) e += coefficients[at++] * d;
    Matrix by_level = Matrix::Zero(terms[j].columns, terms[j].n_levels);
    Vector z(terms[j].columns);
    for (Index i = 0; i < design.rows(); ++i) {
      if (poll_ && i % kPollRows == kPollRows - 1) poll_();
      design.random_row(j, i, z.data());
      by_level.col(terms[j].codes[i] - 1) += root(i) * probe[i] * unit * z;
    }
    by_level = (e * by_level).eval();
    double square = 0.0;
    for (Index i = 0; i < design.rows(); ++i) {
      if (poll_ && i % kPollRows == kPollRows - 1) poll_();
      design.random_row(j, i, z.data());
      const double value = root(i) * unit * z.dot(by_level.col(terms[j].codes[i] - 1));
      sum[i] += value;
      square += value * value;
    }
    // Within a term the entries may cancel, so that its parts are larger than itself.
    parts += std::max(std::sqrt(square), e.norm() * std::sqrt(probe.squaredNorm()));
  }
  if (residual_) {
    sum += coefficients[at] * probe;
    parts += std::abs(coefficients[at]) * probe.norm();
  }
  return parts > 0.0 ? sum.norm() / parts : 0.0;
}

// On the user's scale: Sigma = M Sigma_user M', so that the entries of the one are linear in the
// other's. M is taken relative to its largest element: the ranks do not depend on the units of a
// term.
Unidentified VarianceGram::describe() const {
  Unidentified out;
  out.found = true;
  out.residual = residual_;
  const Design& design = cross_.design();
  Matrix map = Matrix::Zero(size(), size());
  if (residual_) map(residual_at(), residual_at()) = 1.0;
  for (Index e = 0; e < residual_at(); ++e) {
    const Place& p = places_[e];
    out.entries.push_back({p.term, p.row, p.column});
    const Matrix m = relative(design.internal_map(p.term));
    Matrix unit = Matrix::Zero(m.rows(), m.rows());
    unit(p.row, p.column) = unit(p.column, p.row) = 1.0;
    const Matrix internal = m * unit * m.transpose();
    for (Index h = 0; h < residual_at(); ++h) {
      if (places_[h].term == p.term) map(h, e) = internal(places_[h].row, places_[h].column);
    }
  }
  out.gram = map.transpose() * gram_ * map;
  for (int j = 0; j < parameters_.terms(); ++j) {
    const Matrix back = relative(design.internal_map(j)).inverse();
    std::vector<Index> mine;
    for (Index e = 0; e < residual_at(); ++e) {
      if (places_[e].term == j) mine.push_back(e);
    }
    Matrix tangent(mine.size(), derivative_[j].size());
    for (std::size_t a = 0; a < derivative_[j].size(); ++a) {
      const Matrix user = back * derivative_[j][a] * back.transpose();
      for (std::size_t e = 0; e < mine.size(); ++e) {
        tangent(e, a) = user(places_[mine[e]].row, places_[mine[e]].column);
      }
    }
    out.tangents.push_back(tangent);
  }
  return out;
}

}  // namespace

Unidentified find_unidentified(const CrossProducts& cross, const CovarianceParameters& parameters,
                               const std::vector<bool>& free, bool residual, const Poll& poll) {
  if (parameters.size() == 0) return Unidentified();
  const VarianceGram gram(cross, parameters, free, residual, poll);
  Vector null_vector;
  if (gram.full_rank(null_vector) || gram.combination_size(null_vector) > kZeroCombination) {
    return Unidentified();
  }
  return gram.describe();
}

}  // namespace tiers
