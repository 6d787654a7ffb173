# Linear models with a residual covariance structure by dense algebra: the multivariate normal
# density itself, with structures written from their definitions in natural parameters.

# Correlations or covariances of rows at times `t` (in steps or as they are) that are visits `v`,
# from the named parameters of one group.
residual_sigma <- function(structure, p, t, v) {
  m <- length(t)
  gap <- abs(outer(t, t, "-"))
  named <- function(word) unname(p[startsWith(names(p), word)])
  sd <- function(C) if (length(named("sd_"))) C * outer(named("sd_")[v], named("sd_")[v]) else C
  one <- if ("sd" %in% names(p)) p[["sd"]]^2 else 1
  same <- diag(1, m)
  with_nugget <- function(C) {
    if ("nugget" %in% names(p)) (1 - p[["nugget"]]) * C + p[["nugget"]] * same else C
  }
  pairs <- function(all) {
    T <- max(length(named("sd_")), length(named("var_")))
    C <- diag(1, T)
    C[lower.tri(C)] <- all
    C[upper.tri(C)] <- t(C)[upper.tri(C)]
    C[v, v]
  }
  one * switch(
    structure,
    us = sd(pairs(named("cor_"))),
    id = same, diag = sd(same),
    cs = (1 - p[["cor"]]) * same + p[["cor"]], csh = sd((1 - p[["cor"]]) * same + p[["cor"]]),
    ar1 = with_nugget(p[["cor"]]^gap), ar1h = sd(p[["cor"]]^gap),
    ou = with_nugget(p[["cor"]]^gap),
    sp_exp = with_nugget(exp(-gap / p[["range"]])),
    sp_gau = with_nugget(exp(-(gap / p[["range"]])^2)),
    toep = dense_lags(p, gap), toeph = sd(dense_lags(p, gap)),
    ante = {
      r <- c(0, cumsum(log(abs(named("cor_")))))
      sign <- cumprod(c(1, sign(named("cor_"))))
      sd(exp(-abs(outer(r[v], r[v], "-"))) * outer(sign[v], sign[v]))
    },
    arma11 = ifelse(gap == 0, 1, p[["gamma"]] * p[["rho"]]^(gap - 1)),
    hf = outer(named("var_")[v], named("var_")[v], "+") / 2 - p[["lambda"]] * (1 - same))
}

dense_lags <- function(p, gap) {
  lag <- ifelse(gap == 0, 1, 0)
  for (name in grep("^cor_lag", names(p), value = TRUE)) {
    lag[gap == as.numeric(sub("cor_lag", "", name))] <- p[[name]]
  }
  lag
}

# -2 log-likelihood of y ~ N(X beta, V), beta estimated; REML with the constants of lme() and gls().
gaussian_deviance <- function(y, X, V, reml) {
  L <- t(chol(V))
  X <- forwardsolve(L, X)
  y <- forwardsolve(L, y)
  rest <- qr.resid(qr(X), y)
  p <- if (reml) ncol(X) else 0
  value <- (length(y) - p) * log(2 * pi) + 2 * sum(log(diag(L))) + sum(rest^2)
  if (reml) value + as.numeric(determinant(crossprod(X))$modulus) else value
}

# V of a fit from its printed parameters: `time`, `visit` and `subject` of its rows; `random` the
# variance matrices of the random effects by term.
dense_covariance <- function(fit, subject, time, visit, by = rep(1L, length(time))) {
  table <- fit$parameters
  own <- table[table$type == "residual", ]
  word <- sub("\\|residual.*", "", own$name)
  group <- sub("^.*\\|residual:?", "", own$name)
  levels <- if (any(nzchar(group))) unique(group) else ""
  n <- length(time)
  R <- matrix(0, n, n)
  for (rows in split(seq_len(n), subject)) {
    mine <- group == levels[by[rows[1L]]]
    p <- stats::setNames(own$estimate[mine], word[mine])
    R[rows, rows] <- residual_sigma(fit$residual$structure, p, time[rows], visit[rows])
  }
  gamma <- table$estimate[table$type == "dispersion"]
  size <- if (is.na(fit$sigma)) rep(1, n) else rep(fit$sigma, n)
  if (length(gamma)) {
    Z <- model.matrix(fit$dispersion$terms, fit$frame)[, -1L, drop = FALSE]
    size <- size * exp(drop(Z %*% gamma))
  }
  weights <- model.weights(fit$frame)
  if (!is.null(weights)) size <- size / sqrt(weights)
  V <- R * outer(size, size)
  for (j in seq_along(fit$random)) {
    at <- random_basis(fit, j)
    same <- outer(at$codes, at$codes, `==`)
    V <- V + same * (at$basis %*% fit$random[[j]]$Sigma %*% t(at$basis))
  }
  V
}
