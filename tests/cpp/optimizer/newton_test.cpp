#include "core/optimizer/newton.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "catch.h"

using namespace tiers;

namespace {

// What most of the functions here have in common: no limit of a step, nothing better than the point
// itself without a search, and a curvature plan that says how values are rounded.
class TestFunction : public Objective {
 public:
  explicit TestFunction(CurvaturePlan plan) : plan_(plan) {}
  Matrix hessian() override { throw std::logic_error("the Hessian was asked for"); }
  CurvaturePlan curvature_plan() const final { return plan_; }
  double resolution(double value) const final {
    return plan_ == CurvaturePlan::secant ? 1e-9 * (1.0 + std::abs(value))
                                          : 1e-7 + 1e-12 * std::abs(value);
  }
  double step_limit(const Vector&, const Vector&) const override { return 1.0; }
  Vector safe_step(const Vector& at) final { return at; }

 private:
  const CurvaturePlan plan_;
};

// Rosenbrock's valley with its exact Hessian.
class Valley final : public TestFunction {
 public:
  Valley() : TestFunction(CurvaturePlan::average_information) {}
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

 private:
  Vector at_;
};

// Logistic regression whose curvature is only the diagonal of X'X / 4 times a constant, with
// values that are uncertain in their tenth digit and a Hessian that nobody may ask for.
class RoughLogistic final : public TestFunction {
 public:
  explicit RoughLogistic(double stretch)
      : TestFunction(CurvaturePlan::secant), stretch_(stretch), x_(200, 4), y_(200) {
    for (Index i = 0; i < 200; ++i) {
      const double t = static_cast<double>(i);
      x_.row(i) << 1.0, std::sin(t), std::cos(1.3 * t) + 0.8 * std::sin(t), std::sin(0.7 * t);
      y_[i] = std::sin(7.1 * t) + x_(i, 1) > 0.3 ? 1.0 : 0.0;
    }
  }
  Index size() const override { return 4; }
  double value(const Vector& beta) override {
    at_ = beta;
    const Vector eta = x_ * beta;
    double sum = 1e5;
    for (Index i = 0; i < eta.size(); ++i)
      sum += 2.0 * (std::log1p(std::exp(eta[i])) - y_[i] * eta[i]);
    return sum * (1.0 + 2e-10 * std::sin(1e9 * sum));
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    ++derivatives_called;
    const Vector mean = (1.0 + (-(x_ * at_).array()).exp()).inverse();
    gradient = 2.0 * x_.transpose() * (mean - y_);
    curvature = stretch_ * (x_.transpose() * x_).diagonal().asDiagonal();
    weights_ = mean.array() * (1.0 - mean.array());
  }
  Matrix exact_hessian() const { return 2.0 * x_.transpose() * weights_.asDiagonal() * x_; }
  int derivatives_called = 0;

 private:
  double stretch_;
  Matrix x_;
  Vector y_, at_, weights_;
};

// x - log x - log(2 - y) + (y - x)^2, defined for x > 0 and y < 2 only, with unit curvature.
class Walled final : public TestFunction {
 public:
  Walled() : TestFunction(CurvaturePlan::secant) {}
  Index size() const override { return 2; }
  double value(const Vector& at) override {
    at_ = at;
    if (!(at[0] > 0.0) || !(at[1] < 2.0)) return std::numeric_limits<double>::infinity();
    return at[0] - std::log(at[0]) - std::log(2.0 - at[1]) + std::pow(at[1] - at[0], 2);
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    gradient.resize(2);
    const double apart = at_[1] - at_[0];
    gradient << 1.0 - 1.0 / at_[0] - 2.0 * apart, 1.0 / (2.0 - at_[1]) + 2.0 * apart;
    curvature = Matrix::Identity(2, 2);
  }

 private:
  Vector at_;
};

// A saddle at zero on the way to two minima at y = 1 and y = -1; the start lies on the ridge.
class Saddle final : public TestFunction {
 public:
  Saddle() : TestFunction(CurvaturePlan::average_information) {}
  Index size() const override { return 2; }
  double value(const Vector& at) override {
    at_ = at;
    return at[0] * at[0] + std::pow(at[1] * at[1] - 1.0, 2);
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    gradient.resize(2);
    gradient << 2.0 * at_[0], 4.0 * at_[1] * (at_[1] * at_[1] - 1.0);
    curvature = Vector(Vector::Constant(2, 2.0)).asDiagonal();
  }
  Matrix hessian() override {
    Matrix out = Matrix::Zero(2, 2);
    out(0, 0) = 2.0;
    out(1, 1) = 12.0 * at_[1] * at_[1] - 4.0;
    return out;
  }

 private:
  Vector at_;
};

// x^2 + y^2 with a curvature that is a tenth too large in y, so that steps leave a share of 1 / 11
// there; whether a bound on the Hessian is known can be chosen.
class Bowl final : public TestFunction {
 public:
  explicit Bowl(bool bounded)
      : TestFunction(CurvaturePlan::average_information), bounded_(bounded) {}
  Index size() const override { return 2; }
  double value(const Vector& at) override {
    at_ = at;
    return at.squaredNorm();
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    gradient = 2.0 * at_;
    curvature = Matrix::Zero(2, 2);
    curvature.diagonal() << 2.0, 2.2;
  }
  Matrix hessian() override {
    ++hessians;
    return 2.0 * Matrix::Identity(2, 2);
  }
  Matrix hessian_bound() const override {
    return bounded_ ? Matrix(1.5 * Matrix::Identity(2, 2)) : Matrix(-Matrix::Identity(2, 2));
  }
  int hessians = 0;

 private:
  bool bounded_;
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

TEST_CASE("secant pairs make up for a rough curvature, in spite of noise in the values") {
  for (const double stretch : {0.1, 0.5, 5.0}) {
    RoughLogistic model(stretch);
    const Optimum found = minimize(model, Vector::Zero(4), std::vector<bool>(4, true), Control());
    CHECK(found.convergence.converged);
    CHECK(found.convergence.gain < 1e-8);
    CHECK(found.convergence.iterations <= 15);
    CHECK(found.convergence.evaluations <= found.convergence.iterations + 6);
    CHECK(model.derivatives_called == found.convergence.iterations + 1);
    // One Newton step with the exact Hessian, the owner's last word, ends on the exact minimum.
    const auto judge_at = [&model](const Vector& psi) {
      Vector gradient;
      Matrix curvature;
      model.value(psi);
      model.derivatives(gradient, curvature);
      return judge(model.exact_hessian(), gradient);
    };
    const Verdict verdict = judge_at(found.psi);
    CHECK(verdict.positive);
    CHECK(verdict.gain < 1e-7);
    CHECK(judge_at(found.psi + verdict.step).gain < 1e-14);
  }
}

TEST_CASE("pairs are those of the free parameters") {
  RoughLogistic model(0.5);
  Vector start = Vector::Zero(4);
  start[2] = 0.3;
  const Optimum found = minimize(model, start, {true, true, false, true}, Control());
  CHECK(found.convergence.converged);
  CHECK(found.psi[2] == 0.3);
  Vector gradient;
  Matrix curvature;
  model.value(found.psi);
  model.derivatives(gradient, curvature);
  CHECK(judge(model.exact_hessian(), gradient, {true, true, false, true}).gain < 1e-8);
  CHECK(judge(model.exact_hessian(), gradient, {true, true, false, true}).step[2] == 0.0);
  CHECK(judge(model.exact_hessian(), gradient).gain > 1e-4);
}

TEST_CASE("a step out of the domain is shortened") {
  Walled model;
  Vector start(2);
  start << 1e-3, 1.999;
  const Optimum found = minimize(model, start, {true, true}, Control());
  CHECK(found.convergence.converged);
  CHECK(found.convergence.iterations <= 25);
  Vector gradient;
  Matrix curvature;
  model.value(found.psi);
  model.derivatives(gradient, curvature);
  CHECK(gradient.cwiseAbs().maxCoeff() < 1e-4);
}

TEST_CASE("a saddle is left on either side, and called one") {
  Saddle saddle;
  Vector start(2);
  start << 3.0, 0.0;
  const Optimum found = minimize(saddle, start, {true, true}, Control());
  CHECK(found.convergence.converged);
  CHECK(found.psi[0] == Approx(0.0).margin(1e-6));
  CHECK(std::abs(found.psi[1]) == Approx(1.0).epsilon(1e-6));

  Vector gradient;
  Matrix curvature;
  saddle.value(Vector::Zero(2));
  saddle.derivatives(gradient, curvature);
  const Verdict verdict = judge(saddle.hessian(), gradient);
  CHECK_FALSE(verdict.positive);
  CHECK(verdict.smallest == Approx(-1.0));
  CHECK(verdict.downward[0] == 0.0);
  CHECK(saddle.value(point_below(saddle, Vector::Zero(2), verdict.downward)) < 1.0);
}

TEST_CASE("negative curvature along which nothing falls is rounding") {
  Valley valley;
  Vector bottom(2), direction(2);
  bottom << 1.0, 1.0;
  direction << 1.0, 0.0;
  CHECK(point_below(valley, bottom, direction).size() == 0);
}

namespace {

// Flat but for rounding, which makes it fall somewhere far off.
class Flat final : public TestFunction {
 public:
  Flat() : TestFunction(CurvaturePlan::average_information) {}
  Index size() const override { return 2; }
  double value(const Vector& psi) override { return psi.norm() > 1e3 ? -1.0 : 1.0; }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    gradient = Vector::Zero(2);
    curvature = hessian();
  }
  Matrix hessian() override { return -1e-15 * Matrix::Identity(2, 2); }
  double step_limit(const Vector&, const Vector& step) const override {
    return std::min(1.0, 1.0 / step.cwiseAbs().maxCoeff());
  }
};

}  // namespace

TEST_CASE("a Hessian of the size of rounding is flat, not a saddle") {
  Flat flat;
  const Verdict verdict = judge(flat.hessian(), Vector::Zero(2));
  CHECK(verdict.downward.norm() > 1e6);
  CHECK(point_below(flat, Vector::Zero(2), verdict.downward).size() == 0);
}

TEST_CASE("a lucky step is not taken for the rate of convergence") {
  Bowl bowl(true);
  Vector start(2);
  start << 1.0, 1e-4;  // all but solved by the first step
  const Optimum found = minimize(bowl, start, {true, true}, Control());
  CHECK(found.convergence.converged);
  CHECK(bowl.hessians == 0);
  CHECK(found.psi.norm() < 5e-7);
}

TEST_CASE("without a bound the Hessian has the last word, once") {
  Bowl bowl(false);
  Vector start(2);
  start << 1.0, 1e-4;
  const Optimum found = minimize(bowl, start, {true, true}, Control());
  CHECK(found.convergence.converged);
  CHECK(bowl.hessians == 1);
  CHECK(found.psi.norm() < 1e-15);
}

TEST_CASE("a start without a finite deviance comes back as not converged") {
  Walled model;
  Vector start(2);
  start << -1.0, 0.5;
  const Optimum found = minimize(model, start, {true, true}, Control());
  CHECK_FALSE(found.convergence.converged);
  CHECK(std::isinf(found.value));
  CHECK(found.psi == start);
  CHECK(found.gradient == Vector::Zero(2));
  CHECK(found.convergence.iterations == 0);
  CHECK_FALSE(minimize(model, start, {false, false}, Control()).convergence.converged);
}

namespace {

// x, defined for x > 0: there is no minimum, only an edge.
class Slope final : public TestFunction {
 public:
  explicit Slope(bool edge) : TestFunction(CurvaturePlan::secant), edge_(edge) {}
  Index size() const override { return 1; }
  double value(const Vector& at) override {
    return !edge_ || at[0] > 0.0 ? at[0] : std::numeric_limits<double>::infinity();
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    gradient = Vector::Ones(1);
    curvature = Matrix::Identity(1, 1);
  }

 private:
  bool edge_;
};

}  // namespace

TEST_CASE("how the search ended is told") {
  Walled walled;
  CHECK(minimize(walled, Vector::Ones(2), {true, true}, Control()).convergence.ending ==
        Ending::converged);
  Control few;
  few.max_iterations = 2;
  Slope endless(false), edge(true);
  CHECK(minimize(endless, Vector::Ones(1), {true}, few).convergence.ending == Ending::iterations);
  const Optimum found = minimize(edge, Vector::Constant(1, 0.9), {true}, Control());
  CHECK_FALSE(found.convergence.converged);
  CHECK(found.convergence.ending == Ending::edge);
  CHECK(found.value > 0.0);
  CHECK(found.value < 1e-6);
}

TEST_CASE("the tolerance is the predicted gain at which the search ends") {
  const std::vector<bool> two{true, true}, four(4, true);
  Vector start(2);
  start << -1.2, 1.0;
  int valley_before = 0, logistic_before = 0;
  double valley_value = -1.0, logistic_value = 0.0;
  for (const double tolerance : {1e-12, 1e-3, 0.9}) {
    Control control;
    control.tolerance = tolerance;
    Valley valley;
    const Optimum found = minimize(valley, start, two, control);
    CHECK(found.convergence.converged);
    CHECK(found.convergence.gain < tolerance);
    RoughLogistic logistic(1.5);
    const Optimum rough = minimize(logistic, Vector::Zero(4), four, control);
    CHECK(rough.convergence.converged);
    CHECK(rough.convergence.gain < std::max(tolerance, 1e-8));
    if (tolerance > 1e-12) {
      CHECK(found.convergence.iterations < valley_before);
      CHECK(rough.convergence.iterations < logistic_before);
      CHECK(found.value >= valley_value);
      CHECK(rough.value > logistic_value - logistic.resolution(logistic_value));
    }
    valley_before = found.convergence.iterations;
    logistic_before = rough.convergence.iterations;
    valley_value = found.value;
    logistic_value = rough.value;
  }
}
