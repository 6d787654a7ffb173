test_that("one fit: Wald chi-square tests of terms, whatever the coding", {
  fit <- grouped_fit()
  table <- anova(fit)
  expect_equal(names(table), c("Chisq", "Df", "Pr(>Chisq)"))
  b <- fixef(fit)[-1]
  expect_equal(table["period", "Chisq"], drop(b %*% solve(vcov(fit)[-1, -1], b)),
               tolerance = 1e-8)
  expect_equal(table["period", "Pr(>Chisq)"], pchisq(table["period", "Chisq"], 3,
                                                      lower.tail = FALSE))
  sums <- glmm(formula(fit), cbpp(), binomial(), contrasts = list(period = "contr.sum"))
  expect_equal(unlist(anova(sums)), unlist(table), tolerance = 1e-5)
  expect_match(attr(table, "heading")[1], "Type III Wald chi-square tests")
  f <- anova(fit, ddf = "residual")
  expect_equal(names(f), c("NumDF", "DenDF", "F value", "Pr(>F)"))
  expect_equal(f["period", "F value"] * 3, table["period", "Chisq"], tolerance = 1e-8)
  expect_equal(names(anova(fit, ddf = "none")), c("Chisq", "Df"))
  expect_equal(names(anova(growth_fit(), ddf = "asymptotic")), c("Chisq", "Df", "Pr(>Chisq)"))
})

test_that("type 3 tests of an interaction are those of sum contrasts", {
  fit <- overdispersed_fit()
  both <- update(fit, . ~ . + trt:V4, contrasts = list(trt = "contr.sum"))
  treatment <- update(fit, . ~ . + trt:V4)
  table <- anova(treatment)
  z <- coef(summary(both))["V4", "z value"]
  expect_equal(table["V4", "Chisq"], z^2, tolerance = 1e-5)
})

test_that("several fits: likelihood ratio tests", {
  fit <- grouped_fit()
  none <- update(fit, . ~ . - period)
  table <- anova(none, fit)
  expect_equal(table$Chisq[2], none$deviance - fit$deviance, tolerance = 1e-10)
  expect_equal(table$Df[2], 3)
  plain <- glm(cbind(incidence, size - incidence) ~ period, binomial(), cbpp())
  with_glm <- anova(fit, plain)
  expect_equal(with_glm$logLik, c(as.numeric(logLik(plain)), fit$logLik), tolerance = 1e-9)
  expect_equal(with_glm$Chisq[2], 2 * (fit$logLik - as.numeric(logLik(plain))), tolerance = 1e-8)
})

test_that("families: nested ones are tested, others compared, unlike measures refused", {
  counts <- overdispersed_fit()
  poisson <- update(counts, family = poisson())
  table <- anova(poisson, counts)
  expect_equal(table$Chisq[2], poisson$deviance - counts$deviance, tolerance = 1e-10)
  expect_match(attr(table, "heading")[2], "(poisson, log link)", fixed = TRUE)
  other <- update(counts, family = nbinom1())
  table <- anova(other, counts)
  expect_true(is.na(table$Chisq[2]))
  expect_equal(sort(table$logLik), sort(c(other$logLik, counts$logLik)))
  gamma <- glmm(I(y + 1) ~ trt + lbase + V4 + (1 | subject), epil(), Gamma("log"))
  expect_error(anova(counts, gamma), class = "tiers_error_input")
  gaussian <- lmm(y ~ trt + lbase + V4 + (1 | subject), epil(), REML = FALSE)
  expect_error(anova(counts, gaussian), "discrete", class = "tiers_error_input")
  quasi <- glm(y ~ trt, quasipoisson(), epil())
  expect_error(anova(counts, quasi), "Quasi", class = "tiers_error_input")
})

test_that("fits by different numbers of points say so", {
  laplace <- binary_fit()
  points <- update(laplace, . ~ . - trt, nAGQ = 7)
  expect_match(paste(attr(anova(points, laplace), "heading"), collapse = " "), "7 points")
})

test_that("an infinite coefficient leaves the tests of the other terms alone", {
  some <- subset(bacteria(), !(trt == "drug+" & y == "n"))
  fit <- suppressWarnings(glmm(y ~ trt + week + (1 | ID), some, family = binomial()))
  z <- coef(summary(fit))["week", "z value"]
  for (type in c(2, 3)) {
    table <- anova(fit, type = type)
    expect_equal(table["week", "Chisq"], z^2, tolerance = 1e-8)
    expect_true(is.na(table["trt", "Chisq"]))
  }
})

test_that("glm.nb() is the negative binomial fit without random effects", {
  d <- epil()
  small <- MASS::glm.nb(y ~ trt + lage, d)
  large <- suppressMessages(glmm(y ~ trt + lage + (1 | subject), d, family = nbinom2()))
  table <- anova(large, small)
  expect_equal(table$Chisq[2L], 2 * as.numeric(logLik(large) - logLik(small)), tolerance = 1e-8)
})

test_that("fits with as many parameters have no test, and the test may be named", {
  d <- small_counts()
  one <- glmm(n ~ x + (1 | g), d, poisson())
  other <- glmm(n ~ m:as.numeric(h) + (1 | g), d, poisson())
  more <- glmm(n ~ x + h + (1 | g), d, poisson())
  table <- anova(one, other)
  expect_true(is.na(table$Chisq[2]))
  expect_match(attr(table, "heading"), "as many parameters", all = FALSE)
  expect_equal(anova(one, more, test = "LRT"), anova(one, more))
  expect_error(anova(one, more, test = "F"), class = "tiers_error_input")
})
