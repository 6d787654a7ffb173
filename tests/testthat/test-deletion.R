# Closed-form deletion against the model without the rows by dense matrices, variances held.

# Generalized least squares for the rows that are left, at the covariance matrix of the fit.
dense_without <- function(fit, rows) {
  spec <- fit_specification(fit)
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  spec$weights <- replace(weights, rows, 0)
  kept <- dense_rows(spec)
  V <- fit$sigma^2 * dense_relative_covariance(kept, fit_lambdas(fit))
  X <- kept$X[, !is.na(fit$coefficients), drop = FALSE]
  white <- solve(V, X)
  vcov <- solve(t(X) %*% white)
  list(beta = drop(vcov %*% t(white) %*% kept$y), vcov = vcov)
}

expect_deletion <- function(fit, units, found) {
  phi <- fit$vcov
  for (u in seq_along(units)) {
    left <- dense_without(fit, units[[u]])
    d <- kept_coefficients(fit) - left$beta
    p <- length(d)
    scale <- sqrt(diag(phi))
    expect_lt(max(abs(found$change[u, ] - d) / scale), 1e-8)
    expect_lt(max(abs(found$variance[u, ] / diag(left$vcov) - 1)), 1e-8)
    ratio <- solve(phi, left$vcov)
    expect_equal(found$cook[[u]], drop(d %*% solve(phi, d)) / p, tolerance = 1e-8)
    expect_equal(found$mdffits[[u]], drop(d %*% solve(left$vcov, d)) / p, tolerance = 1e-8)
    expect_equal(found$covratio[[u]], det(ratio), tolerance = 1e-8)
    expect_equal(found$covtrace[[u]], sum(diag(ratio)) - p, tolerance = 1e-8)
  }
}

deletion_fits <- function() {
  set.seed(3)
  d <- transform(small_data(), w = rep(c(1, 0.5, 2, 0, 1.5), 12), x2 = x * 2,
                 s = gl(3, 20, labels = c("p", "q", "r")))
  d$y <- d$y + 0.7 * as.integer(d$h) + rnorm(60) / 3
  quiet <- function(...) suppressMessages(lmm(..., data = d))
  list(
    slopes = quiet(y ~ x * f + (x | g), weights = w),
    crossed = quiet(y ~ x + x2 + f + (1 | g) + (x || h), REML = FALSE),
    nested = quiet(y ~ x + (1 | s / g) + offset(x^2), weights = w),
    zero = quiet(y ~ x + (1 | g) + (1 | h), fix = c("sd_(Intercept)|h" = 0)),
    singular = quiet(y ~ x + (x | g), fix = c("cor_x.(Intercept)|g" = 1)),
    fixed_only = quiet(y ~ x * f, weights = w))
}

test_that("leaving out rows and groups is what the model without them gives", {
  for (fit in deletion_fits()) {
    model <- deletion_model(fit)
    expect_lt(max(abs(model$scale^2 * tcrossprod(model$map) / fit$vcov - 1)), 1e-8)
    d <- fit_data(fit)
    n <- nrow(d)
    units <- c(split(seq_len(n), small_data()$g)[1:3], split(seq_len(n), small_data()$h)[1:3],
               list(1:31, 60L))
    expect_deletion(fit, units, delete_units(model, units))
    rows <- delete_rows(fit, model)
    some <- c(2, 11, 60)
    part <- lapply(rows, function(x) if (is.matrix(x)) x[some, , drop = FALSE] else x[some])
    expect_deletion(fit, as.list(some), part)
    # Both forms, for all rows, those of weight zero too.
    same <- delete_units(model, as.list(seq_len(n)))
    expect_equal(lapply(rows, unname), lapply(same, unname), tolerance = 1e-8)
  }
})

test_that("columns far from zero lose no digits", {
  d <- transform(small_data(), year = 2000 + x, size = 1e6 * (1 + x / 100))
  fit <- lmm(y ~ year + (1 | g) + (1 | h), d)
  near <- lmm(y ~ I(year - 2000) + (1 | g) + (1 | h), d)
  expect_equal(influence(fit, "g")$cook, influence(near, "g")$cook, tolerance = 1e-7)
})

test_that("what a unit alone determines is NA", {
  d <- transform(small_data(), own = as.numeric(g == 4), one = as.numeric(seq_len(60) == 7))
  fit <- lmm(y ~ x + own + one + (1 | h), d)
  found <- influence(fit, ~ g)
  expect_equal(which(is.na(found$cook)), c(2L, 4L), ignore_attr = TRUE)
  expect_true(all(is.na(found$change[c(2, 4), ])) && !anyNA(found$change[-c(2, 4), ]))
  expect_equal(unname(which(is.na(rstudent(fit)))), 7L)
  expect_equal(unname(which(is.na(influence(fit)$cook))), 7L)
})
