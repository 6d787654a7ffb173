#include "core/engine/boundary.h"

#include <cmath>
#include <limits>

#include "catch.h"

using namespace tiers;

namespace {

// f = sum_j (c_j S_j + S_j^2 / 2) + (beta - 1)^2 + (beta - 1) S_1 / 2 of two variances S = theta^2
// and a parameter beta that is no covariance: what a generalized model looks like to the search.
class TwoVariances : public MixedObjective {
 public:
  TwoVariances(double c0, double c1, bool secant)
      : c_{c0, c1}, secant_(secant), d_(2, Matrix(1, 1)) {}

  Index size() const override { return 3; }
  double value(const Vector& psi) override {
    at_ = psi;
    double sum = std::pow(psi[2] - 1.0, 2) + 0.5 * (psi[2] - 1.0) * psi[0] * psi[0];
    for (int j = 0; j < 2; ++j) sum += c_[j] * std::pow(psi[j], 2) + 0.5 * std::pow(psi[j], 4);
    return sum;
  }
  void derivatives(Vector& gradient, Matrix& curvature) override {
    gradient.resize(3);
    for (int j = 0; j < 2; ++j) {
      d_[j](0, 0) = c_[j] + at_[j] * at_[j] + (j == 0 ? 0.5 * (at_[2] - 1.0) : 0.0);
      gradient[j] = 2.0 * d_[j](0, 0) * at_[j];
    }
    gradient[2] = 2.0 * (at_[2] - 1.0) + 0.5 * at_[0] * at_[0];
    curvature = hessian();
  }
  Matrix hessian() override {
    Matrix out = Matrix::Zero(3, 3);
    for (int j = 0; j < 2; ++j) out(j, j) = 2.0 * d_[j](0, 0) + 4.0 * at_[j] * at_[j];
    out(0, 2) = out(2, 0) = at_[0];
    out(2, 2) = 2.0;
    return out;
  }
  CurvaturePlan curvature_plan() const override {
    return secant_ ? CurvaturePlan::secant : CurvaturePlan::average_information;
  }
  double resolution(double value) const override {
    return secant_ ? 1e-9 * (1.0 + std::abs(value)) : 1e-7 + 1e-12 * std::abs(value);
  }
  double step_limit(const Vector&, const Vector&) const override { return 1.0; }
  Vector safe_step(const Vector& psi) override { return psi; }
  const std::vector<Matrix>& sigma_gradient() const override { return d_; }
  Matrix mean_cross(int) const override { return Matrix::Identity(1, 1); }

 private:
  double c_[2];
  bool secant_;
  Vector at_;
  std::vector<Matrix> d_;
};

BoundaryOptimum search(TwoVariances& model, const Vector& start = Vector::Constant(3, 0.7)) {
  const CovarianceParameters parameters(std::vector<RandomTerm>(2));
  return minimize_with_boundary(model, parameters, start, Control());
}

}  // namespace

TEST_CASE("a variance of zero is found among parameters of another kind") {
  for (const bool secant : {false, true}) {
    TwoVariances model(0.5, -0.8, secant);
    const BoundaryOptimum found = search(model);
    CHECK(found.optimum.convergence.converged);
    CHECK(found.at_boundary);
    CHECK(found.free == std::vector<bool>{false, true, true});
    CHECK(found.optimum.psi[0] == 0.0);
    CHECK(std::pow(found.optimum.psi[1], 2) == Approx(0.8).epsilon(1e-4));
    CHECK(found.optimum.psi[2] == Approx(1.0).epsilon(1e-4));
    REQUIRE(found.boundary[0].multipliers.size() == 1);
    CHECK(found.boundary[0].multipliers[0] == Approx(0.5).epsilon(1e-4));
    CHECK(found.boundary[1].multipliers.size() == 0);
  }
}

TEST_CASE("a start at zero is left where the multiplier is negative") {
  for (const bool secant : {false, true}) {
    TwoVariances model(-0.4, -0.8, secant);
    Vector start(3);
    start << 0.0, 0.0, 0.2;
    const BoundaryOptimum found = search(model, start);
    CHECK(found.optimum.convergence.converged);
    CHECK_FALSE(found.at_boundary);
    CHECK(found.free == std::vector<bool>{true, true, true});
    // With beta at its best the first variance adds c S + (1/2 - 1/16) S^2.
    CHECK(std::pow(found.optimum.psi[0], 2) == Approx(0.4 / 0.875).epsilon(1e-3));
    CHECK(std::pow(found.optimum.psi[1], 2) == Approx(0.8).epsilon(1e-3));
  }
}

TEST_CASE("an interior optimum has no boundary, and all parameters are free") {
  TwoVariances model(-0.4, -0.8, true);
  const BoundaryOptimum found = search(model);
  CHECK(found.optimum.convergence.converged);
  CHECK_FALSE(found.at_boundary);
  CHECK(found.free == std::vector<bool>{true, true, true});
  for (const auto& boundary : found.boundary) CHECK(boundary.multipliers.size() == 0);
}

namespace {

// The value at a zero variance is there only the first time that it is asked for.
class Forgetful final : public TwoVariances {
 public:
  using TwoVariances::TwoVariances;
  double value(const Vector& psi) override {
    const double value = TwoVariances::value(psi);
    return psi[0] == 0.0 && asked_++ > 0 ? std::numeric_limits<double>::infinity() : value;
  }

 private:
  int asked_ = 0;
};

}  // namespace

TEST_CASE("a boundary that cannot be evaluated is not accepted") {
  for (const bool secant : {false, true}) {
    Forgetful model(0.5, -0.8, secant);
    const BoundaryOptimum found = search(model);
    CHECK(std::isfinite(found.optimum.value));
    CHECK(found.optimum.psi[0] != 0.0);
    CHECK(std::abs(found.optimum.psi[0]) < 1e-3);
  }
}

TEST_CASE("the search goes on from a simpler model that is lower") {
  for (const int pairs : {0, 5}) {
    TwoVariances model(0.5, -0.8, pairs);
    BoundaryOptimum found = search(model);
    const double best = found.optimum.value;
    BoundaryOptimum high = found;
    high.optimum.psi = Vector::Constant(3, 2.0);
    high.optimum.value = model.value(high.optimum.psi);
    const CovarianceParameters parameters(std::vector<RandomTerm>(2));
    Vector simple = Vector::Zero(3);
    go_on_from_lower(model, parameters, {simple}, Control(), high);
    CHECK(high.optimum.value == Approx(best).margin(1e-6));
    // Nothing happens where none is lower.
    const Vector before = found.optimum.psi;
    go_on_from_lower(model, parameters, {simple}, Control(), found);
    CHECK(found.optimum.psi == before);
    // The first is zero already; of the other's zero the curvature decides where there are many.
    for (const double rise : {1.0, 100.0}) {
      Optimum end = found.optimum;
      end.curvature = Matrix::Zero(3, 3);
      end.curvature(1, 1) = 2.0 * rise / std::pow(before[1], 2);
      const auto size = [&](Index columns) {
        return without_each_term(parameters, end, columns).size();
      };
      CHECK(size(10) == 1);
      CHECK(size(1000000) == (rise < 10.0 ? 1 : 0));
    }
  }
}

TEST_CASE("covariance parameters that are not admitted stay at zero") {
  for (const int pairs : {0, 5}) {
    TwoVariances model(-0.4, -0.8, pairs);
    Vector start = Vector::Constant(3, 0.7);
    start[0] = 0.0;
    const CovarianceParameters parameters(std::vector<RandomTerm>(2));
    const BoundaryOptimum found =
        minimize_with_boundary(model, parameters, start, Control(), {false, true, true});
    CHECK(found.optimum.psi[0] == 0.0);
    CHECK(found.free == std::vector<bool>{false, true, true});
    CHECK(std::pow(found.optimum.psi[1], 2) == Approx(0.8).epsilon(1e-4));
  }
}
