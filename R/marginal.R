# Population averages: means over the random effects. A random effect enters a row through one
# normal number, z'b with variance z'Sigma z, so every average is an integral over one dimension,
# whatever the model's terms.

# Standard deviation of the random part of each row; of each term the columns in `parts` are held
# fixed.
random_sd <- function(fit, parts, newdata = NULL) {
  variance <- numeric(if (is.null(newdata)) nrow(fit$frame) else nrow(newdata))
  for (j in seq_along(fit$random)) {
    term <- fit$random[[j]]
    columns <- setdiff(seq_along(term$columns), parts[[j]])
    if (length(columns) == 0L) next
    basis <- random_columns(fit, j, newdata)[, columns, drop = FALSE]
    root <- basis %*% term$Lambda[columns, , drop = FALSE]
    variance <- variance + rowSums(root^2)
  }
  random_scale(fit) * sqrt(variance)
}

# Basis of a term; new data need not have its grouping factor.
random_columns <- function(fit, j, newdata) {
  term <- fit$random_terms[[j]]
  if (is.null(newdata)) return(full_basis(term_basis(term, fit$frame), nrow(fit$frame), term))
  basis <- NULL
  if (!is.null(term$basis_terms)) {
    basis <- new_design(term$basis_terms, newdata, term$xlevels, term$contrasts, term$columns, fit,
                        term$label)
  }
  full_basis(basis, nrow(newdata), term)
}

# E Z^moment f(eta + sd Z) for standard normal Z; f_at(rows) is f for some of the rows, where it
# differs by row. The trapezoidal rule is accurate to rounding when its step is small against the
# distance of the nearest singularity of f, for any link here at least 1 / sd.
average_normal <- function(f, eta, sd, f_at = function(rows) f, moment = 0) {
  value <- rep(NA_real_, length(eta))
  ok <- !is.na(eta) & !is.na(sd)
  flat <- ok & (sd == 0 | is.infinite(eta))
  value[flat] <- if (moment == 0) f_at(which(flat))(eta[flat]) else 0
  # Rows with similar spread share their nodes.
  class <- ceiling(log2(pmax(sd, 0.5)))
  for (size in unique(class[ok & !flat])) {
    rows <- which(ok & !flat & class == size)
    value[rows] <- average_rows(f_at(rows), eta[rows], sd[rows], normal_step(size), moment)
  }
  value
}

normal_rule <- function(step, reach = 8.5) {
  nodes <- seq(-ceiling(reach / step), ceiling(reach / step)) * step
  weights <- stats::dnorm(nodes)
  list(nodes = nodes, weights = weights / sum(weights))
}

# Of a function that is flat on a scale of 1 / sd.
normal_step <- function(size) min(0.25, 0.22 / 2^size)

# f may give a matrix, one row for each element of eta.
average_rows <- function(f, eta, sd, step, moment = 0, reach = 8.5) {
  rule <- normal_rule(step, reach)
  nodes <- rule$nodes
  weights <- rule$weights * nodes^moment
  value <- numeric(length(eta))
  for (q in seq_along(nodes)) value <- value + weights[q] * f(eta + sd * nodes[q])
  value
}

# Links whose means over the random effects are formulas, not integrals.
has_closed_mean <- function(family) {
  is.null(family$custom) && family$link %in% c("identity", "log", "sqrt", "probit")
}

# Mean of the response over the random effects, and its derivative by eta.
marginal_mean <- function(family, eta, sd) {
  closed <- if (is.null(family$custom)) {
    switch(
      family$link,
      identity = eta + 0 * sd,
      log = if (is_success_family(family)) log_probability(eta, sd)$mean else exp(eta + sd^2 / 2),
      sqrt = eta^2 + sd^2,
      probit = stats::pnorm(eta / sqrt(1 + sd^2)))
  }
  if (!is.null(closed)) return(unname(closed))
  check_mean_exists(family, sd)
  average_normal(NULL, unname(eta), unname(sd), function(rows) {
    here <- family_at(family, rows)
    function(x) mean_of(here, x)
  })
}

marginal_slope <- function(family, eta, sd) {
  closed <- if (is.null(family$custom)) {
    switch(
      family$link,
      identity = 1 + 0 * sd,
      log = if (is_success_family(family)) log_probability(eta, sd)$slope else exp(eta + sd^2 / 2),
      sqrt = 2 * eta + 0 * sd,
      probit = stats::dnorm(eta / sqrt(1 + sd^2)) / sqrt(1 + sd^2))
  }
  if (!is.null(closed)) return(unname(closed))
  check_mean_exists(family, sd)
  average_normal(NULL, unname(eta), unname(sd), function(rows) {
    here <- family_at(family, rows)
    function(x) slope_of(here, x)
  })
}

# Derivative of the mean by the variance of the random part, E mu'' / 2. By parts it is E[Z mu'] /
# (2 sd), which needs no second derivative of the link. (Where sd is zero no random effect is met.)
marginal_curvature <- function(family, eta, sd) {
  closed <- if (is.null(family$custom)) {
    switch(
      family$link,
      identity = 0 * sd,
      log = if (is_success_family(family)) log_probability(eta, sd)$curvature else {
        exp(eta + sd^2 / 2) / 2
      },
      sqrt = 1 + 0 * sd,
      probit = -stats::dnorm(eta / sqrt(1 + sd^2)) * eta / (2 * (1 + sd^2)^1.5))
  }
  if (!is.null(closed)) return(unname(closed))
  check_mean_exists(family, sd)
  moved <- average_normal(NULL, unname(eta), unname(sd), moment = 1, f_at = function(rows) {
    here <- family_at(family, rows)
    function(x) slope_of(here, x)
  })
  ifelse(sd == 0, 0, moved / (2 * sd))
}

# The log link of a probability has no density for groups with eta + sd Z > 0, and the likelihood
# integrates over the others: the mean over these, exp(eta + sd^2/2) P(Z < -eta/sd - sd) /
# P(Z < -eta/sd), and its derivative by eta.
log_probability <- function(eta, sd) {
  edge <- -eta / sd
  log_inside <- stats::pnorm(edge, log.p = TRUE)
  mean <- exp(eta + sd^2 / 2 + stats::pnorm(edge - sd, log.p = TRUE) - log_inside)
  slope <- mean - (1 - mean) * exp(stats::dnorm(edge, log = TRUE) - log_inside) / sd
  # d log mean / d sd: of the exponent, of the numerator's edge and of the denominator's.
  inside <- exp(stats::dnorm(edge - sd, log = TRUE) - stats::pnorm(edge - sd, log.p = TRUE))
  whole <- exp(stats::dnorm(edge, log = TRUE) - log_inside)
  curvature <- mean * (sd + inside * (eta / sd^2 - 1) - whole * eta / sd^2) / (2 * sd)
  flat <- sd == 0 | is.infinite(eta)
  list(mean = ifelse(flat, exp(eta), mean), slope = ifelse(flat, exp(eta), slope),
       curvature = ifelse(flat, 0, curvature))
}

# 1 / eta over a normal eta has no mean.
check_mean_exists <- function(family, sd) {
  if (!family$link %in% c("inverse", "1/mu^2") || !is.null(family$custom)) return(invisible())
  if (all(sd == 0, na.rm = TRUE)) return(invisible())
  stop_model(c("With the {family$link} link the mean over normal random effects does not exist.",
               i = "Fit the model with {.code {family$name}(\"log\")}, or predict for the median
                    group with {.code type = \"response\", re.form = NA}."))
}

# Errors of means over the random effects ---------------------------------------------------------

# d variance of the random part / d entries of each Sigma (lower triangle by columns; of
# near_origin_fit() those in its coordinates): rows x entries.
random_squares <- function(fit, newdata = NULL) {
  n <- if (is.null(newdata)) nrow(fit$frame) else nrow(newdata)
  columns <- lapply(seq_along(fit$random), function(j) {
    z <- random_columns(fit, j, newdata)
    if (!is.null(fit$even)) z <- z %*% fit$even[[j]]$A
    at <- which(lower.tri(diag(ncol(z)), diag = TRUE), arr.ind = TRUE)
    twice <- ifelse(at[, 1L] == at[, 2L], 1, 2)
    sweep(z[, at[, 1L], drop = FALSE] * z[, at[, 2L], drop = FALSE], 2L, twice, "*")
  })
  if (length(columns)) unname(do.call(cbind, columns)) else matrix(0, n, 0L)
}

# Covariance matrix of (kept coefficients, entries of each Sigma): without what the variances add
# where the fit has none of it.
natural_covariance <- function(fit, entries) {
  p <- nrow(fit$vcov)
  full <- fit$inference$vcov_natural
  if (!is.null(full)) return(full[seq_len(p + entries), seq_len(p + entries), drop = FALSE])
  out <- matrix(0, p + entries, p + entries)
  out[seq_len(p), seq_len(p)] <- fit$vcov
  out
}

# Rows of X (all columns) as derivatives of their means by (beta, entries of Sigma).
mean_derivatives <- function(fit, family, eta, sd, X, squares) {
  kept <- !is.na(fit$coefficients)
  cbind(marginal_slope(family, eta, sd) * X[, kept, drop = FALSE],
        marginal_curvature(family, eta, sd) * squares)
}

# Standard errors of the means `value`, and centre and variance on the scale of the link, from which
# limits are transformed.
marginal_errors <- function(fit, eta, value, X, newdata, errors) {
  known <- which(!is.na(value))
  family <- family_at(family_of(fit), known)
  sd <- random_sd(fit, random_parts(fit, NA), newdata)
  fit <- near_origin_fit(fit)
  squares <- random_squares(fit, newdata)
  J <- mean_derivatives(fit, family, eta[known], sd[known], X[known, , drop = FALSE],
                        squares[known, , drop = FALSE])
  V <- natural_covariance(fit, ncol(squares))
  out <- list(se = rep(NA_real_, length(value)), centre = rep(NA_real_, length(value)),
              variance = rep(NA_real_, length(value)), df = errors$df)
  link <- link_of(family)
  out$se[known] <- sqrt(pmax(rowSums((J %*% V) * J), 0))
  out$centre[known] <- link$linkfun(value[known])
  out$variance[known] <- (out$se[known] / link$mu.eta(out$centre[known]))^2
  out
}
