# Cluster-robust covariance matrices of generalized fits by the exact scores of clusters that
# contain the groups. With g_c what a cluster adds to the gradient of -2 log-likelihood in all
# parameters (fixed effects, entries of the factors, log dispersion), H_c what it adds to the
# Hessian, H = sum H_c:
#   CR0 = H^-1 (sum g_c g_c') H^-1,   CR3 = sum d_c d_c', d_c = (H - H_c)^-1 g_c,
# the first the sandwich of the likelihood that was maximized (White 1982), the second one Newton
# step towards the fit without the cluster.

# The block of the fixed effects; NULL where this is not to be had: the bias-reduced correction,
# clusters that cut levels, fits with fixed effects in the mode, with parameters that are held.
exact_cluster_vcov <- function(fit, type, codes) {
  correction <- robust_types()[[type]]$correction
  if (correction == "bias_reduced" || any(fit$points == 0L) || !is.null(fit$constraints) ||
        length(cut_levels(fit, list(codes)))) {
    return(NULL)
  }
  scores <- exact_cluster_scores(fit, codes)
  if (is.null(scores)) return(NULL)
  p <- ncol(scores$basis)
  steps <- if (correction == "jackknife") {
    vapply(seq_len(ncol(scores$gradients)), function(c) {
      scaled_solve(scores$hessian - scores$hessians[, , c], scores$gradients[, c])
    }, double(nrow(scores$gradients)))
  } else {
    scaled_solve(scores$hessian, scores$gradients)
  }
  half <- scores$basis %*% matrix(steps, nrow(scores$gradients))[seq_len(p), , drop = FALSE]
  factor <- robust_factor(type, ncol(scores$gradients), sum(used_row(fit)), p)
  value <- factor * tcrossprod(half)
  dimnames(value) <- dimnames(fit$vcov)
  value
}

# Factors are taken in even coordinates, so that neither units nor the origin of a covariate matter
# for what is a small step, or for CR3.
#
# Free parameters only: gradients (P x J), hessians (P x P x J), their sum, and the basis in which
# the first p parameters are the fixed effects. NULL where the deviance is not finite beside the
# estimates.
exact_cluster_scores <- function(fit, codes) {
  spec <- fit_specification(fit)
  basis <- robust_rows(fit)$basis
  kept <- !is.na(fit$coefficients)
  spec$X <- spec$X[, kept, drop = FALSE] %*% basis
  beta <- solve(basis, fit$coefficients[kept])
  even <- even_random(fit, spec)
  spec$terms <- even$terms
  # In this basis a standard error is 1; the others are of the size of the parameters.
  steps <- 1e-3 * c(rep(1, ncol(basis)), unlist(lapply(even$theta, theta_sizes)),
                    dispersion_sizes(fit))
  codes[codes == 0L] <- 1L
  found <- run_cluster_scores(spec, beta, even$Lambda, engine_dispersion(fit), codes, steps)
  if (!found$defined) return(NULL)
  free <- steps > 0
  P <- length(steps)
  hessians <- array(found$hessians, c(P, P, max(codes)))[free, free, , drop = FALSE]
  list(gradients = found$gradients[free, , drop = FALSE], hessians = hessians,
       hessian = rowSums(hessians, dims = 2L), basis = basis)
}

# Entries of a factor that are zero are variances of zero, or correlations at their end.
theta_sizes <- function(theta) {
  largest <- max(abs(theta), 0)
  ifelse(theta == 0, 0, pmax(abs(theta), 0.1 * largest))
}

# Standard errors of the log dispersion; 0 where it is at its limit.
dispersion_sizes <- function(fit) {
  se <- suppressWarnings(sqrt(diag(fit$dispersion$vcov)))
  ifelse(is.finite(se), se, 0)
}

# H^-1 x with H scaled to a unit diagonal; directions without curvature have no part in it.
scaled_solve <- function(H, x) {
  scale <- 1 / sqrt(pmax(abs(diag(H)), .Machine$double.xmin))
  parts <- eigen(H * outer(scale, scale), symmetric = TRUE)
  use <- parts$values > 1e-10 * max(parts$values)
  half <- scale * parts$vectors[, use, drop = FALSE]
  half %*% (crossprod(half, x) / parts$values[use])
}

# Rows as estfun() of sandwich gives them, n x p. Without random effects the working linear model
# has the scores of the likelihood.
exact_row_scores <- function(fit) {
  if (length(fit$random) == 0L) return(working_scores(fit))
  groups <- tryCatch(outermost_groups(fit), tiers_error_input = function(e) NULL)
  exact <- !is.null(groups) && all(fit$points > 0L) && is.null(fit$constraints)
  scores <- if (exact) exact_cluster_scores(fit, groups[[1L]])
  if (is.null(scores)) {
    inform("tiers_message_clusters", "The scores are those of the working linear model.")
    return(working_scores(fit))
  }
  used <- used_row(fit)
  steps <- scaled_solve(scores$hessian, scores$gradients)
  fixed <- steps[seq_len(ncol(scores$basis)), , drop = FALSE]
  by_group <- solve(fit$vcov, -scores$basis %*% fixed)
  codes <- groups[[1L]]
  rows <- tabulate(codes[used], max(codes))
  used * t(by_group)[codes, , drop = FALSE] / pmax(rows[codes], 1)
}
