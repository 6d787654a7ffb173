test_that("the table names every parameter and says what it belongs to", {
  fit <- lmm(distance ~ age + (age | Subject), orthodont())
  table <- fit$parameters
  expect_identical(table$name, c("sd_(Intercept)|Subject", "sd_age|Subject",
                                 "cor_age.(Intercept)|Subject", "sigma"))
  expect_identical(table$type, c("sd", "sd", "cor", "sigma"))
  expect_identical(table$component, c("random", "random", "random", "residual"))
  expect_identical(table$effect1, c("(Intercept)", "age", "age", NA))
  expect_identical(table$effect2, c(NA, NA, "(Intercept)", NA))
  VC <- VarCorr(fit)$Subject
  expect_equal(table$estimate, c(unname(attr(VC, "stddev")), attr(VC, "correlation")[2L, 1L],
                                 fit$sigma))
  expect_equal(unname(fit$random$Subject$Sigma), unname(as.matrix(VC)), ignore_attr = TRUE)
  expect_equal(fit$random$Subject$theta, fit$random$Subject$Lambda[c(1, 2, 4)])
})

test_that("several terms, structures and kinds of model", {
  d <- machines()
  fit <- suppressMessages(
    lmm(score ~ Machine + (1 | Worker) + diag(0 + Machine | Worker), d))
  expect_identical(fit$parameters$term, c(1L, 2L, 2L, 2L, 0L))
  expect_identical(fit$parameters$name[5L], "sigma")
  same <- suppressMessages(lmm(score ~ x + id(1 + x | Worker) + id(0 + f | Worker), d))
  expect_identical(same$parameters$name, c("sd|Worker", "sd|Worker.1", "sigma"))
  counts <- glmm(y ~ trt + (1 | subject), MASS::epil, family = poisson())
  expect_identical(counts$parameters$name, "sd_(Intercept)|subject")
  size <- glmm(y ~ trt + (1 | subject), MASS::epil, family = nbinom2(), dispersion = ~ trt)
  expect_identical(size$parameters$name, c("sd_(Intercept)|subject", "log(size)_(Intercept)",
                                           "log(size)_trtprogabide"))
  expect_equal(size$parameters$estimate[2:3], unname(size$dispersion$coefficients))
  plain <- suppressMessages(lmm(distance ~ age, orthodont()))
  expect_identical(plain$parameters$name, "sigma")
  expect_equal(sqrt(plain$vcov_parameters[1L, 1L]), plain$sigma / sqrt(2 * 106), tolerance = 1e-8)
})

test_that("separated data without anything to fit still have a table", {
  d <- data.frame(y = rep(0:1, each = 20), x = rep(0:1, each = 20), g = gl(4, 10))
  fit <- suppressWarnings(suppressMessages(glmm(y ~ x + (1 | g), d, family = binomial())))
  expect_identical(fit$parameters$name, "sd_(Intercept)|g")
  expect_true(is.na(fit$vcov_parameters[1L, 1L]))
  expect_s3_class(summary(fit), "tiers_summary")
})

test_that("fits of an older version are refused with what to do", {
  fit <- lmm(distance ~ age + (1 | Subject), orthodont())
  old <- fit
  old$version <- 1L
  old$parameters <- old$vcov_parameters <- old$inference <- NULL
  expect_error(summary(old), "older version", class = "tiers_error_input")
  expect_error(confint(old), "Fit the model again", class = "tiers_error_input")
  newer <- fit
  newer$version <- 99L
  expect_error(summary(newer), "newer version", class = "tiers_error_input")
})
