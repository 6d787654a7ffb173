#include "core/start/glm_start.h"

#include <cmath>
#include <random>

#include "catch.h"
#include "core/family/family_registry.h"
#include "family/family_cases.h"

using namespace tiers;

namespace {

const std::vector<double> x1 = {-1.2, -0.7, -0.5, -0.1, 0.2, 0.4, 0.9, 1.3, 1.6, 2.1};
const std::vector<double> x2 = {0, 1, 0, 1, 1, 0, 0, 1, 0, 1};
const std::vector<double> trials = {5, 3, 8, 6, 4, 9, 7, 5, 6, 8};
const std::vector<double> successes = {0, 1, 2, 2, 1, 4, 4, 4, 5, 7};
const std::vector<double> counts = {0, 2, 1, 3, 2, 2, 5, 9, 6, 14};
const std::vector<double> sizes = {0.4, 0.9, 0.7, 1.4, 1.1, 1.3, 2.2, 4.1, 3.0, 6.2};
const std::vector<double> offset = {0.1, -0.2, 0.3, 0, 0.2, -0.1, 0, 0.4, -0.3, 0.2};
const std::vector<double> weights = {1, 2, 1, 1, 0.5, 1, 1, 3, 1, 1};

struct Input {
  std::string family, link;
  std::vector<double> y, m, offset, weights;
  Matrix x;  // p x n
};

Matrix design(bool constant, const std::vector<std::vector<double>>& columns) {
  Matrix x(columns.size() + constant, x1.size());
  x.row(0).setOnes();
  for (std::size_t j = 0; j < columns.size(); ++j) {
    x.row(j + constant) = Eigen::Map<const Eigen::RowVectorXd>(columns[j].data(), x1.size());
  }
  return x;
}

GlmStart fit(const Input& in) {
  const auto family = make_family(in.family, in.link);
  ResponseRows rows;
  rows.n = static_cast<Index>(in.y.size());
  rows.y = in.y.data();
  if (!in.m.empty()) rows.size = in.m.data();
  if (!in.weights.empty()) rows.weight = in.weights.data();
  const Matrix d = Matrix::Ones(rows.n, family->dispersion_count());
  return fit_glm_start(*family, rows, ConstMatrixMap(in.x.data(), in.x.rows(), in.x.cols()),
                       in.offset.empty() ? nullptr : in.offset.data(),
                       ConstMatrixMap(d.data(), d.rows(), d.cols()), Poll());
}

}  // namespace

// Coefficients and log-likelihoods of stats::glm() in R 4.2.2, epsilon = 1e-14.
TEST_CASE("the start is the fit of a generalized linear model") {
  struct Known {
    Input in;
    std::vector<double> beta;
    double log_likelihood;  // NaN: depends on the dispersion, which glm() takes differently
  };
  std::vector<double> shifted = x1;
  for (double& x : shifted) x += 1.5;
  const Matrix both = design(true, {x1, x2}), one = design(true, {x1});
  const double none = std::nan("");
  const std::vector<Known> all = {
      {{"binomial", "logit", successes, trials, offset, {}, both},
       {-0.76105812484198, 1.35920597074609, -0.02969982404306},
       -10.65985123641},
      {{"binomial", "probit", successes, trials, {}, {}, both},
       {-0.45373043026346, 0.79090982205364, 0.07448589920954},
       -10.31455543645},
      {{"binomial", "cloglog", successes, trials, {}, {}, both},
       {-0.928767091863371, 0.879461653419912, -0.009318768139622},
       -10.50321155543},
      {{"poisson", "log", counts, {}, offset, weights, both},
       {0.6843974708991, 0.7575454577710, 0.1832049511073},
       -21.2136831382},
      {{"poisson", "sqrt", counts, {}, {}, {}, both},
       {1.2429968547556, 0.8640381209706, 0.5540884116445},
       -15.29822573236},
      {{"Gamma", "log", sizes, {}, {}, weights, both},
       {0.001028676152188, 0.736463229232646, 0.385419997890912},
       none},
      {{"Gamma", "inverse", sizes, {}, {}, {}, one}, {0.8673923497027, -0.3492153707733}, none},
      {{"inverse.gaussian", "1/mu^2", sizes, {}, {}, {}, one},
       {0.7144421704347, -0.3339907266589},
       none},
      {{"gaussian", "identity", sizes, {}, {}, weights, both},
       {1.1634601343844, 1.4855827733982, 0.8920490979313},
       -8.887670410284},
      {{"gaussian", "log", sizes, {}, {}, {}, one},
       {0.1197546994079, 0.7923609325894},
       -6.790140374425},
      {{"Gamma", "inverse", sizes, {}, {}, {}, design(false, {shifted})}, {0.1778726431875}, none}};
  for (const Known& known : all) {
    const GlmStart found = fit(known.in);
    INFO(known.in.family << " " << known.in.link);
    REQUIRE(found.beta.size() == static_cast<Index>(known.beta.size()));
    for (Index j = 0; j < found.beta.size(); ++j) {
      CHECK(found.beta[j] == Approx(known.beta[j]).epsilon(1e-5).margin(1e-5));
    }
    if (!std::isnan(known.log_likelihood)) {
      CHECK(found.log_likelihood == Approx(known.log_likelihood).epsilon(1e-9));
    }
    CHECK(found.iterations <= 20);
    if (takes_trials(known.in.family)) CHECK(found.quadratic);
  }
}

// The best line is zero at the first row, on the edge of the domain; glm() needs start values and
// gives (-0.825, 2.75), log-likelihood -17.7157 for intercept and slope.
TEST_CASE("a best point at the edge of the domain is approached from inside") {
  std::vector<double> shifted = x1;
  for (double& x : shifted) x += 1.5;
  const GlmStart found = fit({"poisson", "identity", counts, {}, {}, {}, design(true, {shifted})});
  CHECK(found.eta.minCoeff() > 0.0);
  CHECK(found.log_likelihood == Approx(-17.7157).epsilon(1e-3));
}

TEST_CASE("every family and link gets a finite start inside its domain") {
  std::mt19937 engine(4);
  for (const auto& c : family_cases()) {
    const auto family = make_family(c.family, c.link);
    for (const bool constant : {true, false}) {
      Input in{c.family, c.link, sizes, {}, {}, {}, design(true, {x1, x2})};
      if (is_count(c.family)) in.y = counts;
      if (takes_trials(c.family)) {
        in.y = successes;
        in.m = trials;
      }
      if (c.family == "beta") {
        for (double& y : in.y) y = y / (1.0 + y);
      }
      if (!constant) {  // all columns positive or, for a log link of probabilities, negative
        const double sign = is_unit(c.family) && c.link == "log" ? -1.0 : 1.0;
        in.x = design(false, {x1, x2});
        in.x.array() += 2.0;
        in.x *= sign;
      }
      const GlmStart found = fit(in);
      INFO(c.family << " " << c.link << " constant " << constant);
      CHECK(std::isfinite(found.log_likelihood));
      CHECK(first_outside(c, {found.eta.data(), found.eta.data() + found.eta.size()}) == -1);
      CHECK(found.phi.size() == family->dispersion_count());
      CHECK(found.phi.allFinite());
      // Next to a stationary point, in units of what one more step would gain.
      const Vector gradient = in.x * found.score;
      const Matrix information = in.x * found.weight.asDiagonal() * in.x.transpose();
      const bool edge = c.family == "poisson" && (c.link == "identity" || c.link == "sqrt");
      if (!edge) CHECK(gradient.dot(information.ldlt().solve(gradient)) < 1e-3);
      CHECK((found.weight.array() > 0.0).all());
    }
  }
}

TEST_CASE("separation ends without quadratic convergence") {
  for (const char* link : {"logit", "probit", "cloglog", "loglog", "cauchit"}) {
    const GlmStart quasi = fit({"binomial",
                                link,
                                {1, 0, 1, 0, 0, 1, 1, 1, 1, 0},
                                {},
                                {},
                                {},
                                design(true, {{0, 0, 0, 0, 1, 0, 0, 0, 0, 0}})});
    CHECK_FALSE(quasi.quadratic);
    CHECK(quasi.beta.allFinite());
    const GlmStart complete =
        fit({"binomial", link, {0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, {}, {}, {}, design(true, {x1})});
    CHECK_FALSE(complete.quadratic);
    CHECK(complete.beta.allFinite());
    const GlmStart overlap =
        fit({"binomial", link, {0, 1, 0, 0, 1, 1, 0, 1, 1, 1}, {}, {}, {}, design(true, {x1})});
    if (std::string(link) != "cauchit") CHECK(overlap.quadratic);
  }
  for (const char* link : {"logit", "probit", "cloglog"}) {
    std::vector<double> all = successes;
    all[4] = trials[4];
    const Matrix x = design(true, {{0, 0, 0, 0, 1, 0, 0, 0, 0, 0}});
    CHECK_FALSE(fit({"betabinomial", link, all, trials, {}, {}, x}).quadratic);
    CHECK(fit({"betabinomial", link, successes, trials, {}, {}, x}).quadratic);
  }
  const GlmStart zero = fit(
      {"poisson", "log", counts, {}, {}, {}, design(true, {x1, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}})});
  CHECK_FALSE(zero.quadratic);
}

TEST_CASE("gaussian starts have the unit of the response") {
  std::vector<double> far = sizes;
  far[3] = 1e-9;
  far[6] = -0.1;
  for (const char* link : {"log", "inverse"}) {
    for (const double s : {1e-40, 1e40}) {
      std::vector<double> scaled = far;
      for (double& y : scaled) y *= s;
      const GlmStart found = fit({"gaussian", link, far, {}, {}, {}, design(true, {x1})});
      const GlmStart other = fit({"gaussian", link, scaled, {}, {}, {}, design(true, {x1})});
      Vector eta = other.eta;
      if (std::string(link) == "log") eta.array() -= std::log(s);
      if (std::string(link) == "inverse") eta *= s;
      CHECK((eta - found.eta).norm() < 1e-6 * found.eta.norm());
      CHECK(other.phi[0] - std::log(s) == Approx(found.phi[0]).epsilon(1e-8));
    }
  }
}

TEST_CASE("hard data give no exception") {
  Input in{"Gamma", "inverse", sizes, {}, {}, {}, Matrix(0, 10)};
  in.offset = offset;  // partly outside the domain, and no coefficient to move it
  CHECK(std::isinf(fit(in).log_likelihood));
  in.x = design(true, {x1});  // the constant brings it inside
  CHECK(std::isfinite(fit(in).log_likelihood));
  in.offset.clear();
  in.y[9] = 1e12;
  CHECK(std::isfinite(fit(in).log_likelihood));
  in.y[0] = 1e-12;
  CHECK(std::isfinite(fit(in).log_likelihood));
  in.x.row(1).setZero();  // not of full rank after all
  CHECK(fit(in).beta.allFinite());

  Input none{"binomial", "logit", successes, trials, offset, {}, Matrix(0, 10)};
  CHECK(std::isfinite(fit(none).log_likelihood));
  none.weights.assign(10, 0.0);
  none.x = design(true, {x1});
  CHECK(fit(none).beta.allFinite());
  CHECK(fit(none).log_likelihood == 0.0);

  Input large{"poisson", "log", counts, {}, {}, {}, design(true, {x1})};
  for (double& y : large.y) y *= 1e12;
  CHECK(std::isfinite(fit(large).log_likelihood));
  large.offset.assign(10, 600.0);
  CHECK(std::isfinite(fit(large).log_likelihood));
}

TEST_CASE("a log dispersion model starts at the constant nearest to the moments") {
  const auto family = make_family("gaussian", "identity");
  ResponseRows rows;
  rows.n = 10;
  rows.y = sizes.data();
  const Matrix x = design(true, {x1});
  Matrix d(10, 2);  // the constant is the sum of the columns
  for (Index i = 0; i < 10; ++i) d.row(i) << x2[i], 1.0 - x2[i];
  const GlmStart found = fit_glm_start(*family, rows, ConstMatrixMap(x.data(), 2, 10), nullptr,
                                       ConstMatrixMap(d.data(), 10, 2), Poll());
  double square = 0.0;
  for (Index i = 0; i < 10; ++i) square += std::pow(sizes[i] - found.eta[i], 2);
  CHECK(found.phi[0] == Approx(0.5 * std::log(square / 10.0)));
  CHECK(found.phi[1] == Approx(found.phi[0]));
  CHECK(found.phi_by_row[3] == Approx(found.phi[0]));
}
