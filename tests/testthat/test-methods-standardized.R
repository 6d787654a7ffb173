# Residuals by their own standard deviations, and deletion row by row: lm(), glm(), dense matrices.

test_that("without random terms they are lm()'s", {
  d <- transform(machines(), w = rep(c(1, 2, 0.5), 18))
  fit <- suppressMessages(lmm(score ~ Machine * f + x, d, weights = w))
  peer <- lm(score ~ Machine * f + x, d, weights = w)
  expect_equal(rstudent(fit), rstudent(peer))
  expect_equal(rstandard(fit), rstandard(peer))
  expect_equal(residuals(fit, "studentized"), rstandard(peer))
  expect_equal(residuals(fit, "studentized", level = 0), rstandard(peer))
  expect_equal(dfbeta(fit), dfbeta(peer))
  expect_equal(dfbetas(fit), dfbetas(peer))
})

test_that("without random terms they are glm()'s", {
  d <- small_counts()
  fit <- suppressMessages(glmm(b ~ x, d, binomial()))
  peer <- glm(b ~ x, binomial(), d, control = glm.control(epsilon = 1e-14))
  expect_equal(rstandard(fit), rstandard(peer), tolerance = 1e-6)
  expect_equal(rstandard(fit, "pearson"), rstandard(peer, type = "pearson"), tolerance = 1e-6)
  expect_equal(rstudent(fit), rstudent(peer), tolerance = 1e-6)
  expect_equal(residuals(fit, "studentized"), rstandard(fit, "pearson"))
  expect_equal(residuals(fit, "normalized"), residuals(fit, "scaled"))
  expect_error(residuals(fit, "normalized", level = 0), class = "tiers_error_input")
})

test_that("residuals of mixed models are those of dense matrices", {
  d <- transform(small_data(), w = rep(c(1, 2, 0.5), 20))
  d$y[c(7, 9)] <- NA
  fits <- list(lmm(y ~ x + (x | g), d, weights = w, na.action = na.exclude),
               lmm(y ~ x + (1 | g) + (1 | h), d, weights = w, REML = FALSE,
                   na.action = na.exclude, fix = c("sd_(Intercept)|h" = 0.4)))
  for (fit in fits) {
    rows <- dense_rows(fit_specification(fit))
    V <- fit$sigma^2 * dense_relative_covariance(rows, fit_lambdas(fit))
    X <- rows$X
    inverse <- solve(V)
    P <- inverse - inverse %*% X %*% solve(t(X) %*% inverse %*% X, t(X) %*% inverse)
    R <- fit$sigma^2 / rows$weights
    marginal <- rows$y - drop(X %*% fixef(fit))
    expected <- function(x) unname(stats::naresid(fit$na.action, x))
    expect_equal(unname(residuals(fit, "studentized")),
                 expected(R * drop(P %*% rows$y) / (R * sqrt(diag(P)))))
    expect_equal(unname(residuals(fit, "studentized", level = "marginal")),
                 expected(marginal / sqrt(diag(V %*% P %*% V))))
    expect_equal(unname(residuals(fit, "normalized", level = "marginal")),
                 expected(forwardsolve(t(chol(V)), marginal)))
    expect_equal(residuals(fit, "normalized"), residuals(fit, "scaled"))
    expect_length(rstudent(fit), 60)
    expect_equal(dim(dfbetas(fit)), c(60, 2))
  }
})

test_that("rstudent() and dfbetas() take the sigma of the other rows", {
  fit <- lmm(y ~ x + (1 | g), small_data())
  i <- 23
  # The relative factor held, sigma free.
  spec <- fit_specification(fit)
  spec$weights <- replace(rep(1, 60), i, 0)
  without <- dense_gls(spec, fit_lambdas(fit))
  sigma <- dense_sigma(spec, without)
  hat <- hatvalues(fit)[[i]]
  expect_equal(rstudent(fit)[[i]], residuals(fit)[[i]] / (sigma * sqrt(1 - hat)))
  expect_equal(unname(dfbetas(fit)[i, ]),
               unname(fixef(fit) - without$beta) / sqrt(diag(vcov(fit))) * fit$sigma / sigma,
               ignore_attr = TRUE)
  # Held by the user it stays.
  held <- lmm(y ~ x + (1 | g), small_data(), fix = c(sigma = 0.7))
  expect_equal(rstudent(held), rstandard(held))
})
