# Inference by its definitions, with n x n matrices. `spec` is what model_specification() makes,
# `Lambda` the factors relative to sigma.

# V and its derivatives with respect to the entries of G that the structures leave free, and
# sigma^2 last. V is linear in them. Variances of diag() that are zero are left out, unless `zeros`.
dense_linear_covariance <- function(spec, Lambda, sigma, zeros = FALSE) {
  rows <- dense_rows(spec)
  derivatives <- list()
  for (j in seq_along(rows$terms)) {
    term <- rows$terms[[j]]
    k <- ncol(term$basis)
    z <- dense_z(term)
    level <- diag(term$n_levels)
    add <- function(E) derivatives <<- c(derivatives, list(z %*% kronecker(level, E) %*% t(z)))
    pairs <- which(lower.tri(diag(k), diag = TRUE), arr.ind = TRUE)
    entry <- function(a, b) {
      E <- matrix(0, k, k)
      E[a, b] <- E[b, a] <- 1
      E
    }
    switch(term$structure,
           us = for (i in seq_len(nrow(pairs))) add(entry(pairs[i, 1L], pairs[i, 2L])),
           diag = for (a in seq_len(k)) if (zeros || Lambda[[j]][a, a] > 0) add(entry(a, a)),
           id = add(diag(k)))
  }
  list(V = sigma^2 * dense_relative_covariance(rows, Lambda), rows = rows,
       derivatives = c(derivatives, list(diag(1 / rows$weights, length(rows$y)))))
}

# Everything of Kenward and Roger's method: Phi, the adjusted matrix, and a function of L that
# gives df and scale, with the expected or the observed information of the criterion. `held`:
# numbers of parameters that are known.
dense_kenward_roger <- function(spec, Lambda, sigma, information = "expected", zeros = FALSE,
                                held = integer()) {
  model <- dense_linear_covariance(spec, Lambda, sigma, zeros)
  model$derivatives <- model$derivatives[setdiff(seq_along(model$derivatives), held)]
  X <- model$rows$X[, dense_kept(model$rows$X), drop = FALSE]
  inverse <- solve(model$V)
  phi <- solve(t(X) %*% inverse %*% X)
  P <- inverse - inverse %*% X %*% phi %*% t(X) %*% inverse
  PV <- lapply(model$derivatives, function(V_a) P %*% V_a)
  K <- length(PV)
  trace <- outer(seq_len(K), seq_len(K), Vectorize(function(a, b) sum(PV[[a]] * t(PV[[b]]))))
  if (information == "observed") {
    # Of -2 log REML: 2 y'P V_a P V_b P y - tr(P V_a P V_b).
    e <- P %*% model$rows$y
    moved <- vapply(model$derivatives, function(V_a) drop(V_a %*% e), double(length(e)))
    quadratic <- t(moved) %*% P %*% moved
    W <- 2 * solve(2 * quadratic - trace)
  } else {
    W <- 2 * solve(trace)
  }
  white <- inverse %*% X
  by_parameter <- lapply(model$derivatives, function(V_a) V_a %*% white)
  P_a <- lapply(by_parameter, function(moved) -t(white) %*% moved)
  Q <- function(a, b) t(by_parameter[[a]]) %*% inverse %*% by_parameter[[b]]
  middle <- 0
  for (a in seq_len(K)) for (b in seq_len(K)) {
    middle <- middle + W[a, b] * (Q(a, b) - P_a[[a]] %*% phi %*% P_a[[b]])
  }
  adjusted <- phi + 2 * phi %*% middle %*% phi
  joint <- function(L) {
    l <- nrow(L)
    theta <- t(L) %*% solve(L %*% phi %*% t(L)) %*% L
    A1 <- A2 <- 0
    for (a in seq_len(K)) for (b in seq_len(K)) {
      Ta <- theta %*% phi %*% P_a[[a]] %*% phi
      Tb <- theta %*% phi %*% P_a[[b]] %*% phi
      A1 <- A1 + W[a, b] * sum(diag(Ta)) * sum(diag(Tb))
      A2 <- A2 + W[a, b] * sum(Ta * t(Tb))
    }
    B <- (A1 + 6 * A2) / (2 * l)
    g <- ((l + 1) * A1 - (l + 4) * A2) / ((l + 2) * A2)
    c1 <- g / (3 * l + 2 * (1 - g))
    c2 <- (l - g) / (3 * l + 2 * (1 - g))
    c3 <- (l + 2 - g) / (3 * l + 2 * (1 - g))
    E <- 1 / (1 - A2 / l)
    V <- 2 / l * (1 + c1 * B) / ((1 - c2 * B)^2 * (1 - c3 * B))
    rho <- V / (2 * E^2)
    df <- 4 + (l + 2) / (l * rho - 1)
    list(df = df, scale = df / (E * (df - 2)))
  }
  list(phi = phi, adjusted = adjusted, joint = joint)
}
