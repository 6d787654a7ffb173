// The deviance with sigma among its parameters, and as a function of standard deviations and
// correlations of which some are held or equal: derivatives against differences.
#include "core/objective/constrained_objective.h"

#include <cmath>

#include "catch.h"
#include "core/engine/linear_engine.h"
#include "core/objective/joint_deviance.h"
#include "simulated_data.h"

using namespace tiers;
using namespace tiers_test;

namespace {

void check_derivatives(Objective& objective, const Vector& at) {
  objective.value(at);
  Vector gradient, unused;
  Matrix curvature;
  objective.derivatives(gradient, curvature);
  const Matrix hessian = objective.hessian();
  for (Index i = 0; i < at.size(); ++i) {
    const double h = 1e-5 * (1.0 + std::abs(at[i]));
    Vector up = at, down = at, of_up, of_down;
    up[i] += h;
    down[i] -= h;
    const double value_up = objective.value(up);
    objective.derivatives(of_up, curvature);
    const double value_down = objective.value(down);
    objective.derivatives(of_down, curvature);
    CHECK(gradient[i] == Approx((value_up - value_down) / (2.0 * h)).epsilon(1e-5).margin(1e-4));
    const Vector second = (of_up - of_down) / (2.0 * h);
    for (Index j = 0; j < at.size(); ++j) {
      CHECK(hessian(i, j) == Approx(second[j]).epsilon(1e-5).margin(1e-3));
    }
  }
}

}  // namespace

TEST_CASE("the deviance with sigma: minimum over it is the profile, derivatives are exact") {
  for (const auto design : all_designs()) {
    const Data data = simulate(design);
    for (const bool reml : {false, true}) {
      const Specification spec = data.specification(reml);
      LinearEngine engine(spec, Control());
      const Index count = engine.parameters.size();
      Vector psi(count + 1);
      psi.head(count) = 0.8 * engine.start();
      const double profile = engine.objective.value(psi.head(count));
      psi[count] = 0.5 * std::log(engine.objective.sigma2());
      JointDeviance joint(engine.objective);
      CHECK(joint.value(psi) == Approx(profile).epsilon(1e-12));
      psi[count] += 0.2;
      CHECK(joint.value(psi) > profile);
      check_derivatives(joint, psi);
    }
  }
}

TEST_CASE("under constraints derivatives are those of the coordinates") {
  for (const auto design : all_designs()) {
    const Data data = simulate(design);
    const Specification spec = data.specification(true);
    LinearEngine engine(spec, Control());
    const Index count = engine.parameters.size();
    Vector psi(count + 1);
    psi.head(count) = engine.parameters.parameters(some_factors(data));
    engine.objective.value(psi.head(count));
    psi[count] = 0.5 * std::log(engine.objective.sigma2());
    std::vector<Matrix> maps;
    for (int j = 0; j < engine.parameters.terms(); ++j) {
      const Index k = engine.parameters.structure(j).columns();
      maps.push_back((0.5 + 0.1 * j) * Matrix::Identity(k, k));
    }
    JointDeviance joint(engine.objective);
    // Nothing held; the last of theta held; the first two standard deviations equal, sigma held.
    for (const int variant : {0, 1, 2}) {
      Constraints constraints;
      for (Index i = 0; i < count; ++i) {
        constraints.held.push_back(std::nan(""));
        constraints.same.push_back(static_cast<int>(i));
      }
      constraints.rest_free = {variant != 2};
      if (variant == 1) constraints.held[count - 1] = 0.4;
      if (variant == 2 && count > 1) constraints.same[1] = 0;
      ConstrainedObjective objective(joint, engine.parameters, maps, true, constraints, psi);
      if (variant == 0) CHECK((objective.psi(objective.start()) - psi).norm() < 1e-10);
      // Rows on their spheres are at zero at the start.
      const Vector at = (1.1 * objective.start()).array() + 0.1;
      check_derivatives(objective, at);
    }
  }
}

TEST_CASE("where no covariance matrix has the correlations nothing has derivatives") {
  const Data data = simulate(tiers_test::Design::one_factor);
  const Specification spec = data.specification(true);
  LinearEngine engine(spec, Control());
  Vector psi = Vector::Zero(7);
  psi.head(6) = engine.parameters.parameters(some_factors(data));
  JointDeviance joint(engine.objective);
  Constraints constraints;
  constraints.held = {std::nan(""), std::nan(""), std::nan(""), 0.9, 0.9, -0.9};
  constraints.same = {0, 1, 2, 3, 4, 5};
  constraints.rest_free = {true};
  ConstrainedObjective objective(joint, engine.parameters, {Matrix::Identity(3, 3)}, true,
                                 constraints, psi);
  CHECK(std::isinf(objective.value(objective.start())));
  CHECK(objective.psi(objective.start()).size() == 0);
  Vector gradient;
  Matrix curvature;
  objective.derivatives(gradient, curvature);
  CHECK(objective.tangent().rows() == 7);
  CHECK(objective.tangent().topRows(6).array().isNaN().any());
  CHECK(gradient.array().isNaN().all());
  CHECK(curvature.array().isNaN().all());
  CHECK(objective.hessian().array().isNaN().all());
}
