slope_formula <- y ~ x + (x | g)

test_that("starting values of any kind lead to the same fit", {
  d <- fixture_data("sleepstudy")
  fit <- lmm(Reaction ~ Days + (Days | Subject), d)
  starts <- list(
    c("sd_(Intercept)|Subject" = 24, "sd_Days|Subject" = 6, "cor_Days.(Intercept)|Subject" = 0.1,
      sigma = 25),
    c("sd_Days|Subject" = 100), c(sigma = 25), c("cor_Days.(Intercept)|Subject" = -1),
    c("sd_(Intercept)|Subject" = 0, "sd_Days|Subject" = 0), fit,
    lmm(Reaction ~ Days + (1 | Subject), d))
  for (start in starts) {
    expect_same_fit(lmm(Reaction ~ Days + (Days | Subject), d, start = start), fit)
  }
  expect_lte(lmm(Reaction ~ Days + (Days | Subject), d, start = fit)$convergence$iterations, 1L)
})

test_that("factors reproduce the standard deviations and correlations", {
  columns <- c("(Intercept)", "x", "z")
  term <- list(structure = "us", columns = columns, group = "g")
  names <- covariance_parameter_names(term)
  start <- c("sd_(Intercept)|g" = 3, "sd_x|g" = 0.5, "sd_z|g" = 2, "cor_x.(Intercept)|g" = 0.4,
             "cor_z.(Intercept)|g" = -0.2, "cor_z.x|g" = 0.7)
  expect_setequal(names, names(start))
  basis <- cbind(1, c(1, 2, 3), c(0, 1, 0))
  Sigma <- 4 * tcrossprod(start_factor(start, names, term, basis, sigma = 2))
  expect_equal(sqrt(diag(Sigma)), c(3, 0.5, 2))
  expect_equal(cov2cor(Sigma)[lower.tri(Sigma)], c(0.4, -0.2, 0.7))
  term$structure <- "id"
  one <- start_factor(c("sd|g" = 3), covariance_parameter_names(term), term, basis, sigma = 2)
  expect_equal(one, diag(1.5, 3))
})

test_that("wrong starting values are named", {
  d <- small_data()
  bad <- function(start) error_text(lmm(slope_formula, d, start = start))
  expect_match(bad(c("sd_Intercept|g" = 1)), "did you mean `sd_(Intercept)|g`", fixed = TRUE)
  expect_match(bad(c("sd_x|g" = -1)), "0 or above")
  expect_match(bad(c("cor_x.(Intercept)|g" = 2)), "between -1 and 1")
  expect_match(bad(c(sigma = 0)), "above 0")
  expect_match(bad(c(sigma = NA_real_)), "above 0")
  expect_match(bad(c(1, 2)), "named numeric vector")
  expect_match(bad("a"), "named numeric vector")
  expect_match(bad(c(sigma = 1, sigma = 2)), "twice")
  expect_match(bad(list(theta = c(1, 0, 1), fixef = c(0, 1))), "sd_x|g", fixed = TRUE)
  for (start in list(c(theta = 1), c("sd_x|g" = Inf), 1, list(1))) {
    expect_error(lmm(slope_formula, d, start = start), class = "tiers_error_input")
  }
  expect_error(lmm(y ~ x + (x + f | g), small_data(), start = c(
    "cor_x.(Intercept)|g" = 0.9, "cor_fb.(Intercept)|g" = 0.9, "cor_fb.x|g" = -0.9)),
    class = "tiers_error")
})
