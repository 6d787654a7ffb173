# Residuals of generalized fits, against the family's own functions.

test_that("residuals are those of the family's own functions", {
  fit <- grouped_fit()
  d <- cbpp()
  mu <- unname(fitted(fit))
  share <- d$incidence / d$size
  expect_equal(unname(residuals(fit, "response")), share - mu)
  expect_equal(unname(residuals(fit, "pearson")), (share - mu) * sqrt(d$size / (mu * (1 - mu))))
  expect_equal(unname(residuals(fit)),
               sign(share - mu) * sqrt(binomial()$dev.resids(share, mu, d$size)))
  expect_equal(unname(residuals(fit, "working")), (share - mu) / (mu * (1 - mu)))
  gamma <- family_fit("Gamma")
  y <- family_data()$Gamma
  mu <- unname(fitted(gamma))
  expect_equal(unname(residuals(gamma, "pearson")), (y - mu) / mu)
  expect_equal(unname(residuals(gamma, "scaled")), (y - mu) / (mu * sigma(gamma)))
  counts <- overdispersed_fit()
  mu <- unname(fitted(counts))
  expect_equal(unname(residuals(counts, "pearson")),
               (epil()$y - mu) / sqrt(mu + mu^2 / sigma(counts)))
  expect_error(residuals(fit, "pearson", level = "marginal"), class = "tiers_error_input")
  expect_error(residuals(fit, "nonsense"), class = "tiers_error_input")
})

test_that("quantile residuals are standard normal when the model is right", {
  for (name in family_names()) {
    fit <- family_fit(name)
    value <- residuals(fit, "quantile", level = "marginal", seed = 4)
    expect_gt(ks.test(value, "pnorm")$p.value, 1e-3)
    expect_lt(abs(mean(value)), 0.15)
    expect_lt(abs(sd(value) - 1), 0.1)
  }
})

test_that("quantile residuals: exact where there is nothing to draw, reproducible otherwise", {
  gamma <- family_fit("Gamma")
  shape <- 1 / sigma(gamma)^2
  expected <- qnorm(pgamma(family_data()$Gamma, shape, scale = fitted(gamma) / shape))
  expect_equal(residuals(gamma, "quantile"), expected, tolerance = 1e-8, ignore_attr = TRUE)
  sd <- attr(VarCorr(gamma)$g, "stddev")
  eta <- predict(gamma, re.form = NA)[[5]]
  probability <- integrate(function(x) {
    pgamma(family_data()$Gamma[5], shape, scale = exp(x) / shape) * dnorm(x, eta, sd)
  }, eta - 9 * sd, eta + 9 * sd, rel.tol = 1e-10)$value
  expect_equal(residuals(gamma, "quantile", level = "marginal")[[5]], qnorm(probability),
               tolerance = 1e-8)
  set.seed(1)
  before <- .Random.seed
  one <- residuals(binary_fit(), "quantile", seed = 7)
  expect_identical(residuals(binary_fit(), "quantile", seed = 7), one)
  expect_identical(.Random.seed, before)
  expect_false(identical(residuals(binary_fit(), "quantile"), residuals(binary_fit(), "quantile")))
})
