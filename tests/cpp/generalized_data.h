// Generalized responses for the simulated designs, and Laplace's approximation by dense matrices.
#pragma once

#include <memory>

#include "core/family/family_registry.h"
#include "core/objective/laplace_deviance.h"
#include "simulated_data.h"

namespace tiers_test {

struct GeneralizedData {
  Data data;
  std::unique_ptr<tiers::ResponseFamily> family;
  Vector size;
  Matrix dispersion;

  tiers::GeneralizedSpecification specification() const {
    tiers::Specification model = data.specification(false);
    tiers::GeneralizedSpecification spec{model};
    spec.family = family.get();
    if (size.size() > 0) spec.size = size.data();
    new (&spec.dispersion)
        tiers::ConstMatrixMap(dispersion.data(), dispersion.rows(), dispersion.cols());
    spec.points.assign(data.terms.size(), 1);
    return spec;
  }
};

// A response that is possible in every family: counts of at most m, or a number in (0, 1).
inline GeneralizedData generalized(Design design, const std::string& family,
                                   const std::string& link = "") {
  GeneralizedData out{simulate(design), tiers::make_family(family, link), Vector(), Matrix()};
  Data& data = out.data;
  const Vector linear = (0.25 * (data.y.array() - data.y.mean())).matrix();
  std::mt19937 engine(11);
  std::uniform_real_distribution<double> uniform;
  const bool trials = out.family->uses_trials(), unit = family == "beta";
  if (trials) out.size = Vector(data.n);
  for (Index i = 0; i < data.n; ++i) {
    const double share = 1.0 / (1.0 + std::exp(-linear[i]));
    if (trials) {
      out.size[i] = 1.0 + static_cast<double>(i % 4);
      data.y[i] = 0.0;
      for (int t = 0; t < out.size[i]; ++t) data.y[i] += uniform(engine) < share;
    } else if (unit) {
      data.y[i] = 0.05 + 0.9 * share;
    } else if (family == "gaussian") {
      data.y[i] = linear[i];
    } else {
      data.y[i] = std::floor(3.0 * share + 3.0 * uniform(engine));
      if (family == "Gamma" || family == "inverse.gaussian") data.y[i] += 0.5;
    }
  }
  const Index d = out.family->dispersion_count();
  out.dispersion = Matrix::Ones(data.n, 2 * d);
  if (d > 0) out.dispersion.col(1) = data.X.col(1);
  return out;
}

// Everything that an objective needs, at the internal scale.
struct GeneralizedEngine {
  explicit GeneralizedEngine(const tiers::GeneralizedSpecification& given,
                             bool fixed_in_mode = false)
      : spec(given),
        parameters(spec.model.terms),
        design(spec.model, tiers::Scaling{parameters.rescaling(), false}),
        layout(design),
        rows(design, layout),
        response(spec, rows),
        cross(design, layout),
        mode(*spec.family, response, rows, cross, fixed_in_mode, tiers::Poll()) {}
  const tiers::GeneralizedSpecification& spec;
  tiers::CovarianceParameters parameters;
  tiers::Design design;
  tiers::BlockLayout layout;
  tiers::PackedRows rows;
  tiers::PackedResponse response;
  tiers::CrossProducts cross;
  tiers::ConditionalMode mode;

  // theta from the simulated factors, beta and phi small.
  Vector point(const Data& data, Index size) const {
    Vector psi = Vector::Constant(size, 0.2);
    psi.head(parameters.size()) = 0.6 * parameters.parameters(some_factors(data));
    return psi;
  }
};

}  // namespace tiers_test
