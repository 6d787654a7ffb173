# The unit of the response, and links that cannot take every linear predictor.

unit_data <- function() {
  set.seed(7)
  n <- 200
  d <- data.frame(g = factor(sample(20, n, TRUE)), x = rnorm(n), w = runif(n, 0.5, 2))
  d$p <- rgamma(n, 3, scale = exp(0.3 * d$x + 0.4 * rnorm(20)[d$g]) / 3)
  d
}

# Fits to the response in other units; what they say in the first unit.
in_units <- function(family, scales, formula = y ~ x + (1 | g), ...) {
  d <- unit_data()
  power <- c(log = 0, inverse = -1, identity = 1, `1/mu^2` = -2)[[family$link]]
  lapply(scales, function(s) {
    d$y <- d$p * s
    fit <- glmm(formula, d, family = family, weights = w, ...)
    b <- fixef(fit) / s^power
    if (family$link == "log") b[1] <- b[1] - log(s)
    sd <- sqrt(diag(fit$random[[1]]$Lambda %*% t(fit$random[[1]]$Lambda))) / s^power
    c(logLik = fit$logLik + nrow(d) * log(s), b, sd = sd,
      se = unname(sqrt(diag(vcov(fit)))) / s^power)
  })
}

expect_same_in_units <- function(family, scales = c(1e-12, 1e-8, 1e8, 1e12), ...) {
  found <- suppressMessages(in_units(family, c(1, scales), ...))
  for (other in found[-1L]) {
    expect_equal(other[["logLik"]], found[[1]][["logLik"]], tolerance = 1e-8)
    expect_equal(other, found[[1]], tolerance = 1e-4)
  }
}

test_that("gaussian fits do not depend on the unit of the response", {
  for (link in c("log", "inverse", "identity")) {
    expect_same_in_units(gaussian(link))
    expect_same_in_units(gaussian(link), c(1e-100, 1e100))
    expect_same_in_units(gaussian(link), c(1e-12, 1e12), formula = y ~ x + (x | g))
  }
})

test_that("neither do those of positive responses", {
  for (link in c("log", "inverse", "identity")) {
    expect_same_in_units(Gamma(link), c(1e-12, 1e8, 1e100))
  }
  for (link in c("log", "identity", "1/mu^2")) {
    expect_same_in_units(inverse.gaussian(link), c(1e-12, 1e8))
  }
})

test_that("nor those by quadrature", {
  expect_same_in_units(gaussian("log"), c(1e-12, 1e12), nAGQ = 5)
  expect_same_in_units(Gamma("identity"), c(1e-12, 1e12), nAGQ = 5)
})

# One group of 13 successes alone, whose most likely chance is above 1.
edge_fit <- function() {
  set.seed(4)
  n <- 600
  d <- data.frame(g = factor(sample(40, n, TRUE)), x = runif(n, -1, 1))
  d$y <- rbinom(n, 1, pmin(exp(-1 + 0.3 * d$x + 0.5 * rnorm(40)[d$g]), 1))
  listen(glmm(y ~ x + (1 | g), d, family = binomial("log")))
}

test_that("a fit that ends at the edge of the domain says so", {
  heard <- edge_fit()
  warned <- Filter(function(x) inherits(x, "tiers_warning_notconverged"), heard$conditions)
  expect_length(warned, 1L)
  expect_match(conditionMessage(warned[[1]]), "edge of what the log link can take", fixed = TRUE)
  expect_match(conditionMessage(warned[[1]]), "without such an edge (logit, say)", fixed = TRUE)
  expect_no_match(conditionMessage(warned[[1]]), "maxit", fixed = TRUE)
  fit <- heard$value
  expect_lte(max(fitted(fit)), 1)
  expect_silent(pearson <- residuals(fit, "pearson"))
  expect_false(anyNA(pearson))
  expect_match(diagnose(fit)$findings$finding[1], "edge of what the log link can take",
               fixed = TRUE)
})

test_that("the mean of a log-binomial response is over the groups that it allows", {
  set.seed(2)
  n <- 400
  d <- data.frame(g = factor(sample(20, n, TRUE)), x = runif(n))
  d$y <- rbinom(n, 1, exp(-2 + 0.5 * d$x + 0.3 * rnorm(20)[d$g]))
  fit <- expect_no_tiers_warning(glmm(y ~ x + (1 | g), d, family = binomial("log")))
  sd <- sqrt(VarCorr(fit)$g[1])
  at <- function(eta) {
    inside <- function(z) exp(eta + sd * z) * dnorm(z)
    integrate(inside, -Inf, -eta / sd, rel.tol = 1e-10)$value / pnorm(-eta / sd)
  }
  new <- data.frame(x = c(0, 1, 3))
  eta <- predict(fit, new, re.form = NA)
  expect_true(all(eta < 0))
  expect_equal(unname(predict(fit, new, type = "marginal")), unname(vapply(eta, at, 0)),
               tolerance = 1e-8)
  h <- 1e-5
  slope <- (marginal_mean(fit$family, eta + h, sd) -
              marginal_mean(fit$family, eta - h, sd)) / (2 * h)
  expect_equal(marginal_slope(fit$family, eta, sd), unname(slope), tolerance = 1e-6)
  expect_warning(far <- predict(fit, data.frame(x = 50), type = "marginal"),
                 class = "tiers_warning_data")
  expect_true(is.na(far))
})

test_that("a marginal prediction outside of the domain is missing, as the conditional one", {
  set.seed(5)
  d <- data.frame(g = gl(20, 10), x = runif(200))
  d$y <- rpois(200, 5 + 2 * d$x + 0.5 * rnorm(20)[d$g])
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, family = poisson("identity")))
  new <- data.frame(x = c(-30, 0))
  expect_warning(value <- predict(fit, new, type = "marginal"), class = "tiers_warning_data")
  expect_equal(unname(value), c(NA, fixef(fit)[[1]]))
})

test_that("counts at the edge of the identity link are reported", {
  set.seed(3)
  d <- data.frame(g = gl(10, 10), f = rep(c("a", "b"), 50))
  d$y <- ifelse(d$f == "b", 0, rpois(100, 3))
  heard <- listen(glmm(y ~ f + (1 | g), d, family = poisson("identity")))
  warned <- Filter(function(x) inherits(x, "tiers_warning_notconverged"), heard$conditions)
  expect_length(warned, 1L)
  expect_match(conditionMessage(warned[[1]]), "edge of what the identity link can take",
               fixed = TRUE)
})

test_that("rows at the edge of the domain are called by their names", {
  set.seed(27)
  d <- data.frame(g = gl(20, 5), x = rnorm(100), row.names = paste0("id", 1:100))
  d$y <- rpois(100, pmax(1 + 0.3 * d$x + rnorm(20, sd = 0.3)[d$g], 0.05))
  heard <- listen(glmm(y ~ x + (1 | g), d, poisson("identity")))
  expect_match(paste(condition_texts(heard$conditions), collapse = "\n"),
               "predictors? of rows? id[0-9]+")
})

test_that("a linear model of chances predicts none outside 0 and 1", {
  set.seed(2)
  d <- data.frame(g = gl(20, 20), x = runif(400, -1, 1))
  d$y <- rbinom(400, 1, 0.5 + 0.2 * d$x + runif(20, -0.1, 0.1)[d$g])
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, binomial("identity")))
  heard <- listen(predict(fit, data.frame(x = c(-9, 0, 9)), re.form = NA, type = "response"))
  expect_equal(is.na(unname(heard$value)), c(TRUE, FALSE, TRUE))
  expect_length(heard$conditions, 1L)
  expect_length(without_class(heard$conditions), 0L)
})

# Without random effects some linear predictors of these fits are outside of the link's domain.
edge_data <- function() {
  set.seed(1)
  d <- data.frame(g = factor(sample(9, 80, TRUE)), x = rnorm(80),
                  f = factor(sample(letters[1:3], 80, TRUE)), o = rnorm(80, 0, 0.3))
  d$y <- rgamma(80, 2, 2 / exp(0.5 * d$x + rnorm(9)[d$g]))
  d$n <- rpois(80, pmax(0.2, 1 + 0.5 * d$x + rnorm(9)[d$g]))
  d
}

test_that("conditional variances are those at the modes of the fit where zero is no start", {
  d <- edge_data()
  gamma <- suppressMessages(glmm(y ~ 0 + f + (x | g), d, family = Gamma, offset = o))
  expect_lt(min(model.matrix(~ 0 + f, d) %*% fixef(gamma) + d$o), 0)
  found <- attr(ranef(gamma, condVar = TRUE)$g, "postVar")
  Lambda <- gamma$random[[1]]$Lambda
  eta <- predict(gamma, type = "link")
  shape <- 1 / sigma(gamma)^2
  for (l in 1:9) {
    Z <- cbind(1, d$x)[d$g == l, ] %*% Lambda
    H <- crossprod(Z * sqrt(shape) / eta[d$g == l]) + diag(2)
    expect_equal(unname(found[, , l]), unname(Lambda %*% solve(H, t(Lambda))), tolerance = 1e-5)
  }
  expect_true(all(is.finite(predict(gamma, se.fit = TRUE)$se.fit)))
  counts <- suppressMessages(suppressWarnings(
    glmm(n ~ x + (1 | g), d, family = poisson("identity"))))
  found <- attr(ranef(counts, condVar = TRUE)$g, "postVar")[1, 1, ]
  weight <- tapply(d$n / predict(counts, type = "link")^2, d$g, sum)
  expect_equal(unname(found), 1 / (1 / drop(counts$random[[1]]$Lambda)^2 + as.double(weight)),
               tolerance = 1e-5)
})

test_that("modes that are not found are a classed error, not a factor that was never made", {
  fit <- suppressMessages(glmm(y ~ 0 + f + (x | g), edge_data(), family = Gamma, offset = o))
  fit$random[[1]]$modes[] <- 0
  expect_error(ranef(fit, condVar = TRUE), class = "tiers_error_model")
  expect_error(predict(fit, se.fit = TRUE), class = "tiers_error_model")
})
