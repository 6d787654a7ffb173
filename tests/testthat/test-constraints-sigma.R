# Standard deviations of random effects that are set equal to sigma, against dense algebra.

tied <- list(c("sigma", "sd_(Intercept)|Subject"))

test_that("an intercept as variable as the rows is generalized least squares with a known V", {
  d <- orthodont()
  d$w <- rep_len(c(1, 2, 0.5), nrow(d))
  for (reml in c(TRUE, FALSE)) {
    fit <- lmm(distance ~ age * Sex + (1 | Subject), d, weights = w, REML = reml, equal = tied)
    X <- model.matrix(fit)
    V <- diag(1 / d$w) + outer(d$Subject, d$Subject, "==")
    root <- chol(V)
    gls <- lm.fit(backsolve(root, X, transpose = TRUE),
                  backsolve(root, d$distance, transpose = TRUE))
    df <- nrow(X) - if (reml) ncol(X) else 0
    sigma <- sqrt(sum(gls$residuals^2) / df)
    expect_equal(fit$parameters$estimate, rep(sigma, 2L), tolerance = 1e-8)
    expect_equal(unname(fixef(fit)), unname(gls$coefficients), tolerance = 1e-8)
    shift <- if (reml) 2 * sum(log(abs(diag(gls$qr$qr)[seq_len(ncol(X))]))) else 0
    expect_equal(fit$deviance, df * (log(2 * pi * sigma^2) + 1) + 2 * sum(log(diag(root))) + shift,
                 tolerance = 1e-9)
    expect_equal(vcov(fit, which = "theta"), matrix(sigma^2 / (2 * df), 2L, 2L),
                 tolerance = 1e-6, ignore_attr = TRUE)
    expect_identical(attr(logLik(fit), "df"), 5L)
    # Exact t tests.
    for (ddf in c("satterthwaite", "kenward-roger")[c(TRUE, reml)]) {
      expect_equal(coef(summary(fit, ddf = ddf))[, "df"], rep(df, 4L), tolerance = 1e-6,
                   ignore_attr = TRUE)
    }
  }
})

test_that("a slope as variable as the rows, on any scale of response and covariate", {
  d <- orthodont()
  d$y <- 7 * d$distance
  model <- y ~ age + (age | Subject)
  fit <- lmm(model, d, REML = FALSE, equal = list(c("sd_age|Subject", "sigma")))
  spec <- fit_specification(fit)
  value <- function(u) {
    r <- tanh(u[2L])
    dense_deviance(spec, list(matrix(c(exp(u[1L]), r, 0, sqrt(1 - r^2)), 2L)))
  }
  best <- stats::nlminb(c(2, -1), value, control = list(rel.tol = 1e-14))
  expect_equal(fit$deviance, best$objective, tolerance = 1e-9)
  expect_equal(fit$parameters$estimate[2L], sigma(fit), tolerance = 1e-10)
  expect_identical(fit$convergence$status, "converged")
  expect_lte(fit$convergence$iterations, 20)
  # One parameter, one profile.
  limits <- confint(fit, c("sd_age|Subject", "sigma"), method = "profile")
  expect_equal(limits[1L, ], limits[2L, ])
  expect_equal(update(fit, start = fit)$deviance, fit$deviance, tolerance = 1e-10)
})

test_that("what is equal to sigma is told apart, saturated and held as one parameter", {
  d <- orthodont()
  d$row <- factor(seq_len(nrow(d)))
  plain <- lmm(distance ~ age + (1 | Subject), d)
  split <- lmm(distance ~ age + (1 | Subject) + (1 | row), d,
               equal = list(c("sigma", "sd_(Intercept)|row")))
  expect_equal(split$deviance, plain$deviance, tolerance = 1e-9)
  expect_equal(split$parameters$estimate[2:3], rep(sigma(plain) / sqrt(2), 2L), tolerance = 1e-6)
  # The levels are fixed effects: REML does not depend on their variance.
  saturated <- lmm(distance ~ Subject + age + (1 | Subject), d, equal = tied)
  expect_equal(sigma(saturated), sigma(lm(distance ~ Subject + age, d)), tolerance = 1e-7)
  held <- lmm(distance ~ age + (1 | Subject), d, equal = tied, fix = c(sigma = 2))
  expect_identical(held$parameters$estimate, c(2, 2))
  expect_identical(attr(logLik(held), "df"), 2L)
  expect_output(print(plain <- lmm(distance ~ age + (1 | Subject), d, equal = tied)),
                "Held: sd_.Intercept..Subject = sigma")
  expect_error(glmm(distance ~ age + (1 | Subject), d, family = gaussian(), equal = tied),
               "not of one of these kinds", class = "tiers_error_input")
})
