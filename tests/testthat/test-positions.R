# What stands before the bar of structures by distance: the same model however it is written.

positions_data <- function() {
  d <- nlme::Orthodont
  class(d) <- "data.frame"
  d$Subject <- factor(d$Subject, ordered = FALSE)
  d$fa <- factor(d$age)
  d$day <- as.Date("2020-01-01") + 100 * d$age
  d$clock <- as.POSIXct("2020-01-01", tz = "UTC") + 3600 * d$age
  d
}

positions_fit <- function(formula, d) suppressMessages(lmm(formula, d))

test_that("numbers, dates, times and factors are positions, with and without `0 +`", {
  d <- positions_data()
  expected <- positions_fit(distance ~ age + ar1(0 + fa | Subject), d)
  for (formula in list(distance ~ age + ar1(age | Subject), distance ~ age + ar1(0 + age | Subject),
                       distance ~ age + ar1(fa | Subject), distance ~ age + ar1(day | Subject),
                       distance ~ age + ou(clock | Subject))) {
    fit <- positions_fit(formula, d)
    expect_equal(fit$deviance, expected$deviance, tolerance = 1e-9, label = deparse(formula))
    expect_identical(nrow(fit$parameters), 3L)
  }
  # Of ou the correlation is that at a distance of one, of ar1 that at a step.
  ou <- positions_fit(distance ~ age + ou(age | Subject), d)
  expect_equal(ou$parameters$estimate[2L]^2, expected$parameters$estimate[2L], tolerance = 1e-6)
})

test_that("several variables are coordinates", {
  d <- positions_data()
  d$u <- 0.6 * d$age
  d$v <- 0.8 * d$age
  one <- positions_fit(distance ~ age + sp_exp(age | Subject), d)
  two <- positions_fit(distance ~ age + sp_exp(u + v | Subject), d)
  expect_equal(two$deviance, one$deviance, tolerance = 1e-9)
  expect_equal(two$parameters$estimate, one$parameters$estimate, tolerance = 1e-5)
  expect_error(positions_fit(distance ~ age + ar1(u + v | Subject), d), "takes one coordinate",
               class = "tiers_error")
})

test_that("values that are no positions keep their meaning, and too many are refused", {
  d <- positions_data()
  slopes <- positions_fit(distance ~ age + cs(age | Subject), d)
  expect_identical(slopes$random_terms[[1L]]$columns, c("(Intercept)", "age"))
  set.seed(1)
  many <- data.frame(t = stats::runif(1200), g = gl(300, 4), y = stats::rnorm(1200))
  expect_error(lmm(y ~ 1 + ou(t | g), many), "1200 different positions",
               class = "tiers_error_model")
})

test_that("new data have the positions of the fit", {
  d <- positions_data()
  fit <- positions_fit(distance ~ age + ou(age | Subject), d)
  expect_equal(predict(fit, d[3:6, ]), predict(fit)[3:6])
  expect_error(predict(fit, transform(d[1:2, ], age = 9)), "new level", class = "tiers_error_input")
})
