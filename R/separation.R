# Separated data: a direction of the fixed effects in which the likelihood grows without end. Its
# coefficients are infinite; fitted values and the other coefficients have limits.
#
# With delta the direction, a row has the linear predictor +-Inf where x'delta is not 0. Where it is
# 0 the linear predictor is finite, although coefficients in it are not: it is worked out from those
# rows of the fit that are finite too.

new_separation <- function(result, fit) {
  found <- result$separation
  groups <- result$group_separation
  if (is.null(found) && is.null(groups)) return(NULL)
  names <- names(fit$coefficients)
  direction <- stats::setNames(numeric(length(names)), names)
  if (!is.null(found)) direction[found$columns] <- found$direction
  list(kind = found$kind, columns = names[found$columns], direction = direction,
       terms = if (!is.null(groups)) as.integer(groups$term))
}

is_separated <- function(fit) length(fit$separation$columns) > 0L

# Sign of x'delta with rounding taken for 0.
separation_side <- function(fit, X) {
  direction <- fit$separation$direction
  side <- drop(X %*% direction)
  side[abs(side) <= 1e-9 * drop(abs(X) %*% abs(direction))] <- 0
  sign(side)
}

# Coefficients that reproduce the finite linear predictors of the fit, and an orthonormal basis of
# the rows that they are known for.
finite_part <- function(fit) {
  kept <- !is.na(fit$coefficients)
  X <- fixed_matrix(fit)
  rest <- fit$eta - fixed_offset(fit) - random_values(fit, random_parts(fit, NULL))
  rows <- separation_side(fit, X) == 0 & is.finite(rest)
  X[!rows, ] <- 0
  rest[!rows] <- 0
  parts <- svd(X[, kept, drop = FALSE])
  use <- parts$d > 1e-10 * max(parts$d, 0)
  basis <- parts$v[, use, drop = FALSE]
  u <- parts$u[, use, drop = FALSE]
  list(coefficients = drop(basis %*% (crossprod(u, rest) / parts$d[use])), basis = basis)
}

# X beta with infinite coefficients. NA: a row that is not separated and that the rows of the fit
# say nothing about.
separated_values <- function(fit, X) {
  kept <- !is.na(fit$coefficients)
  finite <- finite_part(fit)
  side <- separation_side(fit, X)
  X <- X[, kept, drop = FALSE]
  value <- drop(X %*% finite$coefficients)
  outside <- rowSums((X - X %*% tcrossprod(finite$basis))^2) > 1e-16 * rowSums(X^2)
  value[outside] <- NA_real_
  infinite <- side != 0 & !is.na(side)
  value[infinite] <- side[infinite] * Inf
  value
}

# The specification and coefficients of the limit: separated rows have nothing more to say.
limit_of <- function(fit, spec) {
  if (!is_separated(fit)) return(list(spec = spec, beta = engine_coefficients(fit)))
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  weights[separation_side(fit, fixed_matrix(fit)) != 0] <- 0
  spec$weights <- weights
  beta <- numeric(length(fit$coefficients))
  beta[!is.na(fit$coefficients)] <- finite_part(fit)$coefficients
  list(spec = spec, beta = beta)
}
