heading_of <- function(table) paste(attr(table, "heading"), collapse = "\n")

expect_untested <- function(table, why) {
  expect_true(is.na(table$Chisq[2]))
  expect_true(is.na(table[["Pr(>Chisq)"]][2]))
  expect_match(heading_of(table), paste0("No test of .* against .*: ", why))
}

test_that("the same successes compare whatever their form", {
  d <- small_counts()
  d$share <- d$k / d$m
  d$class <- factor(d$b, labels = c("no", "yes"))
  small <- glmm(share ~ x + (1 | g), d, binomial(), weights = m)
  large <- glmm(cbind(k, m - k) ~ x + h + (1 | g), d, binomial())
  plain <- glm(cbind(k, m - k) ~ x, binomial(), d)
  expect_equal(anova(small, large)$Chisq[2], small$deviance - large$deviance, tolerance = 1e-10)
  expect_equal(anova(small, plain)$Chisq[2], 2 * (small$logLik - as.numeric(logLik(plain))),
               tolerance = 1e-8)
  numbers <- glmm(b ~ x + (1 | g), d, binomial())
  classes <- glmm(class ~ x + h + (1 | g), d, binomial())
  expect_equal(anova(numbers, classes)$Chisq[2], numbers$deviance - classes$deviance,
               tolerance = 1e-10)
  swapped <- update(classes, factor(1 - b) ~ .)
  expect_error(anova(numbers, swapped), "same response", class = "tiers_error_input")
})

test_that("other trials and other weights of the log-likelihood are refused", {
  d <- small_counts()
  d$share <- d$k / d$m
  d$w <- rep(1:2, 48)
  single <- glmm(share ~ x + (1 | g), d, binomial(), weights = m)
  double <- glmm(share ~ x + h + (1 | g), d, binomial(), weights = 2 * m)
  expect_error(anova(single, double), "same response", class = "tiers_error_input")
  counts <- glmm(n ~ x + (1 | g), d, poisson())
  expect_error(anova(counts, update(counts, weights = w)), "different weights",
               class = "tiers_error_input")
  expect_error(anova(counts, update(counts, . ~ ., data = subset(d, id > 1))), "Rows used",
               class = "tiers_error_input")
})

test_that("precision weights belong to the model: compared, not tested", {
  d <- machines()
  d$w <- rep(1:2, 27)
  fit <- lmm(score ~ Machine + (1 | Worker), d, REML = FALSE)
  table <- anova(fit, update(fit, . ~ . + x, weights = w))
  expect_untested(table, "different weights")
  expect_false(anyNA(table$AIC))
})

test_that("a larger model with the lower likelihood is not tested", {
  d <- small_counts()
  good <- glmm(n ~ x + (1 | g), d, poisson())
  bad <- suppressMessages(glmm(n ~ h + (1 | id), d, poisson()))
  expect_lt(bad$logLik, good$logLik)
  expect_untested(anova(good, bad), "not nested")
  # Two optima that agree to rounding are nested fits all the same.
  set.seed(4)
  d$v <- rnorm(96)
  d$v <- d$v - ave(d$v, d$g)
  flat <- suppressMessages(lmm(v ~ 1 + (1 | g), d, REML = FALSE))
  expect_equal(flat$convergence$status, "boundary")
  expect_equal(anova(flat, lm(v ~ 1, d))$Chisq[2], 0, tolerance = 1e-6)
})

test_that("approximations of different accuracy are not tested, equally accurate ones are", {
  d <- small_counts()
  fit <- function(formula, points) glmm(formula, d, binomial(), nAGQ = points)
  laplace <- fit(b ~ x + (1 | g), 1)
  large <- fit(b ~ x + I(x^2) + (1 | g), 15)
  expect_untested(anova(laplace, large), "different approximations")
  expect_untested(anova(fit(b ~ x + (1 | g), 0), fit(b ~ x + I(x^2) + (1 | g), 1)),
                  "different approximations")
  seven <- fit(b ~ x + (1 | g), 7)
  expect_equal(anova(seven, large)$Chisq[2], seven$deviance - large$deviance, tolerance = 1e-10)
  expect_false(is.na(anova(laplace, glm(b ~ x, binomial(), d))$Chisq[2]))
})

test_that("families of which neither is a limit of the other are named as the reason", {
  counts <- overdispersed_fit()
  expect_untested(anova(update(counts, family = nbinom1()), counts), "different families")
})

test_that("glm() with a shape is compared at its maximum likelihood", {
  d <- small_data(w = rep_len(c(1, 2, 0.5), 60))
  d$p <- exp(d$y / 3)
  for (family in list(stats::Gamma("log"), stats::inverse.gaussian("log"))) {
    for (w in list(rep(1, 60), d$w)) {
      d$w <- w
      plain <- stats::glm(p ~ x, d, family = family, weights = w)
      ours <- suppressMessages(glmm(p ~ x, d, family = family, weights = w))
      mixed <- suppressMessages(glmm(p ~ x + (1 | g), d, family = family, weights = w))
      table <- anova(mixed, plain)
      expect_equal(table["plain", "logLik"], as.numeric(logLik(ours)), tolerance = 1e-8)
      expect_equal(table$Chisq[2L], as.numeric(2 * (logLik(mixed) - logLik(ours))),
                   tolerance = 1e-6)
      expect_match(attr(table, "heading")[4L], "Shape of plain by maximum likelihood")
    }
  }
  # Where logLik() is the maximum it is taken as it is.
  counts <- transform(d, k = round(10 * p))
  plain <- stats::glm(k ~ x, counts, family = poisson)
  mixed <- glmm(k ~ x + (1 | g), counts, family = poisson)
  expect_equal(anova(mixed, plain)$logLik, c(logLik(plain), logLik(mixed)))
  expect_false(any(grepl("Shape", attr(anova(mixed, plain), "heading"))))
})

test_that("fits of other classes that build on lm are refused", {
  d <- small_data()
  fit <- lmm(y ~ x + (1 | g), d, REML = FALSE)
  expect_error(anova(fit, MASS::rlm(y ~ x, d)), class = "tiers_error_input")
  expect_error(anova(fit, stats::lm(cbind(y, x) ~ f, d)), class = "tiers_error_input")
  expect_equal(anova(fit, stats::aov(y ~ x, d))$Chisq, anova(fit, stats::lm(y ~ x, d))$Chisq)
})

test_that("fits of lm() and glm() come into the order of their parameters, in any place", {
  d <- small_data(k = 1:60 %% 5)
  small <- stats::lm(y ~ 1, d)
  middle <- stats::lm(y ~ x, d)
  large <- suppressMessages(lmm(y ~ x + (1 | g) + (1 | h), d))
  fit <- lmm(y ~ x + (1 | g), d)
  table <- suppressMessages(anova(fit, large, small, middle))
  expect_identical(rownames(table), c("small", "middle", "fit", "large"))
  ml <- lapply(list(fit, large), function(fit) suppressMessages(update(fit, REML = FALSE)))
  expected <- c(logLik(small), logLik(middle), vapply(ml, logLik, 0))
  expect_equal(table$logLik, expected, tolerance = 1e-8)
  expect_equal(c(AIC(small), AIC(middle), vapply(ml, AIC, 0)), table$AIC, tolerance = 1e-8)
})
