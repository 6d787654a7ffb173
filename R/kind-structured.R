# Linear models whose residuals have a covariance structure, or a standard deviation that depends on
# variables: the methods of kind.R that differ from those of linear models. What is made for rows
# that are independent given the random effects is refused here, not inherited.

# `residual` is what read_residual() returned, NULL: independent rows; `dispersion` the user's
# formula.
structured_kind <- function(REML, residual, dispersion) {
  structure(list(REML = REML, residual = residual, dispersion = dispersion),
            class = c("tiers_structured", "tiers_lmm", "tiers_kind"))
}

# Also of fits of other packages, which have residuals of other names.
has_structure <- function(fit) inherits(fit, "tiers_fit") && !is.null(fit[["residual"]])

# `what`: a sentence's subject, such as "Profile likelihoods".
refuse_structure <- function(fit, what, instead = NULL) {
  if (!has_structure(fit)) return(invisible())
  stop_input(c(paste0(what, " of a model with {structure_words(fit)} are not available in this
                version of tiers."), i = instead))
}

structure_words <- function(fit) {
  if (is.null(fit$residual$expr)) "a model of the residual standard deviation" else {
    "a residual covariance structure"
  }
}

# Parameters before the fit -----------------------------------------------------------------------

# Neither start nor fix nor equal reach this engine.
#' @export
residual_parameters.tiers_structured <- function(spec) {
  stop_input("{.arg fix} and {.arg equal} of a model with a residual structure are not available in
              this version of tiers.")
}

#' @export
kind_start_parameters.tiers_structured <- function(spec, table) {
  stop_input("{.arg start} of a model with a residual structure is not available in this version of
              tiers.")
}

#' @export
start_scale.tiers_structured <- function(spec, start) 1

# Stages of a fit ---------------------------------------------------------------------------------

#' @export
kind_formula.tiers_structured <- function(kind, parsed) {
  parsed$check_response <- numeric_response
  parsed$dispersion <- read_residual_dispersion(kind$dispersion, parsed$env)
  parsed$residual <- kind$residual
  parsed
}

#' @export
kind_with_model.tiers_structured <- function(kind, model) {
  given <- kind$residual %||% independent_residual()
  original <- function(name) model$data$columns[[name]]
  kind$residual <- residual_term(given, model$frame, original)
  kind["dispersion"] <- list(model$dispersion)
  kind
}

#' @export
kind_specification.tiers_structured <- function(kind, response, X, built, frame, dispersion) {
  spec <- common_specification(kind, response, X, built, frame, kind$REML)
  spec$residual <- residual_specification(kind$residual, frame, dispersion)
  spec$residual_term <- kind$residual
  spec
}

#' @export
kind_run.tiers_structured <- function(spec, control) {
  result <- run_structured_fit(spec, control)
  check_told_apart(result, spec)
  check_finite_likelihood(result)
  result
}

# The engine finds it by the information about the parameters at the start of the search.
check_told_apart <- function(result, spec) {
  if (!identical(result$status, "unidentified")) return(invisible())
  found <- as.data.frame(result$parameters)
  names <- character(nrow(found))
  names[found$type == "residual"] <- residual_parameter_names(
    list(residual = spec$residual_term), found)
  names[found$type == "dispersion"] <- paste0(
    "log(sigma)_", colnames(spec$residual$dispersion))
  names[found$type == "sigma"] <- "sigma"
  random <- found$term > 0L
  groups <- vapply(spec$terms[found$term[random]], `[[`, "", "group")
  names[random] <- paste0(found$type[random], "|", groups)
  flat <- unique(names[result$flat])
  stop_model(c("The data cannot tell these parameters apart: {.val {flat}}.",
               x = "Different values of them give the same covariance matrix of the response.",
               i = "Leave out a random term, or take a residual structure with fewer parameters."),
             parameters = flat)
}

check_finite_likelihood <- function(result) {
  if (!identical(result$status, "undefined")) return(invisible())
  stop_model(c("No residual covariance matrix with a finite likelihood was found to start from.",
               i = "Check the times and the structure after {.arg residual}."))
}

# Where there is no sigma, factors are absolute.
#' @export
kind_estimates.tiers_structured <- function(fit, spec, result) {
  # Lambda and the residuals' covariance are relative to sigma at the means of the dispersion's
  # columns; what is reported as sigma is that where they are zero.
  fit$residual$scale <- result$sigma
  fit$sigma <- if (result$has_sigma) utils::tail(result$parameters$estimate, 1L) else NA_real_
  fit$residual$phi <- result$phi
  fit$residual$has_sigma <- result$has_sigma
  fit$residual$unbounded <- result$unbounded
  fit
}

#' @export
kind_is_whole.tiers_structured <- function(fit) {
  is.numeric(fit$residual$phi) && is.logical(fit$residual$has_sigma) && NextMethod()
}

# Words and tests ---------------------------------------------------------------------------------

#' @export
kind_words.tiers_structured <- function(fit) {
  by <- if (fit$REML) "REML" else "maximum likelihood"
  about <- c(if (!is.null(fit$residual$expr)) paste0(fit$residual$structure, " residuals"),
             if (!is.null(fit$dispersion)) "a model of the residual SD")
  list(
    title = paste0("Linear ", if (length(fit$random)) "mixed ", "model with ",
                   paste(about, collapse = " and "), " fitted by ", by),
    direct = NULL)
}

#' @export
kind_endings.tiers_structured <- function(fit) {
  list(
    cause = if (isTRUE(fit$residual$unbounded)) {
      c(x = "The likelihood grows without end as the covariance matrix of the residuals becomes
             singular: the data are too few for its parameters.",
        i = "Take a residual structure with fewer parameters, or leave out random effects.")
    },
    stuck = "Simplify the residual structure or the random effects.")
}

#' @export
kind_tests.tiers_structured <- function(fit) {
  list(ddf = "satterthwaite", linear = TRUE, statistic = "t", sums_of_squares = FALSE)
}

# The response given the linear predictor ----------------------------------------------------------

#' @export
row_dispersion.tiers_structured <- function(fit, newdata) residual_row_sd(fit, newdata)

#' @export
response_drawer.tiers_structured <- function(fit, newdata, n) {
  draw <- residual_error_drawer(fit, newdata)
  function(centre) centre + draw()
}

#' @export
root_weights.tiers_structured <- function(fit) {
  refuse_structure(fit, "Leverage, influence and other methods for rows that are independent given
                         the random effects")
}

#' @export
row_scores.tiers_structured <- function(fit) root_weights(fit)

# Rows of V^-1 X times those of y - X beta.
#' @export
kind_row_scores.tiers_structured <- function(fit) {
  y <- unname(observed_response(fit) - fitted_values(fit, "marginal"))
  run_solve_units(fit, unname(kept_matrix(fit)), marginal = TRUE) * y
}

#' @export
kind_cluster_vcov.tiers_structured <- function(fit, type, codes) NULL

# Random effects and likelihood --------------------------------------------------------------------

#' @export
random_scale.tiers_structured <- function(fit) fit$residual$scale

#' @export
kind_condvar.tiers_structured <- function(fit, spec) run_structured_condvar(fit, spec)

# As for other linear models; new responses add the variance of their row.
#' @export
kind_row_errors.tiers_structured <- function(fit, rows, ddf) {
  check_random_ddf(fit, ddf)
  found <- run_structured_rows(fit, rows)
  if (length(rows$residual)) {
    found$variance <- found$variance + random_scale(fit)^2 * rows$residual
    found$gradient <- found$gradient + rows$residual_slopes
  }
  df <- if (is.null(ddf$random)) ddf$df_rows(kept_columns(fit, rows$fixed)) else {
    matching_df(found$variance, found$gradient, ddf$random$weight)
  }
  list(variance = found$variance, df = df)
}

#' @export
kind_block_errors.tiers_structured <- function(fit, contrasts, ddf) {
  check_random_ddf(fit, ddf)
  found <- run_structured_block(fit, contrasts)
  df <- if (is.null(ddf$random)) counted_by_fixed(ddf, kept_columns(fit, contrasts$fixed)) else {
    ddf$random$df(found$variance, found$gradient)
  }
  c(list(variance = found$variance), df)
}

# Kenward and Roger's adjustment of prediction errors is made for V linear in its parameters.
check_random_ddf <- function(fit, ddf) {
  if (is.null(ddf$random$linear)) return(invisible())
  refuse_structure(fit, "Kenward and Roger's standard errors of functions of random effects",
                   "Use {.code ddf = \"satterthwaite\"}.")
}

#' @export
kind_profile.tiers_structured <- function(fit, requests, zeta) {
  refuse_structure(fit, "Profile likelihoods", "Use {.code method = \"wald\"}.")
}

# The other criterion at the same covariances, sigma found anew.
#' @export
criterion_at.tiers_structured <- function(fit, reml) {
  spec <- fit_specification(fit)
  spec$reml <- reml
  run_structured_evaluate(spec, structured_point(fit))$deviance
}

#' @export
deviance_at.tiers_structured <- function(fit, spec, beta) {
  refuse_structure(fit, "Deviances of deletions")
}

# One search after the other.
#' @export
kind_replicates.tiers_structured <- function(fit, spec, responses) {
  p <- ncol(spec$X)
  size <- nrow(fit$parameters)
  none <- c("perfect_fit", "undefined", "unidentified")
  found <- lapply(seq_len(ncol(responses)), function(i) {
    spec$y <- as.double(responses[, i])
    result <- run_structured_fit(spec, fit$control)
    usable <- !result$status %in% none
    list(coefficients = if (usable) result$coefficients else rep(NA_real_, p),
         parameters = if (usable) result$parameters$estimate else rep(NA_real_, size),
         deviance = if (usable) result$deviance else NA_real_, status = result$status)
  })
  list(coefficients = matrix(unlist(lapply(found, `[[`, "coefficients")), p),
       parameters = matrix(unlist(lapply(found, `[[`, "parameters")), size),
       deviance = vapply(found, `[[`, 0, "deviance"),
       status = vapply(found, `[[`, "", "status"))
}
