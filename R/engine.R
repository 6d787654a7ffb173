# The only callers of the compiled code that fits. A failure inside comes back as a classed error;
# an interrupt stays an interrupt.

run_lmm_fit <- function(spec, control) compiled(fit_lmm_cpp(spec, control), spec)

run_glmm_fit <- function(spec, control) compiled(fit_glmm_cpp(spec, control), spec)

# Fits to other responses, the columns of a matrix, from the starts of the specification: matrices
# `coefficients` and `parameters` (rows of the table), `deviance` and `status` of each column.
run_lmm_replicates <- function(spec, control, responses) {
  compiled(replicates_lmm_cpp(spec, control, unname(responses)), spec)
}

run_glmm_replicates <- function(spec, control, responses) {
  compiled(replicates_glmm_cpp(spec, control, unname(responses)), spec)
}

# Information about variance parameters that V is linear in, the coefficients of `forms` (a list of
# list(term, block)) and sigma^2, at given factors relative to sigma; and with `vcov_psi` (that of
# fit$inference) what Kenward and Roger's method makes of it. See core/inference/kenward_roger.h.
run_variance_information <- function(spec, Lambda, forms, vcov_psi = matrix(0, 0L, 0L),
                                     all_free = TRUE, also_free = NULL) {
  also_free <- also_free %||% matrix(0, length(forms) + 1L, 0L)
  compiled(variance_information_lmm_cpp(spec, unname_all(Lambda), unname(forms), vcov_psi, all_free,
                                        also_free), spec)
}

# One scoring step without each of the units (numbers of rows), from the coefficients psi of `forms`
# in the `coordinates` of each term, and sigma^2: see core/engine/deletion_step.h.
run_delete_units <- function(spec, Lambda, coordinates, forms, psi, units) {
  unit <- integer(length(spec$y))
  unit[unlist(units)] <- rep(seq_along(units), lengths(units))
  compiled(delete_units_lmm_cpp(spec, unname_all(Lambda), unname_all(coordinates), unname(forms),
                                psi, unit, length(units)), spec)
}

# Scores of clusters and what degrees of freedom with them are made of; `rows` is what
# robust_rows() returns with the clusters.
run_cluster_sums <- function(rows, correction) {
  compiled(cluster_sums_cpp(rows, correction), rows)
}

# Errors of many rows m'b + l'beta (see row_errors()): variance, gradient in the parameters of the
# variances. Those are of the engine's search or `linear`, list(forms, psi, weight) as
# run_variance_information() has them; then the sum of `weight` times K2 is `adjustment`. The same
# for a few contrasts with all their pairs.
run_contrast_rows <- function(fit, rows, linear = NULL) {
  spec <- fit_specification(fit)
  compiled(contrast_rows_lmm_cpp(spec, unname_all(fit_lambdas(fit)), rows, linear), spec)
}

run_contrast_block <- function(fit, contrasts, linear = NULL) {
  spec <- fit_specification(fit)
  compiled(contrast_block_lmm_cpp(spec, unname_all(fit_lambdas(fit)), contrasts, linear), spec)
}

# Conditional variances of the random effects, one k x k x levels array a term.
run_condvar <- function(spec, Lambda, sigma) {
  compiled(condvar_lmm_cpp(spec, unname_all(Lambda), sigma), spec)
}

# Profiled deviance and its gradient at given factors.
run_evaluate <- function(spec, Lambda) {
  compiled(evaluate_lmm_cpp(spec, unname_all(Lambda)), spec)
}

# The same for generalized models, at given fixed effects (of all columns), factors and log
# dispersion parameters.
run_glmm_evaluate <- function(spec, beta, Lambda, phi) {
  compiled(evaluate_glmm_cpp(spec, unname(beta), unname_all(Lambda), unname(phi)), spec)
}

# Gradient and Hessian of the deviance by clusters that contain the groups; `steps` as the engine's
# differences take them.
run_cluster_scores <- function(spec, beta, Lambda, phi, cluster, steps) {
  compiled(cluster_scores_cpp(spec, unname(beta), unname_all(Lambda), unname(phi), cluster,
                              max(cluster), steps), spec)
}

run_glmm_condvar <- function(spec, beta, Lambda, phi) {
  compiled(condvar_glmm_cpp(spec, unname(beta), unname_all(Lambda), unname(phi)), spec)
}

# Variances of linear predictors of a generalized model, at what limit_of() returned.
run_glmm_contrast_rows <- function(at, Lambda, phi, rows, vcov) {
  compiled(contrast_rows_glmm_cpp(at$spec, unname(at$beta), unname_all(Lambda), unname(phi), rows,
                                  vcov), at$spec)
}

run_glmm_contrast_block <- function(at, Lambda, phi, contrasts, vcov) {
  compiled(contrast_block_glmm_cpp(at$spec, unname(at$beta), unname_all(Lambda), unname(phi),
                                   contrasts, vcov), at$spec)
}

# Means and variances of the random effects given the data, by the quadrature of spec$points.
run_glmm_means <- function(spec, beta, Lambda, phi) {
  compiled(means_glmm_cpp(spec, unname(beta), unname_all(Lambda), unname(phi)), spec)
}

# Profile likelihoods. `requests`: data frame of coefficient (a column of X, or a row of the table
# of parameters), which (its number), error (standard error or NA). For each the sides `below` and
# `above` of the estimate: value, rise of the deviance and table of parameters at each point; the
# limit at the last of `zeta`, and how the way there ended.
run_lmm_profile <- function(spec, control, requests, zeta) {
  if (nrow(requests) == 0L) return(list())
  compiled(profile_lmm_cpp(spec, control, requests$coefficient, requests$which, requests$error,
                           zeta), spec)
}

run_glmm_profile <- function(spec, control, beta, Lambda, phi, requests, zeta) {
  compiled(profile_glmm_cpp(spec, control, unname(beta), unname_all(Lambda), unname(phi),
                            requests$coefficient, requests$which, requests$error, zeta), spec)
}

# Log density, score, weight, mean and variance of rows: `response` is list(y, size, weights).
run_family <- function(family, response, phi, eta) {
  compiled(family_cpp(family$name, engine_link(family), response$y, response$size, response$weights,
                      phi, eta),
           response)
}

# See core/inference/boundary_weights.h.
run_projected_squares <- function(metric, sizes, draws) {
  compiled(projected_squares_cpp(metric, as.integer(sizes), draws), list())
}

# l'D l for each row l of `rows` and each symmetric matrix D: rows x matrices.
run_quadratic_forms <- function(rows, forms) {
  if (!is.double(rows)) storage.mode(rows) <- "double"
  compiled(quadratic_forms_cpp(rows, forms), list())
}

unname_all <- function(matrices) lapply(unname(matrices), unname)

compiled <- function(expr, spec) {
  tryCatch(expr, error = function(e) stop_compiled(e, spec))
}

stop_compiled <- function(e, spec) {
  if (inherits(e, "tiers_error")) stop(e)
  text <- conditionMessage(e)
  if (grepl("cannot allocate|bad_alloc|bad alloc|memory", text)) {
    n <- length(spec$y)
    needed <- regmatches(text, regexec("need ([0-9.]+) GB", text))[[1L]][2L]
    stop_memory(c("There is not enough memory for this model ({n} rows, {length(spec$terms)}
                   random term{?s}).", x = "{text}",
                  i = "Free memory, or use fewer random effects or fewer rows."),
                needed = as.double(needed) * 1e9, available = NA_real_, parent = e)
  }
  if (grepl("conditional modes", text, fixed = TRUE)) {
    stop_model(c("The conditional modes of the random effects cannot be found at the estimates of
                  this fit, and standard errors of what depends on them are not available.",
                 i = "They may be at the edge of what the link allows: take another link, or
                      simplify the random effects."), parent = e)
  }
  stop_numeric(c("The computation failed: {text}",
                 i = "This is a fault of tiers: please report it. The field
                    {.field specification} of this error reproduces it."),
               specification = spec, parent = e)
}
