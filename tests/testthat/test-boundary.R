# Singular covariance matrices have local minima of different ranks. On these data (found by search)
# Newton's first end at the boundary is one of rank two, and one of rank one lies lower. The truth:
# the dense likelihood minimized by a general optimizer from many starts.

low_rank_data <- function(seed) {
  set.seed(seed)
  n <- 40
  d <- data.frame(g1 = factor(sample(5, n, TRUE)), g2 = factor(sample(5, n, TRUE)),
                  x = rnorm(n), z = rnorm(n), f = factor(sample(c("a", "b"), n, TRUE)),
                  w = runif(n, 0.3, 3))
  d$y <- 1 + d$x + rnorm(5)[d$g1] + rnorm(5, 0, 0.5)[d$g1] * d$x + rnorm(5, 0, 0.5)[d$g2] + rnorm(n)
  d
}

for (seed in c(657L, 1248L)) local({
  test_that(paste("a minimum of lower rank is found: seed", seed), {
    d <- low_rank_data(seed)
    formula <- y ~ x * f + (1 + x + z | g1) + (1 | g2)
    expect_message(fit <- lmm(formula, d, weights = w, REML = FALSE),
                   class = "tiers_message_singular")
    best <- dense_fit(fit_specification(fit), starts = c(1, 0.2, 3))
    expect_lte(-2 * as.numeric(logLik(fit)), best$deviance + 1e-6)
    expect_identical(unname(diag(fit$random[["g1"]]$Lambda)) > 0, c(TRUE, FALSE, FALSE))
  })
})

test_that("two variances that stand in for each other end on the boundary or inside, not between", {
  years <- function(seed, draw) {
    set.seed(seed)
    d <- data.frame(g = gl(40, 8), x = sample(1990:2010, 320, TRUE))
    eta <- 0.03 * (d$x - 2000) + 0.4 * rnorm(40)[d$g] + 0.03 * rnorm(40)[d$g] * (d$x - 2000)
    d$y <- draw(eta)
    d
  }
  binary <- years(40, function(eta) rbinom(320, 1, plogis(eta)))
  expect_no_warning(fit <- suppressMessages(glmm(y ~ x + (x || g), binary, binomial())))
  expect_equal(fit$convergence$status, "boundary")
  expect_equal(fit$logLik, as.numeric(logLik(glm(y ~ x, binomial, binary))), tolerance = 1e-6)
  counts <- years(29, function(eta) rpois(320, exp(eta)))
  expect_no_warning(glmm(y ~ x + (x || g), counts, poisson()))
})
