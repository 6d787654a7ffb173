#include "replicates.h"

#include <algorithm>

#include "fit_generalized.h"
#include "linear_search.h"
#include "write_result.h"

namespace tiers {

namespace {

bool any_at_boundary(const std::vector<ModelParameter>& rows) {
  return std::any_of(rows.begin(), rows.end(),
                     [](const ModelParameter& one) { return one.at_boundary && !one.fixed; });
}

// A linear model whose response is changed.
class LinearReplicates {
 public:
  LinearReplicates(const Specification& spec, const Control& control)
      : spec_(spec), control_(control), engine_(spec_, control_) {
    unidentified_ = find_unidentified(engine_, spec_.held, control_).found;
    for (const RandomTerm& term : spec_.terms) {
      starts_.push_back(term.start);
      warm_ = warm_ || term.start.size() > 0;
    }
    own_.resize(engine_.design.rows());
    for (Index i = 0; i < own_.size(); ++i) own_[i] = engine_.design.response(i);
  }

  void fit(const double* y, Index which, Replicates& out) {
    if (unidentified_) return out.lose(which, FitStatus::unidentified);
    // The centre of the design's own response is near this one too.
    Vector response(own_.size());
    for (Index i = 0; i < response.size(); ++i) {
      response[i] = own_[i] + (y[i] - spec_.y[i]) / engine_.design.response_scale();
    }
    LinearOptimum best = search(response);
    if (warm_ && !best.perfect && !best.found.optimum.convergence.converged) {
      for (RandomTerm& term : spec_.terms) term.start.resize(0, 0);
      best = search(response);
      for (std::size_t j = 0; j < starts_.size(); ++j) spec_.terms[j].start = starts_[j];
    }
    if (best.perfect) return out.lose(which, FitStatus::perfect_fit);
    if (!std::isfinite(best.value)) return out.lose(which, FitStatus::undefined);
    write(best, which, out);
  }

  Index parameter_rows() {
    return static_cast<Index>(table(Vector::Zero(engine_.parameters.size()), 1.0).rows.size());
  }

 private:
  LinearOptimum search(const Vector& response) {
    engine_.objective.forget();
    engine_.objective.set_response(response);
    return search_linear(engine_, spec_.held, control_);
  }

  ParameterTable table(const Vector& theta, double sigma) const {
    return linear_parameters(engine_.parameters, theta, user_scale(engine_.design, sigma));
  }

  void write(const LinearOptimum& best, Index which, Replicates& out) {
    const Design& design = engine_.design;
    const BoundaryOptimum& found = best.found;
    out.coefficients.col(which) = design.user_coefficients(engine_.objective.solve().beta);
    ParameterTable rows =
        table(found.optimum.psi, design.user_sigma(std::sqrt(engine_.objective.sigma2())));
    rows.mark_held(spec_.held);
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      out.parameters(static_cast<Index>(i), which) = rows.rows[i].value;
    }
    out.deviance[which] = best.value + design.deviance_shift(spec_.reml);
    const bool held = !spec_.held.value.empty();
    out.status[which] = !found.optimum.convergence.converged ? FitStatus::not_converged
                        : (held ? any_at_boundary(rows.rows) : found.at_boundary)
                            ? FitStatus::boundary
                            : FitStatus::converged;
  }

  Specification spec_;  // the starts of its terms are taken away for a while
  const Control control_;
  LinearEngine engine_;
  bool unidentified_ = false, warm_ = false;
  std::vector<Matrix> starts_;
  Vector own_;  // the design's response
};

}  // namespace

Replicates::Replicates(Index p, Index rows, Index count)
    : coefficients(Matrix::Constant(p, count, kNaN)),
      parameters(Matrix::Constant(rows, count, kNaN)),
      deviance(Vector::Constant(count, kNaN)),
      status(count, FitStatus::undefined) {}

void Replicates::lose(Index which, FitStatus why) { status[which] = why; }

Replicates fit_replicates(const Specification& spec, const ConstMatrixMap& responses,
                          const Control& control) {
  LinearReplicates model(spec, control);
  Replicates out(spec.X.cols(), model.parameter_rows(), responses.cols());
  for (Index b = 0; b < responses.cols(); ++b) {
    if (control.poll) control.poll();
    model.fit(responses.col(b).data(), b, out);
  }
  return out;
}

Replicates fit_replicates(const GeneralizedSpecification& spec, const ConstMatrixMap& responses,
                          const Control& control) {
  GeneralizedSpecification one = spec;
  Replicates out(spec.model.X.cols(),
                 CovarianceParameters(spec.model.terms).size() + spec.dispersion.cols(),
                 responses.cols());
  for (Index b = 0; b < responses.cols(); ++b) {
    if (control.poll) control.poll();
    one.model.y = responses.col(b).data();
    const GeneralizedResult fit = fit_generalized(one, control, Extent::estimates);
    out.status[b] = fit.status;
    if (fit.parameters.empty() && fit.coefficients.size() == 0) continue;
    out.coefficients.col(b) = fit.coefficients;
    for (std::size_t i = 0; i < fit.parameters.size(); ++i) {
      out.parameters(static_cast<Index>(i), b) = fit.parameters[i].value;
    }
    out.deviance[b] = fit.deviance;
    const bool held = !spec.model.held.value.empty();
    if (held && fit.status == FitStatus::boundary && !any_at_boundary(fit.parameters)) {
      out.status[b] = FitStatus::converged;
    }
  }
  return out;
}

}  // namespace tiers
