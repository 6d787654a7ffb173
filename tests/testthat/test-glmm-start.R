test_that("a start changes the way, not the end", {
  fit <- overdispersed_fit()
  same <- function(again) {
    expect_equal(again$logLik, fit$logLik, tolerance = 1e-9)
    expect_equal(again$coefficients, fit$coefficients, tolerance = 1e-5)
  }
  formula <- formula(fit)
  again <- glmm(formula, epil(), nbinom2(), start = fit)
  same(again)
  expect_lte(again$convergence$iterations, 1L)
  named <- c(fixef(fit) + 0.1, "sd_(Intercept)|subject" = 2, size = 1)
  same(glmm(formula, epil(), nbinom2(), start = named))
  same(glmm(formula, epil(), nbinom2(), start = c("sd_(Intercept)|subject" = 0.1)))
  same(glmm(formula, epil(), nbinom2(), start = update(fit, . ~ . - V4)))
  same(glmm(formula, epil(), nbinom2(), start = update(fit, family = poisson())))
})

test_that("starts reach the specification on the engine's scale", {
  spec <- fit_specification(overdispersed_fit())
  terms <- overdispersed_fit()$random_terms
  got <- with_start(spec, c("sd_(Intercept)|subject" = 0.7, size = 3), terms)
  expect_equal(got$terms[[1]]$start, matrix(0.7))
  expect_equal(got$start_phi, log(3))
  expect_equal(got$start_beta, double())
  got <- with_start(spec, overdispersed_fit(), terms)
  expect_equal(got$start_beta, unname(fixef(overdispersed_fit())))
  expect_equal(got$start_phi, unname(fixef(overdispersed_fit(), component = "dispersion")))
  expect_equal(got$terms[[1]]$start, unname(overdispersed_fit()$random$subject$Lambda))
})

test_that("what is no start is refused", {
  spec <- fit_specification(overdispersed_fit())
  terms <- overdispersed_fit()$random_terms
  refusal <- function(start, text) {
    expect_error(with_start(spec, start, terms), text, class = "tiers_error_input")
  }
  refusal(c(sigma = 2), "no parameter of this")
  refusal(c(siez = 2), "did you mean `size`")
  refusal(c(size = -1), "must be above 0")
  refusal(c("(Intercept)" = 1), "all of them are needed")
  refusal(c("sd_(Intercept)|subject" = -1), "0 or above")
  refusal(growth_fit(), "same kind")
  refusal(list(theta = 1), "named numeric vector")
  expect_error(lmm(distance ~ age + (1 | Subject), orthodont(), start = overdispersed_fit()),
               "same kind", class = "tiers_error_input")
})

test_that("a fixed effect may be called like a dispersion parameter", {
  set.seed(1)
  d <- data.frame(g = gl(10, 8), size = rnorm(80))
  d$n <- rpois(80, exp(0.5 - 0.2 * d$size + rnorm(10, 0, 0.4)[d$g]))
  fit <- glmm(n ~ size + (1 | g), d, family = poisson())
  again <- glmm(n ~ size + (1 | g), d, family = poisson(),
                start = c("(Intercept)" = 1, size = -0.1))
  expect_equal(fixef(again), fixef(fit), tolerance = 1e-6)
})

test_that("a start from which no optimum is reached gives way to the package's own", {
  d <- small_counts()
  expect_no_tiers_warning(fit <- glmm(n ~ x + (1 | g), d, poisson(),
                                      start = c("(Intercept)" = -60, x = 0)))
  expect_equal(fit$logLik, glmm(n ~ x + (1 | g), d, poisson())$logLik, tolerance = 1e-10)
})
