# What marginaleffects asks of a model, registered when it is loaded: coefficients, fits with other
# ones, their covariance matrix, and predictions. It takes derivatives of predictions by the
# coefficients; the random effects stay where they are meanwhile, so that averages over groups
# belong to `re.form = NA`.

.onLoad <- function(libname, pkgname) {
  # The models that it takes beside those it knows.
  known <- getOption("marginaleffects_model_classes")
  options(marginaleffects_model_classes = unique(c(known, "tiers_fit", "tiers_lmm", "tiers_glmm")))
}

#' @exportS3Method marginaleffects::get_coef
get_coef.tiers_fit <- function(model, ...) {
  validate_fit(model)
  stop_infinite(model, "effects")
  kept_coefficients(model)
}

#' @exportS3Method marginaleffects::set_coef
set_coef.tiers_fit <- function(model, coefs, ...) {
  check_given(!missing(coefs), "coefs", "set_coef")
  force_arguments("coefs")
  validate_fit(model)
  kept <- names(kept_coefficients(model))
  if (is.null(names(coefs)) && length(coefs) == length(kept)) names(coefs) <- kept
  if (!is.numeric(coefs) || !all(names(coefs) %in% kept)) {
    stop_input(c("{.arg coefs} must be a vector of coefficients of the fit.",
                 i = "They are {.val {kept}}."))
  }
  model$coefficients[names(coefs)] <- coefs
  model
}

# `vcov`: a matrix, a function, or the name of a cluster-robust one, as in summary().
#' @exportS3Method marginaleffects::get_vcov
get_vcov.tiers_fit <- function(model, vcov = NULL, ...) {
  force_arguments("vcov")
  validate_fit(model)
  # FALSE asks for no standard errors.
  if (isFALSE(vcov)) return(NULL)
  if (isTRUE(vcov)) vcov <- NULL
  if (inherits(vcov, "formula")) return(given_vcov(model, robust_vcov(model, "CR1", vcov)))
  given_vcov(model, robust_or_given(model, vcov, NULL))
}

#' @exportS3Method marginaleffects::get_predict
get_predict.tiers_fit <- function(model, newdata = NULL, type = "response", ...) {
  force_arguments(c("newdata", "type"))
  value <- stats::predict(model, newdata = newdata, type = type, ...)
  data.frame(rowid = seq_along(value), estimate = unname(value))
}
