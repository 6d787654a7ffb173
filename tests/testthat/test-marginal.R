test_that("averages over a normal variable are integrals, for flat and steep functions", {
  functions <- list(plogis, function(x) -expm1(-exp(x)), pcauchy, dlogis, function(x) exp(-x^2))
  for (f in functions) for (sd in c(0.1, 1, 4, 20)) for (eta in c(-3, 0, 2.5)) {
    expected <- integrate(function(x) f(x) * dnorm(x, eta, sd), eta - 9 * sd, eta + 9 * sd,
                          rel.tol = 1e-10, subdivisions = 2000L)$value
    expect_equal(average_normal(f, eta, sd), expected, tolerance = 1e-7)
  }
  expect_equal(average_normal(plogis, c(1, NA, Inf, 2), c(0, 1, 1, NA)),
               c(plogis(1), NA, 1, NA))
})

test_that("marginal means and slopes have their closed forms", {
  eta <- c(-1.3, 0.2, 1.7)
  sd <- c(0.4, 1.2, 2)
  for (link in c("logit", "probit", "cauchit", "cloglog", "loglog", "log", "identity", "sqrt")) {
    # The mean of a log-binomial response is that of the groups inside its domain:
    # test-glmm-domains.R.
    name <- if (link == "log") "poisson" else "binomial"
    family <- list(name = name, link = link, custom = NULL)
    functions <- link_functions(link)
    expect_equal(marginal_mean(family, eta, sd), average_normal(functions$linkinv, eta, sd),
                 tolerance = 1e-8, info = link)
    expect_equal(marginal_slope(family, eta, sd), average_normal(functions$mu.eta, eta, sd),
                 tolerance = 1e-8, info = link)
  }
  inverse <- list(name = "Gamma", link = "inverse", custom = NULL)
  expect_error(marginal_mean(inverse, eta, sd), "does not exist", class = "tiers_error_model")
  expect_equal(marginal_mean(inverse, 2, 0), 0.5)
})

test_that("the spread of a row is that of its random part", {
  fit <- count_fit()
  Sigma <- VarCorr(fit)$subject
  Z <- cbind(1, epil()$V4)
  expect_equal(random_sd(fit, random_parts(fit, NA)), sqrt(rowSums((Z %*% Sigma) * Z)),
               tolerance = 1e-10, ignore_attr = TRUE)
  # With the intercepts kept at their modes the slopes are left.
  left <- random_sd(fit, random_parts(fit, ~ (1 | subject)))
  expect_equal(left, epil()$V4 * sqrt(Sigma[2, 2]), tolerance = 1e-10)
})

test_that("marginal predictions integrate the response over the random effects", {
  fit <- binary_fit()
  new <- bacteria()[c(1, 50, 120), ]
  eta <- predict(fit, new, re.form = NA)
  sd <- attr(VarCorr(fit)$ID, "stddev")
  expected <- vapply(eta, function(at) {
    integrate(function(x) plogis(x) * dnorm(x, at, sd), -Inf, Inf, rel.tol = 1e-9)$value
  }, 0)
  expect_equal(predict(fit, new, type = "marginal"), expected, tolerance = 1e-8)
  expect_equal(predict(fit, new[c("trt", "week")], type = "marginal"), expected, tolerance = 1e-8)
  expect_equal(unname(fitted(fit, level = "marginal")), unname(predict(fit, type = "marginal")))
  expect_equal(unname(residuals(fit, "response", level = "marginal")),
               (bacteria()$y == "y") - unname(predict(fit, type = "marginal")))
})

test_that("the mean's derivative by the variance is half the mean second derivative", {
  eta <- c(-1.3, 0.2, 1.7)
  variance <- c(0.2, 1.5, 4)
  for (link in c("logit", "probit", "cauchit", "cloglog", "loglog", "log", "identity", "sqrt")) {
    family <- list(name = if (link == "log") "poisson" else "binomial", link = link, custom = NULL)
    slopes <- vapply(seq_along(eta), function(i) {
      numDeriv::grad(function(v) marginal_mean(family, eta[i], sqrt(v)), variance[i])
    }, 1)
    expect_equal(marginal_curvature(family, eta, sqrt(variance)), slopes, tolerance = 1e-6,
                 info = link)
  }
  # A probability with the log link: the mean of the groups inside its domain.
  family <- list(name = "binomial", link = "log", custom = NULL)
  slope <- numDeriv::grad(function(v) marginal_mean(family, -1.2, sqrt(v)), 0.4)
  expect_equal(marginal_curvature(family, -1.2, sqrt(0.4)), slope, tolerance = 1e-6)
  expect_identical(marginal_curvature(family, -1, 0), 0)
})
