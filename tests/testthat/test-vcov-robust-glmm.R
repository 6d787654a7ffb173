cbpp_data <- function() transform(fixture_data("cbpp"), period = factor(period))

cbpp_fit <- function(...) {
  glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp_data(), binomial(), ...)
}

# -2 log-likelihood of one cluster's rows as a function of all parameters, by the engine's value;
# factors in the coordinates of even_random().
cluster_deviance <- function(fit, rows) {
  spec <- fit_specification(fit)
  spec$terms <- even_random(fit, spec)$terms
  spec[c("y", "weights", "size", "offset")] <- lapply(
    spec[c("y", "weights", "size", "offset")], function(x) if (length(x)) x[rows] else x)
  eta <- function(beta) drop(spec$X[rows, ] %*% beta)
  X <- spec$X
  spec$X <- matrix(0, length(rows), 0L)
  spec$dispersion <- spec$dispersion[rows, , drop = FALSE]
  offset <- if (length(spec$offset)) spec$offset else 0
  spec$terms <- lapply(spec$terms, function(term) {
    term$codes <- match(term$codes[rows], unique(term$codes[rows]))
    term$n_levels <- max(term$codes)
    if (!is.null(term$basis)) term$basis <- term$basis[rows, , drop = FALSE]
    term
  })
  p <- ncol(X)
  counts <- vapply(fit$random, function(term) length(term$theta), 1L)
  function(psi) {
    spec$offset <- offset + drop(X[rows, , drop = FALSE] %*% psi[seq_len(p)])
    theta <- split(psi[p + seq_len(sum(counts))], rep(seq_along(counts), counts))
    Lambda <- Map(function(t, term) dense_factor(t, term$structure, length(term$columns)), theta,
                  unname(fit$random))
    phi <- psi[-seq_len(p + sum(counts))]
    run_glmm_evaluate(spec, double(), Lambda, phi)$deviance
  }
}

expect_exact_scores <- function(fit, codes) {
  found <- exact_cluster_scores(fit, codes)
  p <- length(fit$coefficients)
  even <- even_random(fit, fit_specification(fit))
  psi <- c(fit$coefficients, unlist(even$theta), fit$dispersion$coefficients)
  # In the basis of the engine's fixed effects.
  back <- diag(length(psi))
  back[seq_len(p), seq_len(p)] <- found$basis
  truth <- vapply(seq_len(max(codes)), function(c) {
    drop(t(back) %*% numDeriv::grad(cluster_deviance(fit, which(codes == c)), psi))
  }, psi)
  size <- sqrt(diag(found$hessian))
  expect_lt(max(abs(found$gradients - truth) / size), 1e-6)
  expect_lt(max(abs(rowSums(found$gradients)) / size), 1e-4)
  # The whole Hessian is the one that the fit's own covariance matrix comes from.
  V <- found$basis %*% (2 * solve(found$hessian))[seq_len(p), seq_len(p)] %*% t(found$basis)
  expect_equal(unname(V), unname(fit$vcov), tolerance = 1e-4)
}

test_that("scores of clusters are exact: Laplace, quadrature, dispersion", {
  skip_if_not_installed("numDeriv")
  fit <- cbpp_fit()
  herd <- as.integer(factor(cbpp_data()$herd))
  expect_exact_scores(fit, herd)
  expect_exact_scores(cbpp_fit(nAGQ = 5), (herd - 1L) %/% 3L + 1L)
  counts <- MASS::epil
  counts$post <- as.numeric(counts$period > 2)
  fit <- suppressWarnings(glmm(y ~ lbase + post + (post | subject), counts, nbinom2()))
  expect_exact_scores(fit, (counts$subject - 1L) %/% 6L + 1L)
})

test_that("CR0 and CR3 of the cbpp data", {
  # By scores and refits of the Laplace criterion with independent code.
  fit <- cbpp_fit()
  se <- function(type) unname(sqrt(diag(vcov(fit, type = type))))
  expect_equal(round(se("CR0"), 3L), c(0.286, 0.454, 0.513, 0.362))
  expect_equal(round(sqrt(14 / 15) * se("CR3"), 3L), c(0.316, 0.487, 0.547, 0.379))
  expect_equal(se("CR1"), sqrt(15 / 14) * se("CR0"))
})

test_that("the working linear model serves where exact scores are not to be had, and says so", {
  fit <- cbpp_fit()
  expect_true(attr(vcov(fit, type = "CR2"), "working"))
  expect_false(attr(vcov(fit, type = "CR0"), "working"))
  expect_true(attr(vcov(cbpp_fit(nAGQ = 0), type = "CR0"), "working"))
  expect_match(paste(capture.output(summary(fit, vcov = "CR2")), collapse = " "),
               "working linear +model")
  # The working linear model as a linear fit would have it.
  w <- root_weights(fit)^2
  y <- fit$eta + row_scores(fit) / w
  X <- model.matrix(fit)
  same <- outer(cbpp_data()$herd, cbpp_data()$herd, "==")
  rows <- list(X = X, V = diag(1 / w) + fit$random[[1L]]$Sigma[1L] * same,
               r = drop(y - X %*% fixef(fit)))
  truth <- dense_robust(rows, "CR2", as.integer(factor(cbpp_data()$herd)))
  V <- vcov(fit, type = "CR2")
  expect_equal(plain_vcov(V), truth$vcov, tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(unname(coef(summary(fit, vcov = V))[, "df"]), unname(apply(diag(4), 1L, truth$df)),
               tolerance = 1e-8)
})

test_that("without random terms the scores are those of glm()", {
  skip_if_not_installed("sandwich")
  d <- cbpp_data()
  fit <- glmm(cbind(incidence, size - incidence) ~ period, d, binomial())
  plain <- glm(cbind(incidence, size - incidence) ~ period, binomial(), d,
               control = list(epsilon = 1e-14))
  expect_equal(plain_vcov(vcov(fit, type = "CR0", cluster = ~ herd)),
               sandwich::vcovCL(plain, d$herd, type = "HC0", cadjust = FALSE), tolerance = 1e-6)
  expect_equal(unname(estfun.tiers_fit(fit)), unname(sandwich::estfun(plain)), tolerance = 1e-6)
})
