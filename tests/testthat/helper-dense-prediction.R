# Henderson's prediction errors by their definition, with n x n matrices.

# Var(m'(b^ - b) + l'(beta^ - beta)) of all pairs of rows, V = Z G Z' + sigma^2 W^-1, at covariance
# matrices `Sigma` (absolute, one a term). M: rows x (all levels), L: rows x p of full rank.
dense_error_variance <- function(spec, Sigma, sigma2, M, L) {
  rows <- dense_rows(spec)
  X <- rows$X[, dense_kept(rows$X), drop = FALSE]
  Z <- do.call(cbind, lapply(rows$terms, dense_z))
  G <- as.matrix(Matrix::bdiag(Map(function(term, S) kronecker(diag(term$n_levels), S), rows$terms,
                                   Sigma)))
  V <- Z %*% G %*% t(Z) + diag(sigma2 / rows$weights)
  A <- M %*% G %*% t(Z) %*% solve(V)
  h <- L - A %*% X
  M %*% G %*% t(M) - A %*% Z %*% G %*% t(M) + h %*% solve(t(X) %*% solve(V, X), t(h))
}

# The columns of all levels of the terms that rows of a prediction ask for; `codes` 0: none.
dense_random_rows <- function(spec, codes, bases) {
  do.call(cbind, Map(function(term, code, basis) {
    k <- dense_k(term)
    out <- matrix(0, length(code), k * term$n_levels)
    for (i in which(code > 0)) out[i, (code[i] - 1L) * k + seq_len(k)] <- basis[i, ]
    out
  }, spec$terms, codes, bases))
}

# C as a function of the entries of each Sigma that its structure leaves free and sigma^2, and where
# the fit is.
dense_error_function <- function(fit, M, L) {
  spec <- fit_specification(fit)
  Sigma <- lapply(unname(fit$random), function(term) unname(term$Sigma))
  places <- lapply(spec$terms, function(term) dense_place(term$structure, dense_k(term)))
  at <- c(unlist(Map(function(S, place) S[place], Sigma, places)), fit$sigma^2)
  counts <- vapply(places, nrow, 1L)
  of <- function(psi) {
    parts <- split(psi[-length(psi)], rep(seq_along(counts), counts))
    changed <- Map(function(S, place, value) {
      if (nrow(place) == 1L) return(diag(value, nrow(S)))
      S[place] <- value
      S[place[, 2:1, drop = FALSE]] <- value
      S
    }, Sigma, places, unname(parts))
    dense_error_variance(spec, changed, psi[length(psi)], M, L)
  }
  list(value = of, at = at)
}

# Derivatives by the same coordinates of the linear covariance that dense_linear_covariance() has.
dense_weight <- function(fit, information = "expected") {
  spec <- fit_specification(fit)
  model <- dense_linear_covariance(spec, fit_factors(fit), fit$sigma)
  X <- model$rows$X[, dense_kept(model$rows$X), drop = FALSE]
  inverse <- solve(model$V)
  P <- inverse - inverse %*% X %*% solve(t(X) %*% inverse %*% X, t(X) %*% inverse)
  PV <- lapply(model$derivatives, function(V_a) P %*% V_a)
  K <- length(PV)
  trace <- outer(seq_len(K), seq_len(K), Vectorize(function(a, b) sum(PV[[a]] * t(PV[[b]]))))
  if (information == "expected") return(2 * solve(trace))
  e <- P %*% model$rows$y
  moved <- vapply(model$derivatives, function(V_a) drop(V_a %*% e), double(length(e)))
  2 * solve(2 * t(moved) %*% P %*% moved - trace)
}
