#include "core/engine/fit_structured.h"

#include "catch.h"
#include "core/engine/at_point_structured.h"
#include "core/engine/structured_engine.h"
#include "longitudinal_data.h"

using namespace tiers;
using namespace tiers_test;

namespace {

bool is_correlation(const ShapeCase& one) {
  return one.recipe.scale == StructureRecipe::Scale::none && one.has_scale;
}

bool common_scale(const ShapeCase& one) {
  return one.recipe.scale == StructureRecipe::Scale::common;
}

// Each once: names that differ in their scale alone are the same with a given one. A common scale
// is sigma unless there are groups.
std::vector<ShapeCase> definite_shapes() {
  std::vector<ShapeCase> out;
  for (const ShapeCase& one : wrapped_shape_cases()) {
    const bool twin = one.recipe.name.back() == 'h' && one.recipe.name != "sp_sph";
    if (one.is_definite && !twin && one.recipe.name != "diag" && one.recipe.name != "sp_pow")
      out.push_back(one);
  }
  return out;
}

// The differences of f over +-h and +-2h, combined to fourth order.
template <class Function>
double slope_of(const Function& f, const Vector& x, Index k, double h) {
  const double weight[4] = {1.0, -8.0, 8.0, -1.0}, step[4] = {-2.0, -1.0, 1.0, 2.0};
  double sum = 0.0;
  for (int i = 0; i < 4; ++i) {
    Vector moved = x;
    moved[k] += step[i] * h;
    sum += weight[i] * f(moved);
  }
  return sum / (12.0 * h);
}

}  // namespace

TEST_CASE("a residual structure's deviance is that of the dense covariance matrix",
          "[structured]") {
  int which = 0;
  for (const ShapeCase& shape : definite_shapes()) {
    for (const Beside beside : all_beside()) {
      if (common_scale(shape) && beside != Beside::groups) continue;
      const Longitudinal of = longitudinal(shape, beside);
      StructuredPoint point{some_factors(of.data), some_phi(of), 1.0};
      const bool profiled = is_correlation(shape);
      if (++which % 3 != 0) continue;
      const bool reml = which % 2 == 0;
      INFO(shape.recipe.name << " " << static_cast<int>(beside) << " " << reml);
      const double dense = dense_criterion(
          of.data, of.dense_covariance(point.lambda, point.phi, 1.0), reml, profiled);
      const StructuredAt at = evaluate(of.specification(reml), point, Control());
      CHECK(std::abs(at.deviance - dense) <= 1e-10 * (1.0 + std::abs(dense)));
    }
  }
}

TEST_CASE("gradient and Hessian of a residual structure are those of the deviance",
          "[structured]") {
  int which = 0;
  for (const ShapeCase& shape : definite_shapes()) {
    for (const Beside beside : all_beside()) {
      if (common_scale(shape) && beside != Beside::groups) continue;
      if (++which % 61 != 0) continue;
      const Longitudinal of = longitudinal(shape, beside);
      const bool reml = which % 2 == 0;
      const StructuredSpecification spec = of.specification(reml);
      StructuredEngine engine(spec, Control());
      MarginalDeviance& objective = engine.objective;
      const Vector psi = engine.internal({some_factors(of.data), some_phi(of), 1.0});
      REQUIRE(std::isfinite(objective.value(psi)));
      Vector gradient;
      Matrix information;
      objective.derivatives(gradient, information);
      const Matrix hessian = objective.hessian();
      INFO(shape.recipe.name << " " << static_cast<int>(beside) << " " << reml);
      for (Index k = 0; k < psi.size(); ++k) {
        const double slope =
            slope_of([&](const Vector& x) { return objective.value(x); }, psi, k, 2e-4);
        CHECK(std::abs(slope - gradient[k]) <= 2e-7 * (1.0 + gradient.cwiseAbs().maxCoeff()));
        for (Index l = 0; l <= k; ++l) {
          const double bend = slope_of(
              [&](const Vector& x) {
                objective.value(x);
                Vector g;
                Matrix c;
                objective.derivatives(g, c);
                return g[l];
              },
              psi, k, 2e-4);
          CHECK(std::abs(bend - hessian(k, l)) <= 2e-7 * (1.0 + hessian.cwiseAbs().maxCoeff()));
        }
      }
    }
  }
}

TEST_CASE("the search of a residual structure ends in a minimum of the dense criterion",
          "[structured]") {
  int which = 0;
  for (const char* name : {"ar1", "us", "cs", "toep", "sp_exp", "hf", "kronecker"}) {
    for (const ShapeCase& shape : definite_shapes()) {
      if (shape.recipe.name != name || shape.recipe.nugget) continue;
      const Beside beside = all_beside()[static_cast<std::size_t>(++which % 7)];
      if (common_scale(shape) && beside != Beside::groups) continue;
      const bool reml = which % 2 == 0;
      const Longitudinal of = longitudinal(shape, beside, 5);
      const StructuredResult fit = fit_structured(of.specification(reml), Control());
      INFO(name << " " << static_cast<int>(beside));
      if (fit.status != FitStatus::converged) continue;
      std::vector<Matrix> lambda = fit.lambda;
      for (Matrix& one : lambda) one *= fit.sigma;
      Vector phi = fit.phi;
      const auto criterion = [&](const Vector& at) {
        return dense_criterion(of.data, of.dense_covariance(lambda, at, fit.sigma), reml, false);
      };
      CHECK(fit.deviance == Approx(criterion(phi)).epsilon(1e-10));
      if (!fit.has_sigma) {
        for (Index k = 0; k < phi.size(); ++k)
          CHECK(std::abs(slope_of(criterion, phi, k, 1e-4)) < 1e-4);
      }
    }
  }
}
