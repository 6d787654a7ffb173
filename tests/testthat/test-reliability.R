# Reliability by HLM's definition.

test_that("schools of the High School and Beyond study: HLM's .901", {
  fit <- lmm(MathAch ~ 1 + (1 | School), nlme_data("MathAchieve"))
  expect_equal(reliability(fit)$reliability, 0.9013773, tolerance = 1e-7)
})

test_that("random slopes: least squares in each group", {
  d <- transform(small_data(), w = rep(c(1, 2, 0.5), 20))
  d <- d[!(d$g == 3 & seq_len(60) > 13), ]
  for (formula in list(y ~ x + (x | g), y ~ x + (1 | g) + (0 + x | g))) {
    fit <- lmm(formula, d, weights = w)
    units <- reliability(fit, by_unit = TRUE)
    error <- vapply(split(d, d$g), function(part) {
      Z <- cbind(1, part$x)
      if (nrow(part) < 2) return(c(NA, NA))
      sigma(fit)^2 * diag(solve(t(Z) %*% (part$w * Z)))
    }, c(0, 0))
    expect_equal(units$error, as.vector(t(error)))
    tau <- rep(unlist(lapply(VarCorr(fit), diag)), each = 10)
    expect_equal(units$reliability, unname(tau / (tau + units$error)))
    table <- reliability(fit)
    expect_equal(table$units, c(9L, 9L))
    expect_equal(table$reliability, vapply(split(units$reliability, rep(1:2, each = 10)), mean, 0,
                                           na.rm = TRUE), ignore_attr = TRUE)
    expect_equal(units$n[1:10], as.vector(table(d$g)))
  }
})

test_that("three levels: the outer one's error has the inner variance in it", {
  d <- small_data(s = factor(rep(c("a", "b", "b"), 20)))
  fit <- lmm(y ~ x + (1 | g) + (1 | g:s), d,
             fix = c("sd_(Intercept)|g" = 1.1, "sd_(Intercept)|g:s" = 0.6))
  units <- reliability(fit, by_unit = TRUE)
  outer <- units[units$group == "g", ]
  inner <- units[units$group != "g", ]
  expect_equal(inner$error, sigma(fit)^2 / inner$n)
  expect_equal(outer$error[1], 1 / sum(1 / (0.36 + sigma(fit)^2 / c(2, 4))))
})

test_that("generalized fits take the working residual variance", {
  fit <- overdispersed_fit()
  units <- reliability(fit, by_unit = TRUE)
  first <- units[1, ]
  rows <- which(fit_data(fit)$subject == first$level)
  expect_equal(first$error, 1 / sum(root_weights(fit)[rows]^2))
  expect_error(reliability(suppressMessages(lmm(y ~ x, small_data()))), "no random",
               class = "tiers_error_input")
})
