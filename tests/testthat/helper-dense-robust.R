# Cluster-robust covariance matrices and the degrees of freedom of tests with them by their
# definitions, with n x n matrices, at the fit's own variances. Of a generalized fit `rows` is the
# working linear model.

# list(X, V, r): V absolute, rows that count.
dense_robust_rows <- function(fit) {
  spec <- fit_specification(fit)
  rows <- dense_rows(spec)
  X <- rows$X[, !is.na(fit$coefficients), drop = FALSE]
  V <- fit$sigma^2 * dense_relative_covariance(rows, unname(lapply(fit$random, `[[`, "Lambda")))
  list(X = X, V = V, r = drop(rows$y - X %*% fit$coefficients[!is.na(fit$coefficients)]),
       used = rows$used)
}

dense_power <- function(S, power) {
  parts <- eigen((S + t(S)) / 2, symmetric = TRUE)
  use <- parts$values > 1e-9 * max(parts$values)
  parts$vectors[, use] %*% (parts$values[use]^power * t(parts$vectors[, use]))
}

# A S A = V, symmetric.
dense_correction <- function(type, V, X, phi, H) {
  S <- V - X %*% phi %*% t(X)
  if (type == "CR2") {
    root <- chol(V)
    return(t(root) %*% dense_power(root %*% S %*% t(root), -1 / 2) %*% root)
  }
  if (type == "CR3") return(solve(diag(nrow(X)) - X %*% phi %*% t(H)))
  diag(nrow(X))
}

# The matrix and functions of L for df of rows and of a joint test.
dense_robust <- function(rows, type, codes) {
  X <- rows$X
  inverse <- solve(rows$V)
  phi <- solve(t(X) %*% inverse %*% X)
  H <- inverse %*% X
  clusters <- split(seq_along(codes), codes)
  # A_i H_i of the rows of each cluster, side by side: n x p x J.
  M <- array(0, c(nrow(X), ncol(X), length(clusters)))
  for (i in seq_along(clusters)) {
    at <- clusters[[i]]
    A <- dense_correction(type, rows$V[at, at], X[at, , drop = FALSE], phi, H[at, , drop = FALSE])
    M[at, , i] <- t(A) %*% H[at, , drop = FALSE]
  }
  flat <- matrix(M, nrow(X))
  scores <- t(flat) %*% rows$r
  J <- length(clusters)
  factor <- switch(type, CR1 = J / (J - 1), CR1p = J / (J - ncol(X)),
                   CR1S = J * (nrow(X) - 1) / ((J - 1) * (nrow(X) - ncol(X))), 1)
  residual <- rows$V - X %*% phi %*% t(X)
  covariance <- t(flat) %*% residual %*% flat
  # Covariances of the scores of two contrasts over the clusters.
  pairs <- function(a, b) {
    t(kronecker(diag(J), phi %*% a)) %*% covariance %*% kronecker(diag(J), phi %*% b)
  }
  list(
    vcov = factor * phi %*% tcrossprod(matrix(scores, ncol(X))) %*% phi,
    df = function(l) {
      P <- pairs(l, l)
      sum(diag(P))^2 / sum(P^2)
    },
    eta = function(L) {
      l <- nrow(L)
      trace <- function(s, t) sum(diag(pairs(L[s, ], L[t, ])))
      mean <- outer(seq_len(l), seq_len(l), Vectorize(trace))
      L <- dense_power(mean, -1 / 2) %*% L
      total <- 0
      for (s in seq_len(l)) for (t in seq_len(l)) {
        total <- total + sum(pairs(L[s, ], L[s, ]) * pairs(L[t, ], L[t, ])) +
          sum(pairs(L[s, ], L[t, ]) * pairs(L[t, ], L[s, ]))
      }
      l * (l + 1) / total
    })
}

expect_robust <- function(fit, cluster, types = c("CR0", "CR1", "CR2", "CR3"), tolerance = 1e-9) {
  rows <- dense_robust_rows(fit)
  codes <- read_clusters(fit, cluster)[[1L]][rows$used]
  for (type in types) {
    truth <- dense_robust(rows, type, codes)
    V <- suppressWarnings(vcov(fit, type = type, cluster = cluster, complete = FALSE))
    scale <- sqrt(diag(truth$vcov))
    expect_lt(max(abs(V - truth$vcov) / outer(scale, scale)), tolerance, label = type)
    ddf <- prepare_ddf(fit, "bell-mccaffrey", V)
    L <- kept_rows(fit)
    expect_equal(ddf$df_rows(L), unname(apply(L, 1L, truth$df)), tolerance = tolerance,
                 label = paste("df of", type))
    if (nrow(L) < 3L) next
    eta <- truth$eta(L[2:3, ])
    expect_equal(ddf$df_joint(L[2:3, ]), list(df = eta - 1, scale = (eta - 1) / eta),
                 tolerance = tolerance, label = paste("joint df of", type))
  }
}
