# One test per row of the table of bad input: what a linear model must do with it. E is an error
# class, M a message class; everything else is a fit without a word.

refused <- function(expr, kind, pattern = NULL) {
  heard <- listen(expr)
  classes <- class(heard$conditions[[length(heard$conditions)]])
  expect_true(paste0("tiers_error_", kind) %in% classes,
                        info = condition_texts(heard$conditions))
  text <- conditionMessage(heard$conditions[[length(heard$conditions)]])
  if (!is.null(pattern)) expect_match(text, pattern, fixed = TRUE)
}

fit_small <- function(..., formula = small_formula) lmm(formula, small_data(...))

changed <- function(column, rows, value) {
  d <- small_data()
  d[[column]][rows] <- value
  d
}

test_that("rows 1-2: infinite values are located", {
  refused(lmm(small_formula, changed("y", 3, Inf)), "input", "`y` has 1 infinite value (row 3)")
  refused(lmm(small_formula, changed("x", 4:5, -Inf)), "input",
          "`x` has 2 infinite values (rows 4, 5)")
  refused(lmm(y ~ 1 + (x | g), changed("x", 4, Inf)), "input", "`x` in `(x | g)` has 1 infinite")
})

test_that("rows 3-5: missing values", {
  for (column in c("y", "x", "g")) {
    fit <- said_only(lmm(small_formula, changed(column, c(2, 9), NA)))
    expect_equal(c(fit$nobs, fit$n_dropped), c(58L, 2L))
  }
  expect_equal(said_only(lmm(small_formula, changed("x", 2, NaN)))$n_dropped, 1L)
  d <- small_data()
  d$y[1:30] <- NA
  d$x[21:60] <- NA
  refused(lmm(small_formula, d), "input", "`y` 30, `x` 40")
})

test_that("rows 6-7: no row, one row", {
  refused(lmm(small_formula, small_data()[0, ]), "input", "0 rows")
  refused(lmm(small_formula, small_data(), subset = x > 99), "input", "0 rows")
  refused(lmm(small_formula, small_data()[1, ]), "model", "only one row")
  refused(lmm(small_formula, small_data()[c(1, 7), ]), "model")
})

test_that("rows 8-11: nothing to explain", {
  refused(fit_small(y = 3), "model", "response is constant")
  refused(fit_small(y = 0), "model", "response is constant")
  perfect <- "residual variance is 0 to machine precision"
  refused(fit_small(y = 1 + 2 * x), "model", perfect)
  refused(fit_small(y = 1e6 * (1 + 2 * x)), "model", perfect)
  refused(fit_small(y = as.numeric(g) * 1.3, formula = y ~ 1 + (1 | g)), "model", perfect)
  refused(fit_small(y = as.numeric(g) + x / 3), "model", perfect)
})

test_that("rows 12-15: any scale and origin", {
  fit <- said_only(lmm(small_formula, small_data()))
  for (scale in c(1e-300, 1e-150, 1e-8, 1e8, 1e150, 1e300)) {
    scaled <- small_data()
    scaled$y <- scaled$y * scale
    scaled <- said_only(lmm(small_formula, scaled))
    expect_equal(scaled$sigma / scale, fit$sigma, tolerance = 1e-7)
    expect_equal(scaled$coefficients / scale, fit$coefficients, tolerance = 1e-7)
    expect_equal(scaled$random$g$modes / scale, fit$random$g$modes, tolerance = 1e-6)
    expect_equal(scaled$logLik + 58 * log(scale), fit$logLik, tolerance = 1e-9)
  }
  moved <- said_only(fit_small(y = y + 1e12))
  expect_equal(moved$logLik, fit$logLik, tolerance = 1e-3)
  slopes <- said_only(lmm(y ~ x + (x | g), small_data(), REML = FALSE))
  for (scale in c(1e-10, 1e10)) {
    d <- small_data()
    d$x <- d$x * scale
    expect_equal(said_only(lmm(y ~ x + (x | g), d, REML = FALSE))$logLik, slopes$logLik,
                 tolerance = 1e-8)
  }
  for (shift in c(1e3, 1e6)) {
    d <- small_data()
    d$x <- d$x + shift
    expect_equal(said_only(lmm(y ~ x + (x | g), d, REML = FALSE))$logLik, slopes$logLik,
                 tolerance = 1e-8)
  }
  d <- small_data()
  d$x <- round(d$x * 1024) + 1e9
  base <- small_data()
  base$x <- round(base$x * 1024)
  expect_equal(said_only(lmm(y ~ x + (x | g), d, REML = FALSE))$logLik,
               said_only(lmm(y ~ x + (x | g), base, REML = FALSE))$logLik, tolerance = 1e-8)
})

test_that("rows 16-21: the fixed design", {
  fit <- said_only(fit_small(z = x, formula = y ~ x + z + (1 | g)), "tiers_message_dropped")
  expect_equal(names(which(is.na(fit$coefficients))), "z")
  d <- small_data()
  d$z <- d$x + 1e-7 * cos(1:60)
  said_only(lmm(y ~ x + z + (1 | g), d), "tiers_warning_condition")
  d$k <- factor(rep(1:4, 15))
  fit <- said_only(lmm(y ~ f * k + (1 | g), d[!(d$f == "a" & d$k == "4"), ]),
                   "tiers_message_dropped")
  expect_equal(sum(is.na(fit$coefficients)), 1L)
  few <- small_data()[c(1, 2, 7, 8), ]
  refused(lmm(y ~ f * x + (1 | g), few), "model", "No residual degrees of freedom")
  refused(fit_small(z = factor("k"), formula = y ~ z + (1 | g)), "input", "factor `z`")
  refused(fit_small(z = "k", formula = y ~ x + (z | g)), "input", "factor `z` in `(z | g)`")
  fit <- said_only(fit_small(z = 2, formula = y ~ x + z + (1 | g)), "tiers_message_dropped")
  expect_equal(names(which(is.na(fit$coefficients))), "z")
})

test_that("rows 22-26: levels against rows", {
  refused(fit_small(z = 2, formula = y ~ x + (1 | z)), "model", "one level only")
  expect_s3_class(suppressMessages(fit_small(z = rep(1:2, each = 30), formula = y ~ x + (1 | z))),
                  "tiers_fit")
  refused(fit_small(z = 1:60, formula = y ~ x + (1 | z)), "model",
          "`(1 | z)` and the residual are not separable")
  refused(fit_small(z = rep(1:30, 2), formula = y ~ x + (x | z)), "model", "`(x | z)`")
  expect_s3_class(suppressMessages(fit_small(z = rep(1:30, 2), formula = y ~ x + (x || z))),
                  "tiers_fit")
})

test_that("row 27: a variance of zero is zero, and the rest is whole", {
  fit <- said_only(fit_small(y = round(sin((1:60)^2), 3)), "tiers_message_singular")
  expect_identical(fit$random$g$Lambda[1L, 1L], 0)
  expect_true(all(is.finite(fit$vcov)))
  linear <- lm(y ~ x, small_data(y = round(sin((1:60)^2), 3)))
  expect_equal(fit$coefficients, coef(linear), tolerance = 1e-9)
})

test_that("row 28: a singular covariance has its best likelihood and is described", {
  d <- small_data()
  level <- c(-1, 1.2, 0.4, -0.7, 2, 0, -1.5, 0.9, 0.1, -0.4)[d$g]
  d$y <- round(d$x + 0.4 * level * (1 + d$x) + cos(2 * (1:60)^2), 3)
  fit <- said_only(lmm(y ~ x + (x | g), d, REML = FALSE), "tiers_message_singular")
  # With Sigma = s^2 (1, a)(1, a)' the term is a single random effect of 1 + a x.
  profile <- function(a) {
    d$v <- 1 + a * d$x
    -lmm(y ~ x + (0 + v | g), d, REML = FALSE)$logLik
  }
  best <- optimize(profile, c(0.5, 2), tol = 1e-6)$objective
  expect_gte(fit$logLik, -best - 1e-8)
})

test_that("rows 29-31: terms that say the same twice", {
  d <- small_data(twin = rep(letters[10:1], each = 6))
  refused(lmm(y ~ x + (1 | g) + (1 | g), d), "formula", "same term twice")
  refused(lmm(y ~ x + (1 | g:f) + (1 | f:g), d), "formula", "same term twice")
  refused(lmm(y ~ x + (1 | g) + (x | g), d), "formula", "`(Intercept)` by `g`")
  refused(lmm(y ~ x + (1 | g) + (1 | twin), d), "model", "confounded")
  refused(lmm(y ~ x + (1 | g / twin), d), "model", "confounded")
  for (reml in c(TRUE, FALSE)) {
    fit <- said_only(lmm(y ~ g + (1 | g), d, REML = reml), "tiers_message_singular")
    expect_identical(fit$random$g$Lambda[1L, 1L], 0)
  }
})

test_that("rows 32-39: groups and names of every sort", {
  fit <- said_only(lmm(small_formula, small_data()))
  d <- small_data()
  levels(d$g) <- c(levels(d$g), "unused")
  expect_same_fit(said_only(lmm(small_formula, d)), fit)
  levels(d$f) <- c(levels(d$f), "unused")
  expect_same_fit(said_only(lmm(y ~ f + (1 | g), d)), lmm(y ~ f + (1 | g), small_data()))
  names(d)[c(1, 2)] <- c("my g", "x y")
  expect_same_fit(said_only(lmm(y ~ `x y` + (1 | `my g`), d)), fit)
  odd <- setNames(small_data()[c("y", "x", "g")], c("T", "c", "data"))
  expect_same_fit(said_only(lmm(T ~ c + (1 | data), odd)), fit)
  odd$theta <- odd$weights <- odd[["(Intercept)"]] <- small_data()$x^2
  for (formula in c(T ~ theta + (1 | data), T ~ weights + (1 | data),
                    T ~ `(Intercept)` + (1 | data))) {
    expect_s3_class(said_only(lmm(formula, odd)), "tiers_fit")
  }
})

test_that("row 40: formulas as text, in a variable, through do.call", {
  fit <- lmm(small_formula, small_data())
  expect_same_fit(said_only(lmm("y ~ x + (1 | g)", small_data())), fit)
  expect_same_fit(said_only(do.call(lmm, list(small_formula, small_data()))), fit)
})

test_that("rows 41-42: variables that are not there or do not fit", {
  d <- small_data()
  refused(lmm(y ~ xx + (1 | g), d), "input", "`xx` not in data; did you mean `x`?")
  refused(lmm(y ~ x + (1 | gg), d), "input", "`gg` not in data; did you mean `g`?")
  refused(lmm(y ~ log(xx) + (1 | g), d), "input", "`xx` not in data")
  refused(lmm(y ~ c + (1 | g), d), "input", "`c` not in data")
  refused(lmm(small_formula), "input", "not found")
  outside <- 1:5
  refused(lmm(y ~ outside + (1 | g), d), "input", "`outside` has length 5")
})

test_that("rows 43-44: data of every sort", {
  refused(lmm(small_formula, as.matrix(small_data()[1:2])), "input", "not a matrix")
  expect_same_fit(said_only(lmm(small_formula, as.list(small_data()))),
                  lmm(small_formula, small_data()))
})

test_that("rows 45-48: responses of every sort", {
  for (y in list("a", 1i, as.Date("2020-01-01"), Sys.time(), factor("a"))) {
    d <- small_data()
    d$y <- rep(y, 60)
    refused(lmm(small_formula, d), "input", "response `y` must be numeric")
  }
  d <- as.list(small_data())
  d$y <- as.list(d$y)
  refused(lmm(small_formula, d), "input")
  d <- small_data()
  d$y <- as.difftime(d$y, units = "mins")
  expect_same_fit(said_only(lmm(small_formula, d), "tiers_message"),
                  lmm(small_formula, small_data()))
  refused(lmm(cbind(y, x) ~ 1 + (1 | g), small_data()), "input", "2 columns")
  expect_s3_class(said_only(lmm(scale(y) ~ x + (1 | g), small_data())), "tiers_fit")
  expect_s3_class(said_only(lmm(as.matrix(y) ~ x + (1 | g), small_data())), "tiers_fit")
  expect_s3_class(said_only(lmm(y > 1 ~ x + (1 | g), small_data())), "tiers_fit")
})

test_that("rows 49-51: weights", {
  d <- small_data()
  refused(lmm(small_formula, d, weights = x), "input", "negative")
  refused(lmm(small_formula, d, weights = c(Inf, rep(1, 59))), "input", "(row 1)")
  refused(lmm(small_formula, d, weights = 1:3), "input", "length 3")
  refused(lmm(small_formula, d, weights = "a"), "input")
  refused(lmm(small_formula, d, weights = rep(0, 60)), "input", "no row is left")
  refused(lmm(small_formula, d, weights = no_such_thing), "input", "no_such_thing")
  gone <- said_only(lmm(small_formula, d, weights = as.numeric(g != "10")))
  without <- said_only(lmm(small_formula, d[d$g != "10", ]))
  expect_same_fit(gone, without)
  expect_equal(gone$npar, without$npar)
  fit <- lmm(small_formula, d, weights = 1 + (x > 0))
  for (scale in c(1e-10, 1e6)) {
    scaled <- said_only(lmm(small_formula, d, weights = scale * (1 + (x > 0))))
    expect_equal(scaled$coefficients, fit$coefficients, tolerance = 1e-8)
    expect_equal(scaled$sigma, fit$sigma * sqrt(scale), tolerance = 1e-8)
    expect_equal(scaled$random$g$Lambda * scaled$sigma, fit$random$g$Lambda * fit$sigma,
                 tolerance = 1e-6)
  }
})

test_that("rows 52-53: offsets", {
  d <- small_data()
  refused(lmm(small_formula, d, offset = c(1, Inf, rep(1, 58))), "input", "(row 2)")
  refused(lmm(small_formula, d, offset = c(1, NaN, rep(1, 58))), "input", "(row 2)")
  refused(lmm(y ~ x + offset(1 / (x - x[2])) + (1 | g), d), "input", "infinite value")
  # NaN is no missing value: the row is not left out.
  d$e <- replace(abs(d$x) + 1, c(2, 5), c(-1, NaN))
  refused(lmm(y ~ x + offset(log(e)) + (1 | g), d), "input",
          "`log(e)` is undefined (NaN) (rows 2, 5)")
  part <- suppressWarnings(lmm(y ~ x + offset(log(e)) + (1 | g), d, subset = -c(2, 5)))
  expect_equal(part$nobs, 58)
  d$e <- replace(abs(d$x) + 1, 2, NA)
  expect_equal(said_only(lmm(y ~ x + offset(log(e)) + (1 | g), d))$nobs, 59)
  plain <- lmm(small_formula, d)
  both <- said_only(lmm(y ~ x + offset(2 * x) + (1 | g), d, offset = x))
  expect_equal(both$logLik, plain$logLik, tolerance = 1e-10)
  expect_equal(both$coefficients[["x"]], plain$coefficients[["x"]] - 3, tolerance = 1e-10)
})

test_that("rows 67, 75-76: names of structures, settings, starting values", {
  refused(lmm(y ~ x + uss(x | g), small_data()), "formula", "did you mean `us`?")
  refused(lmm(small_formula, small_data(), control = list(maxiter = 3)), "input", "`maxiter`")
  refused(lmm(small_formula, small_data(), start = c("sd_(Intercept)|g" = -1)), "input")
  refused(lmm(small_formula, small_data(), start = 1:2), "input")
})

test_that("rows 77-79: dots, missing brackets, no bar", {
  d <- small_data()
  fit <- said_only(lmm(y ~ . - g - h + (1 | g), d))
  expect_same_fit(fit, lmm(y ~ x + f + (1 | g), d))
  fit <- said_only(lmm(y ~ .^2 - g - x:g - g:f + (1 | g), d[c("y", "x", "f", "g")]))
  expect_same_fit(fit, lmm(y ~ x * f + (1 | g), d))
  refused(lmm(y ~ x + 1 | g, d), "formula", "use (x + 1 | g)")
  fit <- said_only(lmm(y ~ x + f, d, REML = FALSE), "tiers_message")
  linear <- lm(y ~ x + f, d)
  expect_equal(fit$coefficients, coef(linear), tolerance = 1e-9)
  expect_equal(fit$logLik, as.numeric(logLik(linear)), tolerance = 1e-9)
})

test_that("a model without fixed effects", {
  fit <- said_only(lmm(y ~ 0 + (1 | g), small_data()))
  expect_length(fit$coefficients, 0L)
  fit <- said_only(lmm(y ~ 0 + (1 | g) + offset(x), small_data()))
  expect_equal(dim(fit$vcov), c(0L, 0L))
})

test_that("every condition of a hostile call is classed", {
  d <- small_data()
  calls <- expression(
    lmm(), lmm(y ~ x), lmm(NULL, d), lmm(y ~ x + (1 | g), data = NULL),
    lmm(c("y ~ x", "y ~ z"), d), lmm(y ~ x + (1 | g), d, na.action = "no_such"),
    lmm(y ~ x + (1 | g), d, start = list()), lmm(y ~ x + (x | mean(x)), d),
    lmm(y ~ stop("no") + (1 | g), d), lmm(mean ~ x + (1 | g), d), lmm(y ~ x + (1 | d), d),
    lmm(y ~ 1 + (1 | g)(x), d), lmm(y ~ poly(x, 99) + (1 | g), d), lmm(y ~ x + (1 | NULL), d))
  for (call in calls) {
    if (identical(call, quote(lmm(y ~ x)))) next
    heard <- listen(eval(call))
    expect_length(without_class(heard$conditions), 0L)
  }
})
