#include "profile_path.h"

#include <cmath>
#include <limits>

namespace tiers {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
// zeta is found to this: a ten-millionth of a standard error.
constexpr double kZetaTolerance = 1e-7;
// A deviance that lies this much below the fit's is another optimum, not rounding.
constexpr double kLower = 1e-6;
constexpr int kMostPoints = 40;
// In one trial the distance from the last point inside grows by no more than this.
constexpr double kLargestGrowth = 4.0;
constexpr double kFirstStep = 0.3;  // on the working scale, where no error is known
// Of an interval between two trials: a step that falls nearer to one of its ends halves it.
constexpr double kNearestToEnd = 0.02;
constexpr double kNoInterval = 1e-13;

// The scale on which the profile is nearly straight: log for what is positive, Fisher's z for what
// has two ends.
class WorkingScale {
 public:
  explicit WorkingScale(const ProfiledParameter& parameter) {
    if (std::isfinite(parameter.upper) && std::isfinite(parameter.lower)) {
      kind_ = Kind::z;
    } else if (parameter.lower == 0.0 && parameter.estimate > 0.0) {
      kind_ = Kind::log;
    }
    middle_ = 0.5 * (parameter.lower + parameter.upper);
    half_ = 0.5 * (parameter.upper - parameter.lower);
  }
  double from(double value) const {
    if (kind_ == Kind::log) return std::log(value);
    return kind_ == Kind::z ? std::atanh((value - middle_) / half_) : value;
  }
  double value(double x) const {
    if (kind_ == Kind::log) return std::exp(x);
    return kind_ == Kind::z ? middle_ + half_ * std::tanh(x) : x;
  }
  double slope(double value) const {  // d value / d x
    if (kind_ == Kind::log) return value;
    if (kind_ == Kind::identity) return 1.0;
    const double t = (value - middle_) / half_;
    return half_ * (1.0 - t * t);
  }

 private:
  enum class Kind { identity, log, z };
  Kind kind_ = Kind::identity;
  double middle_ = 0.0, half_ = 1.0;
};

// A point on the way to one side; x is the distance from the start there.
struct Trial {
  double x = 0.0, zeta = 0.0, slope = 0.0;  // d zeta / dx
};

class SideSearch {
 public:
  SideSearch(ProfiledParameter& parameter, double direction)
      : parameter_(parameter), scale_(parameter), direction_(direction) {
    origin_ = scale_.from(parameter.estimate);
    // An estimate at the other end of a bounded range.
    if (!std::isfinite(origin_)) origin_ = -direction * kFarOut;
    const double error = parameter.error / scale_.slope(parameter.estimate);
    known_ = error > 0.0 && std::isfinite(error);
    inside_.slope = 1.0 / (known_ ? error : kFirstStep);
  }

  ProfileSide run(const std::vector<double>& zeta) {
    ProfileSide out;
    const double end = direction_ > 0.0 ? parameter_.upper : parameter_.lower;
    if (parameter_.estimate == end) {
      out.limit = end;
      out.end = ProfileEnd::end_of_range;
      return out;
    }
    ProfilePoint last;
    double furthest = std::numeric_limits<double>::infinity();
    if (std::isfinite(end)) {
      last = parameter_.at(end);
      if (last.rise < -kLower) return lower(out, last);
      if (std::isfinite(last.rise)) furthest = std::sqrt(std::max(last.rise, 0.0));
      parameter_.restart();
    }
    for (const double target : zeta) {
      if (!(target < furthest)) {
        out.points.push_back(last);
        out.limit = end;
        out.end = ProfileEnd::end_of_range;
        return out;
      }
      ProfilePoint point;
      out.end = find(target, point);
      if (out.end == ProfileEnd::lower_found) return lower(out, point);
      if (out.end == ProfileEnd::not_reached) {
        out.limit = kUnknown;
        return out;
      }
      out.points.push_back(point);
      out.limit = point.value;
    }
    return out;
  }

 private:
  static constexpr double kFarOut = 4.0;  // of Fisher's z: a correlation of 0.9993

  static ProfileSide lower(ProfileSide out, const ProfilePoint& point) {
    out.points.push_back(point);
    out.limit = kUnknown;
    out.end = ProfileEnd::lower_found;
    return out;
  }

  // Newton's method on zeta, kept between the last trial below the target and the first above it.
  ProfileEnd find(double target, ProfilePoint& point) {
    Trial outside;
    outside.x = std::numeric_limits<double>::infinity();
    double x = inside_.x + (target - inside_.zeta) / inside_.slope;
    for (int trial = 0; trial < kMostPoints; ++trial) {
      point = parameter_.at(scale_.value(origin_ + direction_ * x));
      if (point.rise < -kLower) return ProfileEnd::lower_found;
      Trial now;
      now.x = x;
      now.zeta = std::isfinite(point.rise) ? std::sqrt(std::max(point.rise, 0.0))
                                           : std::numeric_limits<double>::infinity();
      now.slope = direction_ * point.slope * scale_.slope(point.value) / (2.0 * now.zeta);
      const double rest = target - now.zeta;
      const bool narrow = outside.x - inside_.x < kNoInterval * (1.0 + std::abs(x));
      if (std::abs(rest) < kZetaTolerance || (narrow && std::isfinite(now.zeta))) {
        if (now.slope > 0.0 && std::isfinite(now.slope)) inside_ = now;
        return ProfileEnd::reached;
      }
      if (rest > 0.0) {
        const double slope = inside_.slope;
        inside_ = now;
        if (!(now.slope > 0.0 && std::isfinite(now.slope))) inside_.slope = slope;
      } else {
        outside = now;
      }
      x = next(target, now);
      if (std::isfinite(outside.x)) x = between(x, inside_.x, outside.x);
    }
    return ProfileEnd::not_reached;
  }

  double next(double target, const Trial& now) const {
    const double largest = kLargestGrowth * std::max(now.x, 1.0 / inside_.slope);
    const bool usable = now.slope > 0.0 && std::isfinite(now.slope);
    const double step = usable ? (target - now.zeta) / now.slope : largest;
    return now.x + std::min(step, largest);
  }

  static double between(double x, double low, double high) {
    const double margin = kNearestToEnd * (high - low);
    return x > low + margin && x < high - margin ? x : 0.5 * (low + high);
  }

  ProfiledParameter& parameter_;
  const WorkingScale scale_;
  const double direction_;
  double origin_;
  bool known_;
  Trial inside_;
};

}  // namespace

ParameterProfile profile(ProfiledParameter& parameter, const std::vector<double>& zeta) {
  ParameterProfile out;
  parameter.restart();
  out.below = SideSearch(parameter, -1.0).run(zeta);
  if (out.below.end == ProfileEnd::lower_found) return out;
  parameter.restart();
  out.above = SideSearch(parameter, 1.0).run(zeta);
  return out;
}

}  // namespace tiers
