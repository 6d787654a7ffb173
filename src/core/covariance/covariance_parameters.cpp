#include "covariance_parameters.h"

#include <utility>

#include "covariance_registry.h"

namespace tiers {

CovarianceParameters::CovarianceParameters(const std::vector<RandomTerm>& terms) {
  for (const auto& term : terms) {
    StructureRecipe recipe = term.recipe;
    recipe.visits = term.columns;
    structures_.push_back(make_covariance(recipe));
  }
  place();
}

CovarianceParameters::CovarianceParameters(
    std::vector<std::unique_ptr<CovarianceStructure>> structures)
    : structures_(std::move(structures)) {
  place();
}

void CovarianceParameters::place() {
  for (const auto& structure : structures_) {
    offset_.push_back(size_);
    size_ += structure->parameter_count();
  }
}

std::vector<Rescaling> CovarianceParameters::rescaling() const {
  std::vector<Rescaling> out;
  for (const auto& structure : structures_) out.push_back(structure->rescaling());
  return out;
}

std::vector<Matrix> CovarianceParameters::lambdas(const Vector& theta) const {
  std::vector<Matrix> out;
  for (int j = 0; j < terms(); ++j) out.push_back(structures_[j]->factor(part(theta, j)));
  return out;
}

Vector CovarianceParameters::parameters(const std::vector<Matrix>& lambdas) const {
  Vector theta(size_);
  for (int j = 0; j < terms(); ++j) {
    theta.segment(offset_[j], structures_[j]->parameter_count()) =
        structures_[j]->parameters(lambdas[j]);
  }
  return theta;
}

Vector CovarianceParameters::gradient(const Vector& theta,
                                      const std::vector<Matrix>& by_lambda) const {
  Vector out(size_);
  for (int j = 0; j < terms(); ++j) {
    const Vector mine = part(theta, j);
    for (Index i = 0; i < mine.size(); ++i) {
      out[offset_[j] + i] =
          structures_[j]->factor_derivative(mine, i).cwiseProduct(by_lambda[j]).sum();
    }
  }
  return out;
}

Matrix CovarianceParameters::second_derivative_product(const Vector& theta,
                                                       const std::vector<Matrix>& d) const {
  Matrix out = Matrix::Zero(size_, size_);
  for (int j = 0; j < terms(); ++j) {
    const Index count = structures_[j]->parameter_count();
    out.block(offset_[j], offset_[j], count, count) =
        structures_[j]->second_derivative_product(part(theta, j), d[j]);
  }
  return out;
}

}  // namespace tiers
