#include "catch.h"
#include "core/objective/profiled_deviance.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

TEST_CASE("the Hessian exceeds its bound by something positive semidefinite") {
  for (const auto which : all_designs()) {
    const Data data = simulate(which);
    for (const bool reml : {false, true}) {
      const Specification spec = data.specification(reml);
      const tiers::Design design(spec, scaling_of(spec));
      const BlockLayout layout(design);
      CrossProducts cross(design, layout, Poll());
      const CovarianceParameters parameters(spec.terms);
      ProfiledDeviance objective(design, cross, parameters, reml, Poll());
      // Near independence, and where the groups are everything.
      for (const double size : {0.03, 1.0, 30.0}) {
        const Vector theta = size * parameters.parameters(some_factors(data));
        Vector gradient;
        Matrix curvature;
        objective.value(theta);
        objective.derivatives(gradient, curvature);
        const Matrix hessian = objective.hessian();
        const Matrix excess = hessian - objective.hessian_bound();
        Eigen::SelfAdjointEigenSolver<Matrix> eigen(excess);
        CHECK(eigen.eigenvalues()[0] >= -1e-9 * (1.0 + hessian.cwiseAbs().maxCoeff()));
      }
    }
  }
}
