#include "cluster_scores.h"

#include <cmath>

#include "../model/dense_algebra.h"
#include "at_point_generalized.h"
#include "generalized_engine.h"

namespace tiers {

namespace {

// Columns of some rows of a matrix as basis * map: what is collinear within a cluster is no longer.
struct ClusterColumns {
  ClusterColumns(const ConstMatrixMap& all, const std::vector<int>& rows, bool as_they_are) {
    Matrix own(rows.size(), all.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) own.row(i) = all.row(rows[i]);
    if (as_they_are || own.cols() == 0) {
      basis = own;
      map = Matrix::Identity(own.cols(), own.cols());
      return;
    }
    const PivotedQr parts(own);
    const Index rank = parts.rank();
    basis = parts.q(rank);
    map = parts.basis_coefficients();
  }
  Matrix basis, map;
};

// The rows of one cluster as a model.
class ClusterModel {
 public:
  ClusterModel(const GeneralizedSpecification& all, const std::vector<int>& rows)
      : fixed_(all.model.X, rows, false),
        dispersion_(all.dispersion, rows, all.dispersion.cols() < 2),
        spec_(all) {
    const Index n = static_cast<Index>(rows.size());
    spec_.model.n = n;
    spec_.model.held = HeldParameters();
    spec_.model.y = take(all.model.y, rows);
    spec_.model.offset = take(all.model.offset, rows);
    spec_.model.weights = take(all.model.weights, rows);
    spec_.size = take(all.size, rows);
    new (&spec_.model.X) ConstMatrixMap(fixed_.basis.data(), n, fixed_.basis.cols());
    new (&spec_.dispersion) ConstMatrixMap(dispersion_.basis.data(), n, dispersion_.basis.cols());
    for (RandomTerm& term : spec_.model.terms) take_term(term, rows);
  }
  const GeneralizedSpecification& spec() const { return spec_; }
  GeneralizedPoint point(const GeneralizedPoint& all) const {
    return {fixed_.map * all.coefficients, all.lambda, dispersion_.map * all.dispersion};
  }
  // Of all parameters from that of the cluster's own.
  Vector gradient(const Vector& own, Index thetas) const {
    const Index p = fixed_.map.cols(), d = dispersion_.map.cols();
    Vector out(p + thetas + d);
    out.head(p) = fixed_.map.transpose() * own.head(fixed_.map.rows());
    out.segment(p, thetas) = own.segment(fixed_.map.rows(), thetas);
    out.tail(d) = dispersion_.map.transpose() * own.tail(dispersion_.map.rows());
    return out;
  }

 private:
  const double* take(const double* all, const std::vector<int>& rows) {
    if (!all) return nullptr;
    numbers_.emplace_back(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) numbers_.back()[i] = all[rows[i]];
    return numbers_.back().data();
  }
  void take_term(RandomTerm& term, const std::vector<int>& rows) {
    const Index n = static_cast<Index>(rows.size());
    std::vector<int> codes(rows.size());
    std::vector<int> found;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const int code = term.codes[rows[i]];
      const auto at = std::find(found.begin(), found.end(), code);
      codes[i] = static_cast<int>(at - found.begin()) + 1;
      if (at == found.end()) found.push_back(code);
    }
    if (term.basis) {
      numbers_.emplace_back(n * term.columns);
      for (Index a = 0; a < term.columns; ++a) {
        for (Index i = 0; i < n; ++i) numbers_.back()[i + n * a] = term.basis[rows[i] + term.n * a];
      }
      term.basis = numbers_.back().data();
    }
    codes_.push_back(std::move(codes));
    term.codes = codes_.back().data();
    term.n_levels = static_cast<Index>(found.size());
    term.n = n;
  }

  const ClusterColumns fixed_, dispersion_;
  GeneralizedSpecification spec_;
  std::vector<std::vector<double>> numbers_;
  std::vector<std::vector<int>> codes_;
};

// The point with one parameter moved.
GeneralizedPoint moved(const GeneralizedPoint& point, const CovarianceParameters& parameters,
                       Index parameter, double step) {
  GeneralizedPoint out = point;
  const Index p = point.coefficients.size(), thetas = parameters.size();
  if (parameter < p) {
    out.coefficients[parameter] += step;
  } else if (parameter < p + thetas) {
    Vector theta = parameters.parameters(point.lambda);
    theta[parameter - p] += step;
    out.lambda = parameters.lambdas(theta);
  } else {
    out.dispersion[parameter - p - thetas] += step;
  }
  return out;
}

}  // namespace

ClusterScores cluster_scores(const GeneralizedSpecification& spec, const GeneralizedPoint& point,
                             const int* cluster, Index clusters, const Vector& steps,
                             const Control& control) {
  std::vector<std::vector<int>> rows(clusters);
  for (Index i = 0; i < spec.model.n; ++i) {
    if (spec.model.weights && spec.model.weights[i] == 0.0) continue;
    rows[cluster[i] - 1].push_back(static_cast<int>(i));
  }
  const CovarianceParameters parameters(spec.model.terms);
  const Index count = steps.size();
  ClusterScores out;
  out.gradients = Matrix::Zero(count, clusters);
  out.hessians = Matrix::Zero(count, count * clusters);
  for (Index c = 0; c < clusters; ++c) {
    if (rows[c].empty()) continue;
    if (control.poll) control.poll();
    const ClusterModel model(spec, rows[c]);
    GeneralizedEngine engine(model.spec(), control);
    engine.objective->tighten();
    const auto gradient_at = [&](const GeneralizedPoint& all) {
      const GeneralizedPoint own = model.point(all);
      out.defined =
          out.defined && std::isfinite(engine.objective->value(engine.internal_point(own)));
      Vector internal;
      Matrix curvature;
      engine.objective->derivatives(internal, curvature);
      return model.gradient(user_gradient(engine, own, internal), parameters.size());
    };
    out.gradients.col(c) = gradient_at(point);
    Matrix hessian = Matrix::Zero(count, count);
    for (Index i = 0; i < count; ++i) {
      if (steps[i] == 0.0) continue;
      hessian.col(i) = (gradient_at(moved(point, parameters, i, steps[i])) -
                        gradient_at(moved(point, parameters, i, -steps[i]))) /
                       (2.0 * steps[i]);
    }
    for (Index i = 0; i < count; ++i) {
      if (steps[i] != 0.0) continue;
      hessian.row(i).setZero();
      out.gradients(i, c) = 0.0;
    }
    out.hessians.middleCols(count * c, count) = 0.5 * (hessian + hessian.transpose());
    if (!out.defined) return out;
  }
  return out;
}

}  // namespace tiers
