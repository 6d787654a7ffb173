# Linear mixed models: the methods of kind.R.

linear_kind <- function(REML) new_kind("tiers_lmm", REML = REML)

#' @export
residual_parameters.tiers_lmm <- function(spec) parameter_rows("sigma", "sigma", 0)

# The fixed effects are solved for.
#' @export
kind_start_parameters.tiers_lmm <- function(spec, table) table

#' @export
start_scale.tiers_lmm <- function(spec, start) {
  if ("sigma" %in% names(start)) start[["sigma"]] else rough_sigma(spec)
}

#' @export
kind_start.tiers_lmm <- function(spec, start) spec

#' @export
kind_formula.tiers_lmm <- function(kind, parsed) {
  parsed$check_response <- numeric_response
  parsed
}

#' @export
kind_response.tiers_lmm <- function(kind, frame, name, labels) {
  y <- numeric_response(frame[[1L]], name)
  check_finite(y, name, labels)
  list(y = y, weights = frame_weights(frame))
}

#' @export
kind_with_model.tiers_lmm <- function(kind, model) kind

#' @export
kind_specification.tiers_lmm <- function(kind, response, X, built, frame, dispersion) {
  common_specification(kind, response, X, built, frame, kind$REML)
}

#' @export
kind_run.tiers_lmm <- function(spec, control) run_lmm_fit(spec, control)

# Lambda is relative to sigma.
#' @export
kind_estimates.tiers_lmm <- function(fit, spec, result) {
  fit$sigma <- result$sigma
  fit
}

#' @export
kind_report.tiers_lmm <- function(fit) invisible()

#' @export
kind_is_whole.tiers_lmm <- function(fit) {
  is.matrix(fit$inference$vcov_psi) && is.list(fit$inference$dvcov) &&
    length(fit$inference$dvcov) == nrow(fit$inference$vcov_psi)
}

#' @export
kind_words.tiers_lmm <- function(fit) {
  list(
    title = paste0("Linear ", if (length(fit$random)) "mixed ", "model fitted by ",
                   if (fit$REML) "REML" else "maximum likelihood"),
    direct = "solved directly: no variance to iterate on")
}

#' @export
kind_endings.tiers_lmm <- function(fit) {
  list(stuck = "Simplify the random effects, or try another `start`.")
}

#' @export
kind_tests.tiers_lmm <- function(fit) {
  list(ddf = "satterthwaite", linear = TRUE, statistic = "t", sums_of_squares = TRUE)
}

#' @export
kind_findings.tiers_lmm <- function(fit, compared) NULL

#' @export
kind_residual_axis.tiers_lmm <- function(fit, type = NULL) {
  list(type = "scaled", position = fit$fitted, label = "Fitted value")
}

#' @export
family_of.tiers_lmm <- function(fit) registered_family("gaussian")

#' @export
response_drawer.tiers_lmm <- function(fit, newdata, n) {
  weights <- if (is.null(newdata)) unname(prior_weights(fit)) else rep(1, n)
  weights[weights == 0] <- 1
  spread <- fit$sigma / sqrt(weights)
  function(centre) centre + spread * stats::rnorm(n)
}

#' @export
row_dispersion.tiers_lmm <- function(fit, newdata) {
  rep(fit$sigma, if (is.null(newdata)) nrow(fit$frame) else nrow(newdata))
}

#' @export
root_weights.tiers_lmm <- function(fit) unname(sqrt(prior_weights(fit)))

#' @export
row_scores.tiers_lmm <- function(fit) {
  prior_weights(fit) * (observed_response(fit) - fit$fitted)
}

#' @export
kind_cluster_vcov.tiers_lmm <- function(fit, type, codes) NULL

#' @export
kind_row_scores.tiers_lmm <- function(fit) working_scores(fit)

#' @export
random_scale.tiers_lmm <- function(fit) fit$sigma

#' @export
kind_condvar.tiers_lmm <- function(fit, spec) run_condvar(spec, fit_lambdas(fit), fit$sigma)

# Of normal distributions mode and mean are the same.
#' @export
conditional_means.tiers_lmm <- function(fit) NULL

#' @export
kind_profile.tiers_lmm <- function(fit, requests, zeta) {
  spec <- fit_specification(fit)
  spec$terms <- Map(function(term, Lambda) {
    term$start <- unname(Lambda)
    term
  }, spec$terms, fit_lambdas(fit))
  out <- vector("list", nrow(requests))
  fixed <- requests$coefficient
  out[!fixed] <- run_lmm_profile(spec, fit$control, requests[!fixed, ], zeta)
  # REML is no likelihood of the fixed effects.
  spec$reml <- FALSE
  kept <- !is.na(fit$coefficients)
  spec$X <- spec$X[, kept, drop = FALSE]
  requests$which[fixed] <- cumsum(kept)[requests$which[fixed]]
  out[fixed] <- run_lmm_profile(spec, fit$control, requests[fixed, ], zeta)
  out
}

#' @export
criterion_at.tiers_lmm <- function(fit, reml) {
  spec <- fit_specification(fit)
  spec$reml <- reml
  # The factors are relative to sigma, which is found anew for the other criterion unless standard
  # deviations are held: these stay only with the sigma that they were found with.
  if (any(fit$parameters$fixed & fit$parameters$type == "sd")) {
    spec$held[length(spec$held)] <- fit$sigma
  }
  run_evaluate(spec, fit_lambdas(fit))$deviance
}

# n log(2 pi sigma^2) - sum log w + log|I + U'U| + r'(I + U'U)^-1 r / sigma^2, U and r with rows
# times root w.
#' @export
deviance_at.tiers_lmm <- function(fit, spec, beta) {
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  offset <- if (length(spec$offset)) spec$offset else 0
  root <- sqrt(weights)
  r <- root * (spec$y - offset - drop(spec$X %*% beta))
  squares <- sum(r^2)
  log_det <- 0
  if (length(fit$random)) {
    U <- Matrix::crossprod(relative_factor(fit), Matrix::t(root * random_matrix(fit)))
    L <- Matrix::Cholesky(Matrix::tcrossprod(U), LDL = FALSE, Imult = 1)
    log_det <- 2 * sum(log(Matrix::diag(methods::as(L, "CsparseMatrix"))))
    Ur <- U %*% r
    squares <- squares - sum(Ur * Matrix::solve(L, Ur, system = "A"))
  }
  used <- weights > 0
  sum(used) * log(2 * pi * fit$sigma^2) - sum(log(weights[used])) + log_det + squares / fit$sigma^2
}

#' @rdname lme4-methods
#' @exportS3Method lme4::isLMM
isLMM.tiers_lmm <- function(x, ...) TRUE

# Methods for df that are made of the variance parameters say so in `random` (see ddf.R); others
# count, for which the random effects are part of the rows' errors and nothing else.
#' @export
kind_row_errors.tiers_lmm <- function(fit, rows, ddf) {
  found <- linear_errors(run_contrast_rows, fit, rows, ddf)
  df <- if (is.null(ddf$random)) {
    ddf$df_rows(kept_columns(fit, rows$fixed))
  } else {
    matching_df(found$unadjusted, found$gradient, ddf$random$weight)
  }
  list(variance = found$variance, df = df)
}

#' @export
kind_block_errors.tiers_lmm <- function(fit, contrasts, ddf) {
  found <- linear_errors(run_contrast_block, fit, contrasts, ddf)
  df <- if (is.null(ddf$random)) {
    counted_by_fixed(ddf, kept_columns(fit, contrasts$fixed))
  } else {
    ddf$random$df(found$unadjusted, found$gradient)
  }
  c(list(variance = found$variance), df)
}

# Variances by `run`, with what the method of `ddf` adds to them, and the derivatives of those
# without it.
linear_errors <- function(run, fit, contrasts, ddf) {
  found <- run(fit, contrasts, ddf$random$linear)
  adjustment <- if (length(found$adjustment)) 2 * found$adjustment else 0
  list(variance = found$variance + adjustment, unadjusted = found$variance,
       gradient = found$gradient)
}

#' @export
kind_replicates.tiers_lmm <- function(fit, spec, responses) {
  run_lmm_replicates(spec, fit$control, responses)
}
