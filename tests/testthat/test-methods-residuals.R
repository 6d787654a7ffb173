test_that("residuals are observed minus fitted, conditional and marginal", {
  fit <- growth_fit()
  y <- orthodont()$distance
  expect_values(residuals(fit), y - fitted(fit))
  expect_values(residuals(fit, level = "marginal"), y - predict(fit, re.form = NA))
  expect_values(fitted(fit, level = 0), predict(fit, re.form = NA))
  expect_equal(fitted(fit, level = 1), fitted(fit))
  expect_error(residuals(fit, type = "nothing"), class = "tiers_error_input")
  expect_error(residuals(fit, level = 2), class = "tiers_error_input")
  expect_named(residuals(fit), as.character(1:108))
})

test_that("Pearson and scaled residuals take weights and variances into account", {
  d <- machines()
  d$w <- rep(c(1, 2, 4), length.out = nrow(d))
  fit <- lmm(score ~ Machine + (1 | Worker), d, weights = w)
  raw <- residuals(fit)
  expect_equal(residuals(fit, "pearson"), raw * sqrt(d$w))
  expect_equal(residuals(fit, "scaled"), raw * sqrt(d$w) / sigma(fit))
  expect_equal(residuals(fit, scaled = TRUE), raw / sigma(fit))
  # Marginally: divided by the square root of sigma^2/w + variance of the random effects.
  total <- sqrt(sigma(fit)^2 / d$w + VarCorr(fit)$Worker[1])
  expect_equal(residuals(fit, "scaled", level = "marginal"),
               residuals(fit, level = "marginal") / total)
})

test_that("residuals and leverage are those of lme4", {
  skip_if_not_installed("lme4")
  d <- machines_unbalanced()
  d$w <- rep(c(1, 2, 4), length.out = nrow(d))
  for (formula in c(score ~ Machine * x + (x | Worker),
                    score ~ Machine + (1 | Worker) + (1 | Worker:Machine))) {
    ours <- suppressMessages(lmm(formula, d, weights = w))
    theirs <- lmer_test_fit(formula, d, weights = d$w)
    expect_values(residuals(ours, "pearson"), residuals(theirs, "pearson"), 1e-3)
    expect_values(hatvalues(ours), hatvalues(theirs), 1e-3)
  }
})

test_that("`scaled` divides by sigma where a family has one", {
  for (name in c("gaussian", "Gamma", "inverse.gaussian")) {
    fit <- family_fit(name)
    for (type in c("response", "pearson", "deviance", "working")) {
      expect_equal(residuals(fit, type, scaled = TRUE), residuals(fit, type) / sigma(fit))
    }
    expect_equal(residuals(fit, "pearson", scaled = TRUE), residuals(fit, "scaled"))
    expect_equal(residuals(fit, "scaled", scaled = TRUE), residuals(fit, "scaled"))
    expect_equal(residuals(fit, "quantile", scaled = TRUE), residuals(fit, "quantile"))
  }
  for (fit in list(binary_fit(), overdispersed_fit(), family_fit("beta"))) {
    expect_equal(residuals(fit, "pearson", scaled = TRUE), residuals(fit, "pearson"))
  }
  expect_error(residuals(binary_fit(), scaled = "yes"), class = "tiers_error_input")
})

# A fit with given linear predictors: the working residual of 0 is -mu / mu'(eta), of 1
# (1 - mu) / mu'(eta).
working_at <- function(fit, link, eta) {
  fit$family$link <- link
  fit$eta[] <- rep_len(eta, length(fit$eta))
  unname(residuals(fit, "working"))[seq_along(eta)]
}

test_that("working residuals keep their digits at the edge and have a limit", {
  d <- data.frame(y = rep(0:1, 10), g = gl(5, 4))
  fit <- suppressMessages(glmm(y ~ 1 + (1 | g), d, binomial()))
  for (size in c(1, 30, 40, 300)) {
    expect_equal(working_at(fit, "logit", c(-size, size)), c(-1, 1) * (1 + exp(-size)),
                 info = size)
  }
  expect_equal(working_at(fit, "probit", c(-20, 20)),
               c(-1, 1) * pnorm(-20) / dnorm(20), tolerance = 1e-10)
  expect_equal(working_at(fit, "logit", c(-Inf, Inf)), c(-1, 1))
  expect_equal(working_at(fit, "cloglog", c(-Inf, -Inf))[1], -1)
  for (link in c("probit", "cauchit", "cloglog", "loglog")) {
    expect_true(all(is.finite(working_at(fit, link, c(-Inf, Inf)))), info = link)
  }
  count <- suppressWarnings(glmm(n ~ f, data.frame(n = c(0, 0, 3, 5), f = gl(2, 2)), poisson()))
  expect_equal(unname(residuals(count, "working"))[1:2], c(-1, -1))
})

test_that("Pearson residuals of a model of the dispersion are by the variance of the row", {
  set.seed(12)
  d <- data.frame(g = gl(20, 10), x = rnorm(200))
  mu <- exp(1 + 0.3 * d$x + rnorm(20, 0, 0.3)[d$g])
  d$y <- rgamma(200, exp(1 + d$x), exp(1 + d$x) / mu)
  d$z <- mu + rnorm(200) * exp(d$x / 2)
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, family = Gamma("log"), dispersion = ~ x))
  shape <- predict(fit, type = "dispersion")
  by_hand <- (d$y - fitted(fit)) / (fitted(fit) / sqrt(shape))
  expect_equal(residuals(fit, "pearson"), by_hand)
  expect_equal(residuals(fit, "pearson", scaled = TRUE), by_hand)
  fit <- suppressMessages(glmm(z ~ x + (1 | g), d, family = gaussian, dispersion = ~ x))
  expect_equal(residuals(fit, "pearson"), (d$z - fitted(fit)) / predict(fit, type = "dispersion"))
  d$k <- rpois(200, mu * rgamma(200, 2, 2))
  fit <- suppressMessages(glmm(k ~ x + (1 | g), d, family = nbinom2, dispersion = ~ x))
  size <- predict(fit, type = "dispersion")
  expect_equal(residuals(fit, "pearson"),
               (d$k - fitted(fit)) / sqrt(fitted(fit) + fitted(fit)^2 / size))
  # One dispersion for all rows is left out, as in glm().
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, family = Gamma("log")))
  expect_equal(residuals(fit, "pearson"), (d$y - fitted(fit)) / fitted(fit))
  expect_equal(residuals(fit, "pearson", scaled = TRUE), residuals(fit, "scaled"))
})
