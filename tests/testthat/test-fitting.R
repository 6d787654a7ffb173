# Defects that were found by using the package, one test each.

fitting_data <- function() {
  set.seed(1)
  n <- 60
  d <- data.frame(g = factor(rep(1:12, each = 5)), x = rnorm(n),
                  f = factor(sample(letters[1:3], n, TRUE)))
  d$y <- 1 + d$x + rnorm(12)[d$g] + rnorm(n)
  d
}

quiet_lmm <- function(...) suppressMessages(lmm(...))

# No error, warning or message without a class, and an error of the given class last.
stops_with <- function(expr, kind, pattern) {
  heard <- listen(expr)
  expect_length(without_class(heard$conditions), 0L)
  last <- heard$conditions[[length(heard$conditions)]]
  expect_s3_class(last, paste0("tiers_error_", kind))
  expect_match(conditionMessage(last), pattern, fixed = TRUE)
}

test_that("rows of the fit can be predicted in rank-deficient designs", {
  set.seed(1)
  d <- data.frame(g = factor(rep(1:8, 5)), x = rnorm(40),
                  f = factor(c("c", rep(c("a", "b"), length = 39))))
  d$y <- rnorm(40) + rnorm(8)[d$g]
  fit <- quiet_lmm(y ~ x * f + (1 | g), d)
  expect_no_warning(value <- predict(fit, d))
  expect_equal(value, fitted(fit), ignore_attr = TRUE)
  d$a <- rep(1:4, each = 10)
  d$b <- factor(d$a * 3 + rep(1:10, 4) %% 3)
  d$a <- factor(d$a)
  fit <- quiet_lmm(y ~ a / b + (1 | g), d)
  expect_no_warning(value <- predict(fit, d))
  expect_equal(value, fitted(fit), ignore_attr = TRUE)
  expect_warning(value <- predict(fit, data.frame(a = "1", b = "12", g = "1")),
                 class = "tiers_warning_data")
  expect_true(is.na(value))
})

test_that("anova() leaves out a term whose columns were all dropped", {
  d <- transform(fitting_data(), x2 = 2 * x)
  fit <- quiet_lmm(y ~ x + x2 + f + (1 | g), d)
  plain <- quiet_lmm(y ~ x + f + (1 | g), d)
  for (type in 1:3) {
    table <- anova(fit, type = type)
    expect_equal(rownames(table), c("x", "f"))
    expect_equal(as.matrix(table), as.matrix(anova(plain, type = type)), tolerance = 1e-6)
    expect_match(attr(table, "heading")[2L], "x2", fixed = TRUE)
  }
  numeric <- anova(quiet_lmm(y ~ x + x2 + (1 | g), d))
  expect_equal(rownames(numeric), "x")
})

test_that("structures without correlations have no covariance rows", {
  d <- fitting_data()
  fit <- quiet_lmm(y ~ x + (f || g), d)
  table <- as.data.frame(VarCorr(fit))
  expect_equal(nrow(table), 4L)
  expect_true(all(is.na(table$var2)))
  expect_equal(as.data.frame(VarCorr(fit), order = "lower.tri"), table)
  expect_equal(attr(VarCorr(fit)$g, "correlation"), diag(3), ignore_attr = TRUE)
  expect_equal(nrow(as.data.frame(VarCorr(quiet_lmm(y ~ x + id(f | g), d)))), 4L)
  full <- as.data.frame(VarCorr(quiet_lmm(y ~ x + (x | g), d)))
  expect_equal(nrow(full), 4L)
})

test_that("update() says when the data cannot be found any more", {
  fit <- local({
    hidden <- fitting_data()
    lmm(y ~ x + (1 | g), hidden, control = tiers_control(keep_data = FALSE))
  })
  stops_with(update(fit, . ~ . + f), "input", "data = ")
  expect_s3_class(update(fit, . ~ . - x), "tiers_lmm")
})

test_that("misuse of the formula has a class", {
  d <- fitting_data()
  stops_with(lmm(y ~ x + offset(f) + (1 | g), d), "input", "offset `f`")
  stops_with(lmm(y ~ x + (1 | g | f), d), "formula", "two bars")
  stops_with(lmm(y ~ x + I(1 | g), d), "formula", "inside of `I()`")
  stops_with(lmm(y ~ x + log(1 | g), d), "formula", "inside of `log()`")
  stops_with(lmm(y ~ x + I(x | g), d), "input", "calculates with a factor")
  stops_with(lmm(y ~ y + (1 | g), d), "formula", "also on the right side")
  stops_with(lmm(y ~ x + y:x + (1 | g), d), "formula", "also on the right side")
})

test_that("arguments that do not exist are named", {
  d <- fitting_data()
  stops_with(lmm(y ~ x + (1 | g), d, family = binomial()), "input", "generalized")
  stops_with(lmm(y ~ x + (1 | g), d, method = "ML"), "input", "REML = ")
  stops_with(lmm(y ~ x + (1 | g), d, cntrol = list()), "input", "did you mean `control`")
  stops_with(lmm(y ~ x + (1 | g), d, nowhere = not_there), "input", "nowhere")
  stops_with(tiers_control(foo = 1), "input", "foo")
  stops_with(tiers_control(10, 1e-9, FALSE, TRUE, 4), "input", "too many")
})

test_that("coefficients of the wrong length are damage", {
  fit <- quiet_lmm(y ~ x + (x | g), fitting_data())
  fit$coefficients <- c(fit$coefficients, b = NA)
  stops_with(anova(fit), "input", "damaged")
  stops_with(ranef(fit), "input", "damaged")
  stops_with(predict(fit, fitting_data()), "input", "damaged")
})

test_that("without an iteration there is no predicted gain", {
  heard <- listen(lmm(y ~ x + (x | g), fitting_data(), control = tiers_control(maxit = 0)))
  text <- conditionMessage(Filter(function(x) inherits(x, "warning"), heard$conditions)[[1L]])
  expect_match(text, "after 0 iterations.", fixed = TRUE)
  expect_no_match(text, "predicted")
})

test_that("several boundaries are a list", {
  heard <- listen(lmm(y ~ g + x + (f | g) + (1 | f), fitting_data()))
  text <- conditionMessage(heard$conditions[[1L]])
  expect_match(text, paste0("\n", cli::symbol$bullet, " The variance of"), fixed = TRUE)
})

test_that("a data frame as response and contrasts that do not exist", {
  d <- fitting_data()
  stops_with(lmm(d ~ x + (1 | g), d), "input", "is a data frame with 4 columns")
  d$z <- d["y"]
  stops_with(lmm(z ~ x + (1 | g), d), "input", "is a data frame with 1 column")
  stops_with(lmm(y ~ f + (1 | g), d, contrasts = list(f = "contr.foo")), "input", "for `f`")
})

test_that("levels that would read the same are told apart", {
  d <- fitting_data()
  d$p <- rep(c("a:b", "a", "z"), 20)
  d$q <- rep(c("c", "b:c", "c"), 20)
  fit <- quiet_lmm(y ~ x + (1 | p:q), d)
  expect_setequal(rownames(ranef(fit)[[1L]]), c("a:'b:c'", "'a:b':c", "z:c"))
})
