// Small data sets with owned storage, and the dense n x n calculation that every blocked one is
// checked against.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/covariance/covariance_parameters.h"
#include "core/covariance/covariance_registry.h"

namespace tiers_test {

using tiers::Index;
using tiers::Matrix;
using tiers::Vector;

struct Data {
  Index n = 0;
  Vector y, weights;
  Matrix X;
  struct Term {
    std::vector<int> codes;
    Index levels = 0;
    Matrix basis;  // n x k
    std::string structure = "us";
  };
  std::vector<Term> terms;

  tiers::Specification specification(bool reml) const {
    tiers::Specification spec;
    spec.n = n;
    spec.y = y.data();
    if (weights.size() > 0) spec.weights = weights.data();
    new (&spec.X) tiers::ConstMatrixMap(X.data(), X.rows(), X.cols());
    spec.reml = reml;
    for (const auto& term : terms) {
      tiers::RandomTerm out;
      out.group = "g";
      out.codes = term.codes.data();
      out.n_levels = term.levels;
      out.columns = term.basis.cols();
      out.basis = term.basis.data();
      out.n = n;
      out.intercept = (term.basis.col(0).array() == 1.0).all() ? 1 : 0;
      out.recipe.name = term.structure;
      spec.terms.push_back(out);
    }
    return spec;
  }

  Matrix dense_z(int term) const {
    const Term& t = terms[term];
    const Index k = t.basis.cols();
    Matrix z = Matrix::Zero(n, t.levels * k);
    for (Index i = 0; i < n; ++i) z.row(i).segment((t.codes[i] - 1) * k, k) = t.basis.row(i);
    return z;
  }
};

// Profiled deviance by the n x n covariance matrix: log|V| + m (1 + log(2 pi r2 / m)) [+
// log|X'V^-1X|].
inline double dense_deviance(const Data& data, const std::vector<Matrix>& lambda, bool reml) {
  const Index n = data.n, p = data.X.cols();
  Matrix v = Matrix::Zero(n, n);
  for (Index i = 0; i < n; ++i) v(i, i) = data.weights.size() > 0 ? 1.0 / data.weights[i] : 1.0;
  for (std::size_t j = 0; j < data.terms.size(); ++j) {
    const Matrix z = data.dense_z(static_cast<int>(j));
    const Index k = lambda[j].rows();
    Matrix sigma = Matrix::Zero(z.cols(), z.cols());
    for (Index l = 0; l < data.terms[j].levels; ++l) {
      sigma.block(l * k, l * k, k, k) = lambda[j] * lambda[j].transpose();
    }
    v += z * sigma * z.transpose();
  }
  Eigen::LLT<Matrix> factor(v);
  const Matrix lower = factor.matrixL();
  const Matrix x = lower.triangularView<Eigen::Lower>().solve(data.X);
  const Vector y = lower.triangularView<Eigen::Lower>().solve(data.y);
  const Matrix s = x.transpose() * x;
  const Vector beta = s.ldlt().solve(x.transpose() * y);
  const double m = static_cast<double>(n - (reml ? p : 0));
  const double r2 = (y - x * beta).squaredNorm();
  double deviance = 2.0 * lower.diagonal().array().log().sum() +
                    m * (1.0 + std::log(2.0 * std::acos(-1.0) * r2 / m));
  if (reml) deviance += std::log(s.determinant());
  return deviance;
}

enum class Design { one_factor, nested, crossed, nested_and_crossed, two_terms, weighted };

// Every design has vector-valued terms; sizes are unbalanced on purpose.
inline Data simulate(Design design, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  const Index n = 90;
  Data data;
  data.n = n;
  data.X = Matrix(n, 3);
  for (Index i = 0; i < n; ++i) data.X.row(i) << 1.0, normal(engine), 3.0 + normal(engine);
  Matrix intercept = Matrix::Ones(n, 1), slope(n, 2), quadratic(n, 3);
  slope << intercept, data.X.col(1);
  quadratic << slope, data.X.col(2);
  auto codes = [&](Index levels) {
    std::vector<int> out(n);
    for (Index i = 0; i < n; ++i) out[i] = 1 + static_cast<int>(i < levels ? i : engine() % levels);
    return out;
  };
  auto add = [&](const std::vector<int>& c, Index levels, const Matrix& basis,
                 const char* structure = "us") {
    data.terms.push_back({c, levels, basis, structure});
  };
  const auto leaf = codes(18);
  auto coarser = [&](Index levels) {  // leaf level l belongs to level l mod levels
    std::vector<int> out(n);
    for (Index i = 0; i < n; ++i) out[i] = 1 + (leaf[i] - 1) % static_cast<int>(levels);
    return out;
  };
  switch (design) {
    case Design::one_factor:
      add(leaf, 18, quadratic);
      break;
    case Design::nested:
      add(coarser(3), 3, intercept);
      add(leaf, 18, slope);
      add(coarser(6), 6, slope);
      break;
    case Design::crossed:
      add(codes(12), 12, quadratic);
      add(codes(9), 9, slope);
      break;
    case Design::nested_and_crossed:
      add(codes(7), 7, slope);
      add(leaf, 18, slope);
      add(coarser(6), 6, intercept);
      add(codes(4), 4, intercept);
      break;
    case Design::two_terms:
      add(leaf, 18, intercept);
      add(leaf, 18, quadratic.rightCols(2), "diag");
      add(codes(5), 5, slope, "id");
      break;
    case Design::weighted:
      add(leaf, 18, slope);
      add(codes(5), 5, intercept);
      data.weights = Vector(n);
      for (Index i = 0; i < n; ++i) data.weights[i] = 0.2 + std::abs(normal(engine));
      break;
  }
  data.y = data.X * Vector::Constant(3, 0.7);
  for (const auto& term : data.terms) {
    Matrix b(term.levels, term.basis.cols());
    for (Index i = 0; i < b.size(); ++i) b.data()[i] = 0.8 * normal(engine);
    for (Index i = 0; i < n; ++i) data.y[i] += term.basis.row(i).dot(b.row(term.codes[i] - 1));
  }
  for (Index i = 0; i < n; ++i) data.y[i] += normal(engine);
  return data;
}

inline std::vector<Design> all_designs() {
  return {Design::one_factor,         Design::nested,    Design::crossed,
          Design::nested_and_crossed, Design::two_terms, Design::weighted};
}

// What the terms' structures allow, for a linear model.
inline tiers::Scaling scaling_of(const tiers::Specification& spec) {
  return {tiers::CovarianceParameters(spec.terms).rescaling()};
}

// Factors with every parameter in use: standard deviations that differ, negative correlations.
inline std::vector<Matrix> some_factors(const Data& data) {
  std::vector<Matrix> out;
  double value = 0.9;
  for (const auto& term : data.terms) {
    const auto structure = tiers::make_covariance(term.structure, term.basis.cols());
    const auto about = structure->natural_parameters();
    tiers::Vector natural(static_cast<Index>(about.size()));
    for (Index i = 0; i < natural.size(); ++i) {
      natural[i] = about[i].kind == tiers::NaturalParameter::Kind::sd ? value : -0.3;
      if (natural[i] > 0.0) value *= 0.8;
    }
    out.push_back(structure->factor(structure->from_natural(natural)));
  }
  return out;
}

}  // namespace tiers_test
