# Fixed effects with rows or groups left out, all variances held (vignettes/algorithm.Rmd, section
# 4.7). Everything relative to the scale of Lambda, rows times the root of their weight:
# V = I + U'U with U = Lambda'Z' (q x n), Omega = I + UU', and X in a basis in which
# Phi = (X'V^-1X)^-1 = I. T = [U' X], e the conditional residuals, and
#   Psi = [Omega^-1 0; 0 0] + M M',   M = [-B; I],   B = Omega^-1 U X,
# the inverse of T'T with I added for the random effects. With T_I the rows left out,
#   change = M' (I - A Psi)^-1 T_I'e_I,   Phi_(I) - I = M' (I - A Psi)^-1 A M,   A = T_I'T_I,
# for which Psi is needed in the columns alone that T_I has entries in.

# Generalized fits: those of the working linear model at the estimates.
#   X, residual  n x p and n; U, B, forward (B -> L^-1 B, Omega = LL') with random effects
#   map          coefficients = scale * map %*% those of the basis; names by row
deletion_model <- function(fit) {
  if (nrow(fit$vcov) == 0L) {
    stop_input("The model has no fixed effects that rows could have an influence on.")
  }
  root <- root_weights(fit)
  fixed <- orthonormal_columns(root * estimable_matrix(fit))
  map <- fixed$map
  if (is_separated(fit)) map <- finite_part(fit)$basis %*% map
  model <- list(X = fixed$X, scale = random_scale(fit), root = root,
                residual = unname(stats::residuals(plain_rows(fit), type = "scaled")))
  information <- diag(1, ncol(fixed$X))
  if (length(fit$random)) {
    U <- Matrix::crossprod(relative_factor(fit), Matrix::t(root * random_matrix(fit)))
    model$U <- methods::as(Matrix::drop0(U), "CsparseMatrix")
    L <- Matrix::Cholesky(Matrix::tcrossprod(model$U), LDL = FALSE, Imult = 1)
    UX <- as.matrix(model$U %*% fixed$X)
    B <- as.matrix(Matrix::solve(L, UX, system = "A"))
    information <- information - crossprod(UX, B)
    model$L <- L
  }
  turn <- backsolve(information_root(information), diag(1, ncol(information)))
  model$X <- fixed$X %*% turn
  model$B <- if (length(fit$random)) B %*% turn else matrix(0, 0L, ncol(turn))
  model$map <- map %*% turn
  dimnames(model$map) <- list(rownames(fit$vcov), NULL)
  model
}

# X in a basis with orthonormal columns: X map.
orthonormal_columns <- function(X) {
  p <- ncol(X)
  scale <- sqrt(colSums(X^2))
  parts <- qr(sweep(X, 2L, scale, "/"), tol = 0)
  map <- matrix(0, p, p)
  map[parts$pivot, ] <- backsolve(qr.R(parts), diag(1, p))
  list(X = qr.Q(parts), map = map / scale)
}

# L^-1 B with L L' = Omega, rows in the order of the factor.
forward_solve <- function(model, B) {
  Matrix::solve(model$L, Matrix::solve(model$L, B, system = "P"), system = "L")
}

# Rows of V^-1 X, in the basis of the model.
white_columns <- function(model) {
  if (is.null(model$U)) return(model$X)
  model$X - as.matrix(Matrix::crossprod(model$U, model$B))
}

# What leaving out does, one row a unit:
#   change      units x p, of the coefficients: estimate minus estimate without the unit
#   variance    units x p, of the coefficients without the unit
#   cook, mdffits, covtrace, covratio
# NA: without the unit some coefficient cannot be estimated.
new_deletions <- function(model, direction, measures, variance) {
  change <- model$scale * direction %*% t(model$map)
  colnames(change) <- rownames(model$map)
  c(list(change = change, variance = variance),
    as.list(as.data.frame(measures)))
}

# The rows one by one: P_ii = 1 - h, x = row of V^-1 X, change = x e / (1 - h), and
# Phi_(i) - I = x x' / (1 - h).
delete_rows <- function(fit, model = deletion_model(fit), hat = leverages(fit)) {
  white <- unname(white_columns(model))
  left <- unname(1 - hat)
  left[left < 1e-10] <- NA
  direction <- white * (model$residual / left)
  growth <- rowSums(white^2) / left
  size <- rowSums(direction^2)
  p <- ncol(white)
  own <- model$scale^2 * rowSums(model$map^2)
  variance <- rep(own, each = nrow(white)) +
    model$scale^2 * (white %*% t(model$map))^2 / left
  dim(variance) <- c(nrow(white), nrow(model$map))
  # Phi_(i)^-1 shrinks the one direction x by 1 + growth.
  new_deletions(model, direction, cbind(cook = size / p, mdffits = size / (1 + growth) / p,
                                        covtrace = growth, covratio = 1 + growth), variance)
}

# Units of several rows; `units` is a list of row numbers.
delete_units <- function(model, units) {
  p <- ncol(model$X)
  touched <- lapply(units, touched_columns, U = model$U)
  found <- vector("list", length(units))
  for (batch in column_batches(lengths(touched), nrow(model$B))) {
    inverse <- root_columns(model, unlist(touched[batch]))
    end <- cumsum(lengths(touched[batch]))
    for (b in seq_along(batch)) {
      i <- batch[b]
      own <- end[b] - lengths(touched[i]) + seq_len(lengths(touched[i]))
      found[[i]] <- delete_unit(model, units[[i]], touched[[i]], inverse[, own, drop = FALSE])
    }
  }
  direction <- t(vapply(found, `[[`, numeric(p), "direction"))
  variance <- t(vapply(found, `[[`, numeric(nrow(model$map)), "variance"))
  if (p == 1L) direction <- t(direction)
  if (nrow(model$map) == 1L) variance <- t(variance)
  new_deletions(model, direction, t(vapply(found, `[[`, numeric(4L), "measures")), variance)
}

# Columns of random effects that rows have entries in.
touched_columns <- function(rows, U) {
  if (is.null(U)) return(integer())
  sort(unique(U@i[unlist(entry_ranges(rows, U))])) + 1L
}

entry_ranges <- function(rows, U) {
  Map(function(from, to) seq_len(to - from) + from, U@p[rows], U@p[rows + 1L])
}

# Units in batches whose columns of L^-1 together stay below 40 MB.
column_batches <- function(sizes, q) {
  split(seq_along(sizes), cumsum(as.double(sizes)) %/% max(1, 5e6 %/% max(q, 1L)))
}

# L^-1 E for columns E of the identity.
root_columns <- function(model, columns) {
  if (is.null(model$U)) return(matrix(0, 0L, 0L))
  q <- nrow(model$B)
  E <- Matrix::sparseMatrix(i = columns, j = seq_along(columns), x = 1,
                            dims = c(q, length(columns)))
  as.matrix(forward_solve(model, E))
}

# T_I in its columns: random effects touched, then X.
unit_rows <- function(model, rows, touched) {
  Z <- matrix(0, length(rows), length(touched))
  if (length(touched)) {
    at <- entry_ranges(rows, model$U)
    entry <- unlist(at)
    Z[cbind(rep(seq_along(rows), lengths(at)), match(model$U@i[entry] + 1L, touched))] <-
      model$U@x[entry]
  }
  cbind(Z, model$X[rows, , drop = FALSE])
}

# `inverse`: L^-1 in the columns touched. Of the two forms of the inverse that is taken which is
# smaller: T_I'(I - T_I Psi T_I')^-1 = (I - A Psi)^-1 T_I'.
delete_unit <- function(model, rows, touched, inverse) {
  p <- ncol(model$X)
  rows <- rows[model$root[rows] > 0]
  T <- unit_rows(model, rows, touched)
  M <- rbind(-model$B[touched, , drop = FALSE], diag(1, p))
  Psi <- tcrossprod(M)
  random <- seq_along(touched)
  Psi[random, random] <- Psi[random, random] + crossprod(inverse)
  white <- T %*% M
  moved <- cbind(model$residual[rows], white)
  found <- tryCatch(if (length(rows) == 0L) {
    matrix(0, p, p + 1L)
  } else if (length(rows) < ncol(T)) {
    crossprod(white, solve(diag(1, length(rows)) - T %*% Psi %*% t(T), moved, tol = 0))
  } else {
    crossprod(M, solve(diag(1, ncol(T)) - crossprod(T) %*% Psi, crossprod(T, moved), tol = 0))
  }, error = function(e) matrix(NA_real_, p, p + 1L))
  direction <- found[, 1L]
  growth <- found[, -1L, drop = FALSE]
  growth <- (growth + t(growth)) / 2
  values <- if (anyNA(growth)) NA_real_ else eigen(growth, symmetric = TRUE)$values
  # Nothing (but rounding) is left of some combination of the coefficients.
  lost <- anyNA(values) || any(abs(values) > 1e10) || any(values < -1e-8)
  if (lost) direction[] <- growth[] <- values[] <- NA_real_
  variance <- model$scale^2 * rowSums((model$map %*% (diag(1, p) + growth)) * model$map)
  shrunk <- if (lost) NA_real_ else {
    sum(direction * solve(diag(1, p) + growth, direction))
  }
  list(direction = direction, variance = variance,
       measures = c(cook = sum(direction^2) / p, mdffits = shrunk / p, covtrace = sum(values),
                    covratio = prod(1 + values)))
}
