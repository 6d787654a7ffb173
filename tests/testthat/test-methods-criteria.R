test_that("criteria by the convention of SAS are those of its listing", {
  school <- merge(nlme::MathAchieve[, c("School", "MathAch")], nlme::MathAchSchool)
  fit <- lmm(MathAch ~ 1 + (1 | School), school)
  # PROC MIXED in Singer (1998): AIC (smaller is better) 47120.8.
  expect_equal(round(AIC(fit, convention = "sas"), 1), 47120.8)
  expect_equal(BIC(fit, convention = "sas"), fit$deviance + 2 * log(160), tolerance = 1e-12)
  expect_equal(AIC(fit), fit$deviance + 6, tolerance = 1e-12)
  ml <- update(fit, REML = FALSE)
  expect_equal(AIC(ml, convention = "sas"), AIC(ml))
  expect_error(AIC(fit, convention = "spss"), class = "tiers_error_input")
})

test_that("the criterion with reference coding does not depend on the coding of the model", {
  d <- nlme::Orthodont
  formula <- distance ~ age * Sex + (age | Subject)
  fit <- lmm(formula, d, contrasts = list(Sex = "contr.sum"))
  reference <- lmm(formula, d, contrasts = list(Sex = "contr.SAS"))
  expect_equal(as.double(logLik(fit, coding = "reference")), as.double(logLik(reference)),
               tolerance = 1e-10)
  expect_gt(abs(logLik(fit) - logLik(reference)), 1)
  expect_equal(AIC(fit, convention = "sas"), AIC(reference, convention = "sas"), tolerance = 1e-10)
  expect_equal(logLik(fit, REML = FALSE, coding = "reference"), logLik(fit, REML = FALSE))
})

test_that("variances at zero do not count, crossed factors have no subjects", {
  set.seed(1)
  d <- data.frame(g = gl(6, 5), h = gl(5, 1, 30), y = rnorm(30))
  d$y <- d$y - ave(d$y, d$g)
  fit <- suppressMessages(lmm(y ~ 1 + (1 | g) + (1 | h), d))
  zero <- sum(fit$parameters$boundary)
  expect_gt(zero, 0)
  expect_equal(AIC(fit, convention = "sas"), fit$deviance + 2 * (3 - zero))
  expect_equal(BIC(fit, convention = "sas"), fit$deviance + log(30) * (3 - zero))
})

test_that("several fits make a table, as in stats", {
  a <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  b <- lm(distance ~ age, nlme::Orthodont)
  expect_equal(AIC(a, b), data.frame(df = c(4, 3), AIC = c(AIC(a), AIC(b)),
                                     row.names = c("a", "b")))
  expect_equal(BIC(a, b)$BIC, c(BIC(a), BIC(b)))
  expect_equal(AIC(a, k = 3), AIC(a) + 4)
})

test_that("the part of the random effects alone", {
  fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
  expect_equal(predict(fit, random.only = TRUE), predict(fit) - predict(fit, re.form = NA))
  new <- data.frame(age = 9, Subject = c("M01", "nobody"))
  expect_equal(predict(fit, new, random.only = TRUE, allow.new.levels = TRUE)[["2"]], 0)
  expect_error(predict(fit, random.only = TRUE, se.fit = TRUE), class = "tiers_error_input")
})
