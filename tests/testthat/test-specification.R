test_that("the specification is plain and complete", {
  d <- small_data(w = 1 + abs(x))
  fit <- lmm(y ~ x + offset(x) + (x | g), d, weights = w, offset = x / 2)
  spec <- fit_specification(fit)
  expect_named(spec, c("y", "offset", "weights", "X", "reml", "terms"))
  expect_equal(spec$offset, 1.5 * d$x)
  expect_equal(spec$weights, d$w)
  expect_type(spec$X, "double")
  expect_named(spec$terms[[1L]], c("group", "codes", "n_levels", "basis", "intercept",
                                   "structure", "start"))
  expect_type(spec$terms[[1L]]$codes, "integer")
})

test_that("a fit can be made again from what it keeps, bit by bit", {
  for (formula in c(y ~ x + (x | g), y ~ poly(x, 2) + f + (1 | g) + (1 | h:f),
                    log(y + 9) ~ 0 + f + (0 + f || g))) {
    fit <- suppressMessages(lmm(formula, small_data()))
    again <- kind_run(fit_specification(fit), fit$control)
    expect_identical(unname(again$fitted), unname(fit$fitted))
    expect_identical(again$deviance, fit$deviance)
  }
})

test_that("offsets of the formula and of the argument are both used for new rows", {
  d <- small_data(o = x / 3)
  fit <- lmm(y ~ x + offset(2 * x) + (1 | g), d, offset = o)
  expect_equal(fixed_offset(fit), 2 * d$x + d$o)
  expect_equal(fixed_offset(fit, d[5:9, ]), (2 * d$x + d$o)[5:9])
  expect_error(fixed_offset(fit, d[c("x", "g")]), class = "tiers_error_input")
  expect_equal(fixed_offset(lmm(small_formula, d), d), rep(0, 60))
})

test_that("new data: missing columns, wrong types, new levels, missing values, no rows", {
  d <- small_data()
  fit <- lmm(y ~ poly(x, 2) + f + (1 | g), d)
  expect_match(error_text(fixed_matrix(fit, d["f"])), "`x` not in `newdata`")
  expect_match(error_text(fixed_matrix(fit, transform(d, f = "z"))), "new level")
  expect_error(fixed_matrix(fit, transform(d, f = 1)), class = "tiers_error_input")
  expect_error(fixed_matrix(fit, transform(d, x = "1")), class = "tiers_error_input")
  expect_error(fixed_matrix(fit, 1:3), class = "tiers_error_input")
  new <- d[1:4, ]
  new$x[2] <- NA
  new$f[3] <- NA
  X <- fixed_matrix(fit, new)
  expect_equal(rowSums(is.na(X)), c(0, 5, 5, 0), ignore_attr = TRUE)
  expect_equal(X[c(1, 4), ], fixed_matrix(fit)[c(1, 4), ], ignore_attr = TRUE)
  expect_equal(dim(fixed_matrix(fit, new[0, ])), c(0L, 5L))
  expect_true(all(is.na(fixed_matrix(fit, transform(new, x = NA)))))
  reordered <- transform(new, f = factor(f, levels = c("c", "b", "a")))
  expect_equal(fixed_matrix(fit, reordered), X, ignore_attr = TRUE)
  expect_equal(fixed_matrix(fit, droplevels(d[1, ])), X[1, , drop = FALSE], ignore_attr = TRUE)
  expect_equal(fixed_matrix(fit, transform(d, f = as.character(f))), fixed_matrix(fit),
               ignore_attr = TRUE)
})

test_that("dropped columns stay columns of the model matrix", {
  fit <- suppressMessages(lmm(y ~ x + I(2 * x) + f + (1 | g), small_data()))
  expect_equal(ncol(fixed_matrix(fit)), 5L)
  expect_equal(sum(is.na(fit$coefficients)), 1L)
  expect_equal(dim(fit$vcov), c(4L, 4L))
})

test_that("refit_with fits the same model to another response", {
  d <- small_data(z = y^2 - x)
  fit <- lmm(y ~ x + (1 | g), d)
  expect_same_fit(refit_with(fit, d$z), lmm(z ~ x + (1 | g), d))
  expect_error(refit_with(fit, 1:3), class = "tiers_error_input")
  expect_error(refit_with(fit, c(Inf, d$y[-1])), class = "tiers_error_input")
  expect_error(refit_with(fit, rep(1, 60)), class = "tiers_error_model")
})

test_that("a damaged fit is refused", {
  fit <- lmm(small_formula, small_data())
  for (field in c("frame", "terms", "random_terms", "version", "vcov")) {
    broken <- fit
    broken[[field]] <- NULL
    expect_error(validate_fit(broken), class = "tiers_error_input")
  }
  broken <- fit
  broken$fitted <- broken$fitted[-1]
  expect_error(validate_fit(broken), class = "tiers_error_input")
  broken <- fit
  broken$version <- 99L
  expect_error(validate_fit(broken), class = "tiers_error_input")
  expect_identical(validate_fit(fit), fit)
})

test_that("the object carries what its methods need and is small", {
  d <- data.frame(g = rep(1:2000, each = 10), x = rep(1:10, 2000) / 10)
  d$y <- d$x + rep(sin(1:2000), each = 10) + cos(seq_len(20000)^2)
  fit <- lmm(y ~ x + (1 | g), d)
  fit$frame <- NULL
  expect_lt(as.numeric(object.size(fit)) / nrow(d), 100)
})

test_that("a column made by scale() is a number, in new data and in the fit", {
  d <- small_data(a = x * 10 + 3)
  number <- lmm(y ~ a + (a | g), transform(d, a = as.vector(scale(a))))
  matrix <- lmm(y ~ a + (a | g), within(d, a <- scale(a)))
  new <- data.frame(a = c(0, 1), g = "1")
  expect_equal(predict(matrix, new), predict(number, new))
  within_new <- new
  within_new$a <- cbind(c(0, 1))
  expect_equal(predict(number, within_new), predict(number, new))
  expect_equal(predict(matrix, within_new), predict(number, new))
  expect_equal(diff(unname(predict(matrix, new, re.form = NA))), fixef(matrix)[["a"]])
  expect_equal(unname(predict(matrix, within(d, a <- scale(a))[4:6, ])),
               unname(fitted(number)[4:6]))
  # Two columns are no number, and text is none either.
  expect_error(predict(matrix, within(new, a <- cbind(a, a))), class = "tiers_error_input")
  expect_error(predict(matrix, transform(new, a = "1")), class = "tiers_error_input")
  glm_fit <- glmm(abs(round(y)) ~ a + (1 | g), within(d, a <- scale(a)), family = poisson)
  expect_equal(diff(unname(predict(glm_fit, new))), fixef(glm_fit)[["a"]])
})

test_that("contrasts that a factor of new data brings along are not used and not spoken of", {
  d <- small_data()
  for (coding in c("contr.sum", "contr.helmert", "contr.treatment")) {
    own <- d
    contrasts(own$f) <- coding
    fit <- lmm(y ~ f + (f || g), own) |> suppressMessages()
    other <- own
    contrasts(other$f) <- "contr.poly"
    for (new in list(own, own[1:3, ], other, d, droplevels(own[1, ]))) {
      heard <- listen(predict(fit, new))
      expect_length(heard$conditions, 0L)
      expect_equal(unname(heard$value), unname(fitted(fit)[seq_len(nrow(new))]))
    }
  }
  fit <- lmm(y ~ C(f, contr.sum) + (1 | g), d)
  expect_length(listen(predict(fit, d))$conditions, 0L)
  expect_equal(predict(fit, d), fitted(fit))
})

test_that("what R warns of new data is a warning of the package", {
  fit <- lmm(y ~ log(x + 4) + (1 | g), small_data())
  new <- data.frame(x = c(0, -9), g = "1")
  heard <- listen(predict(fit, new))
  expect_length(heard$conditions, 1L)
  expect_s3_class(heard$conditions[[1L]], "tiers_warning_data")
  expect_equal(is.na(heard$value), c(FALSE, TRUE), ignore_attr = TRUE)
})

test_that("a list among the new data is refused by name", {
  fit <- lmm(y ~ x + f + (x | g), small_data())
  for (name in c("x", "f")) {
    new <- small_data()[1:2, ]
    new[[name]] <- I(list(1, 2))
    expect_error(predict(fit, new), name, class = "tiers_error_input")
  }
  expect_error(predict(fit, "data"), class = "tiers_error_input")
})

test_that("a data frame that the formula names is what new data cannot replace", {
  d <- small_data()
  for (formula in c(d$y ~ d$x + (1 | g), d$y ~ d[["x"]] + (1 | g))) {
    fit <- lmm(formula, d)
    expect_error(predict(fit, d[1:3, ]), "data = d", class = "tiers_error_input")
  }
  expect_no_match(error_text(predict(lmm(y ~ x + (1 | g), d), d["g"])), "data =")
})
