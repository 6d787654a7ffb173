test_that("likelihood, criteria and sizes are those of lme4", {
  skip_if_not_installed("lme4")
  d <- orthodont()
  for (REML in c(TRUE, FALSE)) {
    ours <- lmm(distance ~ age * Sex + (age | Subject), d, REML = REML)
    theirs <- lmer_test_fit(distance ~ age * Sex + (age | Subject), d, REML = REML)
    for (get in list(AIC, BIC, nobs, df.residual, sigma, logLik)) {
      expect_values(get(ours), get(theirs), 1e-5)
    }
    expect_equal(attributes(logLik(ours))[c("df", "nobs")],
                 attributes(logLik(theirs))[c("df", "nobs")])
    expect_values(logLik(ours, REML = FALSE), logLik(theirs, REML = FALSE), 1e-6)
    expect_values(logLik(ours, REML = TRUE), logLik(theirs, REML = TRUE), 1e-6)
    expect_values(vcov(ours), as.matrix(vcov(theirs)), 1e-3)
  }
})

test_that("deviance of a REML fit says what it is", {
  fit <- growth_fit()
  expect_message(value <- deviance(fit), class = "tiers_message_reml")
  expect_equal(value, -2 * as.numeric(logLik(fit)))
  expect_silent(deviance(fit, REML = FALSE))
  expect_silent(deviance(update(fit, REML = FALSE)))
})

test_that("rows of weight zero do not count", {
  d <- machines()
  d$w <- rep(1, nrow(d))
  d$w[c(3, 8)] <- 0
  fit <- lmm(score ~ Machine + (1 | Worker), d, weights = w)
  part <- lmm(score ~ Machine + (1 | Worker), d[-c(3, 8), ])
  expect_equal(nobs(fit), 52)
  expect_equal(logLik(fit), logLik(part))
  expect_equal(coef(summary(fit)), coef(summary(part)), tolerance = 1e-6)
  expect_equal(anova(fit), anova(part), tolerance = 1e-6)
  expect_equal(BIC(fit), BIC(part))
  expect_equal(dim(simulate(fit, seed = 1)), c(54L, 1L))
})

test_that("step works on ML fits of models with the same random part", {
  fit <- growth_fit()
  expect_equal(extractAIC(fit), c(8, AIC(update(fit, REML = FALSE))), tolerance = 1e-8)
})

test_that("the likelihood of a REML fit keeps the standard deviations that are held", {
  d <- small_data(w = rep_len(c(1, 2, 0.5), 60))
  at_estimates <- function(fit) {
    spec <- fit_specification(fit)
    spec$reml <- FALSE
    -dense_criterion(spec, fit_lambdas(fit), fit$sigma) / 2
  }
  one <- lmm(y ~ x + (1 | g), d, weights = w, fix = c("sd_(Intercept)|g" = 0.6))
  expect_equal(as.numeric(logLik(one, REML = FALSE)), at_estimates(one), tolerance = 1e-10)
  ml <- lmm(y ~ x + (1 | g), d, weights = w, fix = c("sd_(Intercept)|g" = 0.6), REML = FALSE)
  expect_lte(as.numeric(logLik(one, REML = FALSE)), as.numeric(logLik(ml)))
  two <- suppressMessages(lmm(y ~ f + (x | g) + (1 | h), d, fix = c("sd_(Intercept)|h" = 0.4)))
  expect_equal(as.numeric(logLik(two, REML = FALSE)), at_estimates(two), tolerance = 1e-10)
  back <- logLik(lmm(y ~ x + (1 | g), d, fix = c("sd_(Intercept)|g" = 0.6), REML = FALSE),
                 REML = TRUE)
  reml <- lmm(y ~ x + (1 | g), d, fix = c("sd_(Intercept)|g" = 0.6))
  expect_lte(as.numeric(back), as.numeric(logLik(reml)))
  # Sigma held alone stays as well; a correlation that is held needs no care.
  sigma <- lmm(y ~ x + (1 | g), d, fix = c(sigma = 1.1))
  expect_equal(as.numeric(logLik(sigma, REML = FALSE)), at_estimates(sigma), tolerance = 1e-10)
})
