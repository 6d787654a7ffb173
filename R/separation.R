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
       finite = if (!is.null(found)) new_finite_part(found, fit),
       terms = if (!is.null(groups)) as.integer(groups$term))
}

# What stays finite whatever the coding of the factors: l'beta for every l that is orthogonal to the
# columns of `infinite` (p x r). Its estimate is l'coefficients and its variance l'vcov l.
new_finite_part <- function(found, fit) {
  names <- names(fit$coefficients)
  known <- all(is.finite(found$finite)) && all(is.finite(found$finite_vcov))
  if (!known) return(NULL)
  finite <- list(
    coefficients = stats::setNames(found$finite, names),
    vcov = `dimnames<-`(found$finite_vcov, list(names, names)),
    infinite = `rownames<-`(found$unidentified, names))
  finite$contrasts <- finite_contrasts(fit, finite, names[found$columns])
  finite
}

# Differences between the levels of factors without interactions of which coefficients are
# infinite: a data frame with term, contrast, estimate and std.error.
finite_contrasts <- function(fit, finite, columns) {
  X <- fixed_matrix(fit)
  assign <- attr(X, "assign")
  labels <- attr(fit$terms, "term.labels")
  member <- attr(fit$terms, "factors")
  rows <- lapply(intersect(labels, names(fit$xlevels)), function(label) {
    own <- which(assign == match(label, labels))
    alone <- sum(member[label, ] > 0) == 1L
    if (!alone || !any(colnames(X)[own] %in% columns)) return(NULL)
    level_contrasts(label, as.factor(fit$frame[[label]]), X, own, finite)
  })
  do.call(rbind, rows)
}

level_contrasts <- function(label, factor, X, own, finite) {
  first <- match(levels(factor), factor)
  levels <- levels(factor)[!is.na(first)]
  if (length(levels) < 2L) return(NULL)
  pairs <- utils::combn(length(levels), 2L)
  cells <- matrix(0, length(levels), ncol(X))
  cells[, own] <- X[first[!is.na(first)], own]
  L <- cells[pairs[2L, ], , drop = FALSE] - cells[pairs[1L, ], , drop = FALSE]
  told <- is_finite_combination(L, finite)
  if (!any(told)) return(NULL)
  L <- L[told, , drop = FALSE]
  # Rounding of a singular matrix may be below zero.
  variance <- pmax(rowSums((L %*% finite$vcov) * L), 0)
  data.frame(term = label,
             contrast = paste(levels[pairs[2L, told]], "-", levels[pairs[1L, told]]),
             estimate = drop(L %*% finite$coefficients),
             std.error = sqrt(variance), stringsAsFactors = FALSE)
}

# Rows of L that change no infinite direction but by rounding.
is_finite_combination <- function(L, finite) {
  size <- outer(rowSums(abs(L)), apply(abs(finite$infinite), 2L, max))
  rowSums(abs(L %*% finite$infinite) > 1e-8 * size) == 0L
}

# Which rows are separated ------------------------------------------------------------------------

# "rows 1, 6, 11, ... (30 in all): all with `o` = 1, all 0".
separated_row_words <- function(fit) {
  used <- prior_weights(fit) > 0
  separated <- separation_side(fit, fixed_matrix(fit)) != 0 & used
  rows <- which(separated)
  if (length(rows) == 0L) return(NULL)
  cells <- separated_cells(fit, separated, used)
  paste0(if (length(rows) == 1L) "row " else "rows ", first_rows(row_names(fit)[rows]),
         if (!is.null(cells)) paste0(": all with ", cells),
         if (!is.null(outcome_words(fit, rows))) paste0(", all ", outcome_words(fit, rows)))
}

outcome_words <- function(fit, rows) {
  response <- family_rows(fit)
  y <- response$y[rows]
  if (all(y == 0)) return("0")
  if (!is_success_family(fit$family) || any(y != response$m[rows])) return(NULL)
  if (all(y == 1)) "1" else "successes"
}

# The levels of one factor of the fixed effects, or the cells of two, that hold the separated rows
# and no others: "`o` = 1"; NULL without such.
separated_cells <- function(fit, separated, used) {
  frame <- fit$frame
  classes <- vapply(frame, function(x) is.factor(x) || is.character(x) || is.logical(x), NA)
  names <- intersect(rownames(attr(fit$terms, "factors")), names(frame)[classes])
  for (name in names) {
    levels <- exact_levels(frame[[name]], separated, used)
    if (!is.null(levels)) return(paste0("`", name, "` = ", paste(levels, collapse = " or ")))
  }
  for (pair in if (length(names) > 1L) utils::combn(names, 2L, simplify = FALSE)) {
    shown <- lapply(pair, function(name) paste0("`", name, "` = ", as.character(frame[[name]])))
    cells <- exact_levels(paste(shown[[1L]], "and", shown[[2L]]), separated, used)
    if (!is.null(cells)) return(paste(cells, collapse = ", or "))
  }
  NULL
}

exact_levels <- function(value, separated, used) {
  value <- as.character(value)
  inside <- unique(value[separated])
  if (length(inside) > 5L || any(value[used & !separated] %in% inside)) return(NULL)
  inside
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
  spec <- with_modes(spec, fit)
  if (!is_separated(fit)) return(list(spec = spec, beta = engine_coefficients(fit)))
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  weights[separation_side(fit, fixed_matrix(fit)) != 0] <- 0
  spec$weights <- weights
  beta <- numeric(length(fit$coefficients))
  beta[!is.na(fit$coefficients)] <- finite_part(fit)$coefficients
  list(spec = spec, beta = beta)
}
