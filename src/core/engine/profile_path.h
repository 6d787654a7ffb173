// The profile likelihood of one parameter: how far the least deviance with the parameter held at a
// value c lies above that of the fit, f(c) - f, and where its signed square root
// zeta = sign(c - estimate) sqrt(f(c) - f) has given values (vignettes/algorithm.Rmd 4.9).
#pragma once

#include "../model/specification.h"

namespace tiers {

struct ProfilePoint {
  double value = 0.0;  // c
  double rise = 0.0;   // f(c) - f; infinite where the model is not defined
  double slope = 0.0;  // df / dc
  Vector parameters;   // the table's values at the constrained optimum
};

// One parameter of one model with everything that its constrained optima need.
class ProfiledParameter {
 public:
  // error: a standard error, from which the first step is made; NaN: not known.
  ProfiledParameter(double estimate, double error, double lower, double upper)
      : estimate(estimate), error(error), lower(lower), upper(upper) {}
  virtual ~ProfiledParameter() = default;

  // The constrained optimum; searches start where the last one ended.
  virtual ProfilePoint at(double value) = 0;
  // The next search starts at the fit.
  virtual void restart() = 0;

  const double estimate, error, lower, upper;
};

enum class ProfileEnd {
  reached,       // zeta has the last value that was asked for
  end_of_range,  // the parameter's range ends before
  not_reached,   // the deviance does not rise so far, or the search for the point failed
  lower_found,   // a deviance below the fit's: points.back() is there
};

struct ProfileSide {
  std::vector<ProfilePoint> points;  // in the order of distance from the estimate
  double limit = 0.0;                // where the last zeta is reached, or the range ends; NaN
  ProfileEnd end = ProfileEnd::not_reached;
};

struct ParameterProfile {
  ProfileSide below, above;
};

// zeta: positive values in increasing order.
ParameterProfile profile(ProfiledParameter& parameter, const std::vector<double>& zeta);

}  // namespace tiers
