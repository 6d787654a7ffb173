# Generalized linear mixed models: the methods of kind.R.

# `family` was made by read_family(), `points` by read_method(); `dispersion` is the user's formula,
# and what build_model() stored of it after kind_with_model().
# `family_given`: was it typed?
generalized_kind <- function(family, points, dispersion, family_given) {
  new_kind("tiers_glmm", REML = FALSE, family = family, family_given = family_given,
           dispersion = dispersion, points = points, automatic = identical(points, -1L))
}

# The dispersion where it is a constant, else the coefficients of its logarithm.
#' @export
residual_parameters.tiers_glmm <- function(spec) {
  constant <- constant_dispersion_name(spec)
  if (!is.null(constant)) return(parameter_rows(constant, "dispersion", 0))
  columns <- colnames(spec$dispersion)
  name <- if (length(columns)) {
    paste0("log(", family_traits(spec$family)$dispersion, ")_", columns)
  }
  parameter_rows(as.character(name), "dispersion", -Inf)
}

#' @export
kind_start_parameters.tiers_glmm <- function(spec, table) with_fixed_parameters(spec, table)

#' @export
start_scale.tiers_glmm <- function(spec, start) 1

#' @export
kind_start.tiers_glmm <- function(spec, start) with_generalized_start(spec, start)

#' @export
kind_formula.tiers_glmm <- function(kind, parsed) {
  parsed$dispersion <- read_dispersion(kind$dispersion, kind$family, parsed$env)
  parsed
}

#' @export
kind_response.tiers_glmm <- function(kind, frame, name, labels) {
  weights <- frame_weights(frame)
  if (length(weights)) check_weights(weights, labels)
  if (isFALSE(kind$family_given)) check_default_family(frame[[1L]], name)
  read_response(frame[[1L]], kind$family, weights, name, labels)
}

#' @export
kind_with_model.tiers_glmm <- function(kind, model) {
  kind["dispersion"] <- list(model$dispersion)
  kind$family <- match_link_rows(kind$family, model)
  warn_wide_offset(kind$family, model)
  kind$points <- term_points(kind$points, model$random_terms, model$built)
  kind
}

#' @export
kind_specification.tiers_glmm <- function(kind, response, X, built, frame, dispersion) {
  spec <- common_specification(kind, response, X, built, frame, reml = FALSE)
  n <- length(spec$y)
  if (is.null(dispersion)) {
    columns <- if (has_dispersion(kind$family)) 1L else 0L
    dispersion <- matrix(1, n, columns, dimnames = list(NULL, rep("(Intercept)", columns)))
  }
  spec$size <- response$size
  spec$family <- kind$family$name
  spec$link <- engine_link(kind$family)
  spec$dispersion <- dispersion
  spec$points <- kind$points
  spec$start_beta <- spec$start_phi <- double()
  spec
}

#' @export
kind_run.tiers_glmm <- function(spec, control) {
  spec$row_variance <- rest_variance(spec, weighted_rows(spec$weights)) != "known"
  result <- run_glmm_fit(spec, control)
  check_likelihood(result, spec)
  result
}

# Lambda is absolute. Of rows with different dispersions there is no one scale.
#' @export
kind_estimates.tiers_glmm <- function(fit, spec, result) {
  names <- as.character(colnames(spec$dispersion))
  d <- length(names)
  fit$dispersion <- c(fit$dispersion[c("terms", "xlevels", "contrasts", "columns")], list(
    coefficients = stats::setNames(as.double(result$dispersion), names),
    vcov = matrix(result$vcov_dispersion, d, d, dimnames = list(names, names))))
  fit$eta <- result$eta
  fit$points <- as.integer(result$points)
  fit$accuracy <- c(total = result$accuracy, largest = result$accuracy_max)
  fit$laplace <- result$laplace
  fit$separation <- new_separation(result, fit)
  scale <- family_scale(fit$family$name, dispersion_values(fit))
  fit$sigma <- if (length(scale) == 1L) scale else NA_real_
  without_improper_errors(fit)
}

#' @export
kind_report.tiers_glmm <- function(fit) {
  report_separation(fit)
  report_group_separation(fit)
  report_accuracy(fit)
}

#' @export
kind_is_whole.tiers_glmm <- function(fit) {
  is.list(fit[["family"]]) && isTRUE(fit$family$name %in% family_names()) &&
    is.numeric(fit$eta) && length(fit$eta) == nrow(fit$frame) &&
    length(fit$points) == length(fit$random) &&
    length(fit$dispersion$coefficients) == nrow(fit$dispersion$vcov) &&
    length(fit$accuracy) == 2L
}

#' @export
kind_words.tiers_glmm <- function(fit) {
  mixed <- length(fit$random) > 0L
  list(
    title = paste0("Generalized linear ", if (mixed) "mixed ", "model (", family_words(fit$family),
                   ") fitted by maximum likelihood",
                   if (mixed) paste0(", ", approximation_words(fit))))
}

#' @export
kind_endings.tiers_glmm <- function(fit) {
  offset <- offset_span_words(fit$family, fixed_offset(fit), prior_weights(fit) > 0)
  if (!is.null(offset)) {
    return(list(cause = c(x = offset, i = wide_offset_advice)))
  }
  list(
    edge = c(x = "The deviance falls up to the edge of where it is defined: the estimates are the
                  best point this side of it.", undefined_lines(fit$family, fit$points)),
    stuck = if (any(fit$points > 1L)) {
      "Use more points, as by `nAGQ = \"auto\"`, or simplify the random effects."
    } else {
      "Simplify the random effects, or try another `start`."
    })
}

#' @export
kind_tests.tiers_glmm <- function(fit) {
  list(ddf = "asymptotic", linear = FALSE, statistic = "z", sums_of_squares = FALSE)
}

#' @export
kind_findings.tiers_glmm <- function(fit, compared) {
  rbind(separation_findings(fit), dispersion_findings(fit), accuracy_findings(fit, compared))
}

# Residuals that average over the random effects go with the fixed part.
#' @export
kind_residual_axis.tiers_glmm <- function(fit, type = NULL) {
  fixed <- identical(type %||% "quantile", "quantile")
  value <- if (fixed) unname(fixed_values(fit)) else fit$eta
  # Separated rows stand at the edge.
  finite <- range(value[is.finite(value)], 0)
  list(type = "quantile", position = pmin(pmax(value, finite[1L]), finite[2L]),
       label = if (fixed) "Linear predictor, fixed part" else "Linear predictor")
}

# A specification has the name of the family, and of the link the name or the user's functions.
#' @export
family_of.tiers_glmm <- function(fit) {
  if (!inherits(fit, "tiers_specification")) return(fit$family)
  custom <- if (is.list(fit$link)) fit$link
  list(name = fit$family, link = custom$name %||% fit$link, custom = custom)
}

#' @export
response_drawer.tiers_glmm <- function(fit, newdata, n) {
  rows <- if (is.null(newdata)) family_rows(fit) else new_rows(fit, newdata, n)
  rows$a[rows$a == 0] <- 1
  random <- family_traits(fit$family$name)$random
  value <- fit$frame[[1L]]
  # A class is one trial, whatever its weight.
  if (is.factor(value) || is.logical(value)) rows$m <- pmin(rows$m, 1)
  trials <- if (is_success_family(fit$family) && any(rows$m != 1)) rows$m
  function(centre) {
    known <- which(!is.na(centre) & in_link_domain(fit$family, centre))
    mu <- mean_of(family_at(fit$family, known), centre[known])
    y <- rep(NA_real_, n)
    d <- rep_len(rows$d, n)
    # R warns of means for which it has no random numbers; simulate() counts and tells them.
    y[known] <- suppressWarnings(random(mu, d[known], rows$m[known], rows$a[known]))
    y[is.nan(y)] <- NA_real_
    form_response(y, value, if (is.matrix(value)) rows$m else trials)
  }
}

#' @export
row_dispersion.tiers_glmm <- function(fit, newdata) {
  if (length(fit$dispersion$coefficients) == 0L) {
    stop_input("The {fit$family$name} family has no dispersion parameter.")
  }
  rep_len(dispersion_values(fit, newdata),
          if (is.null(newdata)) nrow(fit$frame) else nrow(newdata))
}

#' @export
root_weights.tiers_glmm <- function(fit) {
  moments <- row_moments(fit, unname(fit$fitted))
  slope <- count_means(fit, slope_of(fit$family, fit$eta), moments$rows)
  by_deviation(abs(slope), moments$variance)
}

#' @export
row_scores.tiers_glmm <- function(fit) {
  run_family(fit$family, fit_response(fit), row_log_dispersion(fit), fit$eta)$s
}

#' @export
kind_cluster_vcov.tiers_glmm <- function(fit, type, codes) exact_cluster_vcov(fit, type, codes)

#' @export
kind_row_scores.tiers_glmm <- function(fit) exact_row_scores(fit)

#' @export
random_scale.tiers_glmm <- function(fit) 1

#' @export
kind_condvar.tiers_glmm <- function(fit, spec) {
  at <- limit_of(fit, spec)
  run_glmm_condvar(at$spec, at$beta, fit_lambdas(fit), engine_dispersion(fit))
}

# By the fit's own quadrature or, where that has one point, by one of 15.
#' @export
conditional_means.tiers_glmm <- function(fit) {
  if (length(fit$random) == 0L) return(list(means = list(), variances = list()))
  spec <- fit_specification(fit)
  if (all(spec$points <= 1L)) {
    check_nested(fit$random_terms, spec$terms)
    spec$points[] <- 15L
  }
  at <- limit_of(fit, spec)
  found <- run_glmm_means(at$spec, at$beta, fit_lambdas(fit), engine_dispersion(fit))
  means <- Map(function(value, term) {
    matrix(value, ncol = length(term$columns), dimnames = dimnames(term$modes))
  }, found$means, unname(fit$random))
  list(means = means, variances = named_variances(found$variances, fit))
}

#' @export
kind_profile.tiers_glmm <- function(fit, requests, zeta) {
  at <- limit_of(fit, fit_specification(fit))
  run_glmm_profile(at$spec, fit$control, at$beta, fit_lambdas(fit), engine_dispersion(fit),
                   requests, zeta)
}

#' @export
criterion_at.tiers_glmm <- function(fit, reml) {
  stop_input("A generalized model has no restricted likelihood.")
}

#' @export
deviance_at.tiers_glmm <- function(fit, spec, beta) {
  run_glmm_evaluate(spec, beta, fit_lambdas(fit), engine_dispersion(fit))$deviance
}

#' @rdname lme4-methods
#' @exportS3Method lme4::isGLMM
isGLMM.tiers_glmm <- function(x, ...) TRUE

# The parameters' covariance matrix is that of the fit (with the limit of separated data, of what is
# left of them).
#' @export
kind_row_errors.tiers_glmm <- function(fit, rows, ddf) {
  kept <- !is.na(fit$coefficients)
  L <- rows$fixed[, kept, drop = FALSE]
  variance <- if (length(rows$parts)) {
    run_glmm_contrast_rows(limit_of(fit, fit_specification(fit)), fit_lambdas(fit),
                           engine_dispersion(fit), rows, parameter_covariance(fit))
  } else if (is_separated(fit) && !is.null(fit$separation$finite)) {
    pmax(rowSums((rows$fixed %*% fit$separation$finite$vcov) * rows$fixed), 0)
  } else {
    row_variances(L, ddf$vcov)
  }
  # Of a fit that is at no optimum they need not come out above zero.
  variance[variance < 0] <- NA_real_
  if (is_separated(fit)) variance[separation_side(fit, rows$fixed) != 0] <- Inf
  list(variance = variance, df = ddf$df_rows(L))
}

#' @export
kind_block_errors.tiers_glmm <- function(fit, contrasts, ddf) {
  if (is_separated(fit)) {
    stop_model(c("Contrasts of random effects are not available for a fit to separated data.",
                 i = "Leave out the columns {.val {fit$separation$columns}}."))
  }
  variance <- run_glmm_contrast_block(limit_of(fit, fit_specification(fit)), fit_lambdas(fit),
                                      engine_dispersion(fit), contrasts, parameter_covariance(fit))
  c(list(variance = variance), counted_by_fixed(ddf, kept_columns(fit, contrasts$fixed)))
}

parameter_covariance <- function(fit) {
  fit$inference$vcov_psi %||%
    stop_input(c("This fit does not hold the covariance matrix of its parameters.",
                 i = "Fit the model again: {.code eval(fit$call)}."))
}

#' @export
kind_replicates.tiers_glmm <- function(fit, spec, responses) {
  run_glmm_replicates(spec, fit$control, responses)
}
