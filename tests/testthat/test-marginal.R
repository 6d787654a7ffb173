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

test_that("marginal coefficients: probit shrinks all, log moves the intercept, identity nothing", {
  probit <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial("probit"))
  shrink <- 1 / sqrt(1 + VarCorr(probit)$ID[1, 1])
  got <- marginal_coef(probit)
  expect_equal(coef(got), fixef(probit) * shrink, tolerance = 1e-7)
  expect_equal(vcov(got), vcov(probit) * shrink^2, tolerance = 1e-7)
  expect_equal(got$coefficients[, "Std. Error"], sqrt(diag(vcov(probit))) * shrink,
               tolerance = 1e-7)
  counts <- overdispersed_fit()
  shift <- c(VarCorr(counts)$subject[1, 1] / 2, 0, 0, 0)
  expect_equal(unname(coef(marginal_coef(counts))), unname(fixef(counts) + shift),
               tolerance = 1e-8)
  expect_equal(vcov(marginal_coef(counts)), vcov(counts), tolerance = 1e-7)
  expect_equal(coef(marginal_coef(growth_fit())), fixef(growth_fit()), tolerance = 1e-8)
  expect_equal(vcov(marginal_coef(growth_fit())), vcov(growth_fit()), tolerance = 1e-8)
})

test_that("the delta method's derivative is that of the coefficients", {
  fit <- binary_fit()
  beta <- fit$coefficients
  jacobian <- vapply(seq_along(beta), function(j) {
    slope_by_differences(function(x) {
      fit$coefficients[j] <- x
      unname(coef(marginal_coef(fit)))
    }, beta[[j]], 1e-3)
  }, unname(beta))
  expect_equal(unname(vcov(marginal_coef(fit))), jacobian %*% unname(vcov(fit)) %*% t(jacobian),
               tolerance = 1e-6)
})

test_that("an offset stays an offset", {
  d <- cbpp()
  d$o <- log(d$size)
  fit <- glmm(incidence ~ period + offset(o) + (1 | herd), d, poisson())
  expect_equal(unname(coef(marginal_coef(fit))),
               unname(fixef(fit) + c(VarCorr(fit)$herd[1, 1] / 2, 0, 0, 0)), tolerance = 1e-8)
})

test_that("marginal coefficients print and refuse", {
  expect_output(print(marginal_coef(binary_fit())), "Population-averaged coefficients")
  expect_error(marginal_coef(lm(1:3 ~ 1)), class = "tiers_error_input")
  expect_error(marginal_coef(binary_fit(), 3), class = "tiers_error_input")
})
