#include "core/optimizer/newton.h"

#include <cmath>

#include "catch.h"

using namespace tiers;

namespace {

// Rosenbrock's valley with its exact Hessian.
class Valley final : public Objective {
 public:
  Index size() const override { return 2; }
  double value(const Vector& x) override {
    at_ = x;
    return std::pow(1.0 - x[0], 2) + 100.0 * std::pow(x[1] - x[0] * x[0], 2);
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    const double a = at_[0], b = at_[1];
    gradient.resize(2);
    gradient << -2.0 * (1.0 - a) - 400.0 * a * (b - a * a), 200.0 * (b - a * a);
    curvature.resize(2, 2);
    curvature << 2.0 - 400.0 * (b - 3.0 * a * a), -400.0 * a, -400.0 * a, 200.0;
  }
  Matrix hessian() override {
    Vector gradient;
    Matrix curvature;
    derivatives(gradient, curvature);
    return curvature;
  }
  double step_limit(const Vector&, const Vector&) const override { return 1.0; }
  Vector safe_step(const Vector& x) override { return x; }

 private:
  Vector at_;
};

}  // namespace

TEST_CASE("Newton reaches the bottom of a curved valley and certifies it") {
  Valley valley;
  Vector start(2);
  start << -1.2, 1.0;
  const Optimum found = minimize(valley, start, {true, true}, Control());
  CHECK(found.convergence.converged);
  CHECK(found.convergence.gain < 1e-12);
  CHECK(found.psi[0] == Approx(1.0).epsilon(1e-7));
  CHECK(found.psi[1] == Approx(1.0).epsilon(1e-7));
}

TEST_CASE("a parameter that is not free stays where it is") {
  Valley valley;
  Vector start(2);
  start << 0.5, 3.0;
  const Optimum found = minimize(valley, start, {false, true}, Control());
  CHECK(found.psi[0] == 0.5);
  CHECK(found.psi[1] == Approx(0.25).epsilon(1e-9));
}
