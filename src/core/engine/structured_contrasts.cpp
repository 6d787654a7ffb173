#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "../model/dense_algebra.h"
#include "at_point_structured.h"
#include "structured_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// The coefficients m of contrasts in one level of a term, and those in all levels of a unit.
struct ContrastPiece {
  Index contrast;
  int term;
  Index level;  // within the unit; without data: its code, or kNewLevel
  Vector m;     // k
};

// The error of w'(b; beta) has, with ZGm of the contrast and h = l - X'V^-1ZGm,
//   C = m'Gm - (ZGm)'V^-1ZGm + h'Phi h,
//   C_k = m'G_km - a'ZG_km - (ZG_km)'a + a'V_ka,  a = V^-1(ZGm + X Phi h):
// a'y is the predictor, the best of those that are unbiased, so that its own change adds nothing.
class UnitContrasts {
 public:
  UnitContrasts(const StructuredSpecification& spec, const StructuredPoint& point,
                const Control& control)
      : engine_(spec, control), psi_(engine_.internal(point)) {
    if (!std::isfinite(engine_.objective.value(psi_)))
      throw std::runtime_error("the covariance matrix at this point is not positive definite");
    Vector gradient;
    Matrix curvature;
    engine_.objective.derivatives(gradient, curvature);
    // sigma^2 of the response's internal unit, which contrasts are brought to.
    sigma2_ = 1.0;
    if (engine_.structure.has_sigma()) {
      const double sigma = point.sigma / engine_.sigma_unit();
      sigma2_ = sigma * sigma;
    }
    pattern_of_.resize(engine_.patterns.units());
    for (std::size_t g = 0; g < engine_.patterns.patterns().size(); ++g) {
      for (const Index unit : engine_.patterns.patterns()[g].units) pattern_of_[unit] = g;
    }
    place_levels();
    phi_ = inverse_of_product(engine_.objective.fixed_lower());
    const auto lambdas = engine_.parameters.lambdas(psi_.head(engine_.parameters.size()));
    for (const Matrix& one : lambdas) sigma_.push_back(one * one.transpose());
  }

  const Design& design() const { return engine_.design; }
  void add(Index contrast, int term, int level, const Vector& m) {
    if (level == kNoLevel || m.isZero(0.0)) return;
    if (level == kNewLevel || unit_of_level_[term][level - 1] < 0) {
      unseen_.push_back({contrast, term, level, m});
      return;
    }
    pieces_[unit_of_level_[term][level - 1]].push_back(
        {contrast, term, level_in_unit_[term][level - 1], m});
  }

  // Of contrasts with fixed parts `fixed` (count x p): all of C, or its diagonal as a column.
  void find(const Matrix& fixed, bool diagonal, Matrix& variance, std::vector<Matrix>& gradient);

 private:
  struct Unit {
    std::vector<Index> contrasts;
    Matrix zgm, solved;     // t x contrasts: ZGm and V^-1 ZGm
    std::vector<Matrix> m;  // per term: k x (levels contrasts), contrast by contrast
  };

  void add_unseen(bool diagonal, Matrix& variance, std::vector<Matrix>& gradient) const;
  void place_levels();
  Unit gather(Index unit, const std::vector<ContrastPiece>& pieces) const;
  Matrix random_product(const UnitPattern& pattern, const Unit& of, int term,
                        const Matrix& sigma) const;
  Matrix random_square(const Unit& of, int term, const Matrix& sigma) const;
  void add_gradient(Index unit, const Unit& of, const Matrix& h, bool diagonal,
                    std::vector<Matrix>& gradient) const;

  StructuredEngine engine_;
  const Vector psi_;
  double sigma2_ = 1.0;
  Matrix phi_;                 // S^-1
  std::vector<Matrix> sigma_;  // per term
  std::vector<std::size_t> pattern_of_;
  std::vector<std::vector<Index>> unit_of_level_, level_in_unit_;
  std::map<Index, std::vector<ContrastPiece>> pieces_;
  std::vector<ContrastPiece> unseen_;
};

void UnitContrasts::place_levels() {
  const auto& terms = engine_.spec.model.terms;
  for (const RandomTerm& term : terms) {
    unit_of_level_.emplace_back(term.n_levels, -1);
    level_in_unit_.emplace_back(term.n_levels, -1);
  }
  for (Index unit = 0; unit < engine_.patterns.units(); ++unit) {
    const UnitPattern& pattern = engine_.patterns.patterns()[pattern_of_[unit]];
    for (std::size_t j = 0; j < terms.size(); ++j) {
      for (Index i = 0; i < pattern.size; ++i) {
        const int level = terms[j].codes[engine_.patterns.rows(unit)[i]] - 1;
        unit_of_level_[j][level] = unit;
        level_in_unit_[j][level] = pattern.level[j][i];
      }
    }
  }
}

// Adds what belongs to a pair of contrasts to its place.
void add_pairs(const std::vector<Index>& contrasts, const Matrix& part, bool diagonal,
               Matrix& whole) {
  for (std::size_t a = 0; a < contrasts.size(); ++a) {
    const Index i = static_cast<Index>(a);
    if (diagonal) {
      whole(contrasts[a], 0) += part(i, i);
      continue;
    }
    for (std::size_t b = 0; b < contrasts.size(); ++b)
      whole(contrasts[a], contrasts[b]) += part(i, static_cast<Index>(b));
  }
}

UnitContrasts::Unit UnitContrasts::gather(Index unit,
                                          const std::vector<ContrastPiece>& pieces) const {
  const UnitPattern& pattern = engine_.patterns.patterns()[pattern_of_[unit]];
  Unit out;
  for (const ContrastPiece& one : pieces) out.contrasts.push_back(one.contrast);
  std::sort(out.contrasts.begin(), out.contrasts.end());
  out.contrasts.erase(std::unique(out.contrasts.begin(), out.contrasts.end()), out.contrasts.end());
  const Index count = static_cast<Index>(out.contrasts.size());
  for (std::size_t j = 0; j < sigma_.size(); ++j)
    out.m.push_back(Matrix::Zero(sigma_[j].rows(), pattern.levels[j] * count));
  for (const ContrastPiece& one : pieces) {
    const Index at = std::lower_bound(out.contrasts.begin(), out.contrasts.end(), one.contrast) -
                     out.contrasts.begin();
    out.m[one.term].col(at * pattern.levels[one.term] + one.level) += one.m;
  }
  out.zgm = Matrix::Zero(pattern.size, count);
  for (std::size_t j = 0; j < sigma_.size(); ++j)
    out.zgm += random_product(pattern, out, static_cast<int>(j), sigma_[j]);
  out.solved = out.zgm;
  solve_lower(engine_.objective.factor(pattern_of_[unit]), out.solved);
  solve_lower_transposed(engine_.objective.factor(pattern_of_[unit]), out.solved);
  return out;
}

// Z (I x sigma) m: t x contrasts.
Matrix UnitContrasts::random_product(const UnitPattern& pattern, const Unit& of, int term,
                                     const Matrix& sigma) const {
  const Matrix moved = sigma * of.m[term];
  Matrix out(pattern.size, static_cast<Index>(of.contrasts.size()));
  for (Index c = 0; c < out.cols(); ++c) {
    for (Index i = 0; i < pattern.size; ++i) {
      out(i, c) = pattern.basis[term].row(i).dot(
          moved.col(c * pattern.levels[term] + pattern.level[term][i]));
    }
  }
  return out;
}

// m'(I x sigma)m: contrasts x contrasts.
Matrix UnitContrasts::random_square(const Unit& of, int term, const Matrix& sigma) const {
  const Index count = static_cast<Index>(of.contrasts.size());
  const Matrix moved = sigma * of.m[term];
  const Eigen::Map<const Matrix> m(of.m[term].data(), of.m[term].size() / count, count);
  return m.transpose() * Eigen::Map<const Matrix>(moved.data(), m.rows(), count);
}

void UnitContrasts::find(const Matrix& fixed, bool diagonal, Matrix& variance,
                         std::vector<Matrix>& gradient) {
  const MarginalDeviance& objective = engine_.objective;
  const Index count = fixed.rows(), columns = diagonal ? 1 : count;
  const Index p = engine_.design.rank(), size = objective.size();
  variance = Matrix::Zero(count, columns);
  Matrix h = fixed.transpose();
  std::map<Index, Unit> units;
  for (const auto& [unit, pieces] : pieces_) {
    Unit of = gather(unit, pieces);
    const Matrix from_data = engine_.data.unit_rows(unit).leftCols(p).transpose() * of.solved;
    for (std::size_t a = 0; a < of.contrasts.size(); ++a)
      h.col(of.contrasts[a]) -= from_data.col(static_cast<Index>(a));
    Matrix own = -of.zgm.transpose() * of.solved;
    for (std::size_t j = 0; j < sigma_.size(); ++j)
      own += random_square(of, static_cast<int>(j), sigma_[j]);
    add_pairs(of.contrasts, own, diagonal, variance);
    units.emplace(unit, std::move(of));
  }
  const Matrix moved = phi_ * h;
  for (Index i = 0; i < count; ++i) {
    if (diagonal) variance(i, 0) += h.col(i).dot(moved.col(i));
  }
  if (!diagonal) variance += h.transpose() * moved;

  gradient.assign(size, Matrix::Zero(count, columns));
  for (Index k = 0; k < size; ++k) {
    const Matrix derivative = objective.fixed_derivative(k) * moved;
    if (!diagonal) gradient[k] = moved.transpose() * derivative;
    for (Index i = 0; i < count && diagonal; ++i)
      gradient[k](i, 0) = moved.col(i).dot(derivative.col(i));
  }
  for (const auto& [unit, of] : units) add_gradient(unit, of, moved, diagonal, gradient);

  add_unseen(diagonal, variance, gradient);
  variance *= sigma2_;
  for (Matrix& one : gradient) one *= sigma2_;
  if (engine_.structure.has_sigma()) gradient.push_back(variance);
}

// Levels without data: every new one is another.
void UnitContrasts::add_unseen(bool diagonal, Matrix& variance,
                               std::vector<Matrix>& gradient) const {
  const Vector theta = psi_.head(engine_.parameters.size());
  for (const ContrastPiece& one : unseen_) {
    for (const ContrastPiece& other : unseen_) {
      const bool same_level = one.level == other.level && one.level != kNewLevel;
      if (one.term != other.term || !(&one == &other || same_level)) continue;
      if (diagonal && one.contrast != other.contrast) continue;
      const Index column = diagonal ? 0 : other.contrast;
      variance(one.contrast, column) += one.m.dot(sigma_[one.term] * other.m);
      const Vector part = engine_.parameters.part(theta, one.term);
      const auto& structure = engine_.parameters.structure(one.term);
      for (Index i = 0; i < part.size(); ++i) {
        const Matrix half =
            structure.factor_derivative(part, i) * structure.factor(part).transpose();
        gradient[engine_.parameters.offset(one.term) + i](one.contrast, column) +=
            one.m.dot((half + half.transpose()) * other.m);
      }
    }
  }
}

// What a unit with data on the contrasts' levels adds beyond the part of X Phi h alone.
void UnitContrasts::add_gradient(Index unit, const Unit& of, const Matrix& moved, bool diagonal,
                                 std::vector<Matrix>& gradient) const {
  const std::size_t g = pattern_of_[unit];
  const UnitPattern& pattern = engine_.patterns.patterns()[g];
  const UnitCovariances& covariances = engine_.objective.covariances();
  const Index t = pattern.size, count = static_cast<Index>(of.contrasts.size());
  const Index p = engine_.design.rank();
  Matrix some(p, count);
  for (Index a = 0; a < count; ++a) some.col(a) = moved.col(of.contrasts[a]);
  Matrix fixed = engine_.data.unit_rows(unit).leftCols(p) * some;
  solve_lower(engine_.objective.factor(g), fixed);
  solve_lower_transposed(engine_.objective.factor(g), fixed);
  const Matrix a = of.solved + fixed;
  const std::vector<Index> which = covariances.active(pattern);
  Matrix stacked;
  covariances.derivatives(pattern, stacked);
  for (std::size_t i = 0; i < which.size(); ++i) {
    const auto own = stacked.middleCols(static_cast<Index>(i) * t, t);
    Matrix part = a.transpose() * (own * a) - fixed.transpose() * (own * fixed);
    add_pairs(of.contrasts, part, diagonal, gradient[which[i]]);
  }
  const Vector theta = psi_.head(engine_.parameters.size());
  for (int j = 0; j < engine_.parameters.terms(); ++j) {
    const Vector part = engine_.parameters.part(theta, j);
    const auto& structure = engine_.parameters.structure(j);
    for (Index i = 0; i < part.size(); ++i) {
      const Matrix half = structure.factor_derivative(part, i) * structure.factor(part).transpose();
      const Matrix derivative = half + half.transpose();
      const Matrix cross = a.transpose() * random_product(pattern, of, j, derivative);
      const Matrix sum = random_square(of, j, derivative) - cross - cross.transpose();
      add_pairs(of.contrasts, sum, diagonal, gradient[engine_.parameters.offset(j) + i]);
    }
  }
}

}  // namespace

RowVariances contrast_rows(const StructuredSpecification& spec, const StructuredPoint& point,
                           const ContrastRows& rows, const Control& control) {
  UnitContrasts contrasts(spec, point, control);
  const ContrastRows internal = internal_contrasts(contrasts.design(), rows);
  for (const ContrastPart& part : internal.parts) {
    for (Index i = 0; i < internal.fixed.rows(); ++i)
      contrasts.add(i, part.term, part.level[i], part.basis.row(i).transpose());
  }
  Matrix variance;
  std::vector<Matrix> gradient;
  contrasts.find(internal.fixed, true, variance, gradient);
  RowVariances out;
  out.variance = variance.col(0);
  out.gradient.resize(internal.fixed.rows(), static_cast<Index>(gradient.size()));
  for (std::size_t k = 0; k < gradient.size(); ++k)
    out.gradient.col(static_cast<Index>(k)) = gradient[k].col(0);
  return out;
}

BlockVariances contrast_block(const StructuredSpecification& spec, const StructuredPoint& point,
                              const ContrastBlock& block, const Control& control) {
  UnitContrasts contrasts(spec, point, control);
  const ContrastBlock internal = internal_contrasts(contrasts.design(), block);
  for (std::size_t j = 0; j < internal.random.size(); ++j) {
    const Index k = spec.model.terms[j].columns;
    const Matrix& m = internal.random[j];
    for (Index i = 0; i < m.rows(); ++i) {
      for (Index l = 0; l < m.cols() / k; ++l)
        contrasts.add(i, static_cast<int>(j), static_cast<int>(l) + 1,
                      m.row(i).segment(l * k, k).transpose());
    }
  }
  BlockVariances out;
  contrasts.find(internal.fixed, false, out.variance, out.gradient);
  return out;
}

// G - G Z'V^-1Z G of each level.
std::vector<Matrix> conditional_variances(const StructuredSpecification& spec,
                                          const StructuredPoint& point, const Control& control) {
  StructuredEngine engine(spec, control);
  const Vector psi = engine.internal(point);
  if (!std::isfinite(engine.objective.value(psi)))
    throw std::runtime_error("the covariance matrix at this point is not positive definite");
  double sigma2 = 1.0;
  if (engine.structure.has_sigma()) {
    const double sigma = point.sigma / engine.sigma_unit();
    sigma2 = sigma * sigma;
  }
  std::vector<Matrix> out;
  const auto lambdas = engine.parameters.lambdas(psi.head(engine.parameters.size()));
  for (int j = 0; j < engine.parameters.terms(); ++j) {
    const RandomTerm& term = spec.model.terms[j];
    const Index k = term.columns;
    const Matrix map = engine.design.mode_map(j), sigma = lambdas[j] * lambdas[j].transpose();
    const Matrix prior = sigma2 * map * sigma * map.transpose();
    Matrix own(k, k * term.n_levels);
    for (Index l = 0; l < term.n_levels; ++l) own.middleCols(l * k, k) = prior;
    for (std::size_t g = 0; g < engine.patterns.patterns().size(); ++g) {
      const UnitPattern& pattern = engine.patterns.patterns()[g];
      const Index levels = pattern.levels[j];
      Matrix z = Matrix::Zero(pattern.size, k * levels);
      for (Index i = 0; i < pattern.size; ++i)
        z.row(i).segment(pattern.level[j][i] * k, k) = pattern.basis[j].row(i);
      solve_lower(engine.objective.factor(g), z);
      for (Index l = 0; l < levels; ++l) {
        const Matrix half = z.middleCols(l * k, k) * sigma * map.transpose();
        const Matrix posterior = prior - sigma2 * half.transpose() * half;
        for (const Index unit : pattern.units) {
          for (Index i = 0; i < pattern.size; ++i) {
            if (pattern.level[j][i] != l) continue;
            const Index level = term.codes[engine.patterns.rows(unit)[i]] - 1;
            own.middleCols(level * k, k) = posterior;
            break;
          }
        }
      }
    }
    out.push_back(own);
  }
  return out;
}

}  // namespace tiers
