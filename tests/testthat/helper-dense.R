# The model by its definition: V = sigma^2 (W^-1 + sum_j Z_j Lambda_j Lambda_j' Z_j') as an n x n
# matrix, a Cholesky factor of it, and numerical derivatives. Slow, short and obviously right:
# the independent truth for the engine. `spec` is what model_specification() hands to C++.

# Rows that count, with everything that goes by row cut down to them.
dense_rows <- function(spec) {
  n <- length(spec$y)
  weights <- if (length(spec$weights)) spec$weights else rep(1, n)
  offset <- if (length(spec$offset)) spec$offset else rep(0, n)
  used <- weights > 0
  list(y = (spec$y - offset)[used], X = spec$X[used, , drop = FALSE], weights = weights[used],
       offset = offset, used = used,
       terms = lapply(spec$terms, function(term) {
         basis <- if (is.null(term$basis)) matrix(1, n, 1L) else term$basis
         list(basis = basis[used, , drop = FALSE], codes = term$codes[used],
              n_levels = term$n_levels, structure = term$structure)
       }))
}

# Z_j of one term, n_used x (levels * k), the k columns of a level next to each other.
dense_z <- function(term) {
  k <- ncol(term$basis)
  z <- matrix(0, nrow(term$basis), k * term$n_levels)
  for (column in seq_len(k)) {
    z[cbind(seq_len(nrow(z)), (term$codes - 1L) * k + column)] <- term$basis[, column]
  }
  z
}

# W^-1 + sum_j Z_j Lambda_j Lambda_j' Z_j': the covariance of y relative to sigma^2.
dense_relative_covariance <- function(rows, Lambda) {
  M <- diag(1 / rows$weights, length(rows$y))
  for (j in seq_along(rows$terms)) {
    term <- rows$terms[[j]]
    zl <- term$basis %*% Lambda[[j]]
    M <- M + tcrossprod(zl) * outer(term$codes, term$codes, "==")
  }
  M
}

# Are the derivatives of V with respect to all variances and covariances, and to the residual's with
# `residual`, linearly independent n x n matrices? `terms` have a basis, codes and whether there are
# covariances. With X: those of what X leaves, the data of REML.
dense_identified <- function(terms, n, residual, X = NULL) {
  parts <- if (residual) list(diag(n)) else list()
  for (term in terms) {
    same <- outer(term$codes, term$codes, "==")
    k <- ncol(term$basis)
    for (a in seq_len(k)) for (b in seq_len(a)) {
      if (a != b && !term$correlated) next
      E <- outer(term$basis[, a], term$basis[, b])
      parts <- c(parts, list((E + t(E)) * same))
    }
  }
  if (!is.null(X)) {
    basis <- qr(X)
    parts <- lapply(parts, function(part) qr.resid(basis, t(qr.resid(basis, part))))
  }
  columns <- vapply(parts, function(part) as.vector(part) / max(sqrt(sum(part^2)), 1e-300),
                    double(n^2))
  svd(columns, 0L, 0L)$d[length(parts)] > 1e-8
}

# Linearly independent columns of X, in order, judged after centring and scaling.
dense_kept <- function(X) {
  if (ncol(X) == 0L) return(integer())
  constant <- apply(X, 2L, function(x) all(x == x[1L]) && x[1L] != 0)
  Xs <- if (any(constant)) sweep(X, 2L, ifelse(constant, 0, colMeans(X))) else X
  norm <- sqrt(colSums(Xs^2))
  decomposed <- qr(sweep(Xs, 2L, ifelse(norm > 0, norm, 1), "/"), tol = 1e-9)
  sort(decomposed$pivot[seq_len(decomposed$rank)])
}

# Generalised least squares at given factors. Everything the criteria need.
dense_gls <- function(spec, Lambda) {
  rows <- dense_rows(spec)
  kept <- dense_kept(rows$X)
  X <- rows$X[, kept, drop = FALSE]
  root <- t(chol(dense_relative_covariance(rows, Lambda)))
  white_x <- forwardsolve(root, X)
  white_y <- forwardsolve(root, rows$y)
  r <- ncol(X)
  decomposed <- qr(white_x, tol = 0, LAPACK = TRUE)
  beta <- if (r) qr.coef(decomposed, white_y) else double()
  residual <- if (r) white_y - white_x %*% beta else white_y
  log_det_xmx <- if (r) 2 * sum(log(abs(diag(qr.R(decomposed))))) else 0
  inverse <- matrix(0, r, r)
  if (r) {
    inverse[decomposed$pivot, decomposed$pivot] <- chol2inv(qr.R(decomposed))
  }
  list(rows = rows, kept = kept, beta = as.double(beta), n = length(rows$y), rank = r,
       rss = sum(residual^2), log_det_m = 2 * sum(log(diag(root))), log_det_xmx = log_det_xmx,
       inverse = inverse, root = root)
}

# -2 logLik or the REML criterion with sigma given (unprofiled), all constants.
dense_criterion <- function(spec, Lambda, sigma) {
  gls <- dense_gls(spec, Lambda)
  value <- gls$n * log(2 * pi * sigma^2) + gls$log_det_m + gls$rss / sigma^2
  if (isTRUE(spec$reml)) {
    value <- value + gls$log_det_xmx - gls$rank * log(2 * pi * sigma^2)
  }
  value
}

dense_sigma <- function(spec, gls) {
  sqrt(gls$rss / (gls$n - if (isTRUE(spec$reml)) gls$rank else 0))
}

# The same at the best sigma.
dense_deviance <- function(spec, Lambda) {
  dense_criterion(spec, Lambda, dense_sigma(spec, dense_gls(spec, Lambda)))
}

# Log-density of y as one multivariate normal vector, nothing profiled or simplified.
dense_loglik <- function(spec, Lambda, sigma, beta) {
  rows <- dense_rows(spec)
  kept <- !is.na(beta)
  residual <- rows$y - rows$X[, kept, drop = FALSE] %*% beta[kept]
  root <- t(chol(sigma^2 * dense_relative_covariance(rows, Lambda)))
  -0.5 * (length(rows$y) * log(2 * pi) + 2 * sum(log(diag(root))) +
            sum(forwardsolve(root, residual)^2))
}

# What a structure is, said once: row and column of the factor where each free parameter stands, and
# the factor of given parameters. us: lower triangle by columns; diag: the diagonal; id: one common
# diagonal value.
dense_structures <- list(
  us = list(place = function(k) which(lower.tri(diag(k), diag = TRUE), arr.ind = TRUE)),
  diag = list(place = function(k) cbind(seq_len(k), seq_len(k))),
  id = list(place = function(k) cbind(1L, 1L), factor = function(theta, k) diag(theta, k, k)))

dense_place <- function(structure, k) unname(dense_structures[[structure]]$place(k))

dense_free <- function(Lambda, structure) Lambda[dense_place(structure, nrow(Lambda))]

dense_factor <- function(theta, structure, k) {
  own <- dense_structures[[structure]]$factor
  if (!is.null(own)) return(own(theta, k))
  replace(matrix(0, k, k), dense_place(structure, k), theta)
}

dense_k <- function(term) if (is.null(term$basis)) 1L else ncol(term$basis)

dense_count <- function(term) nrow(dense_place(term$structure, dense_k(term)))

# One vector of all free parameters, and back.
dense_pack <- function(spec, Lambda) {
  unlist(Map(function(L, term) dense_free(L, term$structure), Lambda, spec$terms))
}

dense_unpack <- function(spec, theta) {
  counts <- vapply(spec$terms, dense_count, 1)
  parts <- split(theta, factor(rep(seq_along(counts), counts), levels = seq_along(counts)))
  Map(function(part, term) dense_factor(part, term$structure, dense_k(term)),
      unname(parts), spec$terms)
}

# Gradient of dense_deviance() in the free parameters, Richardson extrapolation.
dense_gradient <- function(spec, Lambda) {
  numDeriv::grad(function(theta) dense_deviance(spec, dense_unpack(spec, theta)),
                 dense_pack(spec, Lambda))
}

# Scale of each free parameter: one over the root mean square of the basis columns whose row of the
# factor it stands in.
dense_scales <- function(spec) {
  unlist(lapply(spec$terms, function(term) {
    rms <- if (is.null(term$basis)) 1 else sqrt(colMeans(term$basis^2))
    k <- length(rms)
    vapply(seq_len(dense_count(term)), function(i) {
      unit <- replace(numeric(dense_count(term)), i, 1)
      1 / mean(rms[rowSums(abs(dense_factor(unit, term$structure, k))) > 0])
    }, 1)
  }))
}

dense_lower <- function(spec) {
  unlist(lapply(spec$terms, function(term) {
    k <- dense_k(term)
    lower <- matrix(-Inf, k, k)
    diag(lower) <- 0
    dense_free(lower, term$structure)
  }))
}

# Best factors by a general optimiser from several starts; the list that fit_lmm_cpp() returns.
dense_fit <- function(spec, starts = c(1, 0.2, 3)) {
  scales <- dense_scales(spec)
  objective <- function(u) dense_deviance(spec, dense_unpack(spec, u * scales))
  unit <- dense_pack(spec, lapply(spec$terms, function(term) diag(1, dense_k(term))))
  best <- NULL
  evaluations <- 0L
  if (length(unit)) {
    lower <- dense_lower(spec)
    tight <- list(rel.tol = 1e-15, x.tol = 1e-12, eval.max = 2000, iter.max = 1000)
    for (start in starts) {
      found <- stats::nlminb(start * unit, objective, lower = lower, control = tight)
      found <- stats::nlminb(found$par, objective, lower = lower, control = tight)
      evaluations <- evaluations + found$evaluations[[1L]]
      if (is.null(best) || found$objective < best$objective) best <- found
    }
  }
  dense_result(spec, dense_unpack(spec, best$par * scales), evaluations)
}

dense_result <- function(spec, Lambda, evaluations = 0L) {
  gls <- dense_gls(spec, Lambda)
  sigma <- dense_sigma(spec, gls)
  beta <- rep(NA_real_, ncol(spec$X))
  beta[gls$kept] <- gls$beta
  modes <- dense_modes(gls, Lambda)
  singular <- vapply(Lambda, function(L) rcond_factor(L) < 1e-5, NA)
  list(coefficients = beta, vcov = sigma^2 * gls$inverse, kept = gls$kept, sigma = sigma,
       Lambda = Lambda, modes = modes, fitted = dense_fitted(spec, gls, modes),
       deviance = dense_deviance(spec, Lambda), n_used = gls$n,
       npar = as.integer(gls$rank + sum(vapply(spec$terms, dense_count, 1)) + 1L),
       status = if (any(singular)) "boundary" else "converged",
       gain = 0, gradient_norm = 0, iterations = evaluations, evaluations = evaluations,
       boundary = lapply(seq_along(Lambda), function(j) dense_boundary(Lambda[[j]], singular[j])),
       condition = 1)
}

# Smallest over largest singular value.
rcond_factor <- function(L) {
  d <- svd(L, 0L, 0L)$d
  if (d[1L] == 0) 0 else d[length(d)] / d[1L]
}

dense_boundary <- function(L, singular) {
  if (!singular) return(NULL)
  parts <- svd(L)
  zero <- parts$d <= 1e-5 * max(parts$d, .Machine$double.xmin)
  list(directions = parts$u[, zero, drop = FALSE], multipliers = rep(NA_real_, sum(zero)))
}

# b = Lambda Lambda' Z' M^-1 (y - X beta), one matrix (levels x k) a term.
dense_modes <- function(gls, Lambda) {
  rows <- gls$rows
  residual <- rows$y - rows$X[, gls$kept, drop = FALSE] %*% gls$beta
  solved <- backsolve(t(gls$root), forwardsolve(gls$root, residual))
  Map(function(term, L) {
    b <- matrix(crossprod(dense_z(term), solved), ncol(term$basis))
    t(L %*% crossprod(L, b))
  }, rows$terms, Lambda)
}

dense_fitted <- function(spec, gls, modes) {
  value <- gls$rows$offset + drop(spec$X[, gls$kept, drop = FALSE] %*% gls$beta)
  for (j in seq_along(spec$terms)) {
    term <- spec$terms[[j]]
    basis <- if (is.null(term$basis)) matrix(1, length(spec$y), 1L) else term$basis
    value <- value + rowSums(basis * modes[[j]][term$codes, , drop = FALSE])
  }
  as.double(value)
}

# vcov_psi and dvcov of infer_lmm_cpp(): observed Hessian of the unprofiled criterion in
# psi = (free parameters, log sigma^2), and the derivatives of vcov(beta), both numerical.
dense_infer <- function(spec, Lambda, sigma) {
  scales <- c(dense_scales(spec), 1)
  psi <- c(dense_pack(spec, Lambda), 2 * log(sigma)) / scales
  count <- length(psi)
  factors <- function(psi) dense_unpack(spec, (psi * scales)[-count])
  spread <- function(psi) exp(psi[count] / 2)
  hessian <- numDeriv::hessian(function(psi) dense_criterion(spec, factors(psi), spread(psi)), psi)
  jacobian <- numDeriv::jacobian(
    function(psi) spread(psi)^2 * dense_gls(spec, factors(psi))$inverse, psi)
  r <- sqrt(nrow(jacobian))
  list(vcov_psi = 2 * symmetric_inverse(hessian) * outer(scales, scales),
       dvcov = lapply(seq_len(count), function(i) matrix(jacobian[, i] / scales[i], r, r)))
}

# Inverse that leaves out directions in which the criterion is flat.
symmetric_inverse <- function(H) {
  parts <- eigen((H + t(H)) / 2, symmetric = TRUE)
  use <- parts$values > 1e-7 * max(parts$values)
  U <- parts$vectors[, use, drop = FALSE]
  U %*% (t(U) / parts$values[use])
}

# Var(b | y, beta): sigma^2 Lambda (Lambda' Z' W Z Lambda + I)^-1 Lambda', all terms together,
# of which the blocks of each level are returned.
dense_condvar <- function(spec, Lambda, sigma) {
  rows <- dense_rows(spec)
  zl <- do.call(cbind, Map(function(term, L) {
    dense_z(term) %*% kronecker(diag(term$n_levels), L)
  }, rows$terms, Lambda))
  inverse <- chol2inv(chol(crossprod(zl * sqrt(rows$weights)) + diag(ncol(zl))))
  before <- 0L
  lapply(seq_along(rows$terms), function(j) {
    term <- rows$terms[[j]]
    k <- ncol(term$basis)
    blocks <- array(0, c(k, k, term$n_levels))
    for (level in seq_len(term$n_levels)) {
      at <- before + (level - 1L) * k + seq_len(k)
      blocks[, , level] <- sigma^2 * Lambda[[j]] %*% inverse[at, at] %*% t(Lambda[[j]])
    }
    before <<- before + k * term$n_levels
    blocks
  })
}
