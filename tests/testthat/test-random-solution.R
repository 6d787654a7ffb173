# summary(ranef(fit)) against Henderson's equations and estimate().

test_that("estimates, errors of prediction and tests", {
  d <- crossed_data()
  fit <- lmm(y ~ x + (x | a) + (1 | b), d, weights = w)
  found <- summary(ranef(fit))
  expect_identical(names(found), c("group", "level", "term", "estimate", "std.error", "df",
                                   "statistic", "p.value"))
  expect_identical(found$group, rep(c("a", "b"), c(16, 6)))
  expect_equal(found$estimate, unlist(ranef(fit), use.names = FALSE))
  # Columns of a level are together there, here those of a term.
  order <- c(seq(1, 15, 2), seq(2, 16, 2), 17:22)
  Sigma <- lapply(fit$random, function(term) unname(term$Sigma))
  C <- dense_error_variance(fit_specification(fit), Sigma, sigma(fit)^2, diag(22), matrix(0, 22, 2))
  expect_equal(found$std.error, sqrt(diag(C))[order], tolerance = 1e-8)
  for (ddf in list("satterthwaite", "kenward-roger", ddf_kr("observed"))) {
    got <- summary(ranef(fit, whichel = "a"), ddf = ddf)[c(3, 9), ]
    one <- estimate(fit, random = list(a = list(
      matrix(1, dimnames = list("3", "(Intercept)")), matrix(1, dimnames = list("1", "x")))),
      ddf = ddf)
    expect_equal(got[4:8], as.data.frame(one)[names(got)[4:8]], ignore_attr = TRUE)
  }
  counted <- summary(ranef(fit), ddf = "containment")
  expect_equal(counted$p.value, 2 * pnorm(-abs(counted$estimate / counted$std.error)))
  expect_output(print(found), "Satterthwaite degrees of freedom.*t value.*Pr")
})

test_that("generalized fits, variances of zero, parts taken out", {
  fit <- count_fit()
  found <- summary(ranef(fit))
  expect_output(print(found), "z value")
  condsd <- as.data.frame(ranef(fit))$condsd
  expect_true(all(found$std.error > 0.99 * condsd) && all(found$df == Inf))
  zero <- suppressMessages(lmm(y ~ x + (1 | g), small_data(), fix = c("sd_(Intercept)|g" = 0)))
  none <- summary(ranef(zero))
  expect_true(all(none$std.error == 0) && all(is.na(none$p.value)))
  dropped <- suppressMessages(lmm(y ~ x + x2 + (1 | g), transform(small_data(), x2 = 2 * x)))
  expect_equal(summary(ranef(dropped))$std.error,
               summary(ranef(lmm(y ~ x + (1 | g), small_data())))$std.error)
  taken <- ranef(fit)
  attr(taken, "fit") <- NULL
  expect_error(summary(taken), "lost", class = "tiers_error_input")
})
