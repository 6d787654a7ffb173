test_that("arguments are checked before anything else", {
  d <- small_data()
  expect_error(lmm(small_formula, d, REML = NA), class = "tiers_error_input")
  expect_error(lmm(small_formula, as.matrix(d["x"])), class = "tiers_error_input")
  expect_error(lmm(small_formula, 1:3), class = "tiers_error_input")
  expect_error(lmm(small_formula, d, contrasts = "contr.sum"), class = "tiers_error_input")
})

test_that("arguments of later versions are refused, absent ones are not", {
  d <- small_data()
  expect_match(error_text(glmm(small_formula, d, residual = ar1(h | g))), "not available")
  expect_match(error_text(lmm(small_formula, d, freq = h)), "not available")
  wrapper <- function(residual = NULL, freq = NULL) {
    lmm(small_formula, d, residual = residual, freq = freq, dispersion = ~ 1)
  }
  expect_same_fit(wrapper(), lmm(small_formula, d))
})

test_that("partitions are compared as partitions", {
  expect_true(same_partition(c(1L, 1L, 2L, 3L), c(3L, 3L, 1L, 2L)))
  expect_false(same_partition(c(1L, 1L, 2L, 3L), c(3L, 3L, 1L, 1L)))
  expect_false(same_partition(c(1L, 1L, 2L, 2L), c(1L, 2L, 2L, 2L)))
  expect_false(same_partition(c(1L, 2L, 1L, 2L), c(1L, 1L, 2L, 2L)))
})

test_that("bad values are counted and located by row name", {
  d <- small_data()
  row.names(d) <- paste0("r", 1:60)
  d$x[c(2, 5:12)] <- Inf
  text <- error_text(lmm(y ~ x + (1 | g), d))
  expect_match(text, "`x` has 9 infinite values (rows r2, r5, r6, r7, r8, ... (9 in all)).",
               fixed = TRUE)
  error <- expect_error(lmm(y ~ x + (1 | g), d), class = "tiers_error_input")
  expect_equal(error$rows, paste0("r", c(2, 5:12)))
})

test_that("rows of weight zero do not count in the checks", {
  d <- small_data()
  one_group <- as.numeric(d$g == "1")
  expect_error(lmm(small_formula, d, weights = one_group), class = "tiers_error_model")
  one_each <- as.numeric(d$h == "1")
  expect_error(lmm(y ~ 1 + (1 | g), d, weights = one_each), class = "tiers_error_model")
  flat <- transform(d, y = ifelse(h == "1", y, 2))
  expect_error(lmm(small_formula, flat, weights = as.numeric(h != "1")),
               class = "tiers_error_model")
})

test_that("p >= n asks for the rank", {
  d <- small_data()[c(1, 2, 7, 8, 13, 14), ]
  expect_error(lmm(y ~ x + I(x^2) + I(x^3) + I(x^4) + I(x^5) + (1 | g), d),
               class = "tiers_error_model")
})

test_that("columns that are nearly dependent count for the rank as they do in the fit", {
  set.seed(70)
  d <- data.frame(id = rep_len(1:10, 60), x = rnorm(60))
  d$h <- factor(letters[0:59 %/% 20 + 1])
  d$y <- d$x + rnorm(10)[d$id] + rnorm(60)
  d$count <- rpois(60, 3)
  for (fit in list(quote(lmm(y ~ poly(x, 20) * h + (1 | id), d)),
                   quote(lmm(y ~ poly(x, 20) * h + (1 | id), d, REML = FALSE)),
                   quote(glmm(count ~ poly(x, 20) * h + (1 | id), d, family = poisson)))) {
    expect_error(eval(fit), "No residual degrees of freedom", class = "tiers_error_model")
  }
})

test_that("known, differing variances make one row per group estimable", {
  d <- small_data(row = 1:60, w = rep(c(0.2, 1, 5), 20))
  expect_error(lmm(y ~ x + (1 | row), d), class = "tiers_error_model")
  expect_error(lmm(y ~ x + (1 | row), d, weights = rep(2, 60)), class = "tiers_error_model")
  expect_s3_class(suppressMessages(lmm(y ~ x + (1 | row), d, weights = w)), "tiers_fit")
})

test_that("messages about the boundary say what is zero", {
  d <- small_data(y = round(sin(seq_len(60)^2), 3))
  heard <- listen(lmm(y ~ x + (1 | g), d))
  expect_length(heard$conditions, 1L)
  expect_s3_class(heard$conditions[[1L]], "tiers_message_singular")
  expect_match(conditionMessage(heard$conditions[[1L]]),
               "variance of `(Intercept)` in `(1 | g)` is zero", fixed = TRUE)
  heard <- listen(lmm(y ~ x + (x || g) + (1 | f), d))
  expect_length(heard$conditions, 1L)
})

test_that("a perfect correlation is named", {
  fit <- list(
    random = list(list(columns = c("(Intercept)", "x"), label = "(x | g)")),
    parameters = data.frame(term = 1L, type = c("sd", "sd", "cor"), estimate = c(1, 2, -1),
                            boundary = c(FALSE, FALSE, TRUE), fixed = FALSE,
                            effect1 = c("(Intercept)", "x", "x"),
                            effect2 = c(NA, NA, "(Intercept)")))
  expect_match(boundary_phrases(fit, 1L), fixed = TRUE,
               "correlation of `(Intercept)` and `x` in `(x | g)` is -1")
  fit$parameters$estimate <- c(1, 0, NA)
  fit$parameters$boundary <- c(FALSE, TRUE, TRUE)
  expect_match(boundary_phrases(fit, 1L), "the variance of `x` in `(x | g)` is zero", fixed = TRUE)
})

test_that("a stopped fit warns and carries how far it is", {
  d <- fixture_data("sleepstudy")
  heard <- listen(lmm(Reaction ~ Days + (Days | Subject), d, control = list(maxit = 1)))
  expect_s3_class(heard$conditions[[1L]], "tiers_warning_notconverged")
  expect_gt(heard$conditions[[1L]]$gain, 1e-6)
  expect_equal(heard$value$convergence$status, "not_converged")
})

test_that("nearly collinear columns are named", {
  d <- small_data(x2 = x + 1e-7 * cos(1:60), z = sin(1:60))
  heard <- listen(lmm(y ~ x + z + x2 + (1 | g), d))
  condition <- heard$conditions[[1L]]
  expect_s3_class(condition, "tiers_warning_condition")
  expect_setequal(condition$columns, c("x", "x2"))
})
