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

test_that("residuals, leverage and Cook's distance are those of lme4", {
  skip_if_not_installed("lme4")
  d <- machines_unbalanced()
  d$w <- rep(c(1, 2, 4), length.out = nrow(d))
  for (formula in c(score ~ Machine * x + (x | Worker),
                    score ~ Machine + (1 | Worker) + (1 | Worker:Machine))) {
    ours <- suppressMessages(lmm(formula, d, weights = w))
    theirs <- lmer_test_fit(formula, d, weights = d$w)
    expect_values(residuals(ours, "pearson"), residuals(theirs, "pearson"), 1e-3)
    expect_values(hatvalues(ours), hatvalues(theirs), 1e-3)
    expect_values(cooks.distance(ours), cooks.distance(theirs), 1e-2)
  }
})

test_that("without random terms leverage is that of lm", {
  d <- machines()
  fit <- suppressMessages(lmm(score ~ Machine + x, d))
  expect_equal(hatvalues(fit), hatvalues(lm(score ~ Machine + x, d)))
  expect_equal(cooks.distance(fit), cooks.distance(lm(score ~ Machine + x, d)))
})
