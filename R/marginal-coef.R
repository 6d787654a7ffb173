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
#' and others 2018). Standard errors are those of the delta method from the joint covariance matrix
#' of the fixed effects and of the variances of the random effects.
#'  With an identity link the two kinds of coefficients are the same, with a log link they differ
#' by the intercept alone where the random effects are intercepts (not for probabilities, where the
#' mean is over the random effects that keep them below 1), and with the probit link the marginal
#' ones are smaller by the factor `1 / sqrt(1 + variance)`.
#'
#' @param fit A fit made by [glmm()] or [lmm()].
#' @param x The result of `marginal_coef()`.
#' @param digits Significant digits.
#' @param object The result of `marginal_coef()`.
#' @param conf.int,conf.level Add confidence limits, by the normal quantile, of this level?
#' @param exponentiate Give exponentials of the coefficients (odds ratios, say) and their limits,
#'   with standard errors by the delta method?
#' @param ... Not used.
#' @return A list of class `tiers_marginal_coef` with `coefficients`, a matrix with columns
#'   `Estimate`, `Std. Error`, `z value`, `Pr(>|z|)`, `conditional` (the coefficients within a
#'   group) and `vcov`. `coef()` and `vcov()` get the estimates and their covariance matrix,
#'   `tidy()` a table of them.
#' @references Hedeker D, du Toit SHC, Demirtas H, Gibbons RD (2018). A note on marginalization of
#'   regression parameters from mixed models of binary outcomes. Biometrics 74, 354-361.
#' @seealso [predict()][predict.tiers_fit] of type `"marginal"` for the means themselves,
#'   [estimate()] for their differences and ratios, [glmm()],
#'   `vignette("generalized-models", package = "tiers")`.
#' @concept population-averaged
#' @concept GEE
#' @concept subject-specific
#' @examples
#' # Presence of bacteria in 50 children, treated by a drug or not
#' fit <- glmm(y ~ trt + I(week > 2) + (1 | ID), MASS::bacteria, family = binomial())
#' marginal <- marginal_coef(fit)
#' marginal
#' tidy(marginal, conf.int = TRUE, exponentiate = TRUE)
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
  fit <- near_origin_fit(fit)
  used <- which(prior_weights(fit) > 0)
  family <- family_at(family_of(fit), used)
  kept <- !is.na(fit$coefficients)
  all <- fixed_matrix(fit)[used, , drop = FALSE]
  X <- all[, kept, drop = FALSE]
  eta <- fixed_values(fit)[used]
  sd <- random_sd(fit, random_parts(fit, NA))[used]
  mean <- marginal_mean(family, eta, sd)
  link <- link_of(family)
  offset <- fixed_offset(fit)[used]
  solve_rows <- function(B) qr.coef(qr(X, tol = 1e-14), B)
  estimate <- drop(solve_rows(link$linkfun(mean) - offset))
  squares <- random_squares(fit)[used, , drop = FALSE]
  change <- mean_derivatives(fit, family, eta, sd, all, squares) / link$mu.eta(link$linkfun(mean))
  jacobian <- solve_rows(change)
  vcov <- jacobian %*% natural_covariance(fit, ncol(squares)) %*% t(jacobian)
  dimnames(vcov) <- dimnames(fit$vcov)
  variance <- diag(vcov)
  variance[variance < 0] <- NA_real_
  warn_unknown_errors(variance, !is.na(estimate))
  se <- sqrt(variance)
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
tidy.tiers_marginal_coef <- function(x, conf.int = FALSE, conf.level = 0.95,
                                     exponentiate = FALSE, ...) {
  check_dots("tidy", ...)
  check_flag(conf.int, "conf.int")
  check_level(conf.level)
  check_flag(exponentiate, "exponentiate")
  table <- x$coefficients
  out <- data.frame(term = rownames(table), estimate = table[, 1L], std.error = table[, 2L],
                    statistic = table[, 3L], p.value = table[, 4L], stringsAsFactors = FALSE,
                    row.names = NULL)
  if (conf.int) {
    half <- stats::qnorm((1 + conf.level) / 2) * out$std.error
    out$conf.low <- out$estimate - half
    out$conf.high <- out$estimate + half
  }
  if (exponentiate) {
    out$estimate <- exp(out$estimate)
    out$std.error <- out$std.error * out$estimate
    limits <- intersect(c("conf.low", "conf.high"), names(out))
    out[limits] <- exp(out[limits])
  }
  as_table(out)
}

#' @rdname marginal_coef
#' @export
vcov.tiers_marginal_coef <- function(object, ...) object$vcov
