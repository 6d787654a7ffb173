// What the families of one linear predictor share: a link, and the chain rule for links that the
// family has no formulas for. A concrete family is
//   class Poisson : public LinkedFamily   name, checks, variance, start values
//   struct PoissonLog                     a kernel (row_loop.h), on the scale of its own link
//   make_linked<Poisson, PoissonLog>(link, own)  own: the kernel's scale is eta itself; otherwise
//   it
//                                                must be the base scale of the mean (link.h)
// Any other link x(eta), with the values in x marked by _x:
//   s = s_x x',  w = w_x x'^2 - s_x x'',  w' = w'_x x'^3 + 3 w_x x' x'' - s_x x''',
//   ds/dphi = ds_x x',  dw/dphi = dw_x x'^2 - ds_x x''.
#pragma once

#include "link.h"
#include "response_family.h"
#include "row_loop.h"

namespace tiers {

class LinkedFamily : public ResponseFamily {
 public:
  LinkedFamily(std::shared_ptr<const Link> link, bool own) : link_(std::move(link)), own_(own) {}

  std::string link_name() const final { return link_->name(); }
  Index first_invalid_response(const ResponseRows& rows) const final;
  void evaluate(const ResponseRows& rows, const double* eta, Detail detail,
                const RowDerivatives& out) const final;
  bool link_differs_by_row() const final { return link_->differs_by_row(); }
  void mean(const double* eta, Index n, double* mu, const int* row = nullptr) const final {
    link_->mean(eta, n, mu, row);
  }
  void start_eta(const ResponseRows& rows, double* eta) const final;
  double predictor_unit(const ResponseRows& rows, const double* eta) const final;

 protected:
  virtual bool valid_response(double y, double m) const = 0;
  // `size`: mean |y|.
  virtual double start_mean(double y, double m, double size) const = 0;
  virtual void evaluate_kernel(const ResponseRows& rows, const double* x, Detail detail,
                               const RowDerivatives& out) const = 0;

 private:
  std::shared_ptr<const Link> link_;
  bool own_;
};

template <class Family, class Kernel>
class KernelFamily final : public Family {
 public:
  using Family::Family;
  int dispersion_count() const override { return Kernel::has_phi ? 1 : 0; }
  void constants(const ResponseRows& rows, double* out) const override {
    for (Index i = 0; i < rows.n; ++i) {
      out[i] = Kernel::constant(rows.y[i], size_of(rows, i));
    }
  }

 protected:
  void evaluate_kernel(const ResponseRows& rows, const double* x, Detail detail,
                       const RowDerivatives& out) const override {
    evaluate_rows<Kernel>(rows, x, detail, out);
  }
};

template <class Family, class Kernel>
std::unique_ptr<ResponseFamily> make_linked(std::shared_ptr<const Link> link, bool own) {
  return std::make_unique<KernelFamily<Family, Kernel>>(std::move(link), own);
}

// Weighted mean of value(y, m, a, mu) over the rows, each counted with `share(m, mu)`; for starts.
template <class Value, class Share>
double ratio_of_sums(const ResponseRows& rows, const double* mu, Value value, Share share) {
  double above = 0.0, below = 0.0;
  for (Index i = 0; i < rows.n; ++i) {
    const double a = weight_of(rows, i), m = size_of(rows, i);
    if (!(a > 0.0)) continue;
    const double times = frequency_of(rows, i);
    above += times * value(rows.y[i], m, a, mu[i]);
    below += times * share(m, mu[i]);
  }
  return above / below;
}

// log of 1e9 times the square of the largest y (m, with trials): where terms of the order y^2 /
// size are lost in the digits of a deviance.
double log_without_overdispersion(const ResponseRows& rows, bool trials);

// log(x) for a start value, kept within -10 .. highest; `otherwise` where x is not positive.
double start_log(double x, double otherwise, double highest = 10.0);

}  // namespace tiers
