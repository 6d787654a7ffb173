kept_example <- function(seed = 1, scale = 1) {
  set.seed(seed)
  d <- data.frame(x = rnorm(80), z = rnorm(80), w = runif(80, 1, 2),
                  f = factor(rep(c("a", "b"), 40), c("b", "a", "unused")), g = rep(1:16, 5),
                  note = "text")
  d$y <- exp(0.1 * scale * (d$x + rnorm(16)[d$g] + rnorm(80)))
  d$n <- sample(5:9, 80, TRUE)
  d$s <- rbinom(80, d$n, stats::plogis(scale * d$x / 2 + rnorm(16)[d$g]))
  d
}

test_that("a fit keeps the data that it was given, whatever form they have", {
  d <- kept_example()
  d$M <- cbind(d$x, d$z)
  d$day <- as.Date("2020-01-01") + 1:80
  row.names(d) <- paste0("r", 80:1)
  missing <- d
  missing$x[c(4, 9)] <- NA
  fits <- list(
    list(lmm(log(y) ~ x + f + (1 | g), d), d),
    list(lmm(y ~ poly(x, 2) + M + (1 | g), d, weights = w, subset = z > 0), d),
    list(lmm(y ~ x + (1 | g), missing), missing),
    list(glmm(cbind(s, n - s) ~ x + (x || g), missing, binomial(), na.action = na.exclude),
         missing))
  for (case in fits) {
    expect_identical(kept_data(case[[1]]), case[[2]])
    expect_identical(getData(case[[1]]), case[[2]][row.names(model.frame(case[[1]])),
                                                   names(getData(case[[1]]))], ignore_attr = TRUE)
  }
  plain <- lmm(y ~ x + (1 | g), as.list(d))
  expect_equal(kept_data(plain), d, ignore_attr = TRUE)
  without <- lmm(y ~ x + (1 | g), d, control = tiers_control(keep_data = FALSE))
  expect_null(kept_data(without))
  expect_equal(getData(without), d[c("y", "x", "g")])
  skip_if_not_installed("tibble")
  expect_equal(kept_data(lmm(y ~ x + (1 | g), tibble::as_tibble(kept_example()))), kept_example())
})

test_that("nothing is copied, and a saved fit has each column once", {
  set.seed(2)
  n <- 2e4
  d <- as.data.frame(matrix(rnorm(n * 8), n))
  d$g <- rep(1:200, length.out = n)
  inside <- function(d) {
    junk <- rnorm(1e6)
    lmm(V1 ~ V2 + (1 | g), d)
  }
  size <- function(x) length(serialize(x, NULL))
  fit <- suppressMessages(inside(d))
  expect_lt(size(fit), 1.2 * size(d))
  kept <- kept_data(fit)
  expect_identical(kept, d)
  small <- suppressMessages(lmm(V1 ~ V2 + (1 | g), d, control = tiers_control(keep_data = FALSE)))
  expect_lt(size(small), 30 * n)
})

test_that("a data.table that is changed in place does not change the fit", {
  skip_if_not_installed("data.table")
  d <- kept_example()
  d$day <- as.Date("2020-01-01") + 1:80
  table <- data.table::as.data.table(d)
  fit <- lmm(y ~ x + f + (1 | g), table)
  before <- list(residuals(fit), AIC(update(fit, . ~ . - f, REML = FALSE)))
  data.table::setorderv(table, "y")
  data.table::set(table, 3L, "x", 99)
  data.table::set(table, 5L, "note", "new")
  expect_identical(kept_data(fit), d)
  expect_identical(residuals(fit), before[[1]])
  expect_equal(drop1(fit)["f", "AIC"], before[[2]])
})

test_that("variables and arguments from elsewhere are kept with the data", {
  inside <- function(d) {
    x2 <- d$x^2
    own <- seq_len(nrow(d)) / 80
    shift <- d$z / 10
    use <- d$z > -1
    fit <- lmm(log(y) ~ x2 + (1 | g), d, weights = own, offset = shift, subset = use)
    list(fit, update(fit, REML = FALSE), predict(fit, data.frame(x2 = 1, g = 1, shift = 0)))
  }
  d <- kept_example()
  made <- inside(d)
  e <- transform(d, x2 = x^2, own = seq_len(nrow(d)) / 80, shift = z / 10)
  direct <- lmm(log(y) ~ x2 + (1 | g), e, REML = FALSE, weights = own, offset = shift,
                subset = z > -1)
  expect_equal(logLik(made[[2]]), logLik(direct))
  expect_equal(logLik(update(made[[1]], REML = FALSE)), logLik(direct))
  expect_equal(drop1(made[[1]])["x2", "AIC"], AIC(update(direct, . ~ . - x2)))
  wider <- update(made[[1]], . ~ . + f, subset = NULL, REML = FALSE)
  expect_equal(logLik(wider), logLik(update(direct, . ~ . + f, subset = NULL)))
  expect_equal(formula(wider), log(y) ~ x2 + f + (1 | g), ignore_attr = TRUE)
  expect_equal(made[[1]]$call$weights, quote(own))
  # Data that are nothing but vectors.
  alone <- (function(y, x, g) lmm(y ~ x + (1 | g)))(d$y, d$x, d$g)
  expect_equal(logLik(update(alone, . ~ 1 + (1 | g), REML = FALSE)),
               logLik(lmm(y ~ 1 + (1 | g), d, REML = FALSE)))
  expect_equal(drop1(alone)["x", "AIC"], AIC(lmm(y ~ 1 + (1 | g), d, REML = FALSE)))
  alone <- (function(y, x, g, ...) lmm(y ~ x + (1 | g), ...))(
    d$y, d$x, d$g, control = tiers_control(keep_data = FALSE))
  expect_equal(logLik(update(alone, . ~ 1 + (1 | g), REML = FALSE)),
               logLik(lmm(y ~ 1 + (1 | g), d, REML = FALSE)))
})
