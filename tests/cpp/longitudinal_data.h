// Small longitudinal data sets with owned storage, and the dense n x n calculation that models with
// a residual structure are checked against.
#pragma once

#include "core/model/structured_result.h"
#include "covariance/shape_cases.h"
#include "simulated_data.h"

namespace tiers_test {

struct Longitudinal {
  Data data;  // y, X, weights, random terms
  tiers::ShapeCase shape;
  std::vector<int> subject, visit, by;
  Index subjects = 0, groups = 1;
  std::vector<double> time;
  Matrix coordinates, dispersion;

  tiers::StructuredSpecification specification(bool reml) const {
    tiers::StructuredSpecification spec{data.specification(reml), {}};
    spec.residual.recipe = shape.recipe;
    spec.residual.subject = subject.data();
    spec.residual.n_subjects = subjects;
    spec.residual.visit = visit.data();
    new (&spec.residual.coordinates)
        tiers::ConstMatrixMap(coordinates.data(), coordinates.rows(), coordinates.cols());
    if (!by.empty()) {
      spec.residual.by = by.data();
      spec.residual.n_by = groups;
    }
    if (dispersion.size() > 0) {
      new (&spec.residual.dispersion)
          tiers::ConstMatrixMap(dispersion.data(), dispersion.rows(), dispersion.cols());
    }
    return spec;
  }

  // V of absolute factors: phi of every group in turn, then the dispersion; R relative to sigma^2.
  Matrix dense_covariance(const std::vector<Matrix>& lambda, const Vector& phi,
                          double sigma) const {
    const Index n = data.n, d = dispersion.cols(), each = (phi.size() - d) / groups;
    // sigma and SDs are those at the mean of the rows.
    Matrix rows = dispersion;
    if (d > 0) rows.rowwise() -= dispersion.colwise().mean();
    Matrix v = Matrix::Zero(n, n);
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) {
        if (subject[i] != subject[j]) continue;
        const Index group = by.empty() ? 0 : by[i] - 1;
        std::vector<double> own(phi.data() + group * each, phi.data() + (group + 1) * each);
        double value = shape.entry(own, {visit[i], time[i]}, {visit[j], time[j]});
        if (data.weights.size() > 0) value /= std::sqrt(data.weights[i] * data.weights[j]);
        if (d > 0) value *= std::exp((rows.row(i) + rows.row(j)).dot(phi.tail(d)));
        v(i, j) = sigma * sigma * value;
      }
    }
    for (std::size_t t = 0; t < lambda.size(); ++t) {
      const Matrix z = data.dense_z(static_cast<int>(t));
      const Index k = lambda[t].rows();
      for (Index l = 0; l < data.terms[t].levels; ++l) {
        const Matrix part = z.middleCols(l * k, k) * lambda[t];
        v += part * part.transpose();
      }
    }
    return v;
  }
};

// -2 log-likelihood or REML criterion of a normal distribution with covariance matrix V, and with
// the factor on V that is best where `profiled`.
inline double dense_criterion(const Data& data, const Matrix& v, bool reml, bool profiled) {
  const Index n = data.n, p = data.X.cols();
  const Eigen::LLT<Matrix> factor(v);
  const Matrix x = factor.matrixL().solve(data.X);
  const Vector y = factor.matrixL().solve(data.y);
  const Matrix s = x.transpose() * x;
  const Vector beta = s.ldlt().solve(x.transpose() * y);
  const double m = static_cast<double>(n - (reml ? p : 0));
  const double r2 = (y - x * beta).squaredNorm(), log2pi = std::log(2.0 * std::acos(-1.0));
  const Matrix lower = factor.matrixL();
  double out = 2.0 * lower.diagonal().array().log().sum() + m * log2pi;
  out += profiled ? m * (1.0 + std::log(r2 / m)) : r2;
  if (reml) out += std::log(s.determinant());
  return out;
}

enum class Beside { nothing, subjects, nested, crossed, groups, dispersion, weights };

// 13 subjects, some of them complete, with visits missing of the others; rows in any order.
inline Longitudinal longitudinal(const tiers::ShapeCase& shape, Beside beside, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  Longitudinal out;
  out.shape = shape;
  out.subjects = 13;
  const double gaps[] = {0.0, 1.0, 3.0, 4.0, 7.0};
  const Index visits = shape.recipe.visits;
  std::vector<std::pair<int, int>> rows;
  for (int s = 0; s < out.subjects; ++s) {
    for (int v = 0; v < visits; ++v) {
      if (s < 6 || (3 * s + 2 * v) % 5 != 0) rows.emplace_back(s, v);
    }
  }
  std::shuffle(rows.begin(), rows.end(), engine);
  Data& data = out.data;
  data.n = static_cast<Index>(rows.size());
  data.X = Matrix(data.n, 3);
  data.y = Vector(data.n);
  out.coordinates = Matrix(data.n, 1);
  std::vector<double> effect(out.subjects);
  for (double& one : effect) one = normal(engine);
  std::vector<int> item(data.n), school(data.n);
  for (Index i = 0; i < data.n; ++i) {
    const auto [s, v] = rows[i];
    double time = v;
    if (!shape.recipe.children.empty())
      time = v % 3;
    else if (visits <= 5 && !shape.recipe.partial)
      time = gaps[v];
    out.subject.push_back(s + 1);
    out.visit.push_back(v);
    out.time.push_back(time);
    out.coordinates(i, 0) = 10.0 + time;
    data.X.row(i) << 1.0, s % 2, 0.1 * static_cast<double>(v);
    data.y[i] = 3.0 + effect[s] + normal(engine);
    item[i] = 1 + static_cast<int>(engine() % 4);
    school[i] = 1 + s % 4;
  }
  Matrix slope(data.n, 2);
  slope << Vector::Ones(data.n), data.X.col(2);
  switch (beside) {
    case Beside::nothing:
      break;
    case Beside::subjects:
      data.terms.push_back({out.subject, out.subjects, slope, "us"});
      break;
    case Beside::nested:
      data.terms.push_back({school, 4, Matrix::Ones(data.n, 1), "us"});
      data.terms.push_back({out.subject, out.subjects, slope.rightCols(1), "us"});
      break;
    case Beside::crossed:
      data.terms.push_back({item, 4, slope, "diag"});
      break;
    case Beside::groups:
      out.groups = 2;
      for (const int s : out.subject) out.by.push_back(1 + s % 2);
      break;
    case Beside::dispersion:
      out.dispersion = Matrix(data.n, 2);
      for (Index i = 0; i < data.n; ++i)
        out.dispersion.row(i) << 5.0 + 0.5 * out.visit[i], out.subject[i] % 3;
      break;
    case Beside::weights:
      data.weights = Vector(data.n);
      for (Index i = 0; i < data.n; ++i) data.weights[i] = 0.5 + 0.25 * (out.visit[i] % 3);
      data.terms.push_back({out.subject, out.subjects, Matrix::Ones(data.n, 1), "us"});
      out.dispersion = data.X.col(1);
      break;
  }
  return out;
}

inline std::vector<Beside> all_beside() {
  return {Beside::nothing, Beside::subjects,   Beside::nested, Beside::crossed,
          Beside::groups,  Beside::dispersion, Beside::weights};
}

// Generic values of the residual parameters: those of the case, group by group a little less.
inline Vector some_phi(const Longitudinal& of) {
  const Index each = static_cast<Index>(of.shape.phi.size()), d = of.dispersion.cols();
  Vector out(of.groups * each + d);
  for (Index g = 0; g < of.groups; ++g) {
    for (Index i = 0; i < each; ++i)
      out[g * each + i] = of.shape.phi[i] * (1.0 - 0.1 * static_cast<double>(g));
  }
  for (Index i = 0; i < d; ++i) out[of.groups * each + i] = 0.1 - 0.2 * static_cast<double>(i);
  return out;
}

}  // namespace tiers_test
