# Fits at the limits of their parameter space, where nothing may be said that is not so.

test_that("overdispersion that is not there is told, and the fit is Poisson's", {
  set.seed(2)
  d <- data.frame(g = gl(20, 10), y = rbinom(200, 8, 0.5))
  for (family in list(nbinom1(), nbinom2())) {
    heard <- listen(fit <- glmm(y ~ 1 + (1 | g), d, family))
    kinds <- vapply(heard$conditions, function(x) class(x)[1], "")
    expect_equal(kinds, "tiers_message_singular")
    expect_match(conditionMessage(heard$conditions[[1]]), "no overdispersion")
    poisson <- suppressMessages(glmm(y ~ 1 + (1 | g), d, poisson()))
    expect_equal(fit$logLik, poisson$logLik, tolerance = 1e-6)
    expect_true(any(grepl("overdispersion", diagnose(fit)$findings$finding)))
  }
})

test_that("row 80: nothing to estimate", {
  d <- small_counts()
  nothing <- suppressMessages(glmm(cbind(k, m - k) ~ 0, d, binomial()))
  expect_equal(nothing$logLik, sum(dbinom(d$k, d$m, 0.5, log = TRUE)), tolerance = 1e-10)
  expect_equal(attr(logLik(nothing), "df"), 0L)
  expect_output(print(nothing), "none")
  expect_output(print(summary(nothing)), "No fixed effects")
})

test_that("a fit that was not allowed to iterate has not converged", {
  d <- small_counts()
  heard <- listen(fit <- glmm(n ~ x + (x | g), d, poisson(), control = list(maxit = 0)))
  expect_true("tiers_warning_notconverged" %in% class(heard$conditions[[1]]))
})

test_that("quadrature finds singular optima of vector-valued random effects", {
  for (seed in 3001:3010) {
    set.seed(seed)
    d <- data.frame(g = rep(1:40, each = 6L), x = rnorm(240L))
    d$y <- rbinom(240L, 1L,
                  plogis(0.2 + 0.4 * d$x + rnorm(40L, 0, 0.8)[d$g] + rnorm(40L, 0, 0.5)[d$g] * d$x))
    expect_no_warning(fit <- suppressMessages(glmm(y ~ x + (x | g), d, family = binomial,
                                                   nAGQ = 5)))
    # No direction leads down from there.
    spec <- fit_specification(fit)
    at <- glmm_pack(spec, fixef(fit), fit_lambdas(fit))
    value <- of_packed(glmm_deviance, spec)
    here <- value(at)
    expect_deviance(fit$deviance, here, info = seed)
    for (i in seq_along(at)) for (step in c(-0.01, 0.01)) {
      expect_gt(value(replace(at, i, at[i] + step)), here - 1e-9)
    }
  }
})
