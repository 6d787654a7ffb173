# A fit at which the deviance is not convex. Where the search for a maximum that does not exist ends
# is a matter of rounding, so the matrices are given.
grown_fit <- function() {
  cached("grown", {
    fit <- suppressMessages(glmm(y ~ x + (1 | g), small_data(y = rep(0:1, 30)), family = binomial))
    fit$vcov <- -fit$vcov
    for (part in names(fit$inference)) {
      if (is.matrix(fit$inference[[part]])) fit$inference[[part]] <- -fit$inference[[part]]
    }
    without_improper_errors(fit)
  })
}

test_that("what is no covariance matrix is not taken for one", {
  expect_true(is_covariance(matrix(0, 0, 0)))
  expect_true(is_covariance(diag(c(1, 0, Inf, 1e-20))))
  expect_true(is_covariance(outer(1:3, 1:3)))
  expect_false(is_covariance(diag(c(1, -1e-3))))
  expect_false(is_covariance(matrix(c(1, 2, 2, 1), 2)))
})

test_that("a fit without a proper maximum has NA for its standard errors, and says so", {
  fit <- grown_fit()
  expect_true(all(is.na(vcov(fit))))
  expect_true(all(is.na(summary(fit)$coefficients[, -1])))
  shown <- paste(capture.output(summary(fit)), collapse = " ")
  expect_match(shown, "Standard errors are not known (NA)", fixed = TRUE)
  expect_false(grepl("2e-16", shown))
  expect_silent(capture.output(print(fit)))
  expect_true(all(is.na(confint(fit))))
  expect_true(all(is.na(anova(fit)[, "Pr(>Chisq)"])))
  expect_warning(p <- predict(fit, se.fit = TRUE), class = "tiers_warning_condition")
  expect_true(all(is.na(p$se.fit)) && all(is.finite(p$fit)))
  expect_warning(m <- marginal_coef(fit), class = "tiers_warning_condition")
  expect_true(all(is.na(m$coefficients[, 2])) && all(is.finite(coef(m))))
})

test_that("predictions whose variance comes out below zero have NA for it, and say so", {
  fit <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp(), family = binomial)
  expect_true(is_covariance(fit$inference$vcov_psi))
  # What a fit at no optimum has: curvature downwards.
  fit$inference$vcov_psi <- -1e4 * fit$inference$vcov_psi
  fit$vcov <- -fit$vcov
  expect_warning(p <- predict(fit, interval = "prediction", type = "response"),
                 class = "tiers_warning_condition")
  expect_true(all(is.na(p[, "lwr"])) && all(is.finite(p[, "fit"])))
})

test_that("leverages that cannot be had are a classed error, and NA in augment()", {
  set.seed(3)
  d <- data.frame(g = gl(6, 5), x = rnorm(30))
  d$y <- rnorm(6)[d$g] + rnorm(30)
  fit <- suppressMessages(lmm(y ~ x + (1 | g), d))
  fit$random[[1]]$Lambda[] <- 1e12
  for (method in list(hatvalues, cooks.distance, rstudent, rstandard, dfbetas)) {
    expect_error(method(fit), class = "tiers_error_model")
  }
  expect_warning(a <- augment(fit), class = "tiers_warning_condition")
  expect_true(all(is.na(a$.hat)) && all(is.na(a$.cooksd)) && all(is.finite(a$.fitted)))
})
