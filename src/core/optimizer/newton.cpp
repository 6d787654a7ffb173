#include "newton.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace tiers {

namespace {

constexpr double kSmallGain = 1e-8;  // below: the step is taken without a line search
constexpr double kArmijo = 1e-4;
constexpr double kShorten = 0.4;
constexpr double kLengthen = 4.0;
// A quadratic falls by half of slope times step; a function that falls by more is flatter than the
// curvature says.
constexpr double kFlat = 0.6;
constexpr int kMaxHalvings = 30;
constexpr int kMaxLengthenings = 40;
// Average information converges fast as a rule. Where a step near the optimum left more than this
// share of the gain, the Hessian itself takes over.
constexpr double kSlow = 0.01;
constexpr double kNear = 1e-2;
constexpr double kEigenFloor = 1e-8;
constexpr double kPathEigenFloor = 1e-14;

// The Newton step for the matrix scaled to unit diagonal with eigenvalues made positive, so that
// it is a descent direction also where the curvature is not positive definite.
struct NewtonStep {
  Vector step;
  double gain = 0.0, smallest = 0.0;
};

NewtonStep newton_step(const Matrix& curvature, const Vector& gradient,
                       double relative_floor = kEigenFloor) {
  NewtonStep out;
  const Index size = gradient.size();
  Vector scale(size);
  const double largest = curvature.diagonal().cwiseAbs().maxCoeff();
  for (Index i = 0; i < size; ++i) {
    const double diagonal = std::abs(curvature(i, i));
    scale[i] = 1.0 / std::sqrt(std::max(diagonal, largest * 1e-14 + 1e-300));
  }
  Eigen::SelfAdjointEigenSolver<Matrix> eigen(scale.asDiagonal() * curvature * scale.asDiagonal());
  out.smallest = eigen.eigenvalues()[0];
  const double floor = relative_floor * eigen.eigenvalues().cwiseAbs().maxCoeff();
  const Vector values = eigen.eigenvalues().cwiseAbs().cwiseMax(floor);
  const Vector projected = eigen.eigenvectors().transpose() * scale.cwiseProduct(gradient);
  out.step = -scale.cwiseProduct(eigen.eigenvectors() * projected.cwiseQuotient(values));
  out.gain = 0.5 * projected.cwiseAbs2().cwiseQuotient(values).sum();
  return out;
}

// Restricts an Objective to its free parameters.
class Restricted {
 public:
  Restricted(Objective& objective, const Vector& start, const std::vector<bool>& free)
      : objective_(objective), full_(start) {
    for (Index i = 0; i < start.size(); ++i) {
      if (free[i]) free_.push_back(i);
    }
  }
  Index size() const { return static_cast<Index>(free_.size()); }
  Vector expand(const Vector& psi) const {
    Vector full = full_;
    for (Index i = 0; i < size(); ++i) full[free_[i]] = psi[i];
    return full;
  }
  Vector expand_step(const Vector& step) const {
    Vector full = Vector::Zero(full_.size());
    for (Index i = 0; i < size(); ++i) full[free_[i]] = step[i];
    return full;
  }
  Vector reduce(const Vector& full) const {
    Vector psi(size());
    for (Index i = 0; i < size(); ++i) psi[i] = full[free_[i]];
    return psi;
  }
  double value(const Vector& psi) { return objective_.value(expand(psi)); }
  void derivatives(Vector& gradient, Matrix& curvature) {
    Vector full_gradient;
    Matrix full_curvature;
    objective_.derivatives(full_gradient, full_curvature);
    gradient = reduce(full_gradient);
    curvature = restrict(full_curvature);
  }
  double step_limit(const Vector& psi, const Vector& step) const {
    return objective_.step_limit(expand(psi), expand_step(step));
  }
  Vector safe_step(const Vector& psi) { return reduce(objective_.safe_step(expand(psi))); }
  Matrix hessian() {
    return restrict(objective_.hessian());
  }
  Matrix restrict(const Matrix& full) const {
    Matrix out(size(), size());
    for (Index i = 0; i < size(); ++i) {
      for (Index j = 0; j < size(); ++j) out(i, j) = full(free_[i], free_[j]);
    }
    return out;
  }
  // Where the Newton step along the objective's own path ends; empty if there is none.
  Vector path_end(const Vector& psi, const Matrix& hessian, const Vector& gradient) const {
    const Matrix full = objective_.path_correction();
    if (full.size() == 0) return Vector();
    const Matrix straight = hessian - restrict(full);
    // A long step does no harm: the path ends at the boundary.
    const Vector step = newton_step(straight, gradient, kPathEigenFloor).step;
    return reduce(objective_.follow_path(expand(psi), expand_step(step)));
  }
  bool refresh() { return objective_.refresh(); }

 private:
  Objective& objective_;
  Vector full_;
  std::vector<Index> free_;
};

}  // namespace

Optimum minimize(Objective& full_objective, const Vector& start, const std::vector<bool>& free,
                 const Control& control) {
  Restricted objective(full_objective, start, free);
  Optimum best;
  Convergence& verdict = best.convergence;
  Vector psi = objective.reduce(start);
  Vector gradient(objective.size());
  Matrix curvature;
  double value = objective.value(psi);
  ++verdict.evaluations;
  if (objective.size() == 0) {
    verdict.converged = std::isfinite(value);
    best.psi = start;
    best.value = value;
    best.gradient = gradient;
    best.curvature = Matrix(0, 0);
    return best;
  }
  if (objective.refresh()) value = objective.value(psi);
  objective.derivatives(gradient, curvature);

  int polishing = 0;
  Vector last_step = Vector::Zero(objective.size());
  double last_gain = std::numeric_limits<double>::infinity();
  while (true) {
    NewtonStep newton = newton_step(curvature, gradient);
    Vector path_end;
    if (newton.gain < kNear && newton.gain > kSlow * last_gain && newton.gain > control.tolerance) {
      const Matrix hessian = objective.hessian();
      newton = newton_step(hessian, gradient);
      path_end = objective.path_end(psi, hessian, gradient);
    }
    // Convergence is linear at a small rate, which the last two gains show: what is left after the
    // step in hand, which is always taken.
    verdict.gain = newton.gain * std::min(1.0, newton.gain / last_gain);
    last_gain = newton.gain;
    last_step = newton.step;
    verdict.smallest_curvature = newton.smallest;
    if (control.trace) {
      char line[160];
      std::snprintf(line, sizeof line, "iteration %d: deviance %.10f, gain %.3g", verdict.iterations,
                    value, newton.gain);
      control.trace(line);
    }
    if (newton.gain < kSmallGain && verdict.gain < control.tolerance) break;
    if (verdict.iterations >= control.max_iterations) break;
    if (newton.gain < kSmallGain && ++polishing > 6) break;
    ++verdict.iterations;

    Vector next;
    double next_value;
    if (newton.gain < kSmallGain) {
      // Here the deviance no longer resolves the step; the gradient does.
      next = psi + newton.step;
      next_value = objective.value(next);
      ++verdict.evaluations;
      if (!(next_value <= value + 1e-7 + 1e-12 * std::abs(value))) {
        last_step.setZero();
        break;
      }
    } else {
      const double slope = gradient.dot(newton.step);
      double length = objective.step_limit(psi, newton.step);
      const bool shortened = length < 1.0;
      double accepted = 0.0;
      bool by_path = false;
      next_value = std::numeric_limits<double>::infinity();
      if (path_end.size() > 0) {
        next_value = objective.value(path_end);
        ++verdict.evaluations;
        by_path = next_value < value - 0.1 * newton.gain;
      }
      double trial = by_path ? value : objective.value(psi + length * newton.step);
      ++verdict.evaluations;
      int tries = 0;
      while (!by_path && !(trial <= value + kArmijo * length * slope) && tries++ < kMaxHalvings) {
        length *= kShorten;
        trial = objective.value(psi + length * newton.step);
        ++verdict.evaluations;
      }
      if (!by_path && trial <= value + kArmijo * length * slope) {
        accepted = length;
        next_value = trial;
        // The minimum is far off where the step was cut to its limit, or where the deviance is as
        // good as linear along it: then go on as long as it falls.
        int more = 0;
        bool flat = tries == 0 &&
            (shortened || value - next_value > kFlat * accepted * std::abs(slope));
        while (flat && more++ < kMaxLengthenings) {
          trial = objective.value(psi + kLengthen * accepted * newton.step);
          ++verdict.evaluations;
          if (!(trial < next_value)) break;
          flat = next_value - trial > 0.1 * (value - next_value);
          accepted *= kLengthen;
          next_value = trial;
        }
      }
      if (by_path) {
        next = path_end;
      } else if (accepted > 0.0) {
        next = psi + accepted * newton.step;
        if (trial != next_value) next_value = objective.value(next);
      } else {
        objective.value(psi);
        Vector unused;
        Matrix unused_curvature;
        objective.derivatives(unused, unused_curvature);
        next = objective.safe_step(psi);
        next_value = objective.value(next);
        ++verdict.evaluations;
        if (!(next_value < value)) {
          objective.value(psi);
          break;
        }
      }
    }
    psi = next;
    value = next_value;
    if (objective.refresh()) value = objective.value(psi);
    objective.derivatives(gradient, curvature);
  }
  verdict.converged = last_gain < kSmallGain;
  if (verdict.converged) {
    // The last step costs one evaluation that the caller needs anyway, and squares the error.
    psi += last_step;
    value = objective.value(psi);
  }
  verdict.gradient_norm = gradient.cwiseAbs().maxCoeff();
  best.psi = objective.expand(psi);
  best.value = value;
  best.gradient = gradient;
  best.curvature = curvature;
  return best;
}

}  // namespace tiers
