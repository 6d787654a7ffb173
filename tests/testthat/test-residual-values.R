# Models of the residual standard deviation do not depend on where their columns have zero.

origin_data <- function() {
  set.seed(1)
  d <- as.data.frame(nlme::Orthodont)[-c(3, 10, 47, 80), ]
  d$x <- stats::rnorm(nrow(d))
  d$shifted <- d$x + 50
  d
}

origin_fit <- function(residual, dispersion) {
  eval(bquote(suppressMessages(lmm(distance ~ age * Sex, origin_data(), residual = .(residual),
                                   dispersion = .(dispersion)))))
}

test_that("nothing but the standard deviations at zero knows the origin of the dispersion", {
  for (residual in list(quote(ar1(age | Subject)), quote(us(age | Subject)),
                        quote(hf(age | Subject)), quote(fa(age | Subject)),
                        quote(cs(age | Subject, by = Sex)))) {
    here <- origin_fit(residual, ~ x)
    there <- origin_fit(residual, ~ shifted)
    label <- deparse(residual)
    expect_equal(there$deviance, here$deviance, tolerance = 1e-10, label = label)
    for (ddf in list("satterthwaite", ddf_kr(), ddf_kr("observed"), ddf_kr(linear = TRUE))) {
      expect_equal(coef(summary(there, ddf = ddf)), coef(summary(here, ddf = ddf)),
                   tolerance = 1e-8, label = label)
    }
    expect_equal(residuals(there, "normalized"), residuals(here, "normalized"), tolerance = 1e-8)
    expect_equal(nlme::getVarCov(there), nlme::getVarCov(here), tolerance = 1e-8)
    expect_equal(predict(there, origin_data()[1:3, ], interval = "prediction"),
                 predict(here, origin_data()[1:3, ], interval = "prediction"), tolerance = 1e-8)
    # log SD at zero: that of the other less 50 gamma, with the errors that go along.
    sd <- which(here$parameters$role %in% "sd" | here$parameters$name == "sigma")
    gamma <- which(here$parameters$component == "dispersion")
    slope <- here$parameters$estimate[gamma]
    expect_equal(there$parameters$estimate[sd], here$parameters$estimate[sd] * exp(-50 * slope),
                 tolerance = 1e-6, label = label)
    V <- vcov(here, which = "theta")
    error <- function(i) {
      s <- here$parameters$estimate[i]
      sqrt(V[i, i] / s^2 - 100 * V[i, gamma] / s + 2500 * V[gamma, gamma])
    }
    W <- vcov(there, which = "theta")
    expect_equal(sqrt(diag(W)[sd]) / there$parameters$estimate[sd], vapply(sd, error, 1),
                 tolerance = 1e-6, ignore_attr = TRUE, label = label)
  }
})

test_that("times that differ by rounding are one time", {
  set.seed(2)
  d <- data.frame(id = rep(1:20, each = 3), y = stats::rnorm(60))
  d$t <- rep(c(0.1, 0.2, 0.3), 20)
  d$u <- d$t
  d$u[seq(3, 60, 6)] <- 0.1 + 0.2
  for (residual in list("csh", "ar1", "ou")) {
    one <- suppressMessages(lmm(y ~ 1, d, residual = paste0(residual, "(t | id)")))
    two <- suppressMessages(lmm(y ~ 1, d, residual = paste0(residual, "(u | id)")))
    expect_equal(two$deviance, one$deviance, tolerance = 1e-10)
    expect_identical(two$parameters$name, one$parameters$name)
  }
  expect_equal(nlme::ACF(two, form = ~ u | id), nlme::ACF(two, form = ~ t | id))
  d$v <- rep(c(1, 1, 2), 20)
  expect_error(nlme::ACF(suppressMessages(lmm(y ~ 1 + (1 | id), d)), form = ~ v | id), "several",
               class = "tiers_error_input")
})

test_that("limits for new responses of a marginal model need no subject", {
  d <- origin_data()
  new <- data.frame(age = c(8, 12), Sex = "Male")
  for (residual in list("ar1(age | Subject)", "us(age | Subject)", "cs(age | Subject, by = Sex)")) {
    fit <- suppressMessages(lmm(distance ~ age * Sex, d, residual = residual))
    with <- predict(fit, transform(new, Subject = "M01"), interval = "prediction")
    expect_equal(predict(fit, new, interval = "prediction"), with, tolerance = 1e-12)
    # By hand: the errors of the mean and of a response, with Satterthwaite's df of their sum.
    mean <- predict(fit, new, se.fit = TRUE)
    R <- nlme::getVarCov(fit, "M01")
    sd <- sqrt(mean$se.fit^2 + diag(R)[c(1, nrow(R) - 1L)])
    half <- (with[, "upr"] - with[, "lwr"]) / 2
    expect_true(all(half > stats::qnorm(0.975) * sd & half < stats::qt(0.975, 5) * sd))
  }
  by_order <- suppressMessages(lmm(distance ~ age * Sex, d, residual = csh(1 | Subject)))
  expect_error(predict(by_order, new, interval = "prediction"), "Subject",
               class = "tiers_error_input")
})
