# Those that need no cluster-robust matrix.
plain_methods <- function() {
  names(Filter(function(method) is.null(method$robust_only), ddf_registry()))
}

test_that("the registry is the list of names that the error offers", {
  expect_error(summary(growth_fit(), ddf = "kenward"), class = "tiers_error_input")
  message <- tryCatch(summary(growth_fit(), ddf = "x"), error = conditionMessage)
  for (name in plain_methods()) expect_match(message, name, fixed = TRUE)
  expect_error(summary(growth_fit(), ddf = 1), class = "tiers_error_input")
  expect_equal(prepare_ddf(growth_fit(), "Satterthwaite")$name, "satterthwaite")
})

test_that("every method gives df for rows and for joint hypotheses", {
  fit <- growth_fit()
  L <- kept_rows(fit)[2:3, ]
  for (name in plain_methods()) {
    ddf <- prepare_ddf(fit, name)
    expect_length(ddf$df_rows(L), 2)
    expect_named(ddf$df_joint(L), c("df", "scale"))
  }
  expect_equal(prepare_ddf(fit, "residual")$df_rows(L), rep(108 - 4, 2))
  expect_equal(prepare_ddf(fit, "none")$df_rows(L), c(Inf, Inf))
})

test_that("vcov can be a matrix or a function, of all or of the kept coefficients", {
  fit <- growth_fit()
  V <- 4 * vcov(fit)
  se <- 2 * coef(summary(fit))[, "Std. Error"]
  expect_equal(coef(summary(fit, vcov = V))[, "Std. Error"], se)
  expect_equal(coef(summary(fit, vcov = function(f) 4 * vcov(f)))[, "Std. Error"], se)
  expect_equal(coef(summary(fit, vcov = V))[, "df"], coef(summary(fit))[, "df"])
  expect_error(summary(fit, vcov = diag(3)), class = "tiers_error_input")
  expect_error(summary(fit, vcov = "HC0"), class = "tiers_error_input")
})
