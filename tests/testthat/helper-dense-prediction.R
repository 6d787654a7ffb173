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

# Kenward and Roger's method for w'(b; beta): C, its derivatives by the entries of G and sigma^2,
# and the adjusted C, from the predictor a'y (b by Henderson, beta by generalized least squares) and
# how a moves with the parameters:
#   a = P Z G m + V^-1 X Phi l,  da_c = P (Z Gdot_c m - V_c a),  K2_cd = da_c' V da_d,
#   C = a'V a - 2 a'Z G m + m'G m,  dC_c = a'V_c a - 2 a'Z Gdot_c m + m'Gdot_c m
# (a minimizes C, so that its own change does not count). One row of M and L a contrast. `held`:
# numbers of parameters that are known.
dense_kenward_roger_errors <- function(fit, M, L, information = "expected", held = integer()) {
  rows <- dense_rows(fit_specification(fit))
  X <- rows$X[, dense_kept(rows$X), drop = FALSE]
  Z <- do.call(cbind, lapply(rows$terms, dense_z))
  spread <- function(blocks) {
    as.matrix(Matrix::bdiag(Map(function(term, S) kronecker(diag(term$n_levels), S), rows$terms,
                                blocks)))
  }
  zero <- lapply(rows$terms, function(term) matrix(0, dense_k(term), dense_k(term)))
  forms <- lapply(variance_forms(fit$random), function(form) {
    spread(replace(zero, form$term, list(form$block)))
  })
  G <- spread(lapply(unname(fit$random), function(term) unname(term$Sigma)))
  V <- Z %*% G %*% t(Z) + diag(fit$sigma^2 / rows$weights)
  by_psi <- c(lapply(forms, function(form) Z %*% form %*% t(Z)), list(diag(1 / rows$weights)))
  forms <- c(forms, list(0 * forms[[1L]]))
  free <- setdiff(seq_along(forms), held)
  forms <- forms[free]
  by_psi <- by_psi[free]
  inverse <- solve(V)
  phi <- solve(t(X) %*% inverse %*% X)
  P <- inverse - inverse %*% X %*% phi %*% t(X) %*% inverse
  K <- length(by_psi)
  trace <- outer(seq_len(K), seq_len(K), Vectorize(function(a, b) {
    sum((P %*% by_psi[[a]]) * t(P %*% by_psi[[b]]))
  }))
  e <- P %*% rows$y
  moved <- vapply(by_psi, function(V_c) drop(V_c %*% e), double(length(e)))
  W <- 2 * solve(if (information == "expected") trace else 2 * t(moved) %*% P %*% moved - trace)
  Gm <- G %*% t(M)
  a <- P %*% Z %*% Gm + inverse %*% X %*% phi %*% t(L)
  half <- t(a) %*% Z %*% Gm
  C <- t(a) %*% V %*% a - half - t(half) + M %*% Gm
  moved <- lapply(forms, function(form) Z %*% form %*% t(M))
  gradient <- Map(function(V_c, form, Zm) {
    mixed <- t(a) %*% Zm
    t(a) %*% V_c %*% a - mixed - t(mixed) + M %*% form %*% t(M)
  }, by_psi, forms, moved)
  da <- Map(function(V_c, Zm) P %*% (Zm - V_c %*% a), by_psi, moved)
  adjusted <- C
  for (c in seq_along(da)) for (d in seq_along(da)) {
    adjusted <- adjusted + 2 * W[c, d] * t(da[[c]]) %*% V %*% da[[d]]
  }
  df <- vapply(seq_len(nrow(C)), function(i) {
    g <- vapply(gradient, function(one) one[i, i], 1)
    2 * C[i, i]^2 / drop(g %*% W %*% g)
  }, 1)
  list(C = C, gradient = gradient, adjusted = adjusted, W = W, df = df)
}

# Two crossed factors, the first with slopes, and weights.
crossed_data <- function(n = 80L) {
  set.seed(3)
  d <- data.frame(a = factor(rep_len(1:8, n)), b = factor(sample(6, n, TRUE)),
                  x = round(rnorm(n), 2), w = round(runif(n, 0.5, 2), 2))
  d$y <- rnorm(8)[d$a] + rnorm(8, 0, 0.6)[d$a] * d$x + rnorm(6)[d$b] + d$x + rnorm(n) / sqrt(d$w)
  d
}
