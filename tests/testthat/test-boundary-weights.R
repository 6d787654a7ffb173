random_metric <- function(size, seed) {
  set.seed(seed)
  crossprod(matrix(rnorm(3 * size^2), 3 * size))
}

# P(statistic > x) by the definition: projections of normal vectors, counted.
simulated_tail <- function(x, shape) {
  shares <- projected_shares(shape)
  vapply(x, function(one) {
    mean(stats::pchisq(one / shares, shape$free + nrow(shape$metric), lower.tail = FALSE))
  }, 1)
}

test_that("weights sum to one, every second one to a half", {
  for (seed in 1:4) {
    for (weights in list(orthant_weights(random_metric(2, seed)),
                         orthant_weights(random_metric(3, seed)),
                         two_by_two_weights(random_metric(3, seed)))) {
      expect_equal(sum(weights), 1, tolerance = 1e-12)
      expect_equal(sum(weights[c(TRUE, FALSE)]), 0.5, tolerance = 1e-9)
      expect_true(all(weights > 0))
    }
  }
})

test_that("independent variances have binomial weights", {
  expect_equal(orthant_weights(diag(c(2, 5))), c(1, 2, 1) / 4)
  expect_equal(orthant_weights(diag(3)), c(1, 3, 3, 1) / 8)
})

test_that("the weights of two-by-two matrices do not depend on the number of points", {
  metric <- random_metric(3, 5)
  expect_equal(two_by_two_weights(metric, 64L), two_by_two_weights(metric, 400L), tolerance = 1e-9)
  # The cone of 2 x 2 matrices in the norm of matrices is a circular cone of 45 degrees.
  expect_equal(two_by_two_weights(diag(c(1, 2, 1))),
               c(1 - sqrt(0.5), sqrt(0.5), sqrt(0.5), 1 - sqrt(0.5)) / 2, tolerance = 1e-9)
})

test_that("closed forms are what projections say", {
  x <- c(1, 3, 6, 12)
  shapes <- list(list(free = 0, sizes = c(1L, 1L), metric = random_metric(2, 1)),
                 list(free = 2, sizes = rep(1L, 3L), metric = random_metric(3, 2)),
                 list(free = 1, sizes = 2L, metric = random_metric(3, 3)))
  for (shape in shapes) {
    exact <- vapply(x, chi_bar_tail, 1, shape = shape)
    expect_equal(simulated_tail(x, shape), exact, tolerance = 0.02)
  }
})

test_that("projections fulfil the conditions of the nearest point", {
  # On the orthant by all subsets of positive variances.
  metric <- random_metric(4, 7)
  set.seed(8)
  draws <- matrix(rnorm(4 * 50), 4)
  root <- chol(metric)
  z <- backsolve(root, draws)
  nearest <- apply(z, 2L, function(one) {
    best <- 0
    for (code in 1:15) {
      at <- which(bitwAnd(code, 2^(0:3)) > 0)
      x <- double(4)
      x[at] <- solve(metric[at, at], (metric %*% one)[at])
      if (all(x >= 0)) best <- max(best, drop(x %*% metric %*% x))
    }
    best
  })
  expect_equal(run_projected_squares(metric, rep(1L, 4L), draws), nearest, tolerance = 1e-6)
  # Positive semidefinite matrices are their own projection; a negative one goes to zero.
  metric <- random_metric(6, 9)
  S <- crossprod(matrix(rnorm(12), 4))
  inside <- S[lower.tri(S, TRUE)]
  square <- drop(inside %*% metric %*% inside)
  e <- chol(metric) %*% cbind(inside)
  expect_equal(run_projected_squares(metric, 3L, e), square, tolerance = 1e-8)
})

test_that("a statistic of zero has p = 1, without any variance at its end it is a chi-square", {
  shape <- list(free = 0, sizes = 1L, metric = diag(1))
  expect_equal(chi_bar_tail(0, shape), 1)
  expect_equal(chi_bar_tail(2, shape), pchisq(2, 1, lower.tail = FALSE) / 2)
  interior <- list(free = 3, sizes = integer(), metric = diag(0))
  expect_equal(chi_bar_tail(2, interior), pchisq(2, 3, lower.tail = FALSE))
  expect_equal(chi_bar_tail(NA, shape), NA_real_)
})

test_that("simulated tails are the same at each call and leave the session's random numbers", {
  shape <- list(free = 0, sizes = rep(1L, 4L), metric = random_metric(4, 3))
  set.seed(3)
  before <- .Random.seed
  first <- chi_bar_tail(4, shape)
  expect_identical(.Random.seed, before)
  expect_identical(chi_bar_tail(4, shape), first)
})

test_that("the information is that of dense matrices, at covariance matrices that are singular", {
  set.seed(4)
  d <- data.frame(g = gl(7, 6), h = factor(sample(5, 42, TRUE)), x = rnorm(42),
                  w = runif(42, 0.5, 2))
  d$y <- rnorm(7)[d$g] + d$x + rnorm(42)
  fit <- suppressMessages(lmm(y ~ x + (x | g) + (1 | h), d, weights = w))
  G <- list(matrix(c(0.7, 0, 0, 0), 2), matrix(0.4))
  sigma <- 1.3
  spec <- fit_specification(fit)
  dense <- dense_linear_covariance(spec, lapply(G, function(S) lower_root(S) / sigma), sigma)
  X <- dense$rows$X
  inverse <- solve(dense$V)
  P <- inverse - inverse %*% X %*% solve(t(X) %*% inverse %*% X) %*% t(X) %*% inverse
  for (reml in c(TRUE, FALSE)) {
    K <- lapply(dense$derivatives, function(V_a) (if (reml) P else inverse) %*% V_a)
    truth <- outer(1:5, 1:5, Vectorize(function(a, b) sum(K[[a]] * t(K[[b]]))))
    # variance_forms() has variances before covariances.
    order <- c(1, 3, 2, 4, 5)
    found <- boundary_information(spec, variance_forms(fit$random), G, d$w, sigma, reml)
    expect_equal(found, truth[order, order], tolerance = 1e-10)
  }
})

test_that("units of the columns do not change the weights", {
  metric <- random_metric(3, 8)
  for (unit in c(1e-6, 1e5, 1e9)) {
    # Delta in the units of columns that are multiplied: entries (1, 1), (2, 1), (2, 2).
    other <- metric * tcrossprod(c(1, unit, unit^2))
    even <- in_equal_units(rbind(cbind(other, 0), c(0, 0, 0, 7 * unit)), c(2L, 1L))
    expect_equal(diag(even)[c(1, 3, 4)], c(1, 1, 1), tolerance = 1e-12)
    expect_equal(two_by_two_weights(even[1:3, 1:3]), two_by_two_weights(metric), tolerance = 1e-9)
  }
})

test_that("covtest() does not depend on the units of a covariate", {
  set.seed(2)
  d <- data.frame(x = rnorm(90), g = gl(9, 10))
  d$y <- rnorm(9)[d$g] + rnorm(9)[d$g] * d$x + rnorm(90)
  p <- function(unit) {
    fit <- suppressMessages(lmm(y ~ x + (x | g), transform(d, x = x * unit)))
    suppressMessages(covtest(fit))[["Pr(>Chisq)"]][-1L]
  }
  one <- p(1)
  for (unit in c(1e-5, 1e6)) expect_equal(p(unit), one, tolerance = 1e-6)
})
