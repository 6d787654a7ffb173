#include "deletion_step.h"

#include <cmath>

#include "../family/numeric_kernels.h"
#include "../inference/kenward_roger.h"
#include "../model/dense_algebra.h"
#include "linear_engine.h"
#include "write_result.h"

namespace tiers {

namespace {

// Share of the information about some combination of the fixed effects below which what is left of
// it without the rows is rounding.
constexpr double kLost = 1e-10;

// Z'Wr, X'Wr and r'Wr of a response r, without some rows.
struct ResponseProducts {
  Vector random, fixed;
  double square = 0.0;
};

// The forms of G.
std::vector<VarianceForm> forms_of_terms(const DeletionStart& start) {
  std::vector<VarianceForm> out = start.forms;
  for (VarianceForm& form : out) {
    const Matrix& A = start.coordinates[static_cast<std::size_t>(form.term)];
    const Matrix half = A * form.block;
    form.block = half * A.transpose();
  }
  return out;
}

// All rows, and the model at the start.
class DeletionModel {
 public:
  DeletionModel(const Specification& spec, const DeletionStart& start, const Control& control)
      : spec_(spec),
        start_(start),
        engine_(spec, control),
        rows_(engine_.design, engine_.layout),
        places_(engine_.layout, engine_.parameters),
        forms_(internal_forms(engine_.design, places_, engine_.layout, forms_of_terms(start))),
        cross_fixed_(engine_.cross.cross_fixed()),
        unit_(engine_.design.user_sigma(1.0) * engine_.design.user_sigma(1.0)) {
    engine_.objective.value(internal_parameters(engine_.design, engine_.parameters, start.lambda));
    find_residuals();
    lambda_ = lambdas(start.lambda);
    BlockedCholesky factor(engine_.cross);
    factor.factorize(lambda_, control.poll);
    fixed_lower_ = factor.fixed_lower();
    members_.resize(start.units);
    for (std::size_t i = 0; i < start.unit.size(); ++i) {
      if (start.unit[i] >= 0 && rows_.packed()[i] >= 0)
        members_[start.unit[i]].push_back(rows_.packed()[i]);
    }
  }

  void remove(Index unit, DeletionSteps& out, const Poll& poll) const;
  Index rank() const { return engine_.design.rank(); }

 private:
  // The response is replaced by what the fixed effects of all rows leave of it: those without a
  // unit are then their change, without cancellation.
  void find_residuals() {
    const Vector beta = engine_.objective.solve().beta;
    residual_.resize(rows_.size());
    minus_weight_.resize(rows_.size());
    for (Index i = 0; i < rows_.size(); ++i) {
      const int row = rows_.source()[i];
      residual_[i] = engine_.design.response(row);
      minus_weight_[i] = -engine_.design.weight(row);
    }
    residual_ -= rows_.fixed_predictor(beta);
    minus_weighted_ = minus_weight_.cwiseProduct(residual_);
    all_.random = -rows_.project_random(minus_weighted_);
    all_.fixed = -rows_.project_fixed(minus_weighted_);
    all_.square = -minus_weighted_.dot(residual_);
  }
  // Of the layout, from those of the terms on the user's scale.
  std::vector<Matrix> lambdas(const std::vector<Matrix>& lambda) const {
    return places_.lambdas(internal_parameters(engine_.design, engine_.parameters, lambda));
  }
  ResponseProducts without(const std::vector<Index>& members, CrossProducts& cross) const;
  bool is_lost(const BlockedCholesky& factor) const;
  Vector scoring_step(const CrossProducts& cross, const ResponseProducts& response,
                      double rows_left, const BlockedCholesky& factor, const Poll& poll) const;
  std::vector<Matrix> stepped_lambdas(const Vector& psi) const;
  double deviance(const std::vector<Matrix>& lambda, double sigma2, const Vector& beta,
                  const Poll& poll) const;

  const Specification& spec_;
  const DeletionStart& start_;
  LinearEngine engine_;
  const PackedRows rows_;
  const TermPlaces places_;
  const std::vector<LevelForm> forms_;
  const Matrix cross_fixed_;  // Z'WX of all rows
  const double unit_;         // the user's sigma^2 by the internal one
  std::vector<Matrix> lambda_;
  Matrix fixed_lower_;
  Vector residual_, minus_weight_, minus_weighted_;
  ResponseProducts all_;
  std::vector<std::vector<Index>> members_;
};

ResponseProducts DeletionModel::without(const std::vector<Index>& members,
                                        CrossProducts& cross) const {
  ResponseProducts out = all_;
  for (const Index i : members) {
    cross.add(rows_, minus_weight_, i, 1);
    rows_.project_random(minus_weighted_, i, 1, out.random);
    out.fixed += minus_weighted_[i] * rows_.fixed().col(i);
    out.square += minus_weighted_[i] * residual_[i];
  }
  return out;
}

// In the basis in which the information of all rows is the identity.
bool DeletionModel::is_lost(const BlockedCholesky& factor) const {
  if (!factor.fixed_definite()) return true;
  if (fixed_lower_.rows() == 0) return false;
  const Matrix half =
      lower_solution(fixed_lower_, factor.fixed_information().selfadjointView<Eigen::Lower>());
  const SymmetricEigen eigen(lower_solution(fixed_lower_, half.transpose()),
                             SymmetricEigen::Wanted::values);
  return !(eigen.eigenvalues().minCoeff() > kLost);
}

// Gradient of -2 log-likelihood by psi: tr(K V_a) - (Py)'V_a Py; by sigma^2 from the sums of both
// over psi, which are m and y'Py.
Vector DeletionModel::scoring_step(const CrossProducts& cross, const ResponseProducts& response,
                                   double rows_left, const BlockedCholesky& factor,
                                   const Poll& poll) const {
  const Index count = static_cast<Index>(forms_.size());
  const double s = start_.psi[count], sigma2 = s / unit_;
  const MarginalProducts products(cross, factor, poll);
  Matrix random = factor.apply_lambda(response.random, true), fixed = response.fixed;
  factor.solve_forward(random, fixed);
  const double square = response.square - random.squaredNorm() - fixed.squaredNorm();
  factor.solve_backward(random, fixed);
  const Matrix z = products.apply(response.random - cross.cross_fixed() * fixed);
  const VarianceTraces traces = variance_traces(
      products, forms_, spec_.reml ? factor.fixed_lower() : Matrix(0, 0), start_.psi, rows_left);
  Vector gradient = traces.first;
  double rest = square / sigma2;
  for (Index a = 0; a < count; ++a) {
    const double form = z.cwiseProduct(products.spread(forms_[a], z)).sum() / (s * sigma2);
    gradient[a] -= form;
    rest -= start_.psi[a] * form;
  }
  gradient[count] -= rest / s;
  return linear_solution(traces.second, gradient);
}

// A covariance matrix that is none is taken back to the nearest.
std::vector<Matrix> DeletionModel::stepped_lambdas(const Vector& psi) const {
  std::vector<Matrix> lambda;
  for (std::size_t j = 0; j < spec_.terms.size(); ++j) {
    const Index k = spec_.terms[j].columns;
    Matrix sigma = Matrix::Zero(k, k);
    for (std::size_t a = 0; a < start_.forms.size(); ++a) {
      if (start_.forms[a].term == static_cast<int>(j))
        sigma += psi[static_cast<Index>(a)] * start_.forms[a].block;
    }
    const SymmetricEigen eigen(sigma);
    const Matrix half =
        eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal();
    lambda.push_back(start_.coordinates[j] * (half / std::sqrt(psi[psi.size() - 1])));
  }
  return lambda;
}

// -2 log-likelihood of all rows, by maximum likelihood, where the fixed effects are `beta` more
// than those of all rows.
double DeletionModel::deviance(const std::vector<Matrix>& lambda, double sigma2, const Vector& beta,
                               const Poll& poll) const {
  BlockedCholesky factor(engine_.cross);
  if (!factor.factorize(lambda, poll)) return kNaN;
  const Matrix A = engine_.cross.fixed().selfadjointView<Eigen::Lower>();
  const Matrix left = all_.random - cross_fixed_ * beta;
  Matrix random = factor.apply_lambda(left, true), none(0, 1);
  factor.solve_forward(random, none);
  const double square =
      all_.square - 2.0 * beta.dot(all_.fixed) + beta.dot(A * beta) - random.squaredNorm();
  const Design& design = engine_.design;
  return factor.log_det_random() +
         static_cast<double>(design.used_rows()) * (kLogTwoPi + std::log(sigma2)) +
         square / sigma2 - design.sum_log_weights() + design.deviance_shift(false);
}

void DeletionModel::remove(Index unit, DeletionSteps& out, const Poll& poll) const {
  CrossProducts cross = engine_.cross;
  const ResponseProducts response = without(members_[unit], cross);
  BlockedCholesky factor(cross);
  if (!factor.factorize(lambda_, poll) || is_lost(factor)) return;
  const double rows_left =
      static_cast<double>(rows_.size()) - static_cast<double>(members_[unit].size());
  Vector step = Vector::Zero(start_.psi.size());
  if (!members_[unit].empty()) step = scoring_step(cross, response, rows_left, factor, poll);
  const Vector psi = start_.psi - step;
  const double s = psi[psi.size() - 1], sigma2 = s / unit_;
  if (!step.allFinite() || !(s > 0.0)) return;
  const std::vector<Matrix> stepped = stepped_lambdas(psi), lambda = lambdas(stepped);
  if (!factor.factorize(lambda, poll) || !factor.fixed_definite()) return;
  out.step.col(unit) = step;
  out.sigma2[unit] = s;
  for (std::size_t j = 0; j < stepped.size(); ++j) {
    const Index k = stepped[j].rows();
    out.sigma[j].middleCols(unit * k, k) = s * stepped[j] * stepped[j].transpose();
  }
  Matrix random = factor.apply_lambda(response.random, true), fixed = response.fixed;
  factor.solve_forward(random, fixed);
  factor.solve_backward(random, fixed);
  const Design& design = engine_.design;
  const Index r = rank();
  Matrix kept = Matrix::Zero(r, spec_.X.cols());
  for (Index a = 0; a < r; ++a) kept(a, design.kept()[a]) = 1.0;
  out.change.col(unit) = design.internal_contrasts(kept) * fixed;
  out.vcov.middleCols(unit * r, r) =
      design.user_covariance(sigma2 * inverse_of_product(factor.fixed_lower()));
  out.deviance[unit] = deviance(lambda, sigma2, fixed, poll);
}

}  // namespace

DeletionSteps delete_units(const Specification& spec, const DeletionStart& start,
                           const Control& control) {
  const DeletionModel model(spec, start, control);
  const Index r = model.rank();
  DeletionSteps out;
  out.step = Matrix::Constant(start.psi.size(), start.units, kNaN);
  out.change = Matrix::Constant(r, start.units, kNaN);
  out.vcov = Matrix::Constant(r, r * start.units, kNaN);
  for (const RandomTerm& term : spec.terms)
    out.sigma.push_back(Matrix::Constant(term.columns, term.columns * start.units, kNaN));
  out.sigma2 = Vector::Constant(start.units, kNaN);
  out.deviance = Vector::Constant(start.units, kNaN);
  for (Index unit = 0; unit < start.units; ++unit) {
    if (control.poll) control.poll();
    model.remove(unit, out, control.poll);
  }
  return out;
}

}  // namespace tiers
