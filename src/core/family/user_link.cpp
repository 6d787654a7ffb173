#include "user_link.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "response_family.h"

namespace tiers {

namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kRelativeStep = 0.025;  // of x: the error, of order h^8, meets rounding
constexpr double kFlatMean = 1e-8;  // below it the mean, rounded to its edge, has stopped to change

// Central differences: weights of f(+-h), ..., f(+-4h).
constexpr int kReach = 4;
constexpr int kNodes = 2 * kReach;
constexpr double kFirstWeight[kReach] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
constexpr double kSecondWeight[kReach] = {8.0 / 5, -1.0 / 5, 8.0 / 315, -1.0 / 560};
constexpr double kSecondCentre = -205.0 / 72;

class UserLink final : public Link {
 public:
  UserLink(MeanRange range, LinkFunctions functions) : range_(range), f_(std::move(functions)) {}

  std::string name() const override { return f_.name; }
  MeanRange range() const override { return range_; }
  bool differs_by_row() const override { return f_.by_row; }
  void mean(const double* eta, Index n, double* mu, const int* row) const override {
    f_.mean(eta, n, mu, row);
  }
  void eta(const double* mu, Index n, double* eta, const int* row) const override {
    f_.eta(mu, n, eta, row);
  }

  void base(const double* eta, Index n, int order, double* x, double* x1, double* x2, double* x3,
            const int* row) const override {
    std::vector<double> mu(n), step(n);
    evaluate(eta, n, mu.data(), x1, row);
    std::vector<Index> which;
    for (Index i = 0; i < n; ++i) {
      x[i] = std::isfinite(x1[i]) ? base_of(mu[i]) : kNotANumber;
      if (order < 2) continue;
      x2[i] = x3[i] = 0.0;
      const bool changes = std::fabs(x1[i]) * (1.0 + std::fabs(eta[i])) > kFlatMean;
      if (!std::isfinite(x[i]) || !changes) continue;
      step[i] = kRelativeStep * scale(eta[i], mu[i], x1[i]);
      which.push_back(i);
    }
    // Near the edge of the domain once more, with a smaller step.
    for (int attempt = 0; attempt < 2 && !which.empty(); ++attempt) {
      which = differences(which, eta, step, x1, x2, x3, row);
      for (const Index i : which) step[i] /= 16.0;
    }
    for (const Index i : which) x[i] = kNotANumber;
  }

 private:
  bool valid(const double* eta, Index n, const int* row) const {
    for (Index i = 0; i < n; ++i) {
      if (!std::isfinite(eta[i])) return false;
    }
    return !f_.valid || f_.valid(eta, n, row);
  }

  // Means where their logarithm, or that of their odds, is a number.
  double inside(double mu) const {
    constexpr double tiny = 1e-300, below_one = 1.0 - 0.5 * std::numeric_limits<double>::epsilon();
    if (range_ == MeanRange::positive && mu >= 0.0) return std::max(mu, tiny);
    if (range_ == MeanRange::unit && mu >= 0.0 && mu <= 1.0) {
      return std::min(std::max(mu, tiny), below_one);
    }
    return range_ == MeanRange::real ? mu : kNotANumber;
  }
  double base_of(double mu) const {
    const double m = inside(mu);
    if (range_ == MeanRange::positive) return std::log(m);
    if (range_ == MeanRange::unit) return std::log(m) - std::log1p(-m);
    return m;
  }

  // The means and dx/deta; NaN outside the domain, where the user's functions are not asked.
  void evaluate(const double* eta, Index n, double* mu, double* slope, const int* row) const {
    if (valid(eta, n, row)) return evaluate_inside(eta, n, mu, slope, row);
    std::vector<double> some;
    std::vector<Index> which;
    std::vector<int> rows;
    for (Index i = 0; i < n; ++i) {
      mu[i] = slope[i] = kNotANumber;
      if (!valid(eta + i, 1, part_of(row, i))) continue;
      some.push_back(eta[i]);
      which.push_back(i);
      if (row) rows.push_back(row[i]);
    }
    const Index size = static_cast<Index>(which.size());
    std::vector<double> mu_inside(size), slope_inside(size);
    if (size > 0) {
      evaluate_inside(some.data(), size, mu_inside.data(), slope_inside.data(),
                      row ? rows.data() : nullptr);
    }
    for (Index j = 0; j < size; ++j) {
      mu[which[j]] = mu_inside[j];
      slope[which[j]] = slope_inside[j];
    }
  }
  void evaluate_inside(const double* eta, Index n, double* mu, double* slope,
                       const int* row) const {
    f_.mean(eta, n, mu, row);
    f_.slope(eta, n, slope, row);
    for (Index i = 0; i < n; ++i) {
      const double m = inside(mu[i]);
      if (range_ == MeanRange::positive) slope[i] /= m;
      if (range_ == MeanRange::unit) slope[i] /= m * (1.0 - m);
      if (std::isnan(m)) slope[i] = kNotANumber;
    }
  }

  // The change of eta that moves x by one: the unit of the function to be differenced. Means on the
  // real line have no such unit; there it is the change that would double the mean.
  double scale(double eta, double mu, double x1) const {
    if (range_ != MeanRange::real) return 1.0 / std::fabs(x1);
    return std::max(std::min(std::fabs(mu / x1), 1.0 + std::fabs(eta)), 1e-3);
  }

  // Fills x2 and x3 of the rows `which`; returns those with a node that has no value.
  std::vector<Index> differences(const std::vector<Index>& which, const double* eta,
                                 const std::vector<double>& step, const double* x1, double* x2,
                                 double* x3, const int* row) const {
    const Index size = static_cast<Index>(which.size());
    std::vector<double> at(kNodes * size), mu(kNodes * size), slope(kNodes * size), h(size);
    std::vector<int> rows(row ? kNodes * size : 0);
    for (Index j = 0; j < size; ++j) {
      const Index i = which[j];
      h[j] = (eta[i] + step[i]) - eta[i];  // the step that is taken
      for (int k = 0; k < kReach; ++k) {
        at[j * kNodes + 2 * k] = eta[i] - (k + 1) * h[j];
        at[j * kNodes + 2 * k + 1] = eta[i] + (k + 1) * h[j];
      }
      if (row) std::fill_n(rows.begin() + j * kNodes, kNodes, row[i]);
    }
    evaluate(at.data(), kNodes * size, mu.data(), slope.data(), row ? rows.data() : nullptr);
    std::vector<Index> left;
    for (Index j = 0; j < size; ++j) {
      const Index i = which[j];
      double first = 0.0, second = kSecondCentre * x1[i];
      for (int k = 0; k < kReach; ++k) {
        const double below = slope[j * kNodes + 2 * k], above = slope[j * kNodes + 2 * k + 1];
        first += kFirstWeight[k] * (above - below);
        second += kSecondWeight[k] * (above + below);
      }
      x2[i] = first / h[j];
      x3[i] = second / (h[j] * h[j]);
      if (!std::isfinite(x2[i]) || !std::isfinite(x3[i])) left.push_back(i);
    }
    return left;
  }

  const MeanRange range_;
  const LinkFunctions f_;
};

}  // namespace

std::shared_ptr<const Link> make_user_link(MeanRange range, LinkFunctions functions) {
  return std::make_shared<const UserLink>(range, std::move(functions));
}

}  // namespace tiers
