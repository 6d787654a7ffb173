#include "linked_family.h"

#include <algorithm>

namespace tiers {

namespace {

// Rows handled at a time where a link needs the chain rule: small enough for the stack and the
// first cache, large enough that the virtual calls do not show.
constexpr Index kStrip = 256;
constexpr double kLargestMean = std::numeric_limits<double>::max();

void fail_row(const RowDerivatives& to, Detail detail, bool phi, Index i) {
  to.logp[i] = -std::numeric_limits<double>::infinity();
  to.s[i] = 0.0;
  if (detail != Detail::score) {
    to.w[i] = 0.0;
    if (to.w_fallback) to.w_fallback[i] = 0.0;
  }
  if (detail == Detail::gradient) to.dw[i] = 0.0;
  if (phi) to.dlogp_dphi[i] = to.ds_dphi[i] = to.dw_dphi[i] = 0.0;
}

}  // namespace

Index LinkedFamily::first_invalid_response(const ResponseRows& rows) const {
  for (Index i = 0; i < rows.n; ++i) {
    const double m = size_of(rows, i);
    if (!finite(rows.y[i]) || !finite(m) || !valid_response(rows.y[i], m)) return i;
    if (rows.weight && !(rows.weight[i] >= 0.0 && finite(rows.weight[i]))) return i;
  }
  return -1;
}

void LinkedFamily::start_eta(const ResponseRows& rows, double* eta) const {
  double size = 0.0;
  for (Index i = 0; i < rows.n; ++i) size += std::fabs(rows.y[i]) / static_cast<double>(rows.n);
  for (Index i = 0; i < rows.n; ++i) {
    eta[i] = start_mean(rows.y[i], size_of(rows, i), size);
  }
  link_->eta(eta, rows.n, eta, rows.row);
}

void LinkedFamily::evaluate(const ResponseRows& rows, const double* eta, Detail detail,
                            const RowDerivatives& out) const {
  if (own_) return evaluate_kernel(rows, eta, detail, out);
  double x[kStrip], x1[kStrip], x2[kStrip], x3[kStrip], w_x[kStrip];
  const bool phi = detail == Detail::gradient && dispersion_count() > 0;
  const int order = detail == Detail::score ? 1 : detail == Detail::newton ? 2 : 3;
  for (Index start = 0; start < rows.n; start += kStrip) {
    const ResponseRows part = part_of(rows, start, std::min(kStrip, rows.n - start));
    const RowDerivatives to = part_of(out, start);
    link_->base(eta + start, part.n, order, x, x1, x2, x3, part.row);
    evaluate_kernel(part, x, detail, to);
    for (Index i = 0; i < part.n; ++i) {
      if (!finite(to.logp[i]) || !finite(x[i])) continue;  // the kernel has put zeros elsewhere
      const double s_x = to.s[i];
      to.s[i] = s_x * x1[i];
      bool fine = finite(to.s[i]);
      if (detail != Detail::score) {
        w_x[i] = to.w[i];
        to.w[i] = w_x[i] * x1[i] * x1[i] - s_x * x2[i];
        if (to.w_fallback) {  // any large number serves where its square leaves the range
          to.w_fallback[i] = std::min(to.w_fallback[i] * x1[i] * x1[i], kLargestMean);
        }
        fine = fine && finite(to.w[i]);
      }
      if (detail == Detail::gradient) {
        to.dw[i] = to.dw[i] * x1[i] * x1[i] * x1[i] + 3.0 * w_x[i] * x1[i] * x2[i] - s_x * x3[i];
        fine = fine && finite(to.dw[i]);
      }
      if (phi) {
        const double ds_x = to.ds_dphi[i];
        to.ds_dphi[i] = ds_x * x1[i];
        to.dw_dphi[i] = to.dw_dphi[i] * x1[i] * x1[i] - ds_x * x2[i];
        fine = fine && finite(to.ds_dphi[i]) && finite(to.dw_dphi[i]);
      }
      if (!fine) fail_row(to, detail, phi, i);
    }
  }
}

// On the real line by the mean information, to which rows with a mean at its limit add nothing.
double LinkedFamily::predictor_unit(const ResponseRows& rows, const double* eta) const {
  double sum = 0.0, count = 0.0;
  double x[kStrip], x1[kStrip], x2[kStrip], x3[kStrip], mu[kStrip], variance[kStrip];
  const bool real = link_->range() == MeanRange::real;
  for (Index start = 0; start < rows.n; start += kStrip) {
    const ResponseRows part = part_of(rows, start, std::min(kStrip, rows.n - start));
    link_->base(eta + start, part.n, 1, x, x1, x2, x3, part.row);
    if (real) {
      link_->mean(eta + start, part.n, mu, part.row);
      this->variance(part, mu, variance);
    }
    for (Index i = 0; i < part.n; ++i) {
      if (!(weight_of(part, i) > 0.0)) continue;
      const double ratio = std::fabs(x1[i]) / (real ? std::sqrt(variance[i]) : 1.0);
      const double value = real ? ratio * ratio : std::log(ratio);
      if (!finite(value) || !finite(x[i])) continue;
      const double times = frequency_of(part, i);
      sum += times * value;
      count += times;
    }
  }
  const double unit = real ? std::sqrt(count / sum) : std::exp(-sum / count);
  return unit > 0.0 && finite(unit) ? unit : 1.0;
}

double log_without_overdispersion(const ResponseRows& rows, bool trials) {
  double largest = 1.0;
  for (Index i = 0; i < rows.n; ++i) {
    if (weight_of(rows, i) > 0.0)
      largest = std::max(largest, trials ? size_of(rows, i) : rows.y[i]);
  }
  return std::log(1e9) + 2.0 * std::log(largest);
}

double start_log(double x, double otherwise, double highest) {
  if (!(x > 0.0)) return otherwise;
  return std::min(highest, std::max(-10.0, std::log(x)));
}

}  // namespace tiers
