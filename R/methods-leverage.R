# Leverage and Cook's distance.

#' @rdname residuals.tiers_fit
#' @importFrom stats hatvalues
#' @export
hatvalues.tiers_fit <- function(model, ...) {
  check_dots("hatvalues", ...)
  validate_fit(model)
  stats::naresid(model$na.action, leverages(model))
}

#' @rdname residuals.tiers_fit
#' @importFrom stats cooks.distance
#' @export
cooks.distance.tiers_fit <- function(model, ...) {
  check_dots("cooks.distance", ...)
  validate_fit(model)
  stats::naresid(model$na.action, cooks_distances(model, leverages(model)))
}

# From the change of the fixed effects, as influence() has it; where all of these are infinite
# nothing changes.
cooks_distances <- function(fit, hat) {
  value <- if (ncol(estimable_matrix(fit))) {
    delete_rows(fit, hat = hat)$cook
  } else {
    rep(if (nrow(fit$vcov)) 0 else NA_real_, length(hat))
  }
  stats::setNames(value, names(hat))
}

# The columns of X that beta belongs to; of separated data a basis of what has finite estimates.
estimable_matrix <- function(fit) {
  X <- kept_matrix(fit)
  if (is_separated(fit)) X %*% finite_part(fit)$basis else X
}

# H = [C1; C2]'[C1; C2] row by row: C1 = L^-1 Lambda'Z'W^1/2 with L the factor of
# Lambda'Z'WZ Lambda + I, C2 = R_X^-T (X'W^1/2 - R_ZX'C1). C1 is large and goes by blocks of rows.
leverages <- function(fit) {
  root <- root_weights(fit)
  Xw <- root * estimable_matrix(fit)
  random <- if (length(fit$random)) random_leverage(fit, root, Xw)
  gram <- crossprod(Xw)
  if (!is.null(random)) gram <- gram - crossprod(random$Xc)
  scale <- sqrt(pmax(diag(gram), 0))
  R <- if (ncol(Xw)) information_root(gram / outer(scale, scale))
  value <- numeric(length(root))
  for (rows in split(seq_along(root), (seq_along(root) - 1L) %/% 5000L)) {
    left <- t(Xw[rows, , drop = FALSE])
    if (!is.null(random)) {
      C1 <- random$forward(random$U[, rows, drop = FALSE])
      value[rows] <- Matrix::colSums(C1^2)
      left <- left - as.matrix(Matrix::crossprod(random$Xc, C1))
    }
    if (is.null(R)) next
    value[rows] <- value[rows] + colSums(backsolve(R, left / scale, transpose = TRUE)^2)
  }
  stats::setNames(value, row_names(fit))
}

# U = Lambda'Z'W^1/2, what solves with L, and R_ZX = L^-1 U X.
random_leverage <- function(fit, root, Xw) {
  U <- Matrix::crossprod(relative_factor(fit), Matrix::t(root * random_matrix(fit)))
  L <- Matrix::Cholesky(Matrix::tcrossprod(U), LDL = FALSE, Imult = 1)
  forward <- function(B) Matrix::solve(L, Matrix::solve(L, B, system = "P"), system = "L")
  list(U = U, forward = forward, Xc = as.matrix(forward(U %*% Xw)))
}

# The block-diagonal factor Lambda of all random effects, sparse.
relative_factor <- function(fit) {
  blocks <- lapply(unname(fit$random), function(term) {
    Matrix::kronecker(Matrix::Diagonal(length(term$levels)), term$Lambda)
  })
  methods::as(Matrix::bdiag(blocks), "CsparseMatrix")
}
