// One response family with its link: the density of y given the linear predictor eta, with the
// derivatives that Laplace, quadrature and their exact gradients need. A family knows nothing of
// random effects; an engine knows nothing of a family but this class.
//
//   logp   log density with every constant, equal to R's d*() functions
//   s      dlogp / deta            w  = -ds/deta (observed)         dw = dw/deta
//   w_fallback > 0 inside the domain: the expected weight; for a Newton step where the observed
//          ones make the Hessian indefinite, for start values and for IRLS
//   phi    LOG of the dispersion or shape, dispersion_count() of them (0 or 1 today)
//
// A prior weight a divides the dispersion where there is one that can take it (gaussian, Gamma,
// inverse Gaussian), and multiplies logp and all derivatives elsewhere, as in stats::glm().
// A frequency multiplies logp and all derivatives in every family alike. a = 0: the row counts 0.
//
// A row outside the domain of eta, or whose values (those asked for) leave the range of doubles,
// has logp = -infinity and zeros elsewhere: a line search that meets it shortens its step.
//
// Room left, and how to use it without a change of this contract:
// - another count or continuous family, truncated or with a fixed share of zeros: one file with a
//   kernel (row_loop.h), one line in the registry; a user's own: a subclass whose evaluate() calls
//   back with whole vectors.
// - more than one dispersion parameter (thresholds of an ordinal response, a power): phi and the
//   *_dphi arrays become n x dispersion_count(), column-major; an engine that loops over
//   dispersion_count() columns is ready for it.
// - several linear predictors a row (zero-inflation with its own formula, nominal responses): a
//   family says how many, K. Then eta, s and ds_dphi are n x K, w, w_fallback and dw_dphi
//   n x K(K+1)/2 (lower triangle of the row's block, by columns), dw n x K(K+1)(K+2)/6.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../model/specification.h"

namespace tiers {

// What is known of the rows before any parameter; arrays of length n, not owned.
struct ResponseRows {
  Index n = 0;
  const double* y = nullptr;          // binomial kinds: the number of successes
  const double* size = nullptr;       // trials m; nullptr: 1 each
  const double* weight = nullptr;     // prior weight a; nullptr: 1 each
  const double* frequency = nullptr;  // equal rows that this one stands for; nullptr: 1 each
  const double* constant = nullptr;   // from ResponseFamily::constants(); nullptr: computed anew
  const double* phi = nullptr;        // may be nullptr where dispersion_count() is 0
  bool phi_by_row = false;            // false: phi[0] holds for all rows
  const int* row = nullptr;  // of the data, read by a link that differs by row; nullptr: the first
};

inline double size_of(const ResponseRows& rows, Index i) { return rows.size ? rows.size[i] : 1.0; }
inline double weight_of(const ResponseRows& rows, Index i) {
  return rows.weight ? rows.weight[i] : 1.0;
}
inline double frequency_of(const ResponseRows& rows, Index i) {
  return rows.frequency ? rows.frequency[i] : 1.0;
}
inline double phi_of(const ResponseRows& rows, Index i) {
  return rows.phi[rows.phi_by_row ? i : 0];
}

// Rows [start, start + n) of arrays that may be absent.
template <class T>
T* part_of(T* array, Index start) {
  return array ? array + start : nullptr;
}
ResponseRows part_of(const ResponseRows& rows, Index start, Index n);

// How much evaluate() fills in: each level includes those before it.
enum class Detail {
  score,     // logp, s
  newton,    // and w, w_fallback
  gradient,  // and dw, dlogp_dphi, ds_dphi, dw_dphi
};

// Where evaluate() writes; arrays of length n. Those above the level asked for may be nullptr, and
// so may w_fallback and, in a family without phi, the last three.
struct RowDerivatives {
  double* logp = nullptr;
  double* s = nullptr;
  double* w = nullptr;
  double* w_fallback = nullptr;
  double* dw = nullptr;
  double* dlogp_dphi = nullptr;
  double* ds_dphi = nullptr;
  double* dw_dphi = nullptr;
};
RowDerivatives part_of(const RowDerivatives& rows, Index start);

class ResponseFamily {
 public:
  virtual ~ResponseFamily() = default;

  virtual std::string name() const = 0;
  virtual std::string link_name() const = 0;
  virtual int dispersion_count() const = 0;
  // What exp(phi) is called: "sigma", "shape", "size" ...; empty without one.
  virtual std::string dispersion_name() const = 0;
  virtual bool uses_trials() const { return false; }

  // First row whose response, trials or prior weight is impossible here; -1: none.
  virtual Index first_invalid_response(const ResponseRows& rows) const = 0;
  // Whether rows that are equal in everything else differ in their link (see link.h).
  virtual bool link_differs_by_row() const { return false; }

  // The part of logp (or of the work for it) that depends on y and m alone: once per data set.
  virtual void constants(const ResponseRows& rows, double* out) const = 0;
  virtual void evaluate(const ResponseRows& rows, const double* eta, Detail detail,
                        const RowDerivatives& out) const = 0;

  // Expected response at eta; of ONE trial where the response counts successes. `row` as in
  // ResponseRows.
  virtual void mean(const double* eta, Index n, double* mu, const int* row = nullptr) const = 0;
  // Var(y) of the response as it stands in rows.y (the count of successes, not the share).
  virtual void variance(const ResponseRows& rows, const double* mu, double* out) const = 0;

  // Linear predictors to start from, each row from its y (glm's mustart).
  virtual void start_eta(const ResponseRows& rows, double* eta) const = 0;
  // What is a change of order one in the linear predictor, near these: a factor e in the mean or in
  // its odds, or a standard deviation of a response on the real line (there phi is read). 1 on the
  // log and logit scales.
  virtual double predictor_unit(const ResponseRows& rows, const double* eta) const = 0;
  // phi by moments, given mu = mean(eta) of some first fit; 0 without dispersion. In rows, phi is
  // not read. Always finite, within about -10 .. 10 of the scale-free value.
  virtual double start_phi(const ResponseRows& rows, const double* mu) const = 0;
  // Between these phi is worth looking for in these data: beyond, the family is its own limit
  // (without overdispersion, say) to all digits of a deviance.
  struct PhiRange {
    double lowest = -600.0, highest = 600.0;
  };
  virtual PhiRange phi_range(const ResponseRows& rows) const {
    static_cast<void>(rows);
    return PhiRange();
  }
};

}  // namespace tiers
