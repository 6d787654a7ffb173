# The covariance matrix R of the residuals of a fit with a residual structure, row by row and
# subject by subject, for its own rows and new ones:
#   R_rs = sigma^2 Sigma_rs exp((d_r + d_s)'gamma) / sqrt(w_r w_s),
# d relative to the means of the columns, where sigma (or the variances in Sigma) are those of.

# Codes of rows as residual_codes() has them, with the groups in use: list(subject, by, visit,
# coordinates, relative), relative = exp(d'gamma) / sqrt(w). New rows may have new subjects. Their
# variances alone do not need to know these (`variances`), but where the order of a subject's rows
# is the time.
residual_positions <- function(fit, newdata = NULL, variances = FALSE) {
  term <- fit$residual
  env <- environment(fit$terms)
  alone <- variances && (length(term$time) > 0L || !term$reads$visits)
  out <- if (is.null(newdata)) residual_codes(term, frame <- fit$frame) else {
    frame <- new_residual_frame(fit, as_newdata(newdata), env, alone)
    new_residual_codes(fit, frame, alone)
  }
  Z <- without_intercept(dispersion_matrix(fit, newdata))
  gamma <- dispersion_coefficients(fit)
  if (length(gamma)) Z <- sweep(Z, 2L, dispersion_centre(fit))
  relative <- if (length(gamma)) exp(drop(Z %*% gamma)) else rep(1, nrow(frame))
  if (is.null(newdata)) {
    w <- unname(prior_weights(fit))
    relative <- relative / sqrt(replace(w, w == 0, 1))
  }
  c(out, list(relative = unname(relative), rows = nrow(frame)))
}

# What the engine takes the columns of the dispersion relative to.
dispersion_centre <- function(fit) colMeans(without_intercept(dispersion_matrix(fit)))

# The variables of the structure in new data, in the form of a model frame.
new_residual_frame <- function(fit, newdata, env, alone) {
  exprs <- if (alone) c(fit$residual$time, fit$residual$by_exprs) else fit$residual$exprs
  check_newdata_columns(unique(unlist(lapply(exprs, all.vars))), newdata, fit)
  values <- lapply(exprs, function(e) rep_len(eval(e, newdata, env), nrow(newdata)))
  names(values) <- vapply(exprs, text_of, "")
  structure(values, class = "data.frame", row.names = seq_len(nrow(newdata)))
}

new_residual_codes <- function(fit, frame, alone) {
  term <- fit$residual
  label <- function(components) {
    joined_labels(lapply(components, function(x) group_labels(frame[[x]])))
  }
  subject <- if (alone) seq_len(nrow(frame)) else {
    if (length(term$components)) label(term$components)
  }
  by <- if (length(term$by)) match(label(term$by), term$by_levels)
  if (anyNA(by)) stop_new_level(paste(term$by, collapse = ":"), label(term$by)[is.na(by)][1L])
  codes <- list(subject = if (!is.null(subject)) match(subject, unique(subject)), by = by,
                visit = NULL, coordinates = NULL)
  if (!needs_time(term)) return(codes)
  if (anyNA(codes$subject)) stop_input("A subject in {.arg newdata} is missing.")
  names <- vapply(term$time, text_of, "")
  for (name in names) {
    if (anyNA(frame[[name]])) stop_input("`{name}` has missing values in {.arg newdata}.")
  }
  if (length(names) == 0L) {
    order <- place_in_group(codes$subject)
    codes$visit <- if (term$reads$visits) order - 1L
    codes$coordinates <- if (term$reads$coordinates) matrix(as.double(order), ncol = 1L)
    if (term$reads$visits && max(order) > length(term$visits)) {
      stop_new_level("row of a subject", max(order))
    }
    return(codes)
  }
  if (term$reads$visits) {
    codes$visit <- match_labels(row_labels(frame[[names]]), term$visits) - 1L
    if (anyNA(codes$visit)) {
      stop_new_level(names, group_labels(frame[[names]])[is.na(codes$visit)][1L])
    }
  }
  if (term$reads$coordinates) {
    codes$coordinates <- do.call(cbind, lapply(seq_along(names), function(j) {
      x <- frame[[names[j]]]
      at <- time_values(x, term$levels_of_time[[j]], names[j], term$label)
      if (anyNA(at)) stop_new_level(names[j], group_labels(x)[is.na(at)][1L])
      at
    })) / (term$step %||% 1)
  }
  codes
}

stop_new_level <- function(name, value) {
  stop_input(c("`{name}` is {value} in {.arg newdata}, of which the fit knows no residual variance
                or place.",
               i = "Use {.code re.form = NA} without limits for new responses, or levels of the
                    fit."))
}

# Standard deviations of the residuals of rows with weight one.
residual_row_sd <- function(fit, newdata = NULL) {
  at <- residual_positions(fit, newdata, variances = TRUE)
  group <- at$by %||% rep(1L, at$rows)
  visit <- at$visit %||% rep(0L, at$rows)
  key <- group * (max(visit) + 1) + visit
  first <- which(!duplicated(key))
  own <- vapply(first, function(i) {
    place <- if (!is.null(at$coordinates)) at$coordinates[i, , drop = FALSE]
    run_residual_value(fit, group[i], visit[i], place, 1L)[1L, 1L]
  }, 1)
  weight <- if (is.null(newdata)) unname(prior_weights(fit)) else 1
  random_scale(fit) * sqrt(own[match(key, key[first])]) * at$relative *
    sqrt(replace(weight, weight == 0, 1))
}

# Derivatives of the variances of new responses (rows x psi), psi = (theta, phi, gamma[, log
# sigma^2]) with sigma that of a row with mean dispersion columns, as the engine has it.
residual_variance_slopes <- function(fit, newdata, weights) {
  at <- residual_positions(fit, newdata, variances = TRUE)
  variance <- residual_row_sd(fit, newdata)^2 / weights
  term <- fit$residual
  size <- ncol(fit$inference$vcov_psi)
  d <- dispersion_size(fit)
  phi <- size - term$has_sigma - length(term$phi) + seq_along(term$phi)
  slopes <- matrix(0, at$rows, size)
  if (d > 0L) {
    Z <- without_intercept(dispersion_matrix(fit, newdata))
    slopes[, utils::tail(phi, d)] <- 2 * variance * sweep(Z, 2L, dispersion_centre(fit))
  }
  if (term$has_sigma) {
    slopes[, size] <- variance
    return(slopes)
  }
  group <- at$by %||% rep(1L, at$rows)
  visit <- at$visit %||% rep(0L, at$rows)
  own <- matrix(utils::head(phi, length(phi) - d), ncol = max(length(term$by_levels), 1L))
  for (rows in split(seq_len(at$rows), list(group, visit), drop = TRUE)) {
    i <- rows[1L]
    place <- if (is.null(at$coordinates)) matrix(0, 1L, 0L) else at$coordinates[i, , drop = FALSE]
    value <- run_residual_value(fit, group[i], visit[i], place, 1L)[1L, 1L]
    slope <- residual_slope_cpp(term$recipe, phi_of_group(fit, group[i]), visit[i], place)
    slopes[rows, own[, group[i]]] <- outer(variance[rows], slope / value)
  }
  slopes
}

# The rows of every subject with the lower Cholesky factor of its part of R; subjects that are alike
# share one. Without a structure each row is a subject.
residual_error_drawer <- function(fit, newdata = NULL) {
  at <- residual_positions(fit, newdata)
  size <- random_scale(fit) * at$relative
  n <- at$rows
  if (fit$residual$independent || is.null(at$subject)) {
    sd <- residual_row_sd(fit, newdata)
    if (is.null(newdata)) {
      w <- unname(prior_weights(fit))
      sd <- sd / sqrt(replace(w, w == 0, 1))
    }
    return(function() sd * stats::rnorm(n))
  }
  rows <- split(seq_len(n), at$subject)
  keys <- vapply(rows, function(r) position_key(at, r), "")
  # t x subjects, those with the same factor together.
  alike <- lapply(split(rows, keys), function(own) matrix(unlist(own), length(own[[1L]])))
  factors <- lapply(alike, function(own) t(chol(residual_sigma(fit, at, own[, 1L]))))
  function() {
    z <- stats::rnorm(n)
    out <- numeric(n)
    for (i in seq_along(alike)) {
      own <- alike[[i]]
      out[own] <- factors[[i]] %*% matrix(z[own], nrow(own))
    }
    size * out
  }
}

# Sigma of some rows of one subject.
residual_sigma <- function(fit, at, rows) {
  group <- if (is.null(at$by)) 1L else at$by[rows[1L]]
  place <- if (!is.null(at$coordinates)) {
    sweep(at$coordinates[rows, , drop = FALSE], 2L, at$coordinates[rows[1L], ])
  }
  # Where visits have variances of their own, places are counted from one for all.
  if (!is.null(at$visit) && !is.null(place)) place <- at$coordinates[rows, , drop = FALSE]
  run_residual_value(fit, group, at$visit[rows], place, length(rows))
}

position_key <- function(at, rows) {
  place <- if (!is.null(at$coordinates)) {
    signif(sweep(at$coordinates[rows, , drop = FALSE], 2L, at$coordinates[rows[1L], ]), 12L)
  }
  paste(c(at$by[rows[1L]], length(rows), at$visit[rows], place), collapse = " ")
}

# Covariance matrix of a subject ------------------------------------------------------------------

#' Covariance matrix of a subject's rows
#'
#' The covariance matrix of a subject's responses as a fit with a residual structure has it (see
#' [residual_structures]): of the residuals alone, or with the random effects that its rows have.
#'
#' @param obj A fit made by [lmm()] with `residual` or `dispersion`.
#' @param individual The subject: a level of what stands after the bar in `residual`, or its number.
#' @param type `"conditional"`, the residuals' part R; `"marginal"`, R + ZGZ'; `"random.effects"`,
#'   ZGZ' alone.
#' @param correlation Return correlations?
#' @param ... Not used.
#' @return A matrix with a row for each of the subject's rows, named by the rows of the data.
#' @seealso [residual_structures]; [VarCorr()][VarCorr.tiers_fit] for the covariance matrices of
#'   random effects.
#' @concept covariance matrix of the responses
#' @examples
#' fit <- lmm(distance ~ age * Sex, nlme::Orthodont, residual = ar1(age | Subject))
#' getVarCov(fit, "M01")
#' getVarCov(fit, "M01", correlation = TRUE)
#' @name getVarCov.tiers_fit
NULL

#' @rdname getVarCov.tiers_fit
#' @method getVarCov tiers_fit
#' @export
getVarCov.tiers_fit <- function(obj, individual = 1,
                                type = c("conditional", "marginal", "random.effects"),
                                correlation = FALSE, ...) {
  check_dots("getVarCov", ...)
  validate_fit(obj)
  type <- match_choice(type, c("conditional", "marginal", "random.effects"), "type")
  check_flag(correlation, "correlation")
  if (!has_structure(obj) || length(obj$residual$components) == 0L) {
    stop_input(c("{.fn getVarCov} is for fits with a residual covariance structure.",
                 i = "{.fn VarCorr} has the covariance matrices of the random effects."))
  }
  rows <- subject_rows(obj, individual)
  at <- residual_positions(obj)
  size <- random_scale(obj) * at$relative[rows]
  R <- if (obj$residual$independent) diag(1, length(rows)) * residual_row_sd(obj)[rows]^2 /
    unname(prior_weights(obj))[rows] else {
    residual_sigma(obj, at, rows) * tcrossprod(size)
  }
  ZGZ <- matrix(0, length(rows), length(rows))
  for (j in seq_along(obj$random)) {
    random <- random_basis(obj, j)
    basis <- random$basis[rows, , drop = FALSE]
    same <- outer(random$codes[rows], random$codes[rows], `==`)
    ZGZ <- ZGZ + same * (basis %*% obj$random[[j]]$Sigma %*% t(basis))
  }
  value <- switch(type, conditional = R, marginal = R + ZGZ, random.effects = ZGZ)
  if (correlation) value <- stats::cov2cor(value)
  dimnames(value) <- rep(list(row_names(obj)[rows]), 2L)
  value
}

subject_rows <- function(fit, individual) {
  codes <- residual_groups(fit$residual$components, fit$frame)$codes
  levels <- fit$residual$levels
  name <- paste(fit$residual$components, collapse = ":")
  one <- length(individual) == 1L && !is.na(individual)
  number <- one && is.numeric(individual) && !as.character(individual) %in% levels
  at <- if (number) individual else match(as.character(individual), levels)
  if (!one || is.na(at) || !at %in% seq_along(levels)) {
    stop_input("{.arg individual} must be one level of `{name}`, such as {.val {levels[1L]}}, not
                {shown(individual)}.")
  }
  rows <- which(codes == at)
  rows[frame_used(fit$frame)[rows]]
}
