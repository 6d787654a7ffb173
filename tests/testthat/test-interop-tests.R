# Tests and limits by generics of other packages, against the same model by lme4.

both_fits <- function() {
  d <- machines_unbalanced()
  list(ours = lmm(score ~ Machine + x + (1 | Worker), d),
       theirs = lmer_test_fit(score ~ Machine + x + (1 | Worker), d))
}

test_that("lmtest::coeftest() has the tests of summary()", {
  skip_if_not_installed("lmtest")
  fit <- both_fits()$ours
  got <- lmtest::coeftest(fit)
  expect_s3_class(got, "coeftest")
  expect_equal(unclass(got)[, 1:4], coef(summary(fit))[, -3L], tolerance = 1e-12,
               ignore_attr = TRUE)
  expect_match(attr(got, "method"), "Satterthwaite")
  z <- lmtest::coeftest(fit, df = Inf)
  expect_equal(z[, 4L], 2 * pnorm(-abs(z[, 3L])))
  expect_identical(colnames(z)[3L], "z value")
  t <- lmtest::coeftest(fit, df = 7)
  expect_equal(t[, 4L], 2 * pt(-abs(t[, 3L]), 7))
  robust <- lmtest::coeftest(fit, vcov. = "CR2")
  expect_equal(robust[, 4L], coef(summary(fit, vcov = "CR2"))[, 5L], tolerance = 1e-12)
  expect_match(attr(robust, "method"), "CR2")
  passed <- lmtest::coeftest(fit, vcov. = function(x, times) times * vcov(x), times = 4)
  expect_equal(passed[, 2L], 2 * got[, 2L])
  counts <- glmm(count ~ spray + (1 | block), family = poisson(),
                 transform(datasets::InsectSprays, block = rep(1:6, 12)))
  expect_equal(unclass(lmtest::coeftest(counts))[, 1:4], coef(summary(counts)), tolerance = 1e-12,
               ignore_attr = TRUE)
  expect_error(lmtest::waldtest(fit), "anova", class = "tiers_error_input")
})

test_that("car::linearHypothesis(), deltaMethod() and Confint()", {
  skip_if_not_installed("car")
  skip_if_not_installed("lme4")
  fits <- both_fits()
  hypotheses <- c("MachineB = 2", "MachineC = MachineB")
  ours <- car::linearHypothesis(fits$ours, hypotheses)
  theirs <- suppressWarnings(car::linearHypothesis(fits$theirs, hypotheses))
  expect_identical(names(ours), names(theirs))
  expect_values(ours[2L, ], theirs[2L, ], 1e-5)
  one <- car::linearHypothesis(fits$ours, "MachineB = 0", test = "F", ddf = "kenward-roger")
  peer <- suppressWarnings(car::linearHypothesis(fits$theirs, "MachineB = 0", test = "F"))
  expect_identical(names(one), names(peer))
  expect_values(one, peer, 1e-5)
  # With a matrix car takes any value under the hypothesis of an lmer fit for zero.
  L <- rbind(c(0, 1, 0, 0), c(0, 0, 1, 0))
  distance <- fixef(fits$ours)[2:3] - c(1, 2)
  expect_equal(car::linearHypothesis(fits$ours, L, rhs = c(1, 2))$Chisq[2L],
               drop(distance %*% solve(vcov(fits$ours)[2:3, 2:3], distance)), tolerance = 1e-10)
  expect_output(print(one), "MachineB = 0")
  expect_values(car::deltaMethod(fits$ours, "MachineB / MachineC"),
                car::deltaMethod(fits$theirs, "MachineB / MachineC"), 1e-5)
  expect_equal(car::Confint(fits$ours), cbind(Estimate = fixef(fits$ours), confint(fits$ours)),
               ignore_attr = TRUE)
})

test_that("multcomp::glht(), by hypotheses and by factors", {
  skip_if_not_installed("multcomp")
  skip_if_not_installed("lme4")
  fits <- both_fits()
  for (what in list("MachineB = 0", multcomp::mcp(Machine = "Tukey"))) {
    ours <- summary(multcomp::glht(fits$ours, linfct = what), multcomp::adjusted("bonferroni"))
    theirs <- summary(multcomp::glht(fits$theirs, linfct = what), multcomp::adjusted("bonferroni"))
    for (part in c("coefficients", "sigma", "tstat", "pvalues")) {
      expect_equal(ours$test[[part]], theirs$test[[part]], tolerance = 1e-4, ignore_attr = TRUE)
    }
  }
  t <- summary(multcomp::glht(fits$ours, "x = 0", df = 9), multcomp::adjusted("none"))
  expect_values(t$test$pvalues, 2 * pt(-abs(t$test$tstat), 9), 1e-10)
})

test_that("nlme::intervals() has the limits of confint()", {
  fit <- growth_fit()
  got <- nlme::intervals(fit, level = 0.9)
  expect_equal(got$fixed[, c(1L, 3L)], confint(fit, level = 0.9), ignore_attr = TRUE)
  limits <- confint(fit, "theta_", level = 0.9)
  expect_equal(as.matrix(got$reStruct$Subject)[, c(1L, 3L)], limits[1:3, ], ignore_attr = TRUE)
  expect_values(got$sigma, c(limits["sigma", 1L], sigma(fit), limits["sigma", 2L]), 1e-12)
  expect_output(print(got), "Approximate 90% confidence intervals")
  expect_named(nlme::intervals(fit, which = "fixed"), "fixed")
})

test_that("infinite coefficients are refused with a sentence", {
  skip_if_not_installed("multcomp")
  d <- data.frame(g = gl(10, 6), f = rep(0:1, 30))
  d$y <- ifelse(d$f == 1, 1, rep(c(0, 1, 1, 0, 1), 12))
  fit <- suppressMessages(suppressWarnings(glmm(y ~ f + (1 | g), d, family = binomial())))
  expect_true(is_separated(fit))
  expect_error(multcomp::glht(fit, "f = 0"), "infinite", class = "tiers_error_model")
})
