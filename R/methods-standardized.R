# Standardized and deletion residuals, and changes of the fixed effects, row by row.

#' Deletion diagnostics of rows
#'
#' Residuals in units of their own standard errors, and the changes of the fixed effects when a row
#' is left out, in closed form.
#'
#' @param model A fit made by [lmm()] or [glmm()].
#' @param type Which residuals of a generalized fit: `"deviance"` or `"pearson"`.
#' @param ... Not used.
#' @return `rstandard()`, `rstudent()`: a named vector; `dfbeta()`, `dfbetas()`: a matrix with a
#'   column for each fixed effect that was estimated. One value or row for each row used; with
#'   `na.action = na.exclude` in the fit one for each row of the data. `NA` where a row determines a
#'   coefficient alone.
#' @details
#' With `h` the leverage of [hatvalues()][residuals.tiers_fit], a conditional residual has standard
#' deviation `sigma sqrt((1 - h) / w)`. `rstandard()` divides by it, `rstudent()` with the `sigma`
#' that the other rows give, the variances of the random effects staying in proportion to it.
#' `dfbeta()` is the estimate minus the estimate without the row, all variances held; `dfbetas()`
#' divides that by the standard error with the `sigma` that the other rows give. Without random
#' terms all of these are the numbers of [lm()]. A `sigma` that was held by `fix` stays.
#'
#' Of a generalized fit `rstandard()` divides deviance or Pearson residuals by
#' `scale * sqrt(1 - h)`; `rstudent()` approximates the change of the deviance (Williams 1987), as
#' [glm()]'s method does; `dfbeta()` is that of the working linear model at the estimates.
#' @references
#' Williams DA (1987). Generalized linear model diagnostics using the deviance and single case
#' deletions. Applied Statistics 36, 181-191.
#' @seealso [influence()][influence.tiers_fit] for groups, exact refits, COVRATIO and more,
#'   [residuals()][residuals.tiers_fit] with `type = "studentized"`, also marginal ones.
#' @concept outliers
#' @concept studentized residuals
#' @concept influence
#' @examples
#' fit <- lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont)
#' head(sort(abs(rstudent(fit)), decreasing = TRUE))
#' head(dfbetas(fit))
#' @name rstudent.tiers_fit
NULL

#' @rdname rstudent.tiers_fit
#' @importFrom stats rstudent
#' @export
rstudent.tiers_lmm <- function(model, ...) {
  check_dots("rstudent", ...)
  validate_fit(model)
  left <- remaining_share(model)
  value <- stats::residuals(plain_rows(model), type = "scaled") / sqrt(left)
  stats::naresid(model$na.action, value / deleted_sigma_ratio(model, left))
}

#' @rdname rstudent.tiers_fit
#' @importFrom stats rstandard
#' @export
rstandard.tiers_lmm <- function(model, ...) {
  check_dots("rstandard", ...)
  stats::residuals(model, type = "studentized")
}

#' @rdname rstudent.tiers_fit
#' @export
rstandard.tiers_glmm <- function(model, type = c("deviance", "pearson"), ...) {
  check_dots("rstandard", ...)
  validate_fit(model)
  type <- match_choice(type, c("deviance", "pearson"), "type")
  value <- stats::residuals(plain_rows(model), type = type, scaled = TRUE)
  stats::naresid(model$na.action, value / sqrt(remaining_share(model)))
}

#' @rdname rstudent.tiers_fit
#' @export
rstudent.tiers_glmm <- function(model, ...) {
  check_dots("rstudent", ...)
  validate_fit(model)
  rows <- plain_rows(model)
  left <- remaining_share(model)
  deviance <- stats::residuals(rows, type = "deviance", scaled = TRUE)
  pearson <- stats::residuals(rows, type = "scaled")
  value <- sign(deviance) * sqrt(deviance^2 + (1 - left) * pearson^2 / left)
  stats::naresid(model$na.action, value)
}

#' @rdname rstudent.tiers_fit
#' @export
dfbeta.tiers_fit <- function(model, ...) {
  check_dots("dfbeta", ...)
  validate_fit(model)
  stats::naresid(model$na.action, row_changes(model))
}

#' @rdname rstudent.tiers_fit
#' @export
dfbetas.tiers_fit <- function(model, ...) {
  check_dots("dfbetas", ...)
  validate_fit(model)
  change <- row_changes(model)
  ratio <- deleted_sigma_ratio(model, remaining_share(model))
  stats::naresid(model$na.action, sweep(change, 2L, sqrt(diag(model$vcov)), "/") / ratio)
}

row_changes <- function(fit) {
  change <- delete_rows(fit)$change
  change[, colnames(change) %in% fit$separation$columns] <- NA_real_
  rownames(change) <- row_names(fit)
  change
}

# 1 - h; NA where nothing of the row is left.
remaining_share <- function(fit) {
  left <- 1 - leverages(fit)
  replace(left, left < 1e-10, NA_real_)
}

# sigma without the row by sigma, where that is estimated: m sigma^2 are the squares that are left,
# m = n, or n - p of a REML fit, and a row takes e^2 / (1 - h) of them.
deleted_sigma_ratio <- function(fit, left) {
  own <- fit$parameters$type == "sigma"
  if (!any(own) || fit$parameters$fixed[own]) return(1)
  m <- fit$nobs - if (fit$REML) nrow(fit$vcov) else 0L
  residual <- stats::residuals(plain_rows(fit), type = "scaled")
  sqrt(pmax(m - residual^2 / left, 0) / (m - 1))
}

# Of a linear model, on the scale of standard deviations -------------------------------------------

# Conditional ones have the variance R_i (1 - h), marginal ones R_i + z'Gz - x'Phi x.
studentized_residuals <- function(fit, residual, level) {
  root <- sqrt(prior_weights(fit))
  if (level == "conditional") return(root * residual / (fit$sigma * sqrt(remaining_share(fit))))
  X <- kept_matrix(fit)
  whole <- residual_sd(fit, "marginal")^2
  share <- 1 - root^2 * rowSums((X %*% fit$vcov) * X) / whole
  root * residual / sqrt(whole * replace(share, share < 1e-10, NA_real_))
}

# Marginally L^-1 r with L the lower Cholesky factor, rows in their order, of V; that is
# block-diagonal by the groups that have nothing in common and sparse.
normalized_residuals <- function(fit, residual, level) {
  if (has_structure(fit)) {
    value <- run_solve_units(fit, cbind(unname(residual)), level == "marginal", half = TRUE)
    return(stats::setNames(drop(value), names(residual)))
  }
  root <- unname(root_weights(fit))
  value <- root * residual / fit$sigma
  if (level == "conditional" || length(fit$random) == 0L) return(value)
  U <- Matrix::crossprod(relative_factor(fit), Matrix::t(root * random_matrix(fit)))
  pattern <- random_matrix(fit)
  entries <- sum(Matrix::colSums(pattern != 0)^2)
  if (entries > 5e7) {
    stop_input(c("Normalized marginal residuals need the covariance matrix of the rows of a group:
                  too large here.", i = "{.code type = \"scaled\"} has the scale of each row."))
  }
  V <- Matrix::forceSymmetric(Matrix::crossprod(U) + Matrix::Diagonal(length(root)))
  L <- Matrix::Cholesky(methods::as(V, "CsparseMatrix"), perm = FALSE, LDL = FALSE)
  stats::setNames(as.vector(Matrix::solve(L, value, system = "L")), names(residual))
}
