# Generalized fits whose standard errors are not known. Where the deviance is not convex (at no
# optimum, or where a variance grows without end) the inverse of its second derivatives is no
# covariance matrix. The matrix of the fixed effects stays where their part of it is one.

without_improper_errors <- function(fit) {
  for (part in names(fit$inference)) {
    V <- fit$inference[[part]]
    if (is.matrix(V) && !is_covariance(V)) fit$inference[[part]][] <- NA_real_
  }
  if (!is_covariance(fit$vcov)) fit$vcov[] <- NA_real_
  fit
}

# Positive semidefinite but for rounding, in the units of its own diagonal; infinite variances count
# as such.
is_covariance <- function(V) {
  size <- diag(V)
  known <- which(is.finite(size) & size != 0)
  if (length(known) == 0L) return(TRUE)
  if (any(size[known] < 0)) return(FALSE)
  R <- V[known, known, drop = FALSE] / outer(sqrt(size[known]), sqrt(size[known]))
  if (!all(is.finite(R))) return(FALSE)
  min(eigen(R, symmetric = TRUE, only.values = TRUE)$values) > -1e-6
}

unknown_errors_words <- function(fit) {
  if (!anyNA(diag(fit$vcov))) return(NULL)
  "Standard errors are not known (NA): the likelihood has no proper maximum here."
}

# `variance`: of what has been asked for, of which `wanted` should have one.
warn_unknown_errors <- function(variance, wanted) {
  missing <- wanted & is.na(variance)
  if (!any(missing)) return(invisible())
  count <- sum(missing)
  warn_condition(c("Standard errors {cli::qty(count)}{?is/are} not known for {count} of
                    {sum(wanted)} value{?s}, which {cli::qty(count)}{?has/have} {.code NA}.",
                   x = "The likelihood has no proper maximum at the estimates: the inverse of its
                        second derivatives is no covariance matrix.",
                   i = "Simplify the random effects or take another link."))
}

# The upper Cholesky factor of X'V^-1X, with X of a sensible scale: what leverages, deletions and
# robust standard errors are built on.
information_root <- function(K) {
  root <- if (all(is.finite(K))) tryCatch(chol((K + t(K)) / 2), error = function(e) NULL)
  root %||%
    stop_model(c("The fixed effects cannot be told from the random effects at the estimates: what
                  rests on their covariance matrix (leverages, changes by deletion, robust standard
                  errors) is not available.",
                 i = "A variance may have grown without end, see {.code diagnose(fit)}: simplify the
                      random effects."))
}
