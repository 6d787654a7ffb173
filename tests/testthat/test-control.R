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
