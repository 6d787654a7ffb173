#' Reliability of the random effects
#'
#' How much of what is seen of a group's own intercept or slope is the group's, and how much is
#' noise: the variance of a random effect by itself and the sampling variance of its least squares
#' estimate in a group.
#'
#' @param fit A fit made by [lmm()] or [glmm()].
#' @param by_unit One row for each level of the grouping factor, or their means?
#' @param ... Not used.
#' @return A data frame. By default a row for each random effect: `group`, `term`, `variance`,
#'   `units` (levels whose own rows determine the effects) and `reliability`, the mean over these.
#'   With `by_unit = TRUE`: `group`, `level`, `term`, `n` (rows), `variance`, `error` (the sampling
#'   variance) and `reliability = variance / (variance + error)`; `NA` where the rows of a level do
#'   not determine its effects.
#' @details
#' The definition of HLM (Raudenbush and Bryk 2002, equations 3.59 and 8.30): with `Z` the rows of a
#' level, the error is the diagonal of `(Z'V^-1 Z)^-1`, where `V` has the residual variance and the
#' variances of the random effects of factors nested within the level. Of a generalized fit the
#' residual is that of the working linear model at the estimates.
#' @references
#' Raudenbush SW, Bryk AS (2002). Hierarchical linear models, second edition. Sage.
#' @seealso [icc()], [ranef()][ranef.tiers_fit] for the effects with their conditional variances.
#' @concept HLM
#' @concept shrinkage
#' @examples
#' fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
#' reliability(fit)
#' head(reliability(fit, by_unit = TRUE))
#' @export
reliability <- function(fit, by_unit = FALSE, ...) {
  check_dots("reliability", ...)
  validate_fit(fit)
  check_flag(by_unit, "by_unit")
  if (length(fit$random) == 0L) {
    stop_input("The model has no random effects, and so no reliability.")
  }
  groups <- term_groups(fit)
  table <- do.call(rbind, lapply(unique(groups), function(group) {
    group_reliability(fit, which(groups == group), group)
  }))
  if (by_unit) return(table)
  key <- factor(paste(table$group, table$term, sep = "\r"),
                unique(paste(table$group, table$term, sep = "\r")))
  first <- !duplicated(key)
  data.frame(group = table$group[first], term = table$term[first],
             variance = table$variance[first],
             units = as.vector(tapply(!is.na(table$reliability), key, sum)),
             reliability = as.vector(tapply(table$reliability, key, mean, na.rm = TRUE)),
             stringsAsFactors = FALSE)
}

# All terms `at` of one grouping factor.
group_reliability <- function(fit, at, group) {
  levels <- fit$random[[at[1L]]]$levels
  codes <- random_basis(fit, at[1L])$codes
  root <- root_weights(fit)
  basis <- do.call(cbind, lapply(at, random_columns, fit = fit, newdata = NULL))
  white <- root * basis
  inner <- inner_terms(fit, group, codes)
  if (length(inner)) white <- whitened(fit, inner, root, white)
  variance <- unlist(lapply(fit$random[at], function(term) diag(term$Sigma)), use.names = FALSE)
  columns <- unlist(lapply(fit$random[at], `[[`, "columns"), use.names = FALSE)
  weighted <- root * basis
  rows <- split(seq_along(codes), factor(codes, seq_along(levels)))
  error <- vapply(rows, function(own) {
    sampling_variances(crossprod(weighted[own, , drop = FALSE], white[own, , drop = FALSE]))
  }, numeric(length(variance)))
  error <- random_scale(fit)^2 * matrix(error, length(variance))
  k <- length(variance)
  data.frame(group = group, level = rep(levels, k), term = rep(columns, each = length(levels)),
             n = rep(unname(lengths(rows)), k), variance = rep(variance, each = length(levels)),
             error = as.vector(t(error)),
             reliability = as.vector(t(ifelse(is.na(error), NA, variance / (variance + error)))),
             stringsAsFactors = FALSE)
}

# diag(A^-1); NA where rows do not determine all effects.
sampling_variances <- function(A) {
  none <- rep(NA_real_, nrow(A))
  scale <- sqrt(diag(A))
  if (any(!is.finite(scale)) || any(scale == 0)) return(none)
  root <- tryCatch(chol(A / outer(scale, scale)), error = function(e) NULL)
  if (is.null(root) || min(diag(root)) < 1e-6) return(none)
  diag(chol2inv(root)) / scale^2
}

# Terms of factors that are nested within this one and finer.
inner_terms <- function(fit, group, codes) {
  groups <- term_groups(fit)
  which(vapply(seq_along(groups), function(j) {
    own <- random_basis(fit, j)$codes
    groups[j] != group && nested_in(own, codes) && !nested_in(codes, own)
  }, NA))
}

# V^-1 times columns that differ by level, V = I + U'U with the inner terms alone; it is
# block-diagonal by level, so that a column for all levels at once will do.
whitened <- function(fit, inner, root, white) {
  part <- fit
  part$random <- fit$random[inner]
  part$random_terms <- fit$random_terms[inner]
  U <- Matrix::crossprod(relative_factor(part), Matrix::t(root * random_matrix(part)))
  L <- Matrix::Cholesky(Matrix::tcrossprod(U), LDL = FALSE, Imult = 1)
  white - as.matrix(Matrix::crossprod(U, Matrix::solve(L, U %*% white, system = "A")))
}
