// Parameters as a function of a root of Sigma: value, and first and second changes along a curve of
// roots, against differences.
#include "core/covariance/parameter_map.h"

#include "catch.h"
#include "compound_symmetry.h"
#include "core/covariance/covariance_registry.h"
#include "core/covariance/natural_factor.h"

using namespace tiers;

namespace {

// The same structure without places in Lambda.
class Hidden final : public CovarianceStructure {
 public:
  explicit Hidden(const std::string& name, Index k)
      : CovarianceStructure(k), inner_(make_covariance(name, k)) {}
  Index parameter_count() const override { return inner_->parameter_count(); }
  Rescaling rescaling() const override { return inner_->rescaling(); }
  std::vector<NaturalParameter> natural_parameters() const override {
    return inner_->natural_parameters();
  }
  Vector parameters(const Matrix& lambda) const override { return inner_->parameters(lambda); }
  Matrix factor(const Vector& theta) const override { return inner_->factor(theta); }
  Matrix factor_derivative(const Vector& theta, Index i) const override {
    return inner_->factor_derivative(theta, i);
  }
  Vector reduce(const Vector& theta, const Matrix&, double, std::vector<bool>&) const override {
    return theta;
  }
  Boundary boundary(const Vector&, const Matrix&) const override { return {}; }
  Vector reopen(const Vector& theta, const Vector&, double) const override { return theta; }

 private:
  std::unique_ptr<CovarianceStructure> inner_;
};

// Lambda of natural parameters, all by their values.
class Curve {
 public:
  Curve(const CovarianceStructure& structure, const Vector& natural)
      : k_(structure.columns()), lambda_(expand(structure, natural)) {}
  Matrix lambda() const {
    return matrix([](const Jet& one) { return one.value; });
  }
  Matrix derivative(Index i) const {
    return matrix([&](const Jet& one) { return one.first[i]; });
  }
  Matrix second_derivative(Index i, Index l) const {
    return matrix([&](const Jet& one) { return one.second(i, l); });
  }

 private:
  static std::vector<Jet> expand(const CovarianceStructure& structure, const Vector& natural) {
    const Index n = natural.size();
    std::vector<Jet> values, roots;
    for (Index i = 0; i < n; ++i) {
      values.push_back(Jet::variable(natural[i], i, n));
      roots.push_back(sqrt(Jet::constant(1.0, n) - values[i] * values[i]));
    }
    return NaturalFactor(structure, std::vector<bool>(n, true), structure.natural_factor(natural))
        .lambda(values, roots);
  }
  template <typename Part>
  Matrix matrix(const Part& part) const {
    Matrix out = Matrix::Zero(k_, k_);
    for (Index a = 0; a < k_; ++a) {
      for (Index b = 0; b <= a; ++b) out(a, b) = part(lambda_[a * (a + 1) / 2 + b]);
    }
    return out;
  }

  Index k_;
  std::vector<Jet> lambda_;
};

void check_against_differences(const CovarianceStructure& structure) {
  const Index count = structure.parameter_count();
  const Vector natural = some_natural(structure);
  const Curve at(structure, natural);
  const ParameterMap map(structure, at.lambda());
  CHECK((map.parameters() - structure.from_natural(natural)).norm() < 1e-13);
  const auto theta = [&](Index i, double h, Index l, double g) {
    Vector moved = natural;
    moved[i] += h;
    moved[l] += g;
    return ParameterMap(structure, Curve(structure, moved).lambda()).parameters();
  };
  Vector weight(count);
  for (Index t = 0; t < count; ++t) weight[t] = 1.0 - 0.4 * static_cast<double>(t);
  const ParameterMap::Weighted weighted(map, weight);
  const double h = 1e-4;
  for (Index i = 0; i < count; ++i) {
    const Vector first = map.change(at.derivative(i));
    CHECK((first - (theta(i, h, i, 0.0) - theta(i, -h, i, 0.0)) / (2.0 * h)).norm() < 1e-7);
    CHECK(weighted.first(at.derivative(i)) == Approx(weight.dot(first)));
    for (Index l = 0; l < count; ++l) {
      const Vector second =
          (theta(i, h, l, h) - theta(i, h, l, -h) - theta(i, -h, l, h) + theta(i, -h, l, -h)) /
          (4.0 * h * h);
      const double exact =
          weighted.second(at.derivative(i), at.derivative(l), at.second_derivative(i, l));
      CHECK(exact == Approx(weight.dot(second)).epsilon(1e-5).margin(1e-6));
    }
  }
}

}  // namespace

TEST_CASE("parameters follow a root of Sigma, whether or not they are entries of Lambda") {
  for (const Index k : {2, 3}) {
    for (const auto& name : factor_names()) {
      check_against_differences(*make_covariance(name, k));
      check_against_differences(Hidden(name, k));
    }
    check_against_differences(CompoundSymmetry(k));
  }
  for (const char* name : {"cs", "csh", "ar1", "ar1h", "toep", "toeph", "ante"})
    check_against_differences(*make_covariance(name, 3));
}

TEST_CASE("the form of the root does not matter where parameters are no entries of it") {
  const CompoundSymmetry structure(3);
  const Matrix lambda = structure.natural_factor(some_natural(structure));
  Matrix turn(3, 3);
  turn << 2.0, 2.0, -1.0, -1.0, 2.0, 2.0, 2.0, -1.0, 2.0;
  turn /= 3.0;
  const ParameterMap lower(structure, lambda), any(structure, lambda * turn);
  CHECK((lower.parameters() - any.parameters()).norm() < 1e-13);
  const Matrix change = 0.3 * lambda;
  CHECK((lower.change(change) - any.change(change * turn)).norm() < 1e-13);
}
