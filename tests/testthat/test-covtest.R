heading_text <- function(table) paste(attr(table, "heading"), collapse = "\n")

test_that("each column leaves with its covariances, then the term, as by fits without them", {
  d <- nlme_data("Orthodont")
  fit <- lmm(distance ~ age * Sex + (age | Subject), d)
  table <- covtest(fit)
  expect_s3_class(table, c("tiers_covtest", "anova"), exact = FALSE)
  expect_equal(rownames(table), c("<none>", "(Intercept) in (age | Subject)",
                                  "age in (age | Subject)", "(age | Subject)"))
  smaller <- list(lmm(distance ~ age * Sex + (0 + age | Subject), d),
                  lmm(distance ~ age * Sex + (1 | Subject), d), lmm(distance ~ age * Sex, d))
  deviance <- vapply(smaller, `[[`, 1, "deviance")
  expect_equal(table$LRT[-1L], deviance - fit$deviance, tolerance = 1e-6)
  expect_equal(table$Df, c(NA, 2, 2, 3))
  lrt <- table$LRT
  expect_equal(table[["Pr(>Chisq)"]][2:3],
               rowMeans(outer(lrt[2:3], 1:2, pchisq, lower.tail = FALSE)))
  expect_equal(table[["Naive p"]][2:4], pchisq(lrt[2:4], c(2, 2, 3), lower.tail = FALSE))
  expect_true(all(table[["Pr(>Chisq)"]][-1L] <= table[["Naive p"]][-1L]))
  expect_match(heading_text(table), "1/2 chi2\\(1\\) \\+ 1/2 chi2\\(2\\)")
  expect_match(heading_text(table), "REML")
})

test_that("the numbers are those of lmerTest::ranova where it tests the same", {
  skip_if_not_installed("lmerTest")
  d <- machines()
  fit <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), d)
  peer <- lmerTest::ranova(lmerTest::lmer(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), d))
  table <- covtest(fit)
  expect_equal(table$LRT[-1L], peer$LRT[-1L], tolerance = 1e-5)
  expect_equal(table[["Naive p"]][-1L], peer[["Pr(>Chisq)"]][-1L], tolerance = 1e-5)
  expect_equal(table[["Pr(>Chisq)"]][-1L], table[["Naive p"]][-1L] / 2)
})

test_that("uncorrelated columns, a common variance, weights", {
  d <- machines()
  set.seed(2)
  d$w <- runif(nrow(d), 0.5, 2)
  fit <- suppressMessages(lmm(score ~ Machine + x + (x || Worker), d, weights = w))
  table <- suppressMessages(covtest(fit))
  expect_equal(table$Df, c(NA, 1, 1, 2))
  without <- lmm(score ~ Machine + x + (1 | Worker), d, weights = w)
  expect_equal(table$LRT[3L], max(without$deviance - fit$deviance, 0), tolerance = 1e-6)
  common <- lmm(distance ~ age + id(age | Subject), nlme_data("Orthodont"))
  expect_equal(rownames(covtest(common)), c("<none>", "id(age | Subject)"))
})

test_that("generalized fits", {
  fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), MASS::bacteria, family = binomial())
  table <- covtest(fit)
  plain <- glm(y ~ trt + I(week > 2), binomial(), MASS::bacteria)
  expect_equal(table$LRT[2L], 2 * (fit$logLik - as.numeric(logLik(plain))), tolerance = 1e-6)
  expect_equal(table[["Pr(>Chisq)"]][2L], pchisq(table$LRT[2L], 1, lower.tail = FALSE) / 2)
  expect_match(heading_text(table), "maximum likelihood")
  expect_error(covtest(fit, method = "exact"), "linear", class = "tiers_error_input")
})

test_that("tests of all random effects together", {
  d <- nlme_data("Orthodont")
  fit <- lmm(distance ~ age * Sex + (age | Subject), d)
  zero <- covtest(fit, "zero_g")
  expect_equal(zero$LRT[2L], lmm(distance ~ age * Sex, d)$deviance - fit$deviance, tolerance = 1e-6)
  independent <- covtest(fit, "independent")
  expect_equal(zero$LRT, independent$LRT)
  expect_equal(zero[["Pr(>Chisq)"]], independent[["Pr(>Chisq)"]])
  diagonal <- covtest(fit, "diag_g")
  uncorrelated <- lmm(distance ~ age * Sex + (age || Subject), d)
  expect_equal(diagonal$LRT[2L], uncorrelated$deviance - fit$deviance, tolerance = 1e-5)
  # A covariance between positive variances is not at an end.
  expect_equal(diagonal[["Pr(>Chisq)"]], diagonal[["Naive p"]])
  expect_equal(diagonal$Df[2L], 1)
  expect_error(covtest(uncorrelated, "diag_g"), "no correlations", class = "tiers_error_input")
  expect_error(covtest(fit, "homogeneity"), "by", class = "tiers_error_input")
})

test_that("fits without random effects, with constraints and of other kinds are refused", {
  d <- nlme_data("Orthodont")
  expect_error(covtest(lmm(distance ~ age, d)), "no random effects", class = "tiers_error_input")
  expect_error(covtest(lmm(distance ~ age + (1 | Subject), d, fix = c(sigma = 1.4))), "anova",
               class = "tiers_error_input")
  expect_error(covtest(lm(distance ~ age, d)), class = "tiers_error_input")
  fit <- lmm(distance ~ age + (1 | Subject), d)
  expect_error(covtest(fit, "zero_g", method = "hlm"), class = "tiers_error_input")
  expect_error(covtest(fit, method = "lm"), class = "tiers_error_input")
})

test_that("a variance of zero has a statistic of zero and p = 1", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  table <- covtest(fit)
  expect_equal(table$LRT[2L], 0, tolerance = 1e-8)
  expect_equal(table[["Pr(>Chisq)"]][2L], 1)
})

test_that("tidy gives a plain table", {
  fit <- lmm(distance ~ age + (age | Subject), nlme_data("Orthodont"))
  table <- tidy(covtest(fit))
  expect_true(all(c("term", "statistic", "df", "p.value.naive", "p.value") %in% names(table)))
  expect_equal(nrow(table), 3L)
  expect_output(print(covtest(fit)), "Pr\\(>Chisq\\)")
})

test_that("homogeneity is the test against the structure without groups", {
  d <- as.data.frame(nlme::Orthodont)
  full <- suppressMessages(lmm(distance ~ age * Sex, d, residual = cs(age | Subject, by = Sex)))
  small <- suppressMessages(lmm(distance ~ age * Sex, d, residual = cs(age | Subject)))
  # The data's name means something else now.
  d <- d[1:40, ]
  table <- covtest(full, "homogeneity")
  expect_equal(table$LRT[2L], small$deviance - full$deviance, tolerance = 1e-9)
  expect_identical(table$Df[2L], 2L)
  expect_equal(table[["Pr(>Chisq)"]][2L], stats::pchisq(table$LRT[2L], 2, lower.tail = FALSE))
  expect_identical(tidy(table)$term, "homogeneity")
  expect_output(print(table), "same for all Sex")
  expect_error(covtest(small, "homogeneity"), "by = group", class = "tiers_error_input")
  expect_error(covtest(full, "homogeneity", method = "hlm"), "lrt", class = "tiers_error_input")
  expect_error(covtest(full), "residual", class = "tiers_error_input")
})
