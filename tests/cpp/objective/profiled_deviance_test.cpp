#include "core/objective/profiled_deviance.h"

#include "catch.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

namespace {

struct Model {
  Model(const Data& data, bool reml)
      : spec(data.specification(reml)),
        design(spec, scaling_of(spec)),
        layout(design),
        cross(design, layout, Poll()),
        parameters(spec.terms),
        objective(design, cross, parameters, reml, Poll()) {}
  const Specification spec;
  const tiers::Design design;
  const BlockLayout layout;
  CrossProducts cross;
  const CovarianceParameters parameters;
  ProfiledDeviance objective;
};

}  // namespace

TEST_CASE("the Hessian is the derivative of the gradient") {
  for (const auto which : all_designs()) {
    const Data data = simulate(which);
    for (const bool reml : {false, true}) {
      Model model(data, reml);
      ProfiledDeviance& objective = model.objective;
      const Vector theta = model.parameters.parameters(some_factors(data));
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
  Model model(data, true);
  ProfiledDeviance& objective = model.objective;
  const Vector theta = model.parameters.parameters(some_factors(data));
  const double before = objective.value(theta), elsewhere = objective.value(1.3 * theta);
  objective.value(theta);
  objective.anchor();
  CHECK(objective.value(theta) == Approx(before).epsilon(1e-12));
  CHECK(objective.value(1.3 * theta) == Approx(elsewhere).epsilon(1e-12));
}

TEST_CASE("the Hessian exceeds its bound by something positive semidefinite") {
  for (const auto which : all_designs()) {
    const Data data = simulate(which);
    for (const bool reml : {false, true}) {
      Model model(data, reml);
      ProfiledDeviance& objective = model.objective;
      // Near independence, and where the groups are everything.
      for (const double size : {0.03, 1.0, 30.0}) {
        const Vector theta = size * model.parameters.parameters(some_factors(data));
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
