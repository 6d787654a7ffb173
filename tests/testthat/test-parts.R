test_that("groups and their sizes are in the order of the formula, each once", {
  d <- machines()
  fit <- suppressMessages(lmm(score ~ Machine + (1 | Worker) + (0 + x | Worker) +
                                (1 | Worker:Machine), d))
  expect_identical(term_groups(fit), c("Worker", "Worker", "Worker:Machine"))
  expect_identical(group_sizes(fit), c(Worker = 6L, `Worker:Machine` = 18L))
  expect_length(group_sizes(suppressMessages(lmm(score ~ Machine, d))), 0L)
})

test_that("kept columns, coefficients and those of the engine belong together", {
  d <- transform(machines(), z = 2 * x)
  fit <- suppressMessages(lmm(score ~ x + z + Machine + (1 | Worker), d))
  expect_identical(colnames(kept_matrix(fit)), names(kept_coefficients(fit)))
  expect_length(attr(kept_matrix(fit), "assign"), ncol(kept_matrix(fit)))
  expect_equal(drop(model.matrix(fit) %*% engine_coefficients(fit)),
               drop(kept_matrix(fit) %*% kept_coefficients(fit)), ignore_attr = TRUE)
})

test_that("prior weights are 1, the given ones, or trials times weights", {
  d <- data.frame(y = c(1, 3, 2, 0, 4, 2, 5, 1), m = 5, g = gl(4, 2),
                  w = c(1, 2, 0.5, 1, 1, 3, 1, 1))
  quiet <- function(...) suppressMessages(suppressWarnings(glmm(...)))
  expect_equal(unname(prior_weights(quiet(y ~ 1 + (1 | g), d, poisson()))), rep(1, 8))
  expect_equal(unname(prior_weights(quiet(y ~ 1 + (1 | g), d, poisson(), weights = w))), d$w)
  expect_equal(unname(prior_weights(quiet(cbind(y, m - y) ~ 1 + (1 | g), d, binomial()))), d$m)
  expect_equal(unname(prior_weights(quiet(cbind(y, m - y) ~ 1 + (1 | g), d, binomial(),
                                          weights = w))), d$m * d$w)
  expect_equal(unname(prior_weights(suppressMessages(lmm(y ~ 1 + (1 | g), d, weights = w)))), d$w)
})
