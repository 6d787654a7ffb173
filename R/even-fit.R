# A fit in coordinates of its random effects in which neither the units nor the origin of a
# covariate matter.

# The random terms of the specification with columns Z A in place of Z (see even_coordinates()),
# their factors, parameters and `maps` A. A term with effects without variance keeps its origin:
# what is zero there is a matter of it. So do structures whose parameters are no entries of the
# factor, with their units.
even_random <- function(fit, spec) {
  A <- even_coordinates(variance_forms(fit$random, "tangent"), spec$terms)
  out <- lapply(seq_along(A), function(j) {
    own <- fit$random[[j]]
    term <- spec$terms[[j]]
    place <- covariance_entries(own)
    k <- term_size(own)
    same <- list(term = term, Lambda = unname(own$Lambda), theta = own$theta, map = diag(1, k))
    map <- A[[j]]
    if (is.null(term$basis) || nrow(place) == 0L || all(map == diag(1, k))) return(same)
    # Whole columns at the end are zero in any coordinates.
    zero <- own$theta == 0
    if (any(!zero & place[, 2L] >= min(place[zero, 2L], Inf))) {
      map <- diag(1 / sqrt(colMeans(term$basis^2)), k)
    }
    term$basis <- term$basis %*% map
    term$intercept <- 0L
    root <- t(qr.R(qr(t(solve(map, unname(own$Lambda), tol = 0)), tol = 0)))
    root <- root %*% diag(ifelse(diag(root) < 0, -1, 1), k)
    list(term = term, Lambda = root, theta = ifelse(own$theta == 0, 0, root[place]),
         map = map)
  })
  part <- function(name) lapply(out, `[[`, name)
  list(terms = part("term"), Lambda = part("Lambda"), theta = part("theta"), maps = part("map"))
}

# Standard errors of what is made of the covariance matrices as wholes (variances of rows, averages
# over random effects) where a covariate lies far from its origin: standard deviations of intercepts
# at x = 0 and their correlations of nearly -1 say too little there, since large numbers cancel.

# The fit with covariance matrices of the estimates in even coordinates (see even_coordinates()):
# `vcov_parameters` belongs to the standard deviations and correlations of H, G = A H A', and
# inference$vcov_natural to the entries of H; `even` has list(A, H) for each term, as
# sigma_slopes() and random_squares() take them. Found by the engine, from the solution.
near_origin_fit <- function(fit) {
  if (!is.null(fit$constraints) || !any_far_from_origin(fit)) return(fit)
  spec <- fit_specification(fit)
  even <- even_random(fit, spec)
  spec$terms <- unname(Map(function(term, root) {
    # Zero is a stationary point.
    term["start"] <- list(if (all(diag(root) > 0)) root)
    term
  }, even$terms, even$Lambda))
  result <- kind_run(warm_smaller(spec, fit), fit$control)
  V <- result$vcov_parameters
  if (!identical(dim(V), dim(fit$vcov_parameters))) return(fit)
  fit$vcov_parameters[] <- replace(V, is.nan(V), NA_real_)
  if (!is.null(fit$inference$vcov_natural)) {
    fit$inference$vcov_natural <- result$inference$vcov_natural
  }
  fit$even <- lapply(seq_along(even$maps), function(j) {
    term <- fit$random[[j]]
    term$Sigma <- tcrossprod(random_scale(fit) * even$Lambda[[j]])
    list(A = even$maps[[j]], term = term)
  })
  fit
}

# By more than a hundred standard deviations: fourth powers of this number cancel.
any_far_from_origin <- function(fit) {
  any(vapply(seq_along(fit$random), function(j) {
    Z <- random_columns(fit, j, NULL)
    if (ncol(Z) < 2L || !has_correlations(fit$random[[j]])) return(FALSE)
    size <- colMeans(Z^2)
    spread <- size - colMeans(Z)^2
    any(spread > 1e-15 * size & spread < 1e-4 * size)
  }, NA))
}
