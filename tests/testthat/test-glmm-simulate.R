# Responses drawn from generalized fits, and fits to them.

test_that("simulated responses have the form, mean and variance of the model", {
  for (name in family_names()) {
    fit <- family_fit(name)
    s <- simulate(fit, 300, seed = 5, re.form = NULL)
    rows <- family_rows(fit)
    y <- vapply(s, function(y) if (is.matrix(y)) y[, 1] else y, numeric(400))
    variance <- family_traits(name)$variance(unname(fit$fitted), rows$d, rows$m, rows$a)
    z <- (rowMeans(y) - count_means(fit, unname(fit$fitted), rows)) / sqrt(variance / 300)
    expect_lt(abs(mean(z)), 4 / sqrt(400))
    expect_lt(abs(sd(z) - 1), 0.15)
    # The marginal mean, with random effects drawn.
    y <- vapply(simulate(fit, 300, seed = 6), function(y) if (is.matrix(y)) y[, 1] else y,
                numeric(400))
    marginal <- count_means(fit, unname(fitted(fit, level = "marginal")), rows)
    expect_lt(abs(mean(rowMeans(y) - marginal)) / sqrt(mean(variance)), 0.05)
  }
})

test_that("simulation keeps the form of the response, its seed and new data", {
  s <- simulate(grouped_fit(), 2, seed = 1)
  expect_equal(dim(s), c(56L, 2L))
  expect_equal(rowSums(s[[1]]), cbpp()$size, ignore_attr = TRUE)
  expect_equal(colnames(s[[1]]), colnames(grouped_fit()$frame[[1]]))
  expect_identical(simulate(grouped_fit(), 2, seed = 1), s)
  expect_equal(levels(simulate(binary_fit(), 1, seed = 1)[[1]]), levels(bacteria()$y))
  new <- data.frame(period = factor(1:2, levels = 1:4), herd = c("1", "99"))
  expect_message(single <- simulate(grouped_fit(), 20, seed = 1, newdata = new),
                 class = "tiers_message_trials")
  expect_true(all(unlist(lapply(single, rowSums)) == 1))
  new$incidence <- 0
  new$size <- 40
  many <- simulate(grouped_fit(), 20, seed = 1, newdata = new)
  expect_true(all(unlist(lapply(many, rowSums)) == 40))
  shares <- glmm(incidence / size ~ period + (1 | herd), cbpp(), binomial(), weights = size)
  s <- simulate(shares, 1, seed = 1)[[1]]
  expect_equal(s * cbpp()$size, round(s * cbpp()$size), tolerance = 1e-9)
})

test_that("refit takes what simulate gives", {
  for (fit in list(grouped_fit(), binary_fit(), overdispersed_fit(), family_fit("beta"))) {
    s <- simulate(fit, 1, seed = 3)
    again <- suppressWarnings(suppressMessages(refit_response(fit, s)))
    expect_s3_class(again, "tiers_glmm")
    expect_false(isTRUE(all.equal(again$logLik, fit$logLik)))
    same <- suppressMessages(refit_response(again, fit$frame[[1]]))
    expect_equal(same$logLik, fit$logLik, tolerance = 1e-9)
  }
  expect_error(refit_response(grouped_fit(), rep(1, 56)), "2 columns", class = "tiers_error_input")
  expect_error(refit_response(overdispersed_fit(), rep(1.5, 236)), "not whole",
               class = "tiers_error_input")
})

test_that("a class is simulated as one trial, whatever its weight", {
  d <- bacteria()
  fit <- suppressMessages(glmm(y ~ 1 + (1 | ID), d, family = binomial(), weights = rep(5, nrow(d))))
  drawn <- as.matrix(simulate(fit, 50, seed = 1, re.form = NULL))
  # 11,000 draws: a standard error of 0.004.
  expect_lt(abs(mean(drawn == "y") - mean(fitted(fit))), 0.02)
})
