# Logistic exposure: survival over `days` days with the chance plogis(eta) of each.
exposure_link <- function(days) {
  structure(list(
    linkfun = function(mu) qlogis(mu^(1 / days)), linkinv = function(eta) plogis(eta)^days,
    mu.eta = function(eta) days * plogis(eta)^(days - 1) * dlogis(eta),
    valideta = function(eta) TRUE, name = "logexp"), class = "link-glm")
}

# The same with its values out of reach of anybody but its functions.
hidden_link <- function(days) {
  held <- list(days)
  structure(list(
    linkfun = function(mu) qlogis(mu^(1 / held[[1]])),
    linkinv = function(eta) plogis(eta)^held[[1]],
    mu.eta = function(eta) held[[1]] * plogis(eta)^(held[[1]] - 1) * dlogis(eta),
    valideta = function(eta) all(is.finite(eta)), name = "logexp"), class = "link-glm")
}

nests <- function() {
  set.seed(19)
  n <- data.frame(site = factor(rep(1:25, each = 12)), h = rnorm(300))
  n$days <- sample(1:9, 300, TRUE)
  n$surv <- rbinom(300, 1, plogis(3 + 0.5 * n$h + rnorm(25, 0, 0.7)[n$site])^n$days)
  n
}

nest_fit <- function() {
  cached("nest_fit", {
    n <- nests()
    suppressMessages(glmm(surv ~ h + (1 | site), n, family = binomial(exposure_link(n$days))))
  })
}

test_that("logistic exposure is fitted as a quadrature by hand does it", {
  n <- nests()
  fit <- glmm(surv ~ h + (1 | site), n, family = binomial(exposure_link(n$days)), nAGQ = 15)
  expect_equal(unname(fixef(fit)), c(2.75333, 0.46733), tolerance = 1e-5)
  expect_equal(as.data.frame(VarCorr(fit))$sdcor, 0.54193, tolerance = 1e-4)
  expect_equal(as.numeric(logLik(fit)), -157.09235, tolerance = 1e-7)
  # The likelihood at these estimates, one integral a site.
  eta <- predict(fit, re.form = NA)
  sd <- as.data.frame(VarCorr(fit))$sdcor
  by_site <- vapply(split(seq_len(300), n$site), function(rows) {
    integrate(function(b) vapply(b, function(z) {
      mu <- plogis(eta[rows] + sd * z)^n$days[rows]
      prod(ifelse(n$surv[rows] == 1, mu, 1 - mu)) * dnorm(z)
    }, 0), -9, 9, rel.tol = 1e-10)$value
  }, 0)
  expect_equal(as.numeric(logLik(fit)), sum(log(by_site)), tolerance = 1e-7)
})

test_that("without random effects it is glm()", {
  n <- nests()
  days <- n$days
  ours <- suppressMessages(glmm(surv ~ h, n, family = binomial(exposure_link(days))))
  theirs <- glm(surv ~ h, binomial(exposure_link(days)), n, epsilon = 1e-12)
  expect_equal(fixef(ours), coef(theirs), tolerance = 1e-6)
  expect_equal(as.numeric(logLik(ours)), as.numeric(logLik(theirs)), tolerance = 1e-8)
  expect_equal(fitted(ours), fitted(theirs), tolerance = 1e-6)
  # Values that only the functions can reach.
  hidden <- suppressMessages(glmm(surv ~ h, n, family = binomial(hidden_link(days))))
  expect_equal(fixef(hidden), fixef(ours), tolerance = 1e-8)
  expect_false(hidden$family$custom$vectors)
  expect_true(ours$family$custom$vectors)
})

test_that("links of other families differ by row as well", {
  set.seed(4)
  d <- data.frame(g = gl(15, 10), x = rnorm(150), hours = sample(1:5, 150, TRUE))
  d$y <- rpois(150, d$hours * exp(0.4 * d$x + rnorm(15, 0, 0.6)[d$g]))
  per_hour <- structure(list(
    linkfun = function(mu) log(mu / d$hours), linkinv = function(eta) d$hours * exp(eta),
    mu.eta = function(eta) d$hours * exp(eta), valideta = function(eta) TRUE, name = "per hour"),
    class = "link-glm")
  ours <- glmm(y ~ x + (1 | g), d, family = poisson(per_hour))
  offset <- glmm(y ~ x + (1 | g), d, family = poisson(), offset = log(hours))
  expect_equal(fixef(ours), fixef(offset), tolerance = 1e-6)
  expect_equal(logLik(ours), logLik(offset), tolerance = 1e-8)
})

test_that("equal rows with different values are kept apart", {
  set.seed(6)
  d <- data.frame(g = gl(20, 30), days = rep(c(1, 8), 300))
  d$y <- rbinom(600, 1, plogis(2 + rnorm(20, 0, 0.5)[d$g])^d$days)
  fit <- suppressMessages(glmm(y ~ 1 + (1 | g), d, family = binomial(exposure_link(d$days))))
  shuffled <- d[sample(600), ]
  other <- suppressMessages(glmm(y ~ 1 + (1 | g), shuffled,
                                 family = binomial(exposure_link(shuffled$days))))
  expect_equal(fixef(other), fixef(fit), tolerance = 1e-6)
  expect_gt(fixef(fit), 1.3)
})

test_that("rows left out take their values along", {
  n <- nests()
  n$h[c(2, 77)] <- NA
  whole <- suppressMessages(glmm(surv ~ h + (1 | site), n, binomial(exposure_link(n$days))))
  part <- n[!is.na(n$h), ]
  used <- suppressMessages(glmm(surv ~ h + (1 | site), part, binomial(exposure_link(part$days))))
  expect_equal(fixef(whole), fixef(used), tolerance = 1e-7)
  expect_equal(fitted(whole), fitted(used), tolerance = 1e-7)
  # A link for the rows that are used, a subset, weights of zero.
  few <- suppressMessages(glmm(surv ~ h + (1 | site), n, binomial(exposure_link(part$days))))
  expect_equal(fixef(few), fixef(used), tolerance = 1e-7)
  some <- suppressMessages(glmm(surv ~ h + (1 | site), n, binomial(exposure_link(n$days)),
                                subset = days > 2))
  kept <- part[part$days > 2, ]
  again <- suppressMessages(glmm(surv ~ h + (1 | site), kept, binomial(exposure_link(kept$days))))
  expect_equal(fixef(some), fixef(again), tolerance = 1e-7)
  zero <- suppressMessages(glmm(surv ~ h + (1 | site), part, binomial(exposure_link(part$days)),
                                weights = as.numeric(days > 2)))
  expect_equal(fixef(zero), fixef(again), tolerance = 1e-7)
  expect_error(glmm(surv ~ h + (1 | site), n, binomial(exposure_link(n$days[1:100]))),
               "has values for 100 rows, the data have 300", class = "tiers_error_input")
})

test_that("methods know the rows", {
  n <- nests()
  fit <- nest_fit()
  mean <- plogis(unname(predict(fit)))^n$days
  expect_equal(unname(predict(fit, type = "response")), mean)
  expect_equal(unname(fitted(fit)), mean, tolerance = 1e-12)
  expect_equal(unname(predict(fit, n, type = "response")), mean)
  fixed <- unname(predict(fit, re.form = NA))
  sd <- as.data.frame(VarCorr(fit))$sdcor
  expect_equal(unname(predict(fit, type = "marginal"))[5],
               integrate(function(z) plogis(fixed[5] + sd * z)^n$days[5] * dnorm(z), -8, 8)$value,
               tolerance = 1e-7)
  expect_error(predict(fit, n[1:10, ], type = "response"), "each of the 300 rows",
               class = "tiers_error_input")
  expect_length(predict(fit, n[1:10, ]), 10L)
  expect_error(simulate(fit, newdata = n[1:10, ]), class = "tiers_error_input")
  drawn <- simulate(fit, 200, seed = 1, re.form = NULL)
  expect_lt(max(abs(rowMeans(drawn) - mean)), 0.2)
  expect_equal(logLik(refit_response(fit, n$surv)), logLik(fit), tolerance = 1e-8)
  for (type in c("response", "pearson", "deviance", "working", "quantile")) {
    expect_true(all(is.finite(residuals(fit, type = type))))
  }
  expect_length(hatvalues(fit), 300L)
  expect_equal(nrow(coef(summary(fit))), 2L)
  expect_true(all(is.finite(marginal_coef(fit)$coefficients)))
  expect_equal(unname(family(fit)$linkinv(predict(fit))), mean)
})
