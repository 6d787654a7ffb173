test_that("a model of the dispersion: coefficients of its logarithm", {
  d <- family_data()
  d$k <- factor(rep(c("a", "b"), each = 5, length.out = 400))
  fit <- glmm(nbinom2 ~ x + (1 | g), d, nbinom2(), dispersion = ~ k)
  gamma <- fixef(fit, component = "dispersion")
  expect_equal(names(gamma), c("(Intercept)", "kb"))
  expect_equal(attr(logLik(fit), "df"), 2 + 1 + 2)
  expect_true(is.na(sigma(fit)))
  expect_gte(fit$logLik, family_fit("nbinom2")$logLik)
  expect_equal(unname(predict(fit, d[c(1, 6), ], type = "dispersion")),
               unname(exp(gamma[[1]] + c(0, gamma[[2]]))))
  expect_equal(unname(predict(fit, type = "dispersion")[1:6]),
               unname(exp(gamma[[1]] + c(0, 0, 0, 0, 0, gamma[[2]]))))
  expect_output(print(summary(fit)), "Dispersion model, log(size) ~ k", fixed = TRUE)
  expect_equal(dimnames(vcov(fit, component = "dispersion")), list(names(gamma), names(gamma)))
  expect_length(residuals(fit, "quantile", level = "marginal", seed = 1), 400L)
  expect_equal(dim(simulate(fit, 2, seed = 1, newdata = d[1:7, ])), c(7L, 2L))
  # What the model says of two halves: the same as two sizes.
  by_other <- update(fit, dispersion = ~ 0 + k)
  expect_equal(by_other$logLik, fit$logLik, tolerance = 1e-8)
})

test_that("missing values and terms of the dispersion are part of the frame", {
  d <- family_data()
  d$z <- replace(cos(1:400), 3, NA)
  fit <- glmm(Gamma ~ x + (1 | g), d, Gamma("log"), dispersion = ~ z)
  expect_equal(nobs(fit), 399)
  expect_equal(predict(fit, d[5:7, ], type = "dispersion"), predict(fit, type = "dispersion")[4:6],
               tolerance = 1e-10)
  expect_true("z" %in% names(getData(fit)))
  fit <- glmm(Gamma ~ x + (1 | g), d[-3, ], Gamma("log"), dispersion = ~ poly(z, 2))
  expect_equal(predict(fit, d[5:7, ], type = "dispersion"), predict(fit, type = "dispersion")[4:6],
               tolerance = 1e-10)
})

test_that("a dispersion that cannot be modelled is refused", {
  d <- family_data()
  refusal <- function(dispersion, class, text, family = nbinom2()) {
    expect_error(glmm(poisson ~ x + (1 | g), d, family, dispersion = dispersion), text,
                 class = class)
  }
  refusal(~ x, "tiers_error_input", "nbinom2", poisson())
  refusal(~ x + I(2 * x), "tiers_error_model", "linear combinations")
  refusal(~ (1 | g), "tiers_error_formula", "random effects")
  refusal(~ offset(x), "tiers_error_formula", "offset")
  refusal(~ 0, "tiers_error_formula", "no column")
  refusal(y ~ x, "tiers_error_formula", "one-sided")
  refusal(~ ., "tiers_error_formula", "cannot have a")
  refusal(~ nowhere, "tiers_error_input", "`nowhere` not in data")
})
