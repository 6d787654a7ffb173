# Likelihood, covariance matrix of the fixed effects and Wald intervals.

#' Covariance matrix and confidence intervals of the fixed effects
#'
#' @param object A fit made by [lmm()].
#' @param complete Have rows and columns of `NA` for coefficients that could not be estimated, as
#'   in `lm()`? With `FALSE` they are left out.
#' @param parm Names or numbers of the coefficients; all of them by default.
#' @param level Confidence level.
#' @param method `"wald"`: estimate plus and minus a quantile times the standard error.
#' @param ddf How the degrees of freedom of the t quantile are found: see [summary.tiers_lmm()].
#'   `"none"` takes the normal quantile.
#' @param vcov `NULL`, or a covariance matrix of the fixed effects (or a function of the fit that
#'   returns one) to use in place of the model's own.
#' @param ... Not used.
#' @return `vcov()`: a matrix with the names of the coefficients. `confint()`: a matrix with one
#'   row for each coefficient and the lower and upper limit in its columns.
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' sqrt(diag(vcov(fit)))
#' confint(fit)
#' confint(fit, "age", level = 0.9, ddf = "none")
#' @name vcov.tiers_fit
NULL

#' @rdname vcov.tiers_fit
#' @export
vcov.tiers_fit <- function(object, complete = TRUE, ...) {
  check_unused(...)
  kept <- !is.na(object$coefficients)
  if (!complete || all(kept)) return(object$vcov)
  names <- names(object$coefficients)
  full <- matrix(NA_real_, length(kept), length(kept), dimnames = list(names, names))
  full[kept, kept] <- object$vcov
  full
}

#' @rdname vcov.tiers_fit
#' @export
confint.tiers_fit <- function(object, parm, level = 0.95, method = "wald", ddf = "satterthwaite",
                              vcov = NULL, ...) {
  check_unused(...)
  if (!identical(tolower(method), "wald")) {
    stop_input(c("{.arg method} must be {.val wald}.", "x" = "It is {.val {method}}."))
  }
  check_level(level)
  validate_fit(object)
  names <- names(object$coefficients)
  parm <- if (missing(parm)) names else match_coefficients(parm, names)
  prepared <- prepare_ddf(object, ddf, vcov)
  tests <- test_rows(kept_coefficients(object), prepared, kept_rows(object))
  tails <- c((1 - level) / 2, 1 - (1 - level) / 2)
  limits <- tests$estimate + outer(tests$std.error, c(1, 1)) *
    cbind(stats::qt(tails[1L], tests$df), stats::qt(tails[2L], tests$df))
  full <- matrix(NA_real_, length(names), 2L, dimnames = list(names, percent_labels(tails)))
  full[!is.na(object$coefficients), ] <- limits
  full[parm, , drop = FALSE]
}

check_level <- function(level) {
  if (!is.numeric(level) || length(level) != 1L || is.na(level) || level <= 0 || level >= 1) {
    stop_input("The confidence level must be one number between 0 and 1, not {.val {level}}.")
  }
}

match_coefficients <- function(parm, names) {
  if (is.numeric(parm)) {
    wrong <- parm[!parm %in% seq_along(names) & !-parm %in% seq_along(names)]
    if (length(wrong)) {
      stop_input("There are {length(names)} coefficients; {.arg parm} asks for {.val {wrong}}.")
    }
    return(names[parm])
  }
  # lme4's word for all fixed effects.
  if (identical(parm, "beta_")) return(names)
  unknown <- setdiff(as.character(parm), names)
  if (length(unknown)) {
    stop_input(c("{.arg parm} must name fixed effects.",
                 "x" = "{.val {unknown}} {?is/are} not among {.val {names}}."))
  }
  as.character(parm)
}

percent_labels <- function(tails) {
  paste(format(100 * tails, trim = TRUE, scientific = FALSE, digits = 3), "%")
}

#' Likelihood, information criteria and sizes of a fit
#'
#' `AIC()` and `BIC()` work through `logLik()`.
#'
#' @param object,fit A fit made by [lmm()].
#' @param REML `NULL` for the criterion that the fit was made with. `FALSE` gives the likelihood of
#'   a REML fit at its estimates of the variance parameters, `TRUE` the restricted likelihood.
#' @param scale,k Passed by [stats::step()]: `k` is the penalty for a parameter.
#' @param ... Not used.
#' @return `logLik()`: the log-likelihood (restricted for a REML fit), with the number of parameters
#'   and of rows used as attributes `df` and `nobs`. `deviance()`: minus twice that; for REML fits
#'   the REML criterion, with a message of class `tiers_message_reml` that says so. `nobs()`: rows
#'   used (rows of weight zero do not count). `df.residual()`: rows less parameters. `sigma()`: the
#'   residual standard deviation. `extractAIC()`: parameters and AIC, by maximum
#'   likelihood also for REML fits.
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont, REML = FALSE)
#' logLik(fit)
#' c(AIC(fit), BIC(fit), deviance(fit), nobs(fit), df.residual(fit), sigma(fit))
#' @name logLik.tiers_fit
NULL

#' @rdname logLik.tiers_fit
#' @export
logLik.tiers_fit <- function(object, REML = NULL, ...) {
  value <- -criterion_value(object, REML) / 2
  structure(value, nall = object$nobs, nobs = object$nobs, df = object$npar, class = "logLik")
}

criterion_value <- function(fit, REML = NULL) {
  validate_fit(fit)
  if (is.null(REML) || identical(as.logical(REML), fit$REML)) return(fit$deviance)
  spec <- fit_specification(fit)
  spec$reml <- as.logical(REML)
  run_evaluate(spec, fit_lambdas(fit))$deviance
}

#' @rdname logLik.tiers_fit
#' @export
deviance.tiers_fit <- function(object, REML = NULL, ...) {
  check_unused(...)
  validate_fit(object)
  if (is.null(REML) && object$REML) {
    inform("tiers_message_reml", c(
      "This is the REML criterion, -2 times the restricted log-likelihood.",
      "i" = "{.code deviance(fit, REML = FALSE)} gives the deviance at these estimates."
    ))
  }
  criterion_value(object, REML)
}

#' @rdname logLik.tiers_fit
#' @export
nobs.tiers_fit <- function(object, ...) object$nobs

#' @rdname logLik.tiers_fit
#' @export
df.residual.tiers_fit <- function(object, ...) object$nobs - object$npar

#' @rdname logLik.tiers_fit
#' @export
sigma.tiers_fit <- function(object, ...) object$sigma

#' @rdname logLik.tiers_fit
#' @export
extractAIC.tiers_fit <- function(fit, scale = 0, k = 2, ...) {
  validate_fit(fit)
  # Searches compare different fixed effects, for which only maximum likelihood will do.
  value <- stats::logLik(if (fit$REML) fit_by_ml(fit) else fit)
  df <- attr(value, "df")
  c(df, -2 * as.double(value) + k * df)
}
