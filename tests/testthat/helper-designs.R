# Random designs of moderate size for property tests, and comparison of two fits of one model.

design_kinds <- c(
  slope = "y ~ x + f + (x | g)",
  diagonal = "y ~ x * f + (x || g)",
  crossed = "y ~ x + f + (1 | g) + (1 | h)",
  nested = "y ~ x + f + (1 | g/k)",
  crossed_slopes = "y ~ x + f + (x | g) + (x | h)",
  factor_slope = "y ~ x + f + (0 + f | g)")

# Unbalanced data whose variances are all well above zero.
random_design <- function(seed) {
  set.seed(seed)
  groups <- sample(10:20, 1L)
  size <- sample(8:14, 1L)
  n <- groups * size
  d <- data.frame(g = gl(groups, size, labels = paste0("g", seq_len(groups))),
                  h = factor(sample(paste0("h", 1:9), n, TRUE)),
                  k = factor(rep_len(c("k1", "k2", "k3"), n)),
                  x = rnorm(n, 2, 1.5), f = factor(sample(c("a", "b", "c"), n, TRUE)))
  effect <- function(factor, sd) rnorm(nlevels(factor), 0, sd)[factor]
  d$y <- 1 + 0.5 * d$x + c(0, 1, -1)[d$f] + effect(d$g, 1) + effect(d$g, 0.7) * d$x +
    effect(d$h, 1) + effect(d$h, 0.6) * d$x + effect(interaction(d$g, d$k), 1) +
    effect(interaction(d$g, d$f), 0.8) + rnorm(n)
  d <- d[sort(sample(n, round(0.9 * n))), ]
  rownames(d) <- NULL
  kind <- names(design_kinds)[(seed - 1L) %% length(design_kinds) + 1L]
  list(data = d, formula = stats::as.formula(design_kinds[[kind]], env = globalenv()),
       reml = seed %% 4L > 1L, name = paste0(kind, " (seed ", seed, ")"))
}

invariance_designs <- lapply(1:8, random_design)

# Further arguments are values, not expressions in the data: weights = data$w.
fit_design <- function(design, data = design$data, formula = design$formula, ...) {
  suppressMessages(do.call(lmm, list(formula, data, REML = design$reml, ...)))
}

# -2 REML is larger by log|X'X| when the same column space is coded otherwise.
log_det_x <- function(fit) {
  X <- fixed_matrix(fit)
  X <- X[stats::complete.cases(X), !is.na(fit$coefficients), drop = FALSE]
  as.numeric(determinant(crossprod(X))$modulus)
}

coding_shift <- function(after, before) {
  if (after$REML) -0.5 * (log_det_x(after) - log_det_x(before)) else 0
}

expect_log_lik <- function(after, before, shift = 0, factor = 1, info = NULL) {
  target <- factor * as.numeric(logLik(before)) + shift
  off <- abs(as.numeric(logLik(after)) - target) / (1 + abs(target))
  expect(off <= 1e-8, sprintf("%s: the log-likelihood is off by %.2g", info, off))
}

# Parameters agree within 1e-6 of their standard errors. What the model sets to zero has none, and
# must be the same.
expect_within_se <- function(after, before, se, info, tolerance = 1e-6) {
  off <- abs(unname(after) - unname(before))
  off <- max(ifelse(off == 0, 0, off / se))
  expect(is.finite(off) && off <= tolerance,
         sprintf("%s is off by %.2g standard errors", info, off))
}

standard_errors <- function(fit) unname(sqrt(diag(as.matrix(vcov(fit)))))

expect_fixed <- function(after, before, target = fixef(before), info = NULL, tolerance = 1e-6) {
  expect_within_se(fixef(after), target, standard_errors(after), paste(info, "fixed effects:"),
                   tolerance)
}

# Covariances of the random effects relative to sigma^2, one vector for all terms.
relative_covariances <- function(factors) {
  unlist(lapply(factors, function(L) {
    G <- tcrossprod(L)
    G[lower.tri(G, diag = TRUE)]
  }))
}

fit_factors <- function(fit) lapply(unname(fit$random), `[[`, "Lambda")

# Their standard errors, from the observed information of the profiled deviance: numerical
# derivatives of the exact gradient.
relative_standard_errors <- function(fit) {
  spec <- fit_specification(fit)
  theta <- dense_pack(spec, fit_factors(fit))
  gradient <- function(theta) run_evaluate(spec, dense_unpack(spec, theta))$gradient
  variance <- 2 * symmetric_inverse(numDeriv::jacobian(gradient, theta))
  covariances <- function(theta) relative_covariances(dense_unpack(spec, theta))
  J <- numDeriv::jacobian(covariances, theta)
  sqrt(rowSums((J %*% variance) * J))
}

# Random-effect covariances and sigma; `scale` is what the response of `after` was multiplied by.
expect_random <- function(after, before, scale = 1, info = NULL, tolerance = 1e-6) {
  sigma <- before$sigma
  expect_within_se(after$sigma / scale, sigma, sigma / sqrt(2 * before$nobs),
                   paste(info, "sigma:"), tolerance)
  expect_within_se(relative_covariances(fit_factors(after)),
                   relative_covariances(fit_factors(before)), relative_standard_errors(before),
                   paste(info, "random effects:"), tolerance)
}

expect_invariant_fit <- function(after, before, info = NULL, tolerance = 1e-6) {
  expect_log_lik(after, before, info = info)
  expect_fixed(after, before, info = info, tolerance = tolerance)
  expect_random(after, before, info = info, tolerance = tolerance)
}
