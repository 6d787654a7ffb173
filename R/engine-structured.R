# The only callers of the compiled code of linear models with a residual structure.

run_structured_fit <- function(spec, control) {
  tryCatch(compiled(fit_structured_cpp(spec, control), spec), tiers_error_numeric = function(e) {
    stop_reach(conditionMessage(e$parent), spec)
    stop(e)
  })
}

# A unit whose covariance matrix is out of reach: the engine's sentence has the figures.
stop_reach <- function(text, spec) {
  if (!grepl("connects too many rows", text, fixed = TRUE)) return(invisible())
  groups <- vapply(spec$residual_term$components, identity, "")
  stop_model(c(paste0(toupper(substr(text, 1L, 1L)), substring(text, 2L), "."),
               i = "Use grouping factors that lie within larger units, leave crossed random effects
                    out, or fit the model without {.arg residual}."), groups = groups)
}

run_structured_evaluate <- function(spec, point) {
  compiled(evaluate_structured_cpp(spec, point), spec)
}

# The point of a fit as the engine takes it.
structured_point <- function(fit) {
  list(Lambda = unname_all(fit_lambdas(fit)), phi = fit$residual$phi, sigma = random_scale(fit))
}

# L^-1 (`half`: lower Cholesky factors by unit) or V^-1 times the columns of a matrix; of R or, with
# `marginal`, of V.
run_solve_units <- function(fit, columns, marginal, half = FALSE) {
  spec <- fit_specification(fit)
  compiled(solve_units_cpp(spec, structured_point(fit), marginal, half, unname(columns)), spec)
}

run_unit_covariance <- function(fit, row) {
  spec <- fit_specification(fit)
  compiled(unit_covariance_cpp(spec, structured_point(fit), row), spec)
}

# Sigma of the structure at positions: `visit` counts from 0, or NULL; coordinates as the
# specification has them, or NULL.
run_residual_value <- function(fit, group, visit, coordinates, m) {
  residual_value_cpp(fit$residual$recipe, fit$residual$has_sigma, phi_of_group(fit, group),
                     if (is.null(visit)) integer(m) else as.integer(visit),
                     if (is.null(coordinates)) matrix(0, m, 0L) else coordinates)
}

# phi of one group, and the coefficients of the dispersion.
phi_of_group <- function(fit, group) {
  groups <- max(length(fit$residual$by_levels), 1L)
  own <- length(fit$residual$phi) - dispersion_size(fit)
  matrix(fit$residual$phi[seq_len(own)], ncol = groups)[, group]
}

dispersion_size <- function(fit) {
  if (is.null(fit$dispersion)) 0L else sum(fit$dispersion$columns != "(Intercept)")
}

dispersion_coefficients <- function(fit) utils::tail(fit$residual$phi, dispersion_size(fit))

run_structured_condvar <- function(fit, spec) {
  compiled(condvar_structured_cpp(spec, structured_point(fit)), spec)
}

# As run_contrast_rows() and run_contrast_block(), by (theta, phi[, log sigma^2]).
run_structured_rows <- function(fit, rows) {
  spec <- fit_specification(fit)
  compiled(contrast_rows_structured_cpp(spec, structured_point(fit), rows), spec)
}

run_structured_block <- function(fit, contrasts) {
  spec <- fit_specification(fit)
  compiled(contrast_block_structured_cpp(spec, structured_point(fit), contrasts), spec)
}

# What Kenward and Roger's method is made of, see core/model/structured_result.h. A residual
# parameter at the end of its range is not free: second derivatives have no meaning there.
run_structured_information <- function(fit) {
  spec <- fit_specification(fit)
  V <- fit$inference$vcov_psi
  ends <- which(fit$parameters$boundary[fit$parameters$type == "residual"])
  phi <- ncol(V) - fit$residual$has_sigma - length(fit$residual$phi) + ends
  V[phi, ] <- V[, phi] <- 0
  compiled(variance_information_structured_cpp(spec, structured_point(fit), V), spec)
}
