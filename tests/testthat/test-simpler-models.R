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

# Beside a correlation that the data contradict each standard deviation is best with the other at
# zero.
test_that("with a correlation held no fit is below one with either effect alone", {
  quiet <- function(expr) suppressWarnings(suppressMessages(expr))
  fix <- c("cor_x.(Intercept)|g" = -1)
  for (seed in c(6, 14, 36)) {
    set.seed(seed)
    d <- data.frame(g = gl(20, 8), x = rnorm(160))
    b <- rnorm(20, 0, 0.5)
    slope <- rnorm(20, 0, 0.3)
    d$y <- rpois(160, exp(0.5 + 0.3 * d$x + b[d$g] + slope[d$g] * d$x))
    fits <- list(list(quiet(glmm(y ~ x + (x | g), d, family = poisson(), fix = fix)),
                      quiet(glmm(y ~ x + (1 | g), d, family = poisson())),
                      quiet(glmm(y ~ x + (0 + x | g), d, family = poisson()))),
                 list(quiet(lmm(y ~ x + (x | g), d, fix = fix)), quiet(lmm(y ~ x + (1 | g), d)),
                      quiet(lmm(y ~ x + (0 + x | g), d))))
    for (of in fits) {
      expect_true(of[[1L]]$convergence$status %in% c("converged", "boundary"))
      expect_lte(of[[1L]]$convergence$iterations, 60)
      expect_gte(of[[1L]]$logLik, max(of[[2L]]$logLik, of[[3L]]$logLik) - 1e-6)
    }
  }
})

# Correlations of an effect without variance still bind those of others, and one at its end leaves
# coordinates that stand in for each other.
test_that("three columns with a correlation of -1 held end at a minimum", {
  quiet <- function(expr) suppressWarnings(suppressMessages(expr))
  for (seed in c(2, 13, 48, 56)) {
    set.seed(seed)
    d <- data.frame(g = gl(15, 6), x = rnorm(90), z = rnorm(90))
    b <- matrix(rnorm(45), 15) %*% matrix(rnorm(9), 3)
    eta <- 0.3 + b[d$g, 1] + b[d$g, 2] * d$x + b[d$g, 3] * d$z
    d$y <- eta + rnorm(90)
    fix <- c("cor_x.(Intercept)|g" = -1)
    fit <- quiet(lmm(y ~ x + (x + z | g), d, fix = fix))
    expect_true(fit$convergence$status %in% c("converged", "boundary"))
    expect_lte(fit$convergence$iterations, 60)
    # By a dense calculation no point nearby is lower: rows (a, 0), -(c, 0), (r, s).
    spec <- fit_specification(fit)
    value <- function(u) dense_deviance(spec, list(rbind(c(abs(u[1L]), 0, 0), c(-abs(u[2L]), 0, 0),
                                                         c(u[3L], 0, u[4L]))))
    S <- tcrossprod(fit$random[[1L]]$Lambda)
    with_z <- if (S[1L, 1L] > 0) S[3L, 1L] / sqrt(S[1L, 1L]) else -S[3L, 2L] / sqrt(S[2L, 2L])
    at <- c(sqrt(S[1L, 1L]), sqrt(S[2L, 2L]), with_z, sqrt(max(0, S[3L, 3L] - with_z^2)))
    expect_equal(value(at), fit$deviance, tolerance = 1e-7)
    best <- stats::optim(at, value, method = "BFGS", control = list(reltol = 1e-12))
    expect_gte(best$value, fit$deviance - 1e-5)
    count <- exp(0.4 * eta)
    d$n <- stats::qpois(stats::pnorm(rep_len(c(-1, 0, 1, 0.3), 90)), count)
    fit <- quiet(glmm(n ~ x + (x + z | g), d, family = poisson(), fix = fix))
    expect_true(fit$convergence$status %in% c("converged", "boundary"))
  }
})
