# Random generalized data: well-posed designs for property tests, and hostile ones on which a fit
# must neither fail nor complain without reason.

# Well-posed designs ------------------------------------------------------------------------------

glmm_design_kinds <- list(
  list(family = binomial(), bars = "(x | g)"),
  list(family = poisson(), bars = "(1 | g) + (1 | h)"),
  list(family = "nbinom2", bars = "(1 | g/k)"),
  list(family = Gamma("log"), bars = "(x || g)"),
  list(family = binomial("probit"), bars = "(1 | g) + (x | h)"),
  list(family = "beta", bars = "(x | g)"),
  list(family = poisson(), bars = "(x | g) + (1 | h)"),
  list(family = "nbinom1", bars = "(1 | g)"),
  list(family = "betabinomial", bars = "(1 | g) + (1 | h)"),
  list(family = binomial("cloglog"), bars = "(0 + f | g)"),
  list(family = inverse.gaussian("log"), bars = "(1 | g)"),
  list(family = gaussian("log"), bars = "(x | g)"))

family_name <- function(family) if (is.character(family)) family else family$family
family_link <- function(family) {
  if (is.character(family)) glmm_links[[family]][1L] else family$link
}

# Left-hand side of the formula: successes and failures, or the response itself.
response_text <- function(family) {
  if (family_name(family) %in% glmm_binomial_kinds) "cbind(y, m - y)" else "y"
}

# Unbalanced data in which all variances are well above zero.
glmm_random_design <- function(seed) {
  set.seed(seed)
  kind <- glmm_design_kinds[[(seed - 1L) %% length(glmm_design_kinds) + 1L]]
  name <- family_name(kind$family)
  groups <- sample(14:20, 1L)
  size <- sample(10:14, 1L)
  n <- groups * size
  d <- data.frame(g = gl(groups, size, labels = paste0("g", seq_len(groups))),
                  h = factor(sample(paste0("h", 1:9), n, TRUE)),
                  k = factor(rep_len(c("k1", "k2", "k3"), n)), x = stats::rnorm(n, 1, 0.8),
                  f = factor(sample(c("a", "b", "c"), n, TRUE)), m = sample(4:12, n, TRUE))
  effect <- function(factor, sd) stats::rnorm(nlevels(factor), 0, sd)[factor]
  # Small enough for a log link, large enough for a logit.
  scale <- if (name %in% glmm_unit_kinds) 1 else 0.6
  if (name %in% c("gaussian", "inverse.gaussian")) scale <- 0.4
  eta <- 0.5 * scale + 0.3 * scale * d$x + scale * c(0, 0.5, -0.5)[d$f] +
    effect(d$g, 0.8 * scale) + effect(d$g, 0.6 * scale) * d$x + effect(d$h, 0.7 * scale) +
    effect(d$h, 0.5 * scale) * d$x + effect(interaction(d$g, d$k), 0.7 * scale) +
    effect(interaction(d$g, d$f), 0.6 * scale)
  mu <- glmm_kernel(name, family_link(kind$family))$mean(eta)
  phi <- c(glmm_setting(name, family_link(kind$family))$phi, 0)[1L]
  d$y <- glmm_draw(name, mu, d$m, 1, phi)
  d <- d[sort(sample(n, round(0.9 * n))), ]
  rownames(d) <- NULL
  formula <- paste(response_text(kind$family), "~ x + f +", kind$bars)
  list(data = d, family = kind$family, formula = stats::as.formula(formula, env = globalenv()),
       name = paste(name, family_link(kind$family), kind$bars, "seed", seed))
}

fit_glmm_design <- function(design, data = design$data, formula = design$formula, ...) {
  suppressMessages(do.call(glmm, list(formula, data, family = design$family, ...)))
}

# What a fit consists of, for the compiled functions.
glmm_parts <- function(fit) {
  list(spec = fit_specification(fit), beta = unname(fit$coefficients), Lambda = fit_factors(fit),
       phi = unname(fit$dispersion$coefficients))
}

# Standard errors of the covariances of the random effects and of the log dispersion, from the
# observed information of all parameters: differences of the exact gradient.
glmm_standard_errors <- function(fit) {
  part <- glmm_parts(fit)
  kept <- !is.na(part$beta)
  part$spec$X <- part$spec$X[, kept, drop = FALSE]
  psi <- glmm_pack(part$spec, part$beta[kept], part$Lambda, part$phi)
  gradient <- of_packed(function(...) glmm_evaluate(...)$gradient, part$spec)
  variance <- 2 * symmetric_inverse(numDeriv::jacobian(gradient, psi))
  at <- setdiff(seq_along(psi), c(seq_len(sum(kept)), length(psi) + 1L - seq_along(part$phi)))
  covariances <- function(theta) relative_covariances(dense_unpack(part$spec, theta))
  J <- numDeriv::jacobian(covariances, psi[at])
  list(random = sqrt(rowSums((J %*% variance[at, at, drop = FALSE]) * J)),
       phi = sqrt(diag(variance))[length(psi) - rev(seq_along(part$phi)) + 1L])
}

expect_glmm_random <- function(after, before, info = NULL, tolerance = 1e-6, phi_shift = 0) {
  se <- glmm_standard_errors(before)
  expect_within_se(relative_covariances(fit_factors(after)),
                   relative_covariances(fit_factors(before)), se$random,
                   paste(info, "random effects:"), tolerance)
  if (length(se$phi)) {
    expect_within_se(after$dispersion$coefficients, before$dispersion$coefficients + phi_shift,
                     se$phi, paste(info, "dispersion:"), tolerance)
  }
}

expect_same_glmm <- function(after, before, info = NULL, tolerance = 1e-6) {
  expect_log_lik(after, before, info = info)
  expect_fixed(after, before, info = info, tolerance = tolerance)
  expect_glmm_random(after, before, info = info, tolerance = tolerance)
}

# Hostile data ------------------------------------------------------------------------------------

# Family, design, sizes and parameters at random; every third set has something of: rare events,
# groups of one or two rows, no variance at all, large counts, covariates far from their origin,
# few trials, an offset, weights.
random_generalized <- function(seed) {
  set.seed(seed)
  pick <- function(values) values[[sample(length(values), 1L)]]
  family <- pick(list(binomial(), binomial(), poisson(), poisson(), "nbinom2", "nbinom1",
                      Gamma("log"), inverse.gaussian("log"), "beta", "betabinomial",
                      binomial("probit"), binomial("cloglog"), gaussian("log"), poisson("sqrt")))
  name <- family_name(family)
  hostile <- c(seed %% 3L == 0L, stats::runif(8L) < 0.4)
  spoil <- function(i) hostile[1L] && hostile[i + 1L]
  groups <- pick(c(4, 8, 15, 30, 60))
  # A dispersion of continuous responses needs rows beside the random effects.
  continuous <- name %in% c("gaussian", "Gamma", "inverse.gaussian", "beta")
  size <- if (spoil(1L) && !continuous) pick(1:2) else pick((3 + 2 * continuous):15)
  n <- groups * size
  if (n < 30L) {
    size <- ceiling(30 / groups)
    n <- groups * size
  }
  g <- factor(rep(seq_len(groups), each = size))
  h <- factor(sample(pick(c(3, 6, 12)), n, TRUE))
  z <- stats::rnorm(n)
  f <- factor(sample(c("a", "b", "c"), n, TRUE))
  # One trial each says nothing about the dispersion of a beta-binomial response.
  m <- if (spoil(2L) && name == "binomial") rep(1, n) else sample(1:10, n, TRUE)
  w <- if (spoil(3L)) sample(c(0, 1, 2), n, TRUE) else rep(1, n)
  offset <- if (spoil(4L)) stats::runif(n, -1, 1) else rep(0, n)
  sd <- if (spoil(5L)) 0 else pick(c(0.2, 0.5, 1))
  level <- if (spoil(6L)) pick(c(-4, 3)) else pick(c(-0.5, 0.5))
  if (!name %in% glmm_unit_kinds) {
    level <- 1 + level / 2
    if (spoil(7L) && name %in% c("poisson", "nbinom2", "nbinom1")) level <- pick(c(7, 12))
    sd <- sd / 2
  }
  if (family_link(family) == "sqrt") {
    level <- 3
    offset <- rep(0, n)
    sd <- sd / 2
  }
  effect <- function(factor, sd) stats::rnorm(nlevels(factor), 0, sd)[factor]
  slopes <- pick(c(FALSE, FALSE, TRUE))
  crossed <- pick(c(FALSE, TRUE))
  eta <- level + offset + 0.3 * z * pick(c(0, 1)) + c(0, 0.2, -0.2)[f] + effect(g, sd) +
    (if (slopes) effect(g, sd / 2) * z else 0) + (if (crossed) effect(h, sd) else 0)
  phi <- c(glmm_setting(name, family_link(family))$phi, 0)[1L] + stats::rnorm(1L, 0, 0.5)
  y <- glmm_draw(name, glmm_kernel(name, family_link(family))$mean(eta), m, 1, phi)
  x <- if (spoil(8L)) 10^pick(-4:4) * (z + pick(c(0, 1, 1e3))) else z
  bars <- c(pick(if (slopes) c("(x | g)", "(x || g)") else "(1 | g)"), if (crossed) "(1 | h)")
  formula <- paste(response_text(family), "~ x + f +", paste(bars, collapse = " + "))
  if (any(offset != 0)) formula <- paste(formula, "+ offset(o)")
  list(data = data.frame(g, h, x, f, m, y, w, o = offset), family = family,
       formula = stats::as.formula(formula, env = globalenv()),
       weights = if (any(w != 1)) w,
       points = if (crossed) 1L else {
         pick(if (slopes) list(1L, 1L, 3L, 7L) else list(1L, 1L, 5L, 15L))
       },
       name = paste(seed, name, family_link(family), formula))
}

fit_random_generalized <- function(case) {
  arguments <- list(case$formula, case$data, family = case$family, nAGQ = case$points)
  if (!is.null(case$weights)) arguments$weights <- case$weights
  do.call(glmm, arguments)
}

# Is there a direction in which the likelihood of the fixed part never falls? With a_i the rows of X
# in the sign that the response asks for: a d with all a_i'd >= 0, not all zero. A logistic
# regression with all responses 1 and a ridge penalty runs off along it as the penalty vanishes.
# Rows in between (0 < y < m, counts above zero) must stand still.
truly_separated <- function(case) {
  name <- family_name(case$family)
  if (!name %in% c(glmm_binomial_kinds, "poisson", "nbinom1", "nbinom2")) return(FALSE)
  d <- case$data
  binary <- name %in% glmm_binomial_kinds
  d <- d[d$w > 0 & !(binary & d$m == 0), ]
  X <- stats::model.matrix(~ x + f, d)
  X[, "x"] <- scale(X[, "x"])
  separates(X, up = binary & d$y == d$m, down = d$y == 0)
}

# The same of any X of full rank, with the rows that ask for an infinite predictor of either sign.
separates <- function(X, up, down) {
  if (!any(up | down)) return(FALSE)
  free <- unique((X * ifelse(up, 1, -1))[up | down, , drop = FALSE])
  fixed <- X[!(up | down), , drop = FALSE]
  basis <- diag(ncol(X)) # directions that leave `fixed` alone
  if (nrow(fixed)) {
    decomposed <- qr(t(fixed))
    if (decomposed$rank == ncol(X)) return(FALSE)
    basis <- qr.Q(decomposed, complete = TRUE)
    basis <- basis[, seq(decomposed$rank + 1L, ncol(X)), drop = FALSE]
  }
  runs_off(free %*% basis)
}

# With `complete` every row has to gain.
runs_off <- function(A, complete = FALSE) {
  if (!nrow(A)) return(TRUE)
  far <- ridge_path(A, 1e-8)
  step <- ridge_path(A, 1e-12, far) - far
  gain <- drop(A %*% step)
  sum(step^2) > 1 && min(gain) > if (complete) 0.1 else -1e-3 * max(abs(gain))
}

# Minimum of sum log(1 + exp(-A d)) + penalty |d|^2 / 2 by damped Newton steps.
ridge_path <- function(A, penalty, d = rep(0, ncol(A))) {
  value <- function(d) -sum(stats::plogis(drop(A %*% d), log.p = TRUE)) + penalty * sum(d^2) / 2
  for (i in seq_len(500L)) {
    p <- stats::plogis(-drop(A %*% d))
    g <- drop(crossprod(A, p)) - penalty * d
    H <- crossprod(A, p * (1 - p) * A) + diag(penalty, ncol(A))
    move <- solve(H, g, tol = 0)
    if (sum(move * g) < 1e-24) break
    length <- min(1, 5 / max(abs(move)))
    while (value(d + length * move) > value(d) && length > 1e-10) length <- length / 2
    d <- d + length * move
  }
  d
}

# Do fixed effects and groups together predict every binary response? Then the variance has no
# finite exact maximum.
groups_separate <- function(case) {
  d <- case$data[case$data$w > 0 & case$data$m > 0, ]
  if (!family_name(case$family) %in% glmm_binomial_kinds || any(d$y > 0 & d$y < d$m)) return(FALSE)
  bars <- reformulas::findbars(case$formula)
  factors <- unique(vapply(bars, function(bar) all.vars(bar[[3L]]), ""))
  blocks <- lapply(factors, function(g) stats::model.matrix(~ 0 + droplevels(d[[g]])))
  if (any(vapply(bars, function(bar) "x" %in% all.vars(bar[[2L]]), NA))) {
    blocks <- c(blocks, list(blocks[[1L]] * as.numeric(scale(d$x))))
  }
  X <- cbind(stats::model.matrix(~ as.numeric(scale(x)) + f, d), do.call(cbind, blocks))
  runs_off(X * ifelse(d$y > 0, 1, -1), complete = TRUE)
}

# Such a variance is not identified.
one_trial_a_level <- function(case) {
  d <- case$data[case$data$w > 0, ]
  family_name(case$family) %in% glmm_binomial_kinds && max(table(d$g)) == 1L && all(d$m <= 1)
}

# What is wrong with what a fit says, as text; empty: nothing.
complaints <- function(case) {
  heard <- listen(fit_random_generalized(case))
  deserved <- function(x) {
    if (inherits(x, "tiers_message")) return(TRUE)
    if (inherits(x, "tiers_error_model")) return(one_trial_a_level(case))
    inherits(x, "tiers_warning_separation") && (truly_separated(case) || groups_separate(case))
  }
  bad <- Filter(function(x) !deserved(x), heard$conditions)
  fit <- heard$value
  if (!is.null(fit) && !is.finite(as.numeric(logLik(fit)))) {
    bad <- c(bad, list(simpleCondition("the log-likelihood is not finite")))
  }
  if (length(bad)) paste(case$name, condition_texts(bad), sep = ": ")
}
