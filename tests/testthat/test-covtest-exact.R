test_that("the spectrum is that of dense matrices, levels of equal and of different size", {
  set.seed(1)
  d <- data.frame(g = factor(rep(1:9, c(2, 2, 2, 2, 3, 3, 5, 5, 5))), x = rnorm(29),
                  z = sample(1:2, 29, TRUE), w = 1)
  d$y <- rnorm(9)[d$g] + rnorm(29)
  d$v <- runif(29, 0.5, 2)
  fits <- suppressMessages(list(
    lmm(y ~ x + (1 | g), d), lmm(y ~ x + (0 + z | g), d), lmm(y ~ 0 + (1 | g), d),
    lmm(y ~ x + (1 | g), d, weights = v)))
  for (fit in fits) {
    rows <- dense_rows(fit_specification(fit))
    root <- sqrt(rows$weights)
    Z <- root * dense_z(rows$terms[[1]])
    X <- root * rows$X
    P <- diag(29) - if (ncol(X)) X %*% solve(crossprod(X), t(X)) else 0
    truth <- eigen(t(Z) %*% P %*% Z, symmetric = TRUE, only.values = TRUE)$values
    found <- exact_spectrum(fit, 1L, 1L)
    expect_equal(sort(rep(found$mu, found$times)), sort(truth[truth > 1e-9]), tolerance = 1e-9)
    expect_equal(sort(rep(found$xi, found$xi_times)), sort(colSums(Z^2)), tolerance = 1e-9)
  }
})

test_that("balanced data: the exact test is the F test", {
  # RLRT is a rising function of F; P(F < 1) of the draws are zero.
  fit <- lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff"))
  table <- covtest(fit, method = "exact", nsim = 10000, seed = 1)
  F_test <- summary(aov(Yield ~ factor(Batch), fixture_data("dyestuff")))[[1L]]
  p <- F_test[["Pr(>F)"]][1L]
  expect_lt(abs(table$p.value - p), 4 * sqrt(p / 10000))
  expect_equal(names(table), c("RLRT", "p.value"))
  draws <- with_state(1, draw_ratios(exact_spectrum(fit, 1L, 1L), TRUE, 10000))
  expect_lt(abs(mean(draws == 0) - pf(1, 5, 24)), 4 * sqrt(0.25 / 10000))
})

test_that("p values are those of RLRsim", {
  skip_if_not_installed("RLRsim")
  skip_if_not_installed("lme4")
  d <- nlme_data("Orthodont")[1:60, ]
  d <- droplevels(d)
  d$y <- d$distance + rep(c(0, 2), 30)
  model <- y ~ age + (1 | Subject)
  spectrum <- exact_spectrum(lmm(model, d), 1L, 1L)
  Z <- dense_z(dense_rows(fit_specification(lmm(model, d)))$terms[[1]])
  X <- cbind(1, d$age)
  set.seed(1)
  peer <- RLRsim::RLRTSim(X, Z, qr(X), diag(ncol(Z)), nsim = 5000)
  mine <- with_state(2, draw_ratios(spectrum, TRUE, 5000))
  for (x in c(0, 0.5, 2, 5)) {
    expect_lt(abs(mean(peer > x) - mean(mine > x)), 4 * sqrt(2 * 0.25 / 5000))
  }
  peer <- RLRsim::LRTSim(X, Z, 0, diag(ncol(Z)), nsim = 5000)
  mine <- with_state(2, draw_ratios(spectrum, FALSE, 5000))
  for (x in c(0, 0.5, 2, 5)) {
    expect_lt(abs(mean(peer > x) - mean(mine > x)), 4 * sqrt(2 * 0.25 / 5000))
  }
})

test_that("a seed makes it the same, and leaves the session's random numbers where they were", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme_data("Orthodont"))
  set.seed(9)
  before <- .Random.seed
  first <- covtest(fit, method = "exact", nsim = 500, seed = 3)
  expect_identical(.Random.seed, before)
  expect_equal(covtest(fit, method = "exact", nsim = 500, seed = 3), first)
})

test_that("what has no exact test is left out, what is approximate is told", {
  d <- machines()
  fit <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), d)
  expect_message(table <- covtest(fit, method = "exact", nsim = 200, seed = 1),
                 class = "tiers_message_approximate")
  expect_equal(nrow(table), 2L)
  correlated <- lmm(distance ~ age + (age | Subject), nlme_data("Orthodont"))
  expect_error(covtest(correlated, method = "exact"), "correlations", class = "tiers_error_input")
})
