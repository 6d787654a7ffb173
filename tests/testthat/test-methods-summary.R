test_that("everything that is printed is in the object", {
  s <- summary(growth_fit())
  expect_equal(colnames(coef(s)), c("Estimate", "Std. Error", "df", "t value", "Pr(>|t|)"))
  expect_equal(rownames(coef(s)), names(fixef(growth_fit())))
  expect_equal(s$random$sd[1:2], unname(attr(VarCorr(growth_fit())$Subject, "stddev")))
  expect_equal(s$random$term, c("(age | Subject)", "(age | Subject)", "Residual"))
  expect_equal(s$random$parameters, c(3, 3, 1))
  expect_equal(s$correlations$correlation, attr(VarCorr(growth_fit())$Subject, "correlation")[2, 1])
  expect_equal(s$criteria$AIC, AIC(growth_fit()))
  expect_equal(s$groups, data.frame(group = "Subject", levels = 27L))
  expect_equal(s$data$used, 108)
  expect_true(s$converged)
  for (part in c("data", "groups", "criteria", "random", "correlations")) {
    expect_s3_class(s[[part]], "data.frame")
  }
  expect_equal(vcov(s), vcov(growth_fit()))
})

test_that("ddf = none leaves out df and p values", {
  table <- coef(summary(growth_fit(), ddf = "none"))
  expect_equal(colnames(table), c("Estimate", "Std. Error", "t value"))
})

test_that("the printout", {
  d <- orthodont()
  d$distance[3] <- NA
  fit <- lmm(distance ~ age * Sex + (age | Subject), d, REML = FALSE)
  out <- capture.output(print(summary(fit)))
  expect_match(out[1], "Linear mixed model fitted by maximum likelihood")
  expect_match(paste(out, collapse = "\n"), "107 rows used, 1 dropped")
  expect_match(paste(out, collapse = "\n"), "Satterthwaite degrees of freedom")
  expect_match(paste(out, collapse = "\n"), "us, 3")
  expect_no_match <- function(text, pattern) expect_false(any(grepl(pattern, text)))
  expect_no_match(out, "Correlation of fixed effects")
  expect_output(print(summary(fit, correlation = TRUE)), "Correlation of fixed effects")
  expect_output(print(summary(fit, vcov = 2 * vcov(fit))), "given by the user")
  expect_output(print(summary(growth_fit())), "AIC (REML)", fixed = TRUE)
})

test_that("dropped columns are named", {
  fit <- suppressMessages(lmm(score ~ x + z + (1 | Worker), transform(machines(), z = 2 * x)))
  expect_output(print(summary(fit)), "Not estimable (NA): z", fixed = TRUE)
  expect_equal(nrow(coef(summary(fit))), 2)
})

test_that("models without fixed effects or without random terms have a summary", {
  none <- lmm(score ~ 0 + (1 | Worker), machines())
  expect_output(print(summary(none)), "No fixed effects")
  plain <- suppressMessages(lmm(score ~ x, machines()))
  expect_output(print(summary(plain)), "Linear model fitted by REML")
})

test_that("a damaged fit is refused with a class", {
  fit <- growth_fit()
  fit$vcov <- NULL
  expect_error(summary(fit), class = "tiers_error_input")
})
