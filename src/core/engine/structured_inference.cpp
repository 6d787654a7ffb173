#include "structured_inference.h"

#include <cmath>

#include "../model/dense_algebra.h"
#include "../model/free_parameters.h"
#include "../residual/residual_parameters.h"
#include "write_result.h"

namespace tiers {

namespace {

ParameterTable table_of(const StructuredEngine& engine, const Vector& psi, double sigma) {
  const double unit = engine.design.user_sigma(std::sqrt(engine.objective.sigma2()));
  return structured_parameters(engine.parameters, engine.structure, psi,
                               user_scale(engine.design, unit), sigma);
}

}  // namespace

// With t = log sigma^2 the joint deviance has f_tt = m and f_kt = s d_k, d_k = y'PV_kPy, at the
// profile; the profiled Hessian is f_kl less their product over f_tt.
void write_structured_inference(StructuredEngine& engine, const Vector& psi,
                                const std::vector<bool>& free, const std::vector<Index>& ended,
                                StructuredResult& out) {
  MarginalDeviance& objective = engine.objective;
  Vector gradient;
  Matrix curvature;
  objective.derivatives(gradient, curvature);
  const Index size = objective.size();
  const double sigma2 = objective.sigma2();
  Matrix joint = objective.hessian();
  std::vector<bool> known = free;
  if (engine.structure.has_sigma()) {
    const double m = static_cast<double>(objective.degrees());
    const Vector cross = objective.quadratic() / sigma2;
    joint += cross * cross.transpose() / m;
    joint.conservativeResize(size + 1, size + 1);
    joint.col(size).head(size) = cross;
    joint.row(size).head(size) = cross.transpose();
    joint(size, size) = m;
    known.push_back(true);
  }
  const FreeParameters all(known);
  const Matrix own = all.take(joint);
  out.inference.vcov_psi = 2.0 * all.spread(own.size() > 0 ? pseudo_inverse(own) : own);
  const Matrix unscaled = inverse_of_product(objective.fixed_lower());
  for (Index k = 0; k < size; ++k) {
    out.inference.dvcov.push_back(engine.design.user_covariance(
        sigma2 * unscaled * objective.fixed_derivative(k) * unscaled));
  }
  if (engine.structure.has_sigma())
    out.inference.dvcov.push_back(engine.design.user_covariance(sigma2 * unscaled));

  ParameterTable table = table_of(engine, psi, out.sigma);
  for (const Index i : ended) {
    ModelParameter& one = table.rows[i];
    one.at_boundary = true;
    // Their logarithms are next to minus infinity.
    if (one.role == "sd" || engine.structure.is_range(i - engine.parameters.size()))
      one.value = 0.0;
  }
  write_parameters(table, out.inference.vcov_psi, engine.spec.model.held, engine.parameters, out);
  for (const ModelParameter& one : out.parameters) {
    if (one.kind == ModelParameter::Kind::residual && one.at_boundary &&
        out.status == FitStatus::converged)
      out.status = FitStatus::boundary;
  }
}

void write_residual_parameters(const StructuredEngine& engine, const Vector& psi,
                               StructuredResult& out) {
  out.parameters = table_of(engine, psi, 1.0).rows;
}

}  // namespace tiers
