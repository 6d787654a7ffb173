# Likelihood, information criteria and sizes of a fit.

#' Likelihood, information criteria and sizes of a fit
#'
#' `logLik()` and what is made of it. `AIC()` and `BIC()` count as lme4 does, or as SAS.
#'
#' @param object,fit A fit made by [lmm()] or [glmm()].
#' @param REML `NULL` for the criterion that the fit was made with. `FALSE` gives the likelihood of
#'   a REML fit at its estimates of the variance parameters, `TRUE` the restricted likelihood. As in
#'   lme4 these are the variances relative to that of the residual, unless `fix` held some of them.
#' @param coding Of a REML fit whose value depends on the coding of the factors (by a constant; the
#'   fit is the same): `"model"`, with the columns of the model matrix as they are; `"reference"`,
#'   with treatment contrasts for all factors, as PROC MIXED has it.
#' @param scale,k Passed by [stats::step()]: `k` is the penalty for a parameter.
#' @param ... Of `AIC()` and `BIC()`: further fits, for a table. Otherwise not used.
#' @return `logLik()`: the log-likelihood (restricted for a REML fit), with the number of parameters
#'   and of rows used as attributes `df` and `nobs`. `deviance()`: minus twice that; for REML fits
#'   the REML criterion, with a message of class `tiers_message_reml` that says so. `nobs()`: rows
#'   used (rows of weight zero do not count). `df.residual()`: rows less parameters. `extractAIC()`:
#'   parameters and AIC, by maximum likelihood also for REML fits.
#'
#'   `sigma()`: the residual standard deviation of a linear model. Of a generalized one the
#'   square root of the dispersion as [stats::family()] means it (gaussian: residual standard
#'   deviation; Gamma: coefficient of variation, `1 / sqrt(shape)`; inverse Gaussian:
#'   `1 / sqrt(shape)`; binomial and Poisson: 1), or the family's own parameter (`nbinom2()`: size,
#'   `nbinom1()`: overdispersion, beta and beta-binomial: precision); `NA` where it has a model of
#'   its own.
#'
#'   The log-likelihood of a generalized fit has all its constants, whatever the approximation, and
#'   compares with that of `glm()` and across numbers of quadrature points. Its `deviance()` is
#'   minus twice that; the sum of squared deviance residuals, given the random effects, is
#'   `sum(residuals(fit, "deviance")^2)`.
#' @seealso [anova()][anova.tiers_fit] compares fits, [glance()][tidy.tiers_fit] has all of these in
#'   one row, [VarCorr()][VarCorr.tiers_fit] the other variances.
#' @concept AIC
#' @concept BIC
#' @concept goodness of fit
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont, REML = FALSE)
#' logLik(fit)
#' AIC(update(fit, REML = TRUE), convention = "sas")
#' c(AIC(fit), BIC(fit), deviance(fit), nobs(fit), df.residual(fit), sigma(fit))
#' @name logLik.tiers_fit
NULL

#' @rdname logLik.tiers_fit
#' @export
logLik.tiers_fit <- function(object, REML = NULL, coding = c("model", "reference"), ...) {
  check_dots("logLik", ...)
  coding <- match_choice(coding, c("model", "reference"), "coding")
  value <- -criterion_value(object, REML) / 2
  if (coding == "reference" && (REML %||% object$REML)) value <- value + reference_shift(object)
  structure(value, nall = object$nobs, nobs = object$nobs, df = object$npar, class = "logLik")
}

criterion_value <- function(fit, REML = NULL) {
  validate_fit(fit)
  if (!is.null(REML)) check_flag(REML, "REML")
  if (is.null(REML) || REML == fit$REML) return(fit$deviance)
  criterion_at(fit, REML)
}

#' @rdname logLik.tiers_fit
#' @export
deviance.tiers_fit <- function(object, REML = NULL, ...) {
  check_dots("deviance", ...)
  validate_fit(object)
  # A search compares fits by maximum likelihood.
  if (is.null(REML) && object$REML && is_search(parent.frame())) {
    return(as_candidate(fit_by_ml(object))$deviance)
  }
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
nobs.tiers_fit <- function(object, ...) {
  check_dots("nobs", ...)
  object$nobs
}

#' @rdname logLik.tiers_fit
#' @export
df.residual.tiers_fit <- function(object, ...) {
  check_dots("df.residual", ...)
  object$nobs - object$npar
}

#' @rdname logLik.tiers_fit
#' @export
sigma.tiers_fit <- function(object, ...) {
  check_dots("sigma", ...)
  object$sigma
}

#' @rdname logLik.tiers_fit
#' @export
extractAIC.tiers_fit <- function(fit, scale = 0, k = 2, ...) {
  check_dots("extractAIC", ...)
  check_number(k, "k", 0, Inf)
  validate_fit(fit)
  # Searches compare different fixed effects, for which only maximum likelihood will do.
  value <- stats::logLik(if (fit$REML) as_candidate(fit_by_ml(fit)) else fit)
  df <- attr(value, "df")
  c(df, -2 * as.double(value) + k * df)
}
