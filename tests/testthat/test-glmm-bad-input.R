# The rows of the table of bad input that concern generalized models (see test-bad-input.R for what
# is shared with linear ones).

silent_fit <- function(expr) {
  heard <- listen(expr)
  expect_length(heard$conditions, 0L)
  heard$value
}

error_of <- function(expr, kind, text = NULL) {
  expect_error(expr, text, fixed = TRUE, class = paste0("tiers_error_", kind))
}

test_that("infinite, missing and constant values", {
  d <- small_counts()
  bad <- replace(d, "n", list(replace(d$n, 3, Inf)))
  error_of(glmm(n ~ x + (1 | g), bad, poisson()), "input", "`n` has 1 infinite value (row 3)")
  bad <- replace(d, "x", list(replace(d$x, 3, Inf)))
  error_of(glmm(n ~ x + (1 | g), bad, poisson()), "input", "`x` has 1 infinite value (row 3)")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), offset = replace(x, 2, -Inf)), "input",
           "`offset` has 1 infinite or undefined value (row 2)")
  error_of(glmm(n ~ x + offset(log(replace(m, 2, 0))) + (1 | g), d, poisson()), "input",
           "`offset` has 1 infinite value (row 2)")
  error_of(glmm(n ~ x + offset(log(replace(m, 2, -1))) + (1 | g), d, poisson()), "input",
           "is undefined (NaN) (row 2)")
  d$x[4] <- NA
  expect_equal(nobs(silent_fit(glmm(n ~ x + (1 | g), d, poisson()))), 95)
  d$y <- 2
  error_of(glmm(y ~ x + (1 | g), d, Gamma("log")), "model", "constant")
  expect_equal(unname(fixef(suppressMessages(glmm(y ~ 1 + (1 | g), d, poisson())))), log(2),
               tolerance = 1e-6)
})

test_that("rows 24-26: a random effect for every row", {
  d <- small_counts()
  error_of(glmm(x ~ 1 + (1 | id), d, gaussian()), "model", "not separable")
  error_of(glmm(b ~ x + (1 | id), d, binomial()), "model", "one trial each")
  expect_s3_class(suppressMessages(glmm(n ~ x + (1 | id), d, poisson())), "tiers_glmm")
  expect_s3_class(suppressMessages(glmm(cbind(k, m - k) ~ x + (1 | id), d, binomial())),
                  "tiers_glmm")
})

test_that("rows 49-53: weights and offsets", {
  d <- small_counts()
  error_of(glmm(n ~ x + (1 | g), d, poisson(), weights = -m), "input", "negative")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), weights = 1:3), "input", "length 3")
  zero <- silent_fit(glmm(n ~ x + (1 | g), d, poisson(), weights = as.numeric(id > 10)))
  without <- silent_fit(glmm(n ~ x + (1 | g), d[-(1:10), ], poisson()))
  expect_equal(zero$logLik, without$logLik, tolerance = 1e-9)
  expect_equal(fixef(zero), fixef(without), tolerance = 1e-7)
  expect_equal(c(nobs(zero), df.residual(zero)), c(nobs(without), df.residual(without)))
  # Weights that multiply are rows that repeat.
  twice <- silent_fit(glmm(n ~ x + (1 | g), d, poisson(), weights = rep(2, 96)))
  repeated <- silent_fit(glmm(n ~ x + (1 | g), rbind(d, d), poisson()))
  expect_equal(twice$logLik, repeated$logLik, tolerance = 1e-9)
  # Weights of a Gamma divide its dispersion.
  d$y <- d$n + 0.5
  one <- silent_fit(glmm(y ~ x + (1 | g), d, Gamma("log")))
  four <- silent_fit(glmm(y ~ x + (1 | g), d, Gamma("log"), weights = rep(4, 96)))
  expect_equal(four$logLik, one$logLik, tolerance = 1e-9)
  expect_equal(sigma(four), 2 * sigma(one), tolerance = 1e-6)
})

test_that("rows 54-57: successes", {
  d <- small_counts()
  error_of(glmm(I(b + 1) ~ x + (1 | g), d, binomial()), "input", "between 0 and 1")
  error_of(glmm(I(b / 2) ~ x + (1 | g), d, binomial()), "input", "no whole number")
  error_of(glmm(cbind(k, m - 8) ~ x + (1 | g), d, binomial()), "input", "negative")
  none <- transform(d, k = replace(k, 1:9, 0), m = replace(m, 1:9, 0))
  zero <- silent_fit(glmm(cbind(k, m - k) ~ x + (1 | g), none, binomial()))
  without <- silent_fit(glmm(cbind(k, m - k) ~ x + (1 | g), d[-(1:9), ], binomial()))
  expect_equal(zero$logLik, without$logLik, tolerance = 1e-9)
  expect_equal(nobs(zero), nobs(without))
  expect_equal(unname(residuals(zero)[1:9]), rep(0, 9))
})

test_that("row 61: a factor with three levels", {
  d <- small_counts()
  d$f <- factor(ifelse(d$b == 0, "no", ifelse(d$x > 0, "some", "many")), c("no", "some", "many"))
  heard <- listen(fit <- glmm(f ~ x + (1 | g), d, binomial()))
  expect_equal(class(heard$conditions[[1]])[1], "tiers_message_levels")
  expect_equal(fit$logLik, glmm(b ~ x + (1 | g), d, binomial())$logLik, tolerance = 1e-10)
})

test_that("rows 62-63: counts that are none, and very large ones", {
  d <- small_counts()
  error_of(glmm(I(-n) ~ x + (1 | g), d, poisson()), "input", "negative")
  error_of(glmm(I(n + 0.5) ~ x + (1 | g), d, poisson()), "input", "not whole")
  d$y <- round(1e12 * exp(0.1 * d$x + rnorm(12, 0, 0.3)[d$g] + rnorm(96, 0, 0.1)))
  fit <- glmm(y ~ x + (1 | g) + (1 | id), d, poisson())
  linear <- suppressMessages(lmm(log(y) ~ x + (1 | g), d, REML = FALSE))
  expect_equal(unname(fixef(fit)), unname(fixef(linear)), tolerance = 1e-5)
})

test_that("row 65: values at the edge of positive and unit responses", {
  d <- small_counts()
  d$n[1] <- 0
  error_of(glmm(n ~ x + (1 | g), d, Gamma("log")), "input", "poisson()")
  error_of(glmm(b ~ x + (1 | g), d, beta_family()), "input", "binomial()")
})

test_that("rows 67-68: family, link, nAGQ", {
  d <- small_counts()
  error_of(glmm(b ~ x + (1 | g), d, "bionmial"), "input", "did you mean `binomial`")
  error_of(glmm(b ~ x + (1 | g), d, binomial("logti")), "input", "did you mean `logit`")
  error_of(glmm(b ~ x + (1 | g) + (1 | h), d, binomial(), nAGQ = 7), "model", "crossed")
  error_of(glmm(b ~ x + (1 | g) + (1 | h), d, binomial(), nAGQ = "auto"), "model", "crossed")
  error_of(glmm(b ~ x + (1 | g), d, binomial(), nAGQ = c(k = 7)), "input", "no grouping factor")
})

test_that("arguments that wait and arguments that are not there", {
  d <- small_counts()
  error_of(glmm(n ~ x + (1 | g), d, poisson(), zi = ~ 1), "input", "not available")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), freq = m), "input", "not available")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), residual = ar1(h | g)), "input", "not available")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), method = "rspl"), "input", "not available")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), REML = TRUE), "input", "maximum likelihood")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), dispformula = ~ x), "input", "dispersion")
  error_of(glmm(n ~ x + (1 | g), d, poisson(), nagq = 2), "input", "nAGQ")
  error_of(lmm(x ~ 1 + (1 | g), d, family = poisson()), "input", "glmm()")
})

test_that("row 79: no random effects", {
  d <- small_counts()
  heard <- listen(fit <- glmm(b ~ x, d, binomial()))
  expect_equal(class(heard$conditions[[1]])[1], "tiers_message")
  expect_equal(fit$coefficients, coef(glm(b ~ x, binomial(), d)), tolerance = 1e-7)
})

test_that("dropped columns and zero variance are told as for linear models", {
  d <- small_counts()
  d$z <- 2 * d$x
  heard <- listen(fit <- glmm(n ~ x + z + (1 | g), d, poisson()))
  expect_equal(class(heard$conditions[[1]])[1], "tiers_message_dropped")
  expect_true(is.na(fixef(fit)[["z"]]))
  expect_equal(unname(predict(fit, d[1:3, ])), unname(predict(fit)[1:3]), tolerance = 1e-8)
  d$y <- rep(c(2, 5, 3, 4), 24)
  heard <- listen(fit <- glmm(y ~ 1 + (1 | g), d, poisson()))
  expect_equal(class(heard$conditions[[1]])[1], "tiers_message_singular")
  expect_identical(fit$random$g$Lambda[1, 1], 0)
  expect_equal(unname(fixef(fit)), log(3.5), tolerance = 1e-7)
})

test_that("formulas and data come in every form", {
  d <- small_counts()
  fit <- glmm(n ~ x + (1 | g), d, poisson())
  for (again in list(glmm("n ~ x + (1 | g)", d, poisson()),
                     glmm(n ~ x + (1 | g), as.list(d), poisson),
                     do.call(glmm, list(n ~ x + (1 | g), d, poisson())),
                     with(d, glmm(n ~ x + (1 | g), family = "poisson")))) {
    expect_equal(again$logLik, fit$logLik, tolerance = 1e-12)
  }
  error_of(glmm(n ~ xx + (1 | g), d, poisson()), "input", "`xx` not in data; did you mean `x`?")
  error_of(glmm(n ~ x + 1 | g, d, poisson()), "formula", "needs brackets")
  error_of(glmm(n ~ x + (1 | g) + (1 | g), d, poisson()), "formula", "same term twice")
  error_of(glmm(n ~ x + (1 | g), as.matrix(d["x"]), poisson()), "input", "not a matrix")
})

test_that("single trials have no precision to estimate", {
  expect_error(glmm(y ~ trt + (1 | ID), bacteria(), family = betabinomial()),
               class = "tiers_error_model")
})
