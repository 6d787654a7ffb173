#include "glm_start.h"

#include <cmath>
#include <limits>

#include "../model/dense_algebra.h"

namespace tiers {

namespace {

// beta given phi, then phi given beta: a start needs no more rounds, and the fit goes on from it.
constexpr int kMaxRounds = 4;
// Scoring has converged long before, unless a row's predictor runs away, by one unit a step.
constexpr int kMaxSteps = 25;
// A finite maximum shows itself: within so many steps one changes no predictor by more than this,
// where a runaway still moves by about 1.
constexpr int kQuadraticWithin = 10;
constexpr double kQuadraticStep = 1e-3;
// Of a linear predictor in a step, in units of order one: farther, and exp() may leave the doubles.
constexpr double kLargestChange = 30.0;
// Gain in log-likelihood that is not worth another step.
constexpr double kEnough = 1e-9;

// Solves h x = g for a positive semidefinite h of any scale; directions without information get 0.
Vector solve_semidefinite(const Matrix& h, const Vector& g) {
  if (g.size() == 0) return g;
  Vector scale = h.diagonal().cwiseMax(0.0).cwiseSqrt();
  for (Index j = 0; j < scale.size(); ++j) {
    scale[j] = scale[j] > 0.0 && std::isfinite(scale[j]) ? 1.0 / scale[j] : 0.0;
  }
  const Matrix scaled = scaled_both_ways(h, scale);
  const Vector right = scale.cwiseProduct(g);
  if (!scaled.allFinite() || !right.allFinite()) return Vector::Zero(g.size());
  const CholeskyFactor factor(scaled);
  if (factor.positive_definite() && factor.lower().diagonal().minCoeff() > 1e-6) {
    return scale.cwiseProduct(factor.solve(right));
  }
  const SymmetricEigen parts(scaled);
  const double largest = parts.eigenvalues().cwiseAbs().maxCoeff();
  Vector along = parts.eigenvectors().transpose() * right;
  for (Index j = 0; j < along.size(); ++j) {
    const double value = parts.eigenvalues()[j];
    along[j] = value > 1e-13 * largest ? along[j] / value : 0.0;
  }
  return scale.cwiseProduct(parts.eigenvectors() * along);
}

// X'WX for columns x of rows and non-negative weights.
Matrix weighted_square(const ConstMatrixMap& x, const Vector& weight) {
  constexpr Index kStrip = 256;  // columns of x at a time: they stay in the cache
  const Index p = x.rows(), n = x.cols();
  Matrix square = Matrix::Zero(p, p), part(p, kStrip);
  for (Index start = 0; start < n; start += kStrip) {
    const Index size = std::min(kStrip, n - start);
    part.leftCols(size) =
        x.middleCols(start, size) * weight.segment(start, size).cwiseSqrt().asDiagonal();
    add_square(square, part.leftCols(size));
  }
  return square.selfadjointView<Eigen::Lower>();
}

// A point of the climb: beta and all that follows from it at the current phi.
struct Point {
  Vector beta, eta, logp, score, weight;
  double value = -kInfinity;
};

class Climb {
 public:
  Climb(const ResponseFamily& family, const ResponseRows& rows, const ConstMatrixMap& x,
        const double* offset, const ConstMatrixMap& dispersion, const Poll& poll)
      : family_(family), rows_(rows), x_(x), dispersion_(dispersion), poll_(poll) {
    offset_ = Vector::Zero(rows.n);
    if (offset) offset_ = Eigen::Map<const Vector>(offset, rows.n);
    has_phi_ = family.dispersion_count() > 0;
    if (rows.constant == nullptr) {
      constant_.resize(rows.n);
      family.constants(rows, constant_.data());
      rows_.constant = constant_.data();
    }
  }

  GlmStart run() {
    GlmStart out;
    set_phi_at_mean();
    start();
    out.quadratic = std::isfinite(now_.value);
    for (int round = 0; round < kMaxRounds && std::isfinite(now_.value); ++round) {
      const double before = phi_;
      set_phi_at(now_.eta);
      if (round > 0 && std::fabs(phi_ - before) < 1e-4) break;
      evaluate(now_);
      const bool quadratic = climb(out.iterations);
      out.quadratic = out.quadratic && quadratic;
      if (!has_phi_) break;
    }
    out.quadratic = out.quadratic && scores_left();
    out.beta = now_.beta;
    out.eta = now_.eta;
    out.score = now_.score;
    out.weight = now_.weight;
    out.log_likelihood = now_.value;
    out.phi = phi_coefficients_;
    out.phi_by_row = phi_by_row_;
    return out;
  }

 private:
  bool counts(Index i) const { return !(rows_.weight && rows_.weight[i] == 0.0); }

  // The log dispersion phi_ as coefficients and by row.
  void spread_phi() {
    const Index d = dispersion_.cols();
    phi_coefficients_ = Vector::Zero(d);
    phi_by_row_.resize(0);
    if (!has_phi_) return;
    const Vector constant = Vector::Constant(rows_.n, phi_);
    phi_coefficients_ = solve_semidefinite(dispersion_.transpose() * dispersion_,
                                           dispersion_.transpose() * constant);
    phi_by_row_ = d > 0 ? Vector(dispersion_ * phi_coefficients_) : constant;
    rows_.phi = phi_by_row_.data();
    rows_.phi_by_row = true;
  }

  void set_phi_by_moments(const Vector& mu) {
    const double phi = family_.start_phi(rows_, mu.data());
    phi_ = std::isfinite(phi) ? phi : 0.0;
    spread_phi();
  }

  void set_phi_at(const Vector& eta) {
    if (!has_phi_) return;
    Vector mu(rows_.n);
    family_.mean(eta.data(), rows_.n, mu.data(), rows_.row);
    set_phi_by_moments(mu);
  }

  // Before any eta: phi if all rows had the mean response, and that mean's linear predictor.
  void set_phi_at_mean() {
    double sum = 0.0, trials = 0.0;
    for (Index i = 0; i < rows_.n; ++i) {
      if (!counts(i)) continue;
      const double times = frequency_of(rows_, i);
      sum += times * rows_.y[i];
      trials += times * size_of(rows_, i);
    }
    if (!family_.uses_trials() && trials > 0.0) sum /= trials;
    ResponseRows one;
    one.n = 1;
    one.y = &sum;
    if (family_.uses_trials()) one.size = &trials;
    family_.start_eta(one, &middle_);
    if (!std::isfinite(middle_)) middle_ = 0.0;
    double mu = 0.0;
    family_.mean(&middle_, 1, &mu);
    phi_ = 0.0;
    spread_phi();
    if (has_phi_) set_phi_by_moments(Vector::Constant(rows_.n, mu));
  }

  // Fills a point from its eta.
  void evaluate(Point& at) {
    const Index n = rows_.n;
    for (Vector* part : {&at.logp, &at.score, &at.weight, &observed_}) part->resize(n);
    RowDerivatives out;
    out.logp = at.logp.data();
    out.s = at.score.data();
    out.w = observed_.data();
    out.w_fallback = at.weight.data();
    family_.evaluate(rows_, at.eta.data(), Detail::newton, out);
    at.value = at.logp.sum();
    if (!std::isfinite(at.value)) at.value = -kInfinity;
  }

  void move_to(const Vector& beta, Point& at) {
    if (poll_) poll_();
    at.beta = beta;
    at.eta = offset_;
    if (beta.size() > 0) at.eta.noalias() += x_.transpose() * beta;
    evaluate(at);
  }

  // beta with offset + X beta next to a target in the rows that count.
  Vector least_squares(const Vector& target, const Vector& weight) const {
    Vector right = weight.cwiseProduct(target - offset_);
    for (Index i = 0; i < rows_.n; ++i) {
      if (!(weight[i] > 0.0)) right[i] = 0.0;
    }
    return solve_semidefinite(weighted_square(x_, weight), x_ * right);
  }

  // Weighted least squares on the rows' own start values; where that leaves the domain of the link,
  // the way back to a constant predictor.
  void start() {
    Point saturated;
    saturated.eta.resize(rows_.n);
    family_.start_eta(rows_, saturated.eta.data());
    for (Index i = 0; i < rows_.n; ++i) {
      if (!std::isfinite(saturated.eta[i])) saturated.eta[i] = middle_;
    }
    evaluate(saturated);
    Vector weight = saturated.weight;
    const double largest = weight.size() > 0 ? weight.maxCoeff() : 0.0;
    for (Index i = 0; i < rows_.n; ++i) {
      if (counts(i)) weight[i] = std::max(weight[i], 1e-8 * largest);
    }
    if (!(largest > 0.0) || !weight.allFinite()) weight = counting_rows();
    const Vector beta = least_squares(saturated.eta, weight);
    move_to(beta, now_);
    const Point first = now_;
    if (std::isfinite(now_.value)) return try_constant();
    if (!move_inside()) return;
    const Vector inside = now_.beta;
    Point best = now_;
    for (double share = 0.5; share > 1e-3; share *= 0.5) {
      move_to(inside + share * (first.beta - inside), now_);
      if (now_.value > best.value) best = now_;
    }
    now_ = best;
  }

  Vector counting_rows() const {
    Vector ones(rows_.n);
    for (Index i = 0; i < rows_.n; ++i) ones[i] = counts(i) ? frequency_of(rows_, i) : 0.0;
    return ones;
  }

  // A constant predictor is the better start where the rows' own values mislead.
  void try_constant() {
    Point constant;
    move_to(least_squares(Vector::Constant(rows_.n, middle_), counting_rows()), constant);
    if (constant.value > now_.value) now_ = constant;
  }

  // A beta inside the domain: the constant predictor projected on X, then alternating projections
  // between the columns of X and the domain.
  bool move_inside() {
    const Vector ones = counting_rows();
    Vector target = Vector::Constant(rows_.n, middle_);
    for (int pass = 0; pass < 200; ++pass) {
      move_to(least_squares(target, ones), now_);
      if (std::isfinite(now_.value)) return true;
      for (Index i = 0; i < rows_.n; ++i) {
        target[i] = std::isfinite(now_.logp[i]) ? now_.eta[i] : middle_;
      }
    }
    return false;
  }

  // Fisher scoring with a line search; true if its steps shrank as they do near a maximum.
  bool climb(int& iterations) {
    bool quadratic = x_.rows() == 0;
    Point next;
    for (int step = 1; step <= kMaxSteps && x_.rows() > 0; ++step) {
      if (poll_) poll_();
      const Vector gradient = x_ * now_.score;
      const Vector direction = solve_semidefinite(weighted_square(x_, now_.weight), gradient);
      const double gain = gradient.dot(direction);
      if (!(gain > 0.0) || !direction.allFinite()) return quadratic;
      const Vector change = x_.transpose() * direction;
      ++iterations;
      double largest = 0.0;
      for (Index i = 0; i < rows_.n; ++i) {
        if (counts(i)) largest = std::max(largest, std::fabs(change[i]));
      }
      if (step <= kQuadraticWithin && largest < kQuadraticStep) quadratic = true;
      const double limit = kLargestChange * family_.predictor_unit(rows_, now_.eta.data());
      if (!advance(direction, gain, std::min(1.0, limit / largest), next)) return quadratic;
      if (0.5 * gain < kEnough && (quadratic || step > kQuadraticWithin)) return quadratic;
    }
    return quadratic;
  }

  bool advance(const Vector& direction, double gain, double share, Point& next) {
    const double slack = 1e-12 * (1.0 + std::fabs(now_.value));
    for (int halving = 0; halving < 40; ++halving, share *= 0.5) {
      move_to(now_.beta + share * direction, next);
      if (next.value >= now_.value + 1e-4 * share * gain - slack) {
        std::swap(now_, next);
        return true;
      }
    }
    return false;
  }

  // At a finite maximum the rows at the edge of their response still pull. In a family whose
  // weights vanish faster than its scores (beta-binomial) the climb also ends where nothing pulls
  // any more.
  bool scores_left() const {
    const double least = 1e-8 * now_.score.lpNorm<Eigen::Infinity>();
    for (Index i = 0; i < rows_.n; ++i) {
      const bool edge =
          rows_.y[i] <= 0.0 || (family_.uses_trials() && rows_.y[i] == size_of(rows_, i));
      if (counts(i) && edge && size_of(rows_, i) > 0.0 && !(std::fabs(now_.score[i]) > least))
        return false;
    }
    return true;
  }

  const ResponseFamily& family_;
  ResponseRows rows_;
  const ConstMatrixMap& x_;
  const ConstMatrixMap& dispersion_;
  const Poll& poll_;
  Vector offset_, constant_;
  bool has_phi_ = false;
  double phi_ = 0.0, middle_ = 0.0;
  Vector phi_coefficients_, phi_by_row_;
  Vector observed_;  // the weights that are not used here
  Point now_;
};

}  // namespace

GlmStart fit_glm_start(const ResponseFamily& family, const ResponseRows& rows,
                       const ConstMatrixMap& x, const double* offset,
                       const ConstMatrixMap& dispersion, const Poll& poll) {
  return Climb(family, rows, x, offset, dispersion, poll).run();
}

}  // namespace tiers
