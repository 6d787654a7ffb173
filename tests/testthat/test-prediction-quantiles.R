test_that("a gaussian response has the limits of a normal distribution", {
  fit <- suppressMessages(glmm(distance ~ age + (1 | Subject), orthodont(), family = gaussian()))
  new <- orthodont()[c(1, 40, 90), ]
  got <- predict(fit, new, type = "response", interval = "prediction", se.fit = TRUE)
  sd <- sqrt(got$se.fit^2 + dispersion_values(fit)[1L]^2)
  expect_values(got$fit[, "upr"], got$fit[, "fit"] + qnorm(0.975) * sd, 1e-7)
  expect_values(got$fit[, "lwr"], got$fit[, "fit"] - qnorm(0.975) * sd, 1e-7)
  # Any group: with the variance of the groups.
  any <- predict(fit, new, type = "response", re.form = NA, interval = "prediction", se.fit = TRUE)
  sd <- sqrt(any$se.fit^2 + VarCorr(fit)$Subject[1, 1] + dispersion_values(fit)[1L]^2)
  expect_values(any$fit[, "upr"], any$fit[, "fit"] + qnorm(0.975) * sd, 1e-7)
})

test_that("limits are quantiles of the family's mixture over the linear predictor", {
  mixture <- function(cdf, eta, sd) {
    integrate(function(z) cdf(eta + sd * z) * dnorm(z), -8, 8, rel.tol = 1e-9)$value
  }
  counts <- overdispersed_fit()
  new <- epil()[c(1, 60, 200), ]
  link <- predict(counts, new, se.fit = TRUE)
  got <- predict(counts, new, type = "response", interval = "prediction", level = 0.9)
  size <- unname(dispersion_values(counts)[1L])
  for (i in 1:3) for (side in 1:2) {
    p <- c(0.05, 0.95)[side]
    at <- function(y) {
      if (y < 0) return(0)
      mixture(function(eta) pnbinom(y, size = size, mu = exp(eta)), link$fit[i], link$se.fit[i])
    }
    y <- got[i, c("lwr", "upr")[side]]
    expect_true(at(y) >= p && at(y - 1) < p)
  }
  gamma <- glmm(distance ~ age + (1 | Subject), orthodont(), family = Gamma("log"))
  new <- orthodont()[c(1, 40), ]
  link <- predict(gamma, new, se.fit = TRUE)
  got <- predict(gamma, new, type = "response", interval = "prediction")
  shape <- unname(dispersion_values(gamma)[1L])
  for (i in 1:2) {
    at <- function(y) {
      mixture(function(eta) pgamma(y, shape, rate = shape / exp(eta)), link$fit[i], link$se.fit[i])
    }
    expect_equal(c(at(got[i, "lwr"]), at(got[i, "upr"])), c(0.025, 0.975), tolerance = 1e-6)
  }
})

test_that("successes are shares of their trials", {
  fit <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp(), family = binomial())
  new <- cbpp()[c(1, 20), ]
  got <- predict(fit, new, type = "response", interval = "prediction")
  whole <- got[, c("lwr", "upr")] * new$size
  expect_equal(whole, round(whole))
  expect_true(all(got >= 0 & got <= 1))
  more <- predict(fit, new, type = "response", interval = "prediction", weights = 1000)
  expect_true(all(more[, "upr"] - more[, "lwr"] < 1))
  expect_equal(more[, 2:3] * 1000, round(more[, 2:3] * 1000))
  marginal <- predict(fit, new, type = "marginal", interval = "prediction")
  expect_true(all(marginal[, "lwr"] <= marginal[, "fit"] & marginal[, "fit"] <= marginal[, "upr"]))
})
