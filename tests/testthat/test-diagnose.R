test_that("a clean fit has nothing to report", {
  verdict <- diagnose(growth_fit())
  expect_true(verdict$ok)
  expect_equal(verdict$status, "converged")
  expect_null(verdict$findings)
  expect_lt(verdict$certificate$gain, 1e-8)
  expect_output(print(verdict), "Nothing to report")
})

test_that("a zero variance is explained as the valid estimate that it is", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  verdict <- diagnose(fit)
  expect_true(verdict$ok)
  expect_equal(verdict$status, "boundary")
  expect_match(verdict$findings$finding, "variance of .*Intercept.* zero")
  expect_match(verdict$findings$advice, "valid estimate")
  expect_output(print(verdict), "boundary")
})

test_that("a perfect correlation is named", {
  set.seed(1)
  d <- data.frame(g = gl(8, 6), x = rnorm(48))
  u <- rnorm(8)
  d$y <- u[d$g] * (1 + 2 * d$x) + rnorm(48, sd = 0.5)
  fit <- suppressMessages(lmm(y ~ x + (x | g), d))
  expect_equal(fit$convergence$status, "boundary")
  expect_match(diagnose(fit)$headline, "correlation of")
})

test_that("a fit that did not converge says what to do", {
  fit <- suppressWarnings(lmm(distance ~ age * Sex + (age | Subject), orthodont(),
                              control = tiers_control(maxit = 1)))
  expect_equal(fit$convergence$status, "not_converged")
  verdict <- diagnose(fit)
  expect_false(verdict$ok)
  expect_match(verdict$findings$advice[1], "maxit")
  expect_output(print(verdict), "NOT converged")
})

test_that("dropped columns and few levels are pointed out", {
  fit <- suppressMessages(lmm(score ~ x + z + (1 | f), transform(machines(), z = 2 * x)))
  about <- diagnose(fit)$findings$about
  expect_true(all(c("z", "f") %in% about))
})

test_that("Laplace is compared with as many points as it takes, or the bound is printed", {
  toenail <- utils::read.csv(system.file("extdata", "toenail.csv", package = "tiers"))
  fit <- glmm(y ~ terbinafine * time + (1 | patient), toenail, family = binomial())
  compared <- compared_quadrature(fit)
  # By a fixed grid.
  eta <- drop(model.matrix(fit) %*% fixef(fit))
  sd <- fit$random$patient$Lambda[1, 1]
  u <- seq(-9, 9, 0.005)
  exact <- -2 * sum(vapply(split(seq_along(eta), toenail$patient), function(rows) {
    sign <- 2 * toenail$y[rows] - 1
    terms <- stats::plogis(sign * eta[rows] + outer(sign, sd * u), log.p = TRUE)
    log(sum(stats::dnorm(u) * 0.005 * exp(colSums(terms))))
  }, 0))
  expect_lt(compared$bound, 0.01)
  expect_equal(compared$deviance, exact, tolerance = 1e-6)
  expect_match(diagnose(fit)$findings$finding, "1257.85 by quadrature with 101 points;",
               fixed = TRUE)
  slopes <- suppressMessages(glmm(y ~ terbinafine * time + (time | patient), toenail, binomial()))
  expect_match(diagnose(slopes)$findings$finding[1], "(which may itself be off by", fixed = TRUE)
})
