#include "core/objective/profiled_deviance.h"

#include "catch.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

TEST_CASE("the Hessian is the derivative of the gradient") {
  for (const auto which : all_designs()) {
    const Data data = simulate(which);
    for (const bool reml : {false, true}) {
      const Specification spec = data.specification(reml);
      const tiers::Design design(spec, scaling_of(spec));
      const BlockLayout layout(design);
      CrossProducts cross(design, layout, Poll());
      const CovarianceParameters parameters(spec.terms);
      ProfiledDeviance objective(design, cross, parameters, reml, Poll());
      const Vector theta = parameters.parameters(some_factors(data));
      Vector gradient;
      Matrix curvature;
      objective.value(theta);
      objective.derivatives(gradient, curvature);
      const Matrix hessian = objective.hessian();
      const double h = 1e-3, at[4] = {-2.0, -1.0, 1.0, 2.0}, weight[4] = {1.0, -8.0, 8.0, -1.0};
      for (Index i = 0; i < theta.size(); ++i) {
        Vector sum = Vector::Zero(theta.size());
        for (int k = 0; k < 4; ++k) {
          Vector moved = theta;
          moved[i] += at[k] * h;
          objective.value(moved);
          objective.derivatives(gradient, curvature);
          sum += weight[k] * gradient;
        }
        for (Index j = 0; j < theta.size(); ++j) {
          CHECK(hessian(j, i) == Approx(sum[j] / (12.0 * h)).epsilon(1e-6).margin(1e-5));
        }
      }
    }
  }
}

TEST_CASE("anchoring the response changes no value") {
  const Data data = simulate(tiers_test::Design::nested_and_crossed);
  const Specification spec = data.specification(true);
  const tiers::Design design(spec, scaling_of(spec));
  const BlockLayout layout(design);
  CrossProducts cross(design, layout, Poll());
  const CovarianceParameters parameters(spec.terms);
  ProfiledDeviance objective(design, cross, parameters, true, Poll());
  const Vector theta = parameters.parameters(some_factors(data));
  const double before = objective.value(theta), elsewhere = objective.value(1.3 * theta);
  objective.value(theta);
  objective.anchor();
  CHECK(objective.value(theta) == Approx(before).epsilon(1e-12));
  CHECK(objective.value(1.3 * theta) == Approx(elsewhere).epsilon(1e-12));
}
