test_that("tiers_control checks its entries", {
  expect_s3_class(tiers_control(), "tiers_control")
  expect_equal(tiers_control(maxit = 7)$maxit, 7L)
  for (bad in list(-1, "a", c(1, 2), NA, Inf)) {
    expect_error(tiers_control(maxit = bad), class = "tiers_error_input")
  }
  expect_error(tiers_control(tolerance = -1), class = "tiers_error_input")
  expect_error(tiers_control(trace = 2), class = "tiers_error_input")
})

test_that("a plain list is checked entry by entry", {
  expect_equal(as_control(list(maxit = 5)), tiers_control(maxit = 5))
  expect_equal(as_control(list()), tiers_control())
  expect_match(error_text(as_control(list(maxiter = 5))), "did you mean `maxit`")
  expect_error(as_control(list(5)), class = "tiers_error_input")
  expect_error(as_control(5), class = "tiers_error_input")
})

test_that("lme4's settings are ignored, and that is said", {
  lme4_control <- structure(list(optimizer = "bobyqa"), class = c("lmerControl", "merControl"))
  expect_message(control <- as_control(lme4_control), class = "tiers_message")
  expect_equal(control, tiers_control())
})

test_that("the tolerance is where the search ends, for every kind of model", {
  skip_if_not_installed("lme4")
  sleep <- lme4::sleepstudy
  grouse <- lme4::grouseticks
  grouse$height <- as.numeric(scale(grouse$HEIGHT))
  fits <- list(
    intercepts = function(control) lmm(Reaction ~ Days + (1 | Subject), sleep, control = control),
    slopes = function(control) lmm(Reaction ~ Days + (Days | Subject), sleep, control = control),
    counts = function(control) {
      glmm(TICKS ~ YEAR + height + (1 | BROOD) + (1 | LOCATION), grouse, family = poisson(),
           control = control)
    }
  )
  for (name in names(fits)) {
    tight <- fits[[name]](tiers_control())
    loose <- fits[[name]](tiers_control(tolerance = 1))
    expect_lt(loose$convergence$iterations, tight$convergence$iterations)
    expect_lt(loose$convergence$gain, 1)
    expect_lt(tight$convergence$gain, 2.5e-13 + 1e-8 * (name == "counts"))
    expect_true(loose$convergence$status == "converged")
    # The deviance is no lower than at the optimum, and above it by no more than what was accepted.
    excess <- 2 * as.numeric(logLik(tight) - logLik(loose))
    expect_gte(excess, -1e-7)
    expect_lt(excess, 1)
  }
})
