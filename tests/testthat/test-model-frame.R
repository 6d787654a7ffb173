test_that("data frames of every kind give the same fit and stay as they were", {
  d <- small_data()
  fit <- lmm(small_formula, d)
  expect_same_fit(lmm(small_formula, as.list(d)), fit)
  expect_same_fit(lmm(small_formula, list2env(as.list(d))), fit)
  expect_same_fit(with(d, lmm(y ~ x + (1 | g))), fit)
  skip_if_not_installed("tibble")
  expect_same_fit(lmm(small_formula, tibble::as_tibble(d)), fit)
  skip_if_not_installed("data.table")
  table <- data.table::as.data.table(d)
  before <- data.table::copy(table)
  expect_same_fit(lmm(small_formula, table), fit)
  expect_identical(table, before)
})

test_that("a grouped_df is a data frame", {
  skip_if_not_installed("dplyr")
  d <- small_data()
  expect_same_fit(lmm(small_formula, dplyr::group_by(d, g)), lmm(small_formula, d))
})

test_that("the call may come from do.call, lapply, a wrapper or dots", {
  d <- small_data(w = 1 + (x > 0))
  fit <- lmm(small_formula, d, weights = w)
  expect_same_fit(do.call(lmm, list(small_formula, d, weights = d$w)), fit)
  expect_same_fit(do.call("lmm", list(small_formula, quote(d), weights = quote(w))), fit)
  expect_same_fit(lapply(list(d), function(z) lmm(small_formula, z, weights = w))[[1L]], fit)
  wrapper <- function(formula, data, v = NULL, ...) lmm(formula, data, weights = v, ...)
  expect_same_fit(wrapper(small_formula, d, d$w), fit)
  expect_same_fit(wrapper(small_formula, d), lmm(small_formula, d))
  dots <- function(...) lmm(...)
  expect_same_fit(dots(small_formula, d, weights = w), fit)
  expect_same_fit(lapply(list(d), lmm, formula = small_formula, weights = d$w)[[1L]], fit)
  local_weights <- function() {
    own <- d$w
    lmm(small_formula, d, weights = own)
  }
  expect_same_fit(local_weights(), fit)
})

test_that("a variable may bear the name of an argument", {
  d <- small_data()
  names(d)[names(d) == "x"] <- "weights"
  expect_same_fit(lmm(y ~ weights + (1 | g), d), lmm(small_formula, small_data()))
  wrapper <- function(weights = NULL) lmm(small_formula, small_data(), weights = weights)
  expect_same_fit(wrapper(), lmm(small_formula, small_data()))
})

test_that("stored calls hold no data", {
  d <- small_data()
  fit <- do.call(lmm, list(small_formula, d, weights = rep(1, 60)))
  expect_lt(object.size(fit$call), 5000)
  expect_equal(as.character(fit$call)[1L], "lmm")
  dots <- function(...) lmm(...)
  expect_equal(deparse(dots(small_formula, d)$call$data), "d")
})

test_that("rows with missing values are left out and counted", {
  d <- small_data()
  d$y[2] <- NA
  d$x[5] <- NaN
  d$g[9] <- NA
  fit <- lmm(small_formula, d)
  expect_equal(fit$nobs, 57L)
  expect_equal(fit$n_dropped, 3L)
  expect_equal(as.integer(fit$na.action), c(2L, 5L, 9L))
  expect_same_fit(fit, lmm(small_formula, d[-c(2, 5, 9), ]))
  expect_s3_class(lmm(small_formula, d, na.action = na.exclude)$na.action, "exclude")
  expect_error(lmm(small_formula, d, na.action = na.fail), class = "tiers_error_input")
  expect_error(lmm(small_formula, d, na.action = na.pass), class = "tiers_error_input")
})

test_that("subset takes conditions, row numbers and row names", {
  d <- small_data()
  fit <- lmm(small_formula, d[d$x > -1, ])
  expect_same_fit(lmm(small_formula, d, subset = x > -1), fit)
  expect_same_fit(lmm(small_formula, d, subset = which(x > -1)), fit)
  expect_same_fit(lmm(small_formula, d, subset = row.names(d)[d$x > -1]), fit)
  d$flag <- d$x > -1
  d$flag[!d$flag][1:2] <- NA
  with_missing <- lmm(small_formula, d, subset = flag)
  expect_same_fit(with_missing, fit)
  expect_equal(with_missing$n_dropped, 0L)
  for (bad in list(c(TRUE, FALSE), 61, "no such row", list(1))) {
    expect_error(lmm(small_formula, d, subset = bad), class = "tiers_error_input")
  }
})

test_that("a variable is evaluated once, in one frame", {
  count <- 0
  counted <- function(x) {
    count <<- count + 1
    x
  }
  lmm(y ~ counted(x) + (counted(x) | g), small_data())
  expect_equal(count, 1)
})

test_that("matrix columns and multi-column bases are kept", {
  d <- small_data()
  d$M <- cbind(one = d$x, two = d$x^2)
  fit <- suppressMessages(lmm(y ~ M + (0 + M || g), d))
  expect_equal(names(fit$coefficients), c("(Intercept)", "Mone", "Mtwo"))
  expect_equal(fit$random$g$columns, c("Mone", "Mtwo"))
})

test_that("contrasts are stored as matrices", {
  d <- small_data()
  fit <- lmm(y ~ f + (1 | g), d, contrasts = list(f = "contr.sum"))
  expect_true(is.matrix(fit$contrasts$f))
  expect_equal(rownames(fit$contrasts$f), c("a", "b", "c"))
  old <- options(contrasts = c("contr.helmert", "contr.poly"))
  on.exit(options(old))
  expect_equal(fixed_matrix(fit, d), fixed_matrix(fit), ignore_attr = TRUE)
  expect_equal(unname(fixed_matrix(fit, d)[1:3, 2]), c(1, 0, -1))
  expect_error(lmm(y ~ f + (1 | g), d, contrasts = list(ff = "contr.sum")),
               class = "tiers_error_input")
})

test_that("the variables behind transformed columns are kept, for the rows used", {
  d <- small_data(y = exp(y), z = cos(x))
  d$z[4] <- NA
  fit <- lmm(log(y) ~ I(x^2) + z + (1 | factor(g)), d, subset = x > -1)
  used <- which(d$x > -1 & !is.na(d$z))
  expect_setequal(names(fit_data(fit)), c("y", "x", "z", "g"))
  expect_equal(fit_data(fit)$y, d$y[used])
  expect_equal(row.names(fit_data(fit)), row.names(d)[used])
  expect_same_fit(lmm(log(y) ~ I(x^2) + z + (1 | factor(g)), fit_data(fit)), fit)
  expect_null(lmm(small_formula, small_data())$raw_data)
})

test_that("a fit made in a function leaves that function's data behind", {
  make <- function() {
    ballast <- rnorm(1e5)
    d <- small_data()
    knots <- c(-0.5, 0.5)
    shift <- 0.1
    basis <- function(v, k) pmax(v - k[1] - shift, 0)
    lmm(y ~ basis(x, knots) + (1 | g), d)
  }
  fit <- make()
  expect_lt(length(serialize(fit, NULL)), 1e5)
  expect_setequal(ls(environment(fit$formula)), c("basis", "knots", "shift"))
  expect_equal(fixed_matrix(fit, small_data()), fixed_matrix(fit), ignore_attr = TRUE)
  expect_false(identical(environment(fit$terms), globalenv()))
})

test_that("no environment of a fit reaches the data", {
  fit <- local({
    d <- small_data()
    ballast <- rnorm(1e5)
    lmm(y ~ x + (x || g), d)
  })
  expect_identical(environment(fit$formula), topenv(environment(fit$formula)))
  expect_lt(length(serialize(fit, NULL)), 5e4)
})

test_that("stages keep names: response, then variables, then weights and offset", {
  d <- small_data(w = 1 + abs(x), o = x / 2)
  fit <- lmm(y ~ poly(x, 2) + (1 | g), d, weights = w, offset = o)
  expect_equal(names(fit$frame), c("y", "poly(x, 2)", "g", "(weights)", "(offset)"))
  expect_equal(names(fit$fitted), row.names(d))
})

test_that("integer64 serves as response, covariate and group", {
  skip_if_not_installed("bit64")
  d <- as.data.frame(nlme::Orthodont)
  d$y <- round(10 * d$distance)
  d$subject <- as.integer(d$Subject)
  wide <- d
  for (name in c("y", "age", "subject")) wide[[name]] <- bit64::as.integer64(d[[name]])
  plain <- lmm(y ~ age + (age | subject), d)
  fit <- lmm(y ~ age + (age | subject), wide)
  expect_equal(fixef(fit), fixef(plain), tolerance = 1e-12)
  expect_equal(predict(fit, wide[1:3, ]), predict(plain, d[1:3, ]), tolerance = 1e-12)
})

test_that("two different variables of one name for weights, offset or subset are told", {
  d <- small_data()
  w <- rep(1, 60)
  formula <- y ~ x + (1 | g)
  class <- "tiers_message_arguments"
  other <- function(dat, w) lmm(formula, dat, weights = w)
  expect_message(fit <- other(d, rep(1:2, 30)), "two different `w`", class = class)
  expect_equal(fit$deviance, lmm(formula, d)$deviance)
  expect_no_message(other(d, rep(1, 60)), class = class)
  o <- rep(0, 60)
  shifted <- function(dat) {
    o <- dat$x
    lmm(formula, dat, offset = o)
  }
  expect_message(shifted(d), "offset", class = class)
  s <- d$x > 0
  part <- function(dat) {
    s <- dat$x < 0
    suppressWarnings(lmm(formula, dat, subset = s))
  }
  expect_message(suppressMessages(part(d), classes = "tiers_message_singular"), "subset",
                 class = class)
  # What the data have, or only one of the two, is no question.
  expect_no_message(other(transform(d, w = 1), 1:60), class = class)
  local <- function(dat) {
    v <- rep(1:2, 30)
    lmm(formula, dat, weights = v)
  }
  expect_no_message(local(d), class = class)
})

test_that("what R warns of while the data are read is a warning of the package", {
  d <- small_data(k = c(-1, rep(1, 59)))
  for (formula in c(y ~ log(k) + x + (1 | g),
                    y ~ x + (1 | g) + offset(as.numeric(ifelse(x > 5, "a", 0))),
                    sqrt(y) ~ x + (1 | g))) {
    heard <- listen(lmm(formula, d))
    expect_length(without_class(heard$conditions), 0L)
  }
  expect_true(any(vapply(heard$conditions, inherits, NA, "tiers_warning_data")))
})

test_that("warnings of R are told once, with the call, wherever an expression stands", {
  d <- small_data(z = rep(c("1", "2", "?"), 20))
  warned <- function(expr) {
    heard <- listen(expr)
    expect_length(without_class(heard$conditions), 0L)
    texts <- vapply(heard$conditions, conditionMessage, "")
    texts <- texts[vapply(heard$conditions, inherits, NA, "tiers_warning_data")]
    expect_length(texts, 1L)
    texts
  }
  negative <- "NaNs produced (in `log(x)`)"
  expect_match(warned(lmm(y ~ log(x) + (1 | g), d)), negative, fixed = TRUE)
  expect_match(warned(lmm(log(x) ~ f + (1 | g), d)), negative, fixed = TRUE)
  expect_match(warned(lmm(y ~ f + (log(x) | g), d)), negative, fixed = TRUE)
  expect_match(warned(lmm(y ~ x + (1 | g) + as.numeric(z), d)), "coercion")
  expect_match(warned(lmm(y ~ x + (1 | g), d, weights = log(x))), negative, fixed = TRUE)
  expect_match(warned(lmm(y ~ x + (1 | g), d, offset = 1:60 + 1:7)), "multiple of shorter")
  expect_match(warned(lmm(y ~ x + (1 | g), d, subset = as.numeric(z) > 0)), "coercion")
  expect_match(warned(lmm(y ~ x + (1 | as.numeric(z)), d)), "coercion")
  expect_match(warned(lmm(as.numeric(z) ~ x + (1 | g), as.list(d))), "coercion")
  expect_match(warned(lmm(y ~ log(-abs(x) - 1) + (1 | g), d)), "NaNs produced")
})
