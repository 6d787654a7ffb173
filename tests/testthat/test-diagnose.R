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
  skip_if(fit$convergence$status != "boundary")
  expect_match(diagnose(fit)$headline, "correlation of")
})

test_that("a fit that did not converge says what to do", {
  fit <- suppressWarnings(lmm(distance ~ age * Sex + (age | Subject), orthodont(),
                              control = tiers_control(maxit = 1)))
  skip_if(fit$convergence$status != "not_converged")
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
