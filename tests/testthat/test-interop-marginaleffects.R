# The four functions that marginaleffects calls. It need not be there: the methods are ours, and the
# standard errors that it makes of them are those of predict().

delta_errors <- function(fit, newdata, type, ...) {
  beta <- get_coef.tiers_fit(fit)
  at <- function(beta) get_predict.tiers_fit(set_coef.tiers_fit(fit, beta), newdata, type, ...)
  J <- vapply(seq_along(beta), function(j) {
    h <- 1e-4 * max(abs(beta[j]), 1)
    (at(replace(beta, j, beta[j] + h))$estimate - at(replace(beta, j, beta[j] - h))$estimate) /
      (2 * h)
  }, double(nrow(newdata)))
  list(estimate = at(beta)$estimate, se = sqrt(rowSums((J %*% get_vcov.tiers_fit(fit)) * J)))
}

test_that("standard errors by the delta method are those of predict()", {
  d <- transform(small_data(), x2 = 2 * x)
  linear <- suppressMessages(lmm(y ~ x + x2 + f + (1 | g), d))
  counts <- count_fit()
  for (case in list(list(linear, d[1:5, ]), list(counts, fit_data(counts)[1:5, ]))) {
    found <- delta_errors(case[[1L]], case[[2L]], "response", re.form = NA)
    ours <- predict(case[[1L]], case[[2L]], type = "response", re.form = NA, se.fit = TRUE)
    expect_equal(found$estimate, unname(ours$fit))
    expect_equal(found$se, unname(ours$se.fit), tolerance = 1e-6)
  }
  conditional <- get_predict.tiers_fit(linear, d[1:3, ])
  expect_identical(names(conditional), c("rowid", "estimate"))
  expect_equal(conditional$estimate, unname(predict(linear, d[1:3, ])))
  expect_equal(nrow(get_predict.tiers_fit(linear)), 60L)
})

test_that("covariance matrices by name, formula and function; what cannot be answered", {
  fit <- growth_fit()
  expect_equal(get_vcov.tiers_fit(fit), vcov(fit))
  expect_equal(get_vcov.tiers_fit(fit, "CR2"), vcov(fit, type = "CR2"), ignore_attr = TRUE)
  expect_equal(get_vcov.tiers_fit(fit, ~ Subject), vcov(fit, type = "CR1", cluster = ~ Subject),
               ignore_attr = TRUE)
  expect_null(get_vcov.tiers_fit(fit, FALSE))
  expect_error(get_vcov.tiers_fit(fit, "HC3"), "vcov", class = "tiers_error_input")
  expect_error(set_coef.tiers_fit(fit, c(a = 1)), "coefs", class = "tiers_error_input")
  expect_true("tiers_fit" %in% getOption("marginaleffects_model_classes"))
})
