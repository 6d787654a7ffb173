# Random effects that are up to 1e8 times the residual. In the limit they are fixed effects: the
# residual variance is that of lm() with a coefficient for each level, and the variances of the
# random effects are those of these coefficients.

near_perfect_data <- function(ratio) {
  set.seed(1)
  d <- data.frame(g = factor(rep(1:12, each = 10)), h = factor(rep(1:10, 12)))
  d$x <- rnorm(120)
  d$w <- rnorm(12)[d$g]
  d$k <- interaction(d$g, as.integer(d$h) %% 5)
  noise <- ratio * rnorm(120)
  a <- rnorm(12)
  b <- rnorm(12)
  c <- rnorm(10)
  e <- rnorm(60)
  d$intercept <- 1 + d$x + a[d$g] + noise
  d$slope <- 1 + d$x + a[d$g] + b[d$g] * d$x + noise
  d$crossed <- 1 + d$x + a[d$g] + c[d$h] + noise
  d$between <- 1 + d$x + 2 * d$w + a[d$g] + noise
  d$nested <- 1 + d$x + a[d$g] + e[d$k] + noise
  d
}

quiet_fit <- function(formula, data) {
  fit <- expect_no_warning(suppressMessages(lmm(formula, data)))
  expect_identical(fit$convergence$status, "converged")
  fit
}

ratios <- c(1e-5, 1e-6, 1e-7, 1e-8)

test_that("intercepts that are nearly all of the response end converged at the limit", {
  for (ratio in ratios) {
    d <- near_perfect_data(ratio)
    fit <- quiet_fit(intercept ~ x + (1 | g), d)
    limit <- lm(intercept ~ 0 + g + x, d)
    expect_equal(sigma(fit), sigma(limit), tolerance = 1e-6)
    expect_equal(VarCorr(fit)$g[1, 1], var(coef(limit)[1:12]), tolerance = 1e-6)
    expect_equal(vcov(fit)["x", "x"], vcov(limit)["x", "x"], tolerance = 1e-6)
    expect_lt(abs(fixef(fit)[["x"]] - coef(limit)[["x"]]), 1e-7 * ratio + 1e-14)
  }
})

test_that("so do slopes", {
  for (ratio in ratios) {
    d <- near_perfect_data(ratio)
    fit <- quiet_fit(slope ~ x + (x | g), d)
    limit <- lm(slope ~ 0 + g + g:x, d)
    effects <- matrix(coef(limit), 12)
    expect_equal(sigma(fit), sigma(limit), tolerance = 1e-6)
    expect_equal(unname(as.matrix(VarCorr(fit)$g))[1:2, 1:2], var(effects), tolerance = 1e-6)
    # Arithmetic loses the ratio of the standard deviations, times rounding.
    expect_equal(unname(fixef(fit)), colMeans(effects), tolerance = 1e-9 + 2e-16 / ratio)
    expect_equal(unname(vcov(fit)), var(effects) / 12, tolerance = 1e-6)
  }
})

test_that("so do two crossed factors", {
  for (ratio in ratios) {
    d <- near_perfect_data(ratio)
    fit <- quiet_fit(crossed ~ x + (1 | g) + (1 | h), d)
    limit <- lm(crossed ~ 0 + g + h + x, d)
    expect_equal(sigma(fit), sigma(limit), tolerance = 1e-6)
    expect_equal(VarCorr(fit)$g[1, 1], var(coef(limit)[1:12]), tolerance = 1e-6)
    expect_equal(VarCorr(fit)$h[1, 1], var(c(0, coef(limit)[13:21])), tolerance = 1e-6)
    expect_equal(vcov(fit)["x", "x"], vcov(limit)["x", "x"], tolerance = 1e-6)
  }
})

test_that("so does a covariate that is constant within groups", {
  for (ratio in ratios) {
    d <- near_perfect_data(ratio)
    fit <- quiet_fit(between ~ x + w + (1 | g), d)
    limit <- lm(between ~ 0 + g + x, d)
    means <- lm(coef(limit)[1:12] ~ d$w[match(1:12, d$g)])
    expect_equal(sigma(fit), sigma(limit), tolerance = 1e-6)
    expect_equal(sqrt(VarCorr(fit)$g[1, 1]), sigma(means), tolerance = 1e-6)
    expect_equal(fixef(fit)[["w"]], coef(means)[[2]], tolerance = 1e-7)
    expect_equal(vcov(fit)["w", "w"], vcov(means)[2, 2], tolerance = 1e-6)
  }
})

# Five levels of the inner factor in each of the outer: mean squares of a balanced design.
test_that("so do nested factors", {
  for (ratio in ratios) {
    d <- near_perfect_data(ratio)
    fit <- quiet_fit(nested ~ x + (1 | g) + (1 | k), d)
    limit <- lm(nested ~ 0 + k + x, d)
    inner <- coef(limit)[paste0("k", levels(d$k))]
    outer <- factor(sub("[.].*", "", levels(d$k)))
    within <- sigma(lm(inner ~ outer))^2
    expect_equal(sigma(fit), sigma(limit), tolerance = 1e-6)
    expect_equal(VarCorr(fit)$k[1, 1], within, tolerance = 1e-6)
    expect_equal(VarCorr(fit)$g[1, 1], var(tapply(inner, outer, mean)) - within / 5,
                 tolerance = 1e-6)
  }
})

test_that("the deviance of a near-perfect fit is that of the limit", {
  d <- near_perfect_data(1e-7)
  fit <- suppressMessages(lmm(intercept ~ x + (1 | g), d))
  limit <- lm(intercept ~ 0 + g + x, d)
  # -2 log of the restricted likelihood: within groups lm()'s, between them that of twelve means.
  within <- 107 * (1 + log(2 * pi * sigma(limit)^2)) +
    log(sum(resid(lm(x ~ g, d))^2)) + 12 * log(10)
  between <- 11 * (1 + log(2 * pi * var(coef(limit)[1:12]))) + log(12)
  expect_equal(-2 * as.numeric(logLik(fit)), within + between, tolerance = 1e-8)
})
