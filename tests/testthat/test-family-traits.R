# Each family's R side against the compiled one, base R's distributions and numerical integration.

trait_rows <- function(name) {
  fit <- family_fit(name)
  rows <- family_rows(fit)
  at <- 1:12
  mu <- unname(fit$fitted)[at]
  list(y = rows$y[at], mu = mu, d = dispersion_values(fit), m = rows$m[at], a = rep(1, 12),
       eta = fit$eta[at], family = fit$family)
}

log_density <- function(r, y) {
  phi <- if (has_dispersion(r$family)) log(r$d) else double()
  response <- list(y = as.double(y), size = as.double(r$m), weights = double())
  run_family(r$family, response, phi, r$eta)
}

test_that("variances are the compiled ones", {
  for (name in family_names()) {
    r <- trait_rows(name)
    expect_equal(family_traits(name)$variance(r$mu, r$d, r$m, r$a), log_density(r, r$y)$variance,
                 tolerance = 1e-10, info = name)
  }
})

test_that("distribution functions belong to the compiled density", {
  for (name in family_names()) {
    r <- trait_rows(name)
    traits <- family_traits(name)
    tails <- traits$tails(r$y, r$mu, r$d, r$m, r$a)
    expect_equal(tails$below + tails$at + tails$above, rep(1, 12), tolerance = 1e-10, info = name)
    logp <- log_density(r, r$y)$logp
    if (!traits$continuous) {
      expect_equal(log(tails$at), logp, tolerance = 1e-8, info = name)
      next
    }
    below <- function(y) traits$tails(y, r$mu, r$d, r$m, r$a)$below
    slope <- slope_by_differences(below, r$y, 1e-3 * pmin(abs(r$y), abs(1 - r$y)))
    expect_equal(slope, exp(logp), tolerance = 1e-6, info = name)
  }
})

test_that("probabilities below are sums over what is smaller", {
  for (name in c("binomial", "poisson", "nbinom1", "nbinom2", "betabinomial")) {
    r <- trait_rows(name)
    below <- vapply(1:12, function(i) {
      if (r$y[i] == 0) return(0)
      sum(vapply(seq_len(r$y[i]) - 1, function(y) exp(log_density(r, rep(y, 12))$logp[i]), 0))
    }, 0)
    tails <- family_traits(name)$tails(r$y, r$mu, r$d, r$m, r$a)
    expect_equal(tails$below, below, tolerance = 1e-9, info = name)
  }
})

test_that("prior weights divide the dispersion of families with a scale", {
  for (name in c("gaussian", "Gamma", "inverse.gaussian")) {
    r <- trait_rows(name)
    traits <- family_traits(name)
    expect_equal(traits$variance(r$mu, r$d, r$m, 4 * r$a), traits$variance(r$mu, r$d, r$m, r$a) / 4)
    quarter <- if (name == "gaussian") r$d / 2 else 4 * r$d
    expect_equal(traits$tails(r$y, r$mu, r$d, r$m, 4 * r$a)$below,
                 traits$tails(r$y, r$mu, quarter, r$m, r$a)$below)
  }
})

test_that("deviances are those of stats and MASS", {
  for (name in c("gaussian", "binomial", "poisson", "Gamma", "inverse.gaussian")) {
    r <- trait_rows(name)
    stats <- get(name, asNamespace("stats"))()
    expected <- stats$dev.resids(r$y / r$m^(name == "binomial"), r$mu, r$m)
    if (name != "binomial") expected <- stats$dev.resids(r$y, r$mu, 1.7 * r$a)
    got <- family_traits(name)$deviance(r$y, r$mu, r$d, r$m,
                                        if (name == "binomial") r$a else 1.7 * r$a)
    expect_equal(got, expected, tolerance = 1e-10, info = name)
  }
  r <- trait_rows("nbinom2")
  expect_equal(family_traits("nbinom2")$deviance(r$y, r$mu, r$d, r$m, r$a),
               MASS::negative.binomial(r$d)$dev.resids(r$y, r$mu, r$a), tolerance = 1e-10)
})

test_that("other deviances are twice the distance to the best mean", {
  for (name in c("nbinom1", "beta", "betabinomial", "nbinom2")) {
    r <- trait_rows(name)
    got <- family_traits(name)$deviance(r$y, r$mu, r$d, r$m, r$a)
    best <- vapply(1:12, function(i) {
      optimize(function(eta) {
        r$eta <- rep(eta, 12)
        log_density(r, r$y)$logp[i]
      }, c(-12, 12), maximum = TRUE, tol = 1e-9)$objective
    }, 0)
    expect_equal(got, 2 * (best - log_density(r, r$y)$logp), tolerance = 1e-4, info = name)
    expect_true(all(got >= 0))
  }
})

test_that("random numbers have the distribution that they are drawn from", {
  set.seed(11)
  for (name in family_names()) {
    traits <- family_traits(name)
    mu <- rep(if (traits$response %in% c("success", "unit")) 0.3 else 2.4, 2e4)
    m <- rep(7, 2e4)
    a <- rep(1.5^traits$scaled, 2e4)
    y <- traits$random(mu, 1.7, m, a)
    mean <- if (traits$response == "success") m * mu else mu
    variance <- traits$variance(mu, 1.7, m, a)
    expect_lt(abs(mean(y) - mean[1]) / sqrt(variance[1] / 2e4), 4)
    tails <- traits$tails(y, mu, 1.7, m, a)
    u <- tails$below + runif(2e4) * tails$at
    expect_gt(suppressWarnings(ks.test(u, "punif"))$p.value, 1e-3)
  }
})

test_that("the inverse Gaussian distribution function keeps its tails", {
  density <- function(y, mu, L) sqrt(L / (2 * pi * y^3)) * exp(-L * (y - mu)^2 / (2 * mu^2 * y))
  for (y in c(0.3, 1, 4)) {
    expected <- integrate(density, y, Inf, mu = 1.4, L = 2.2, rel.tol = 1e-10)$value
    expect_equal(inverse_gaussian_probability(y, 1.4, 2.2, FALSE), expected, tolerance = 1e-7)
  }
  # exp(2 L / mu) overflows here.
  expect_equal(inverse_gaussian_probability(1.01, 1, 5000, TRUE), pnorm(0.01, 0, sqrt(1 / 5000)),
               tolerance = 0.02)
})

test_that("every compiled family has an entry, and no other has", {
  expect_setequal(names(family_registry), family_names())
  expect_error(family_traits("tweedie"), "no family", class = "tiers_error_input")
})

test_that("entries say what they must, and a limit is another family with the same response", {
  for (name in family_names()) {
    traits <- family_traits(name)
    for (trait in c("continuous", "from_stats", "residual", "needs_trials", "scaled")) {
      expect_true(is.logical(traits[[trait]]) && length(traits[[trait]]) == 1L,
                  label = paste(name, trait))
    }
    expect_identical(is.null(traits[["dispersion"]]), is.null(traits[["variance_words"]]))
    if (!is.null(traits$limit)) {
      expect_identical(family_traits(traits$limit)$response, traits$response)
      expect_null(family_traits(traits$limit)$dispersion)
    }
  }
})

test_that("a family comes to its limit as its dispersion goes there", {
  for (name in c("nbinom1", "nbinom2", "betabinomial")) {
    r <- trait_rows(name)
    traits <- family_traits(name)
    d <- if (name == "nbinom1") 1e-9 else 1e9
    simple <- family_traits(traits$limit)
    expect_equal(traits$variance(r$mu, d, r$m, r$a), simple$variance(r$mu, d, r$m, r$a),
                 tolerance = 1e-6, info = name)
  }
})

test_that("a dispersion that only trials can tell is refused without them, by its name", {
  d <- data.frame(y = rep(0:1, 10), g = gl(5, 4))
  expect_error(glmm(y ~ 1 + (1 | g), d, family = betabinomial()),
               "precision of the betabinomial.*binomial\\(\\)", class = "tiers_error_model")
  expect_error(glmm(y ~ 1 + (1 | g), d, family = poisson(), dispersion = ~ g), "nbinom2",
               class = "tiers_error_input")
  expect_error(glmm(y ~ 1 + (1 | g), d, family = binomial(), dispersion = ~ g), "betabinomial",
               class = "tiers_error_input")
})
