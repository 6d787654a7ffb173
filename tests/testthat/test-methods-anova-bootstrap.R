test_that("the ratios are those of the two refits, and p values follow from them", {
  small <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont, REML = FALSE)
  large <- lmm(distance ~ age + Sex + (1 | Subject), nlme::Orthodont, REML = FALSE)
  table <- anova(large, small, method = "bootstrap", nsim = 40, seed = 3)
  plain <- anova(large, small)
  expect_identical(table$Chisq, plain$Chisq)
  ratio <- attr(table, "replicates")
  random <- tiers:::start_streams(3, 40L)
  y <- local({
    on.exit(random$restore())
    tiers:::use_stream(random$streams[[7L]])
    simulate(small)[[1L]]
  })
  expect_equal(ratio[7L], deviance(refit_response(small, y)) - deviance(refit_response(large, y)),
               tolerance = 1e-7)
  T <- plain$Chisq[2L]
  p <- (1 + sum(ratio >= T)) / 41
  expect_identical(table[["Pr(boot)"]], c(NA, p))
  tests <- attr(table, "bootstrap")
  expect_equal(tests["bootstrap", "std.error"], sqrt(p * (1 - p) / 40))
  expect_equal(tests["Bartlett", "p.value"], pchisq(T / mean(ratio), 1, lower.tail = FALSE))
  expect_equal(tests["gamma", "p.value"],
               pgamma(T, shape = mean(ratio)^2 / var(ratio), scale = var(ratio) / mean(ratio),
                      lower.tail = FALSE))
  expect_identical(attr(table, "seed"), 3)
})

test_that("p values are those that pbkrtest makes of the same replicates", {
  # Its version 0.5.2, for replicates of 1.2 times a chi-square and a statistic of 6.5.
  ratio <- 1.2 * qchisq(ppoints(300), 1)
  tests <- tiers:::ratio_tests(6.5, 1, ratio)
  expect_equal(tests[c("bootstrap", "gamma", "Bartlett", "F"), "p.value"],
               c(0.0232558139535, 0.0192845357265, 0.0198119904397, 0.0253083929241),
               tolerance = 1e-10)
  expect_equal(tests["Bartlett", "statistic"], 5.42838523063, tolerance = 1e-10)
  expect_equal(tests["F", "ddf"], 12.1312251114, tolerance = 1e-10)
  # The mean of an F distribution is ddf / (ddf - 2), of two degrees of freedom too.
  two <- tiers:::ratio_tests(6.5, 2, 3 * ratio)
  expect_equal(two["F", "ddf"] / (two["F", "ddf"] - 2), mean(3 * ratio) / 2)
})

test_that("a variance is tested where the ratio is a function of F", {
  # One-way, balanced: on 5 and 24 df.
  d <- fixture_data("dyestuff")
  fit <- lmm(Yield ~ 1 + (1 | Batch), d)
  none <- suppressMessages(lmm(Yield ~ 1, d))
  table <- anova(none, fit, method = "bootstrap", nsim = 300, seed = 1)
  random <- tiers:::start_streams(1, 300L)
  y <- local({
    on.exit(random$restore())
    tiers:::draw_responses(none, random$streams, tiers:::parametric_drawer(none),
                           list(size = double()))
  })
  ratio_of_squares <- function(y) {
    groups <- split(y, d$Batch)
    5 * var(vapply(groups, mean, 1)) / mean(vapply(groups, var, 1))
  }
  F <- apply(y, 2L, ratio_of_squares)
  expect_identical(attr(table, "replicates") > 1e-6, F > 1 + 1e-6)
  expect_equal(table[["Pr(boot)"]][2L], (1 + sum(F >= ratio_of_squares(d$Yield))) / 301)
  expect_identical(rownames(attr(table, "bootstrap")), "bootstrap")
})

test_that("generalized fits, also of a family and its limit", {
  poisson <- glmm(y ~ trt + (1 | subject), MASS::epil, family = poisson())
  table <- anova(poisson, update(poisson, family = nbinom2()), method = "bootstrap", nsim = 20,
                 seed = 1)
  expect_identical(table[["Pr(boot)"]][2L], 1 / 21)
  expect_output(print(table), "20 replicates from poisson \\(seed 1\\)")
})

test_that("what cannot be compared is refused", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont, REML = FALSE)
  other <- lmm(distance ~ Sex + (1 | Subject), nlme::Orthodont, REML = FALSE)
  expect_error(anova(fit, method = "bootstrap"), "two fits", class = "tiers_error")
  expect_error(anova(fit, other, method = "bootstrap"), "no likelihood ratio test",
               class = "tiers_error")
  expect_error(anova(fit, lm(distance ~ age, nlme::Orthodont), method = "bootstrap"),
               "made by", class = "tiers_error")
  expect_error(anova(fit, other, fit, method = "bootstrap"), "two fits", class = "tiers_error")
})
