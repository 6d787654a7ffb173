// From the formulas of one row to a whole vector. A family's Kernel is a plain struct with
//   static constexpr bool has_phi                does it read and differentiate phi
//   static constexpr bool weight_in_dispersion   or does a prior weight multiply the row
//   static double constant(double y, double m)
//   template <Detail> void row(double eta, const Row&, RowTerms&)   fills what the level asks for;
//     plain arithmetic for more is dropped by the compiler, function calls are not
// One Kernel object lives for one call: it may keep what depends on phi alone (see Kept).
#pragma once

#include <cmath>
#include <limits>

#include "response_family.h"

namespace tiers {

struct Row {
  double y, m, a, phi, constant;
};

// Derivatives of logp in eta that a level asks for: as many Stirling terms (numeric_kernels.h).
template <Detail detail>
constexpr int derivatives() {
  return detail == Detail::score ? 1 : detail == Detail::newton ? 2 : 3;
}

inline bool finite(double x) { return std::fabs(x) <= std::numeric_limits<double>::max(); }

struct RowTerms {
  double logp, s, w = 0.0, w_fallback = 0.0, dw = 0.0;
  double dlogp_dphi = 0.0, ds_dphi = 0.0, dw_dphi = 0.0;
  // Of those asked for.
  template <Detail detail>
  bool all_finite() const {
    bool fine = finite(logp) & finite(s);
    if (detail != Detail::score) fine = fine & finite(w) & finite(w_fallback);
    if (detail == Detail::gradient) {
      fine = fine & finite(dw) & finite(dlogp_dphi) & finite(ds_dphi) & finite(dw_dphi);
    }
    return fine;
  }
  void fail() {
    *this = RowTerms();
    logp = -std::numeric_limits<double>::infinity();
    s = 0.0;
  }
};

// The last argument a function was asked for and its value: rows mostly share phi.
template <class Value>
class Kept {
 public:
  template <class Function>
  const Value& at(double argument, Function function) {
    if (argument != argument_) {
      value_ = function(argument);
      argument_ = argument;
    }
    return value_;
  }

 private:
  double argument_ = std::numeric_limits<double>::quiet_NaN();
  Value value_{};
};

template <class Kernel, Detail detail>
void loop_over_rows(const ResponseRows& rows, const double* eta, const RowDerivatives& out) {
  Kernel kernel;
  for (Index i = 0; i < rows.n; ++i) {
    Row row{rows.y[i], size_of(rows, i), weight_of(rows, i), 0.0, 0.0};
    if (Kernel::has_phi) row.phi = phi_of(rows, i);
    row.constant = rows.constant ? rows.constant[i] : Kernel::constant(row.y, row.m);
    RowTerms terms;
    if (row.a > 0.0) {
      kernel.template row<detail>(eta[i], row, terms);
      if (!terms.template all_finite<detail>()) terms.fail();
    } else {
      terms.fail();
      terms.logp = 0.0;
    }
    const double f = (Kernel::weight_in_dispersion ? 1.0 : row.a) * frequency_of(rows, i);
    out.logp[i] = f * terms.logp;
    out.s[i] = f * terms.s;
    if (detail == Detail::score) continue;
    out.w[i] = f * terms.w;
    if (out.w_fallback) out.w_fallback[i] = f * terms.w_fallback;
    if (detail == Detail::newton) continue;
    out.dw[i] = f * terms.dw;
    if (!Kernel::has_phi) continue;
    out.dlogp_dphi[i] = f * terms.dlogp_dphi;
    out.ds_dphi[i] = f * terms.ds_dphi;
    out.dw_dphi[i] = f * terms.dw_dphi;
  }
}

template <class Kernel>
void evaluate_rows(const ResponseRows& rows, const double* eta, Detail detail,
                   const RowDerivatives& out) {
  switch (detail) {
    case Detail::score:
      return loop_over_rows<Kernel, Detail::score>(rows, eta, out);
    case Detail::newton:
      return loop_over_rows<Kernel, Detail::newton>(rows, eta, out);
    case Detail::gradient:
      return loop_over_rows<Kernel, Detail::gradient>(rows, eta, out);
  }
}

}  // namespace tiers
