# Fits without rows: made again, and compared with the fit to all rows.

# A row of weight zero does not count.
refitted_deletions <- function(fit, units) {
  spec <- warm_specification(fit)
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  all <- fit_specification(fit)
  lapply(units, function(rows) {
    spec$weights <- replace(weights, rows, 0)
    part <- tryCatch(
      with_estimates(fit, spec, kind_run(spec, fit$control)),
      tiers_error = function(e) NULL)
    if (is.null(part)) return(NULL)
    list(coefficients = part$coefficients, vcov = part$vcov,
         parameters = part$parameters$estimate, deviance = displaced_deviance(part, fit, all))
  })
}

# The specification of a fit that starts at its estimates; but not where a variance is zero, which
# is a stationary point of the criterion.
warm_specification <- function(fit) {
  spec <- fit_specification(fit)
  for (j in seq_along(spec$terms)) {
    Lambda <- unname(fit$random[[j]]$Lambda)
    if (all(diag(Lambda)^2 > 1e-6 * rowSums(Lambda^2))) spec$terms[[j]]$start <- Lambda
  }
  # Infinite coefficients are no place to start from.
  if (is_separated(fit)) spec else kind_start(spec, fit)
}

# -2 logLik of all data at the estimates of `part`, which may lack coefficients or have infinite
# ones.
displaced_deviance <- function(part, fit, spec) {
  beta <- part$coefficients
  same <- identical(is.na(beta), is.na(fit$coefficients)) && all(is.finite(kept_coefficients(part)))
  if (same) deviance_at(part, spec, engine_coefficients(part)) else NA_real_
}

# NULL or list(coefficients, vcov, parameters, deviance) of each unit, against the fit.
summarize_refits <- function(fit, model, refits) {
  names <- rownames(fit$vcov)
  p <- length(names)
  K <- nrow(fit$parameters)
  at <- if (!is_separated(fit)) {
    deviance_at(fit, fit_specification(fit), engine_coefficients(fit))
  } else {
    NA_real_
  }
  information <- free_information(fit)
  back <- if (p > 0L && !is_separated(fit)) solve(model$map, tol = 0) / model$scale
  rows <- lapply(refits, function(part) {
    lost <- is.null(part)
    change <- if (lost) rep(NA_real_, p) else {
      unname(fit$coefficients[names] - part$coefficients[names])
    }
    variance <- rep(NA_real_, p)
    if (!lost) variance <- unname(diag(part$vcov)[match(names, rownames(part$vcov))])
    parameters <- if (lost) rep(NA_real_, K) else part$parameters
    moved <- parameters - fit$parameters$estimate
    c(list(change = change, variance = variance, parameters = parameters),
      fixed_measures(change, part, names, back, p),
      rld = if (lost) NA_real_ else part$deviance - at,
      cook_theta = if (is.null(information$V)) NA_real_ else {
        squared_distance(moved[information$free], information$V)
      })
  })
  matrix_of <- function(part, k) matrix(unlist(lapply(rows, `[[`, part)), ncol = k, byrow = TRUE)
  number <- function(part) vapply(rows, `[[`, 0, part)
  parts <- c("cook", "mdffits", "covtrace", "covratio", "rld", "cook_theta")
  c(list(change = `colnames<-`(matrix_of("change", p), names), variance = matrix_of("variance", p),
         parameters = `colnames<-`(matrix_of("parameters", K), fit$parameters$name)),
    lapply(stats::setNames(nm = parts), number))
}

# In the basis in which the covariance matrix of all data is the identity.
fixed_measures <- function(change, part, names, back, p) {
  none <- list(cook = NA_real_, mdffits = NA_real_, covtrace = NA_real_, covratio = NA_real_)
  if (is.null(back) || !all(is.finite(change)) || !identical(rownames(part$vcov), names)) {
    return(none)
  }
  direction <- drop(back %*% change)
  V <- back %*% part$vcov %*% t(back)
  values <- if (all(is.finite(V))) eigen((V + t(V)) / 2, symmetric = TRUE)$values else NA_real_
  if (anyNA(values)) return(none)
  list(cook = sum(direction^2) / p, mdffits = sum(direction * solve(V, direction, tol = 0)) / p,
       covtrace = abs(sum(values) - p), covratio = prod(values))
}

# Which variance parameters have a covariance matrix, and that matrix.
free_information <- function(fit) {
  V <- fit$vcov_parameters
  free <- which(diag(V) > 0)
  if (length(free) == 0L) return(NULL)
  list(free = free, V = V[free, free, drop = FALSE])
}

# x'V^-1 x in the directions in which V varies: at a covariance matrix of lower rank the variances
# and correlations move along it only.
squared_distance <- function(x, V) {
  size <- sqrt(diag(V))
  parts <- eigen(V / outer(size, size), symmetric = TRUE)
  use <- parts$values > 1e-9 * parts$values[1L]
  sum(crossprod(parts$vectors[, use, drop = FALSE], x / size)^2 / parts$values[use])
}
