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

# E f(eta + sd Z) for standard normal Z; f_at(rows) is f for some of the rows, where it differs by
# row. The trapezoidal rule is accurate to rounding when its step is small against the distance of
# the nearest singularity of f, for any link here at least 1 / sd.
average_normal <- function(f, eta, sd, f_at = function(rows) f) {
  value <- rep(NA_real_, length(eta))
  ok <- !is.na(eta) & !is.na(sd)
  flat <- ok & (sd == 0 | is.infinite(eta))
  value[flat] <- f_at(which(flat))(eta[flat])
  # Rows with similar spread share their nodes.
  class <- ceiling(log2(pmax(sd, 0.5)))
  for (size in unique(class[ok & !flat])) {
    rows <- which(ok & !flat & class == size)
    value[rows] <- average_rows(f_at(rows), eta[rows], sd[rows], step = min(0.25, 0.22 / 2^size))
  }
  value
}

# f may give a matrix, one row for each element of eta.
average_rows <- function(f, eta, sd, step, reach = 8.5) {
  nodes <- seq(-ceiling(reach / step), ceiling(reach / step)) * step
  weights <- stats::dnorm(nodes)
  weights <- weights / sum(weights)
  value <- numeric(length(eta))
  for (q in seq_along(nodes)) value <- value + weights[q] * f(eta + sd * nodes[q])
  value
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

# The log link of a probability has no density for groups with eta + sd Z > 0, and the likelihood
# integrates over the others: the mean over these, exp(eta + sd^2/2) P(Z < -eta/sd - sd) /
# P(Z < -eta/sd), and its derivative by eta.
log_probability <- function(eta, sd) {
  edge <- -eta / sd
  log_inside <- stats::pnorm(edge, log.p = TRUE)
  mean <- exp(eta + sd^2 / 2 + stats::pnorm(edge - sd, log.p = TRUE) - log_inside)
  slope <- mean - (1 - mean) * exp(stats::dnorm(edge, log = TRUE) - log_inside) / sd
  flat <- sd == 0 | is.infinite(eta)
  list(mean = ifelse(flat, exp(eta), mean), slope = ifelse(flat, exp(eta), slope))
}

# 1 / eta over a normal eta has no mean.
check_mean_exists <- function(family, sd) {
  if (!family$link %in% c("inverse", "1/mu^2") || !is.null(family$custom)) return(invisible())
  if (all(sd == 0, na.rm = TRUE)) return(invisible())
  stop_model(c("With the {family$link} link the mean over normal random effects does not exist.",
               i = "Fit the model with {.code {family$name}(\"log\")}, or predict for the median
                    group with {.code type = \"response\", re.form = NA}."))
}

#' Population-averaged coefficients
#'
#' The coefficients of a generalized mixed model hold within a group: they compare the odds, say, of
#' two members of the same group, or of one person in two states. `marginal_coef()` gives the
#' coefficients that hold for the average over the population of groups, what a model without random
#' effects, or generalized estimating equations, would estimate.
#'
#' For each row of the data the mean of the response over all random effects is worked out by
#' one-dimensional quadrature; the link function takes the means back to the scale of the linear
#' predictor, and least squares on the columns of the fixed effects give the coefficients (Hedeker
#' and others 2018). Standard errors are those of the delta method from the covariance matrix of the
#' fixed effects; the variances of the random effects are taken as known.
#'
#' With an identity link the two kinds of coefficients are the same, with a log link they differ by
#' the intercept alone where the random effects are intercepts (not for probabilities, where the
#' mean is over the random effects that keep them below 1), and with the probit link the
#' marginal ones are smaller by the factor `1 / sqrt(1 + variance)`.
#'
#' @param fit A fit made by [glmm()] or [lmm()].
#' @param x The result of `marginal_coef()`.
#' @param digits Significant digits.
#' @param object The result of `marginal_coef()`.
#' @param ... Not used.
#' @return A list of class `tiers_marginal_coef` with `coefficients`, a matrix with columns
#'   `Estimate`, `Std. Error`, `z value`, `Pr(>|z|)`, `conditional` (the coefficients within a
#'   group) and `vcov`. `coef()` and `vcov()` get the estimates and their covariance matrix.
#' @references Hedeker D, du Toit SHC, Demirtas H, Gibbons RD (2018). A note on marginalization of
#'   regression parameters from mixed models of binary outcomes. Biometrics 74, 354-361.
#' @seealso [predict()][predict.tiers_fit] of type `"marginal"` for the means themselves, [glmm()],
#'   `vignette("generalized-models", package = "tiers")`.
#' @concept population-averaged
#' @concept GEE
#' @concept subject-specific
#' @examples
#' # Presence of bacteria in 50 children, treated by a drug or not
#' fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), MASS::bacteria, family = binomial())
#' marginal_coef(fit)
#' @export
marginal_coef <- function(fit, ...) {
  check_dots("marginal_coef", ...)
  if (missing(fit)) stop_no_fit()
  if (!inherits(fit, "tiers_fit")) {
    stop_input("{.arg fit} must be a fit made by {.fn glmm} or {.fn lmm}.")
  }
  validate_fit(fit)
  if (is_separated(fit)) {
    stop_model(c("The coefficients of {.val {fit$separation$columns}} are infinite, and so are their
                  averages.", i = "Leave out the separated columns."))
  }
  used <- which(prior_weights(fit) > 0)
  family <- family_at(family_of(fit), used)
  kept <- !is.na(fit$coefficients)
  X <- fixed_matrix(fit)[used, kept, drop = FALSE]
  eta <- fixed_values(fit)[used]
  sd <- random_sd(fit, random_parts(fit, NA))[used]
  mean <- marginal_mean(family, eta, sd)
  link <- link_of(family)
  offset <- fixed_offset(fit)[used]
  solve_rows <- function(B) qr.coef(qr(X, tol = 1e-14), B)
  estimate <- drop(solve_rows(link$linkfun(mean) - offset))
  # Derivative of a row's value on the link scale by its conditional linear predictor.
  change <- marginal_slope(family, eta, sd) / link$mu.eta(link$linkfun(mean))
  jacobian <- solve_rows(change * X)
  vcov <- jacobian %*% fit$vcov %*% t(jacobian)
  dimnames(vcov) <- dimnames(fit$vcov)
  se <- sqrt(diag(vcov))
  table <- cbind(Estimate = estimate, `Std. Error` = se, `z value` = estimate / se,
                 `Pr(>|z|)` = 2 * stats::pnorm(-abs(estimate / se)))
  rownames(table) <- names(fit$coefficients)[kept]
  structure(list(coefficients = table, conditional = fit$coefficients[kept], vcov = vcov,
                 family = family_words(family), formula = full_formula(fit)),
            class = "tiers_marginal_coef")
}

#' @rdname marginal_coef
#' @method print tiers_marginal_coef
#' @export
print.tiers_marginal_coef <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  force_arguments("digits")
  check_digits(digits)
  cat("Population-averaged coefficients (", x$family, ")\n", sep = "")
  cat(wrapped("Formula: ", text_of(x$formula)), sep = "\n")
  cat("\n")
  table <- cbind(Conditional = x$conditional, x$coefficients)
  print_coefficients(table, digits, getOption("show.signif.stars"))
  invisible(x)
}

#' @rdname marginal_coef
#' @export
coef.tiers_marginal_coef <- function(object, ...) object$coefficients[, 1L]

#' @rdname marginal_coef
#' @export
vcov.tiers_marginal_coef <- function(object, ...) object$vcov
