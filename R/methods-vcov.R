# Covariance matrix of the fixed effects and Wald intervals.

#' Covariance matrix and confidence intervals of the fixed effects
#'
#' How well the coefficients are known: the covariance matrix of their estimates, and Wald intervals
#' from it, with t quantiles by Satterthwaite's degrees of freedom in a linear model.
#'
#' @param object A fit made by [lmm()] or [glmm()].
#' @param complete Have rows and columns of `NA` for coefficients that could not be estimated, as
#'   in `lm()`? With `FALSE` they are left out.
#' @param which `"beta"`: of the fixed effects. `"theta"`: of the variance parameters, standard
#'   deviations and correlations of the random effects with `sigma` or the dispersion parameter, on
#'   the scale on which they are printed, from the observed information. Rows and columns of those
#'   at the end of their range (a variance of zero) are `NA`.
#' @param component `"conditional"`: the fixed effects. `"dispersion"`: the coefficients of the log
#'   dispersion parameter of a generalized fit; `confint()` gives a dispersion parameter that is the
#'   same in all rows on its own scale and under its name, as `summary()` does.
#' @param parm Names or numbers of the coefficients; all of them by default. Names of variance
#'   parameters, such as `"sd_(Intercept)|Subject"`, `"cor_age.(Intercept)|Subject"` or `"sigma"`,
#'   give limits for these; `"theta_"` stands for all variance parameters, `"beta_"` for all fixed
#'   effects.
#' @param level Confidence level.
#' @param method `"wald"`: estimate plus and minus a quantile times the standard error; of
#'   standard deviations and dispersion parameters on the log scale, of correlations on Fisher's z
#'   scale, both with the normal quantile. `"profile"`: where the deviance, minimized over all other
#'   parameters, has risen by the chi-square quantile, found to a millionth of a standard error; see
#'   [profile()][profile.tiers_fit].
#' @param scale `"sd"`: limits of standard deviations as such. `"var"`: of their squares.
#' @param ddf How the degrees of freedom of the t quantile are found: see [summary.tiers_fit()].
#'   `"asymptotic"` and `"none"` take the normal quantile.
#' @param vcov `NULL`, or a covariance matrix of the fixed effects (or a function of the fit that
#'   returns one) to use in place of the model's own.
#' @param ... Not used.
#' @return `vcov()`: a matrix with the names of the coefficients. `confint()`: a matrix with one
#'   row for each coefficient and the lower and upper limit in its columns: `NA` where a coefficient
#'   or dispersion parameter has no finite estimate from these data (columns that were dropped, no
#'   overdispersion), infinite limits where separated data leave a coefficient without any.
#' @seealso [summary()][summary.tiers_fit] for tests, [VarCorr()][VarCorr.tiers_fit] for the
#'   variances of the random effects, [tidy()][tidy.tiers_fit] for limits in a table,
#'   [profile()][profile.tiers_fit] for the profile likelihood as a curve. Bootstrap intervals are
#'   not there yet; [simulate()][simulate.tiers_fit] and [refit_response()] are what a parametric
#'   bootstrap is made of.
#' @concept confidence interval
#' @concept profile likelihood
#' @concept bootstrap (not there yet)
#' @concept robust standard errors
#' @concept sandwich
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' sqrt(diag(vcov(fit)))
#' confint(fit)
#' confint(fit, "age", level = 0.9, ddf = "none")
#'
#' # Standard deviations and correlations of the random effects, and sigma
#' confint(fit, "theta_")
#' sqrt(diag(vcov(fit, which = "theta")))
#' confint(fit, "theta_", method = "profile")
#'
#' counts <- glmm(y ~ trt + lbase + (1 | subject), MASS::epil, family = nbinom2())
#' confint(counts, component = "dispersion")
#' @name vcov.tiers_fit
NULL

#' @rdname vcov.tiers_fit
#' @export
vcov.tiers_fit <- function(object, complete = TRUE, component = c("conditional", "dispersion"),
                           which = c("beta", "theta"), ...) {
  check_dots("vcov", ...)
  if (match_choice(which, c("beta", "theta"), "which") == "theta") {
    validate_fit(object)
    return(object$vcov_parameters)
  }
  component <- match_choice(component, c("conditional", "dispersion"), "component")
  check_flag(complete, "complete")
  if (component == "dispersion") {
    value <- dispersion_part(object)$vcov
    return(replace(value, is.nan(value), NA_real_))
  }
  kept <- !is.na(object$coefficients)
  if (!complete || all(kept)) return(object$vcov)
  names <- names(object$coefficients)
  full <- matrix(NA_real_, length(kept), length(kept), dimnames = list(names, names))
  full[kept, kept] <- object$vcov
  full
}

# The coefficients of the log dispersion parameter, with their covariance matrix.
dispersion_part <- function(fit) {
  if (is.null(fit$dispersion)) {
    stop_input("A linear model has no coefficients of the dispersion: see {.fn sigma}.")
  }
  fit$dispersion
}
