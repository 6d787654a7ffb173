# A fit never ends below the same model with variances of zero, and nearly perfect fits have their
# numbers.

test_that("with a forgotten log in the offset the fit is not below that without random effects", {
  for (seed in 1:4) {
    set.seed(seed)
    d <- data.frame(g = gl(20, 6), x = rnorm(120), days = sample(1:60, 120, TRUE))
    d$y <- rnbinom(120, size = 2, mu = d$days * exp(-1 + 0.2 * d$x + rnorm(20, 0, 0.4)[d$g]))
    quiet <- function(expr) suppressWarnings(suppressMessages(expr))
    whole <- quiet(glmm(y ~ x + offset(days) + (1 | g), d, family = nbinom2()))
    simple <- quiet(glmm(y ~ x + offset(days), d, family = nbinom2()))
    expect_gte(whole$logLik, simple$logLik - 1e-6)
  }
})

test_that("no linear fit is below one with fewer terms", {
  for (seed in 1:6) {
    set.seed(seed)
    d <- data.frame(g = factor(sample(6, 40, TRUE)), h = factor(sample(5, 40, TRUE)), x = rnorm(40))
    d$y <- rnorm(40) + rnorm(6)[d$g] * (seed %% 3 == 0)
    for (reml in c(TRUE, FALSE)) {
      log_lik <- function(formula) suppressMessages(lmm(formula, d, REML = reml))$logLik
      whole <- log_lik(y ~ x + (x | g) + (1 | h))
      for (formula in list(y ~ x, y ~ x + (1 | h), y ~ x + (x | g), y ~ x + (1 | g) + (1 | h))) {
        expect_gte(whole, log_lik(formula) - 1e-7)
      }
    }
  }
})

test_that("a residual standard deviation far below the groups' is estimated", {
  for (ratio in 10^-(2:4)) {
    set.seed(1)
    d <- data.frame(x = rnorm(60), g = rep(1:10, 6))
    e <- rnorm(60)
    d$y <- d$x + rnorm(10)[d$g] + ratio * e
    fit <- expect_silent(lmm(y ~ x + (1 | g), d))
    expect_identical(fit$convergence$status, "converged")
    # As good as fixed groups: the residual variance is that of the regression within groups.
    within <- lm(y ~ x + factor(g), d)
    expect_equal(sigma(fit), sigma(within), tolerance = max(1e-5, 10 * ratio^2))
    between <- coef(within)[-(1:2)]
    levels <- c(0, between)
    expect_equal(fit$random$g$Lambda[1] * sigma(fit), sd(levels), tolerance = max(1e-3, ratio))
  }
})

test_that("a perfect fit is told as a residual variance of zero, beside any other term", {
  set.seed(2)
  d <- data.frame(r = factor(1:30), g = gl(6, 5), h = gl(5, 1, 30), x = rnorm(30))
  d$y <- rnorm(6)[d$g] + rnorm(30)
  twice <- rbind(d, d)
  for (formula in list(y ~ x + (1 | r), y ~ x + (1 | g) + (1 | r), y ~ x + (1 | g / r),
                       y ~ r + (1 | g), y ~ x + (x | g) + (1 | r), y ~ x + (1 | h) + (1 | r))) {
    for (reml in c(TRUE, FALSE)) {
      heard <- listen(lmm(formula, twice, REML = reml))
      expect_s3_class(heard$conditions[[1L]], "tiers_error_model")
      expect_match(conditionMessage(heard$conditions[[1L]]), "residual variance is 0")
    }
  }
})
