# The exact distribution of the likelihood ratio of one variance (Crainiceanu and Ruppert 2004).
#
# With mu_s the K nonzero eigenvalues of Z'PZ, P the residual projection of W^(1/2)X, xi_s those of
# Z'WZ, w_s^2 ~ chi2(1) and D_0 ~ chi2(n - p - K), and lambda the ratio of the variances,
#   N = sum lambda mu w^2 / (1 + lambda mu),   D = D_0 + sum w^2 / (1 + lambda mu),
#   RLRT = sup (n - p) log(1 + N/D) - sum log(1 + lambda mu),
#    LRT = sup      n  log(1 + N/D) - sum log(1 + lambda xi).
# Equal eigenvalues share one chi-square.

covtest_exact <- function(fit, nsim, seed) {
  check_number(nsim, "nsim", 100, 1e7)
  tested <- exact_columns(fit)
  random <- start_seed(seed)
  if (!is.null(random$restore)) on.exit(random$restore())
  rows <- lapply(tested$at, function(at) exact_test(fit, at[1L], at[2L], nsim))
  statistic <- if (fit$REML) "RLRT" else "LRT"
  table <- data.frame(vapply(rows, `[[`, 1, "statistic"), vapply(rows, `[[`, 1, "p"))
  names(table) <- c(statistic, "p.value")
  rownames(table) <- make.unique(vapply(tested$at, function(at) {
    term <- fit$random[[at[1L]]]
    if (length(term$columns) == 1L) term$label else paste(term$columns[at[2L]], "in", term$label)
  }, ""))
  single <- length(fit$random) == 1L && length(fit$random[[1L]]$columns) == 1L
  if (!single) {
    inform("tiers_message_approximate", c(
      "The model has other random effects: the distribution is that of a model with the tested one
       alone, which is an approximation."))
  }
  structure(table, heading = c(
    paste0("Random effects left out one by one: ", if (fit$REML) "restricted ",
           "likelihood ratio tests, p values from ", format(nsim, big.mark = ","),
           " draws of the distribution", if (single) " (exact)" else " for one variance"),
    paste0("Model: ", text_of(full_formula(fit))),
    if (length(tested$correlated)) {
      paste("Not tested, correlated with others:", toString(tested$correlated))
    }, ""))
}

# Term and column of each variance that has no correlations, and the labels of the terms that have.
exact_columns <- function(fit) {
  at <- list()
  correlated <- character()
  for (j in seq_along(fit$random)) {
    term <- fit$random[[j]]
    k <- length(term$columns)
    about <- covariance_parameters(term)
    if (any(about$type != "sd") || any(about$row == 0L & k > 1L)) {
      correlated <- c(correlated, term$label)
    } else {
      at <- c(at, lapply(seq_len(k), function(c) c(j, c)))
    }
  }
  if (length(at) == 0L) {
    stop_input(c("The exact test is of one variance without correlations, and the fit has none.",
                 i = "Use {.code method = \"lrt\"}."))
  }
  list(at = at, correlated = correlated)
}

exact_test <- function(fit, j, column, nsim) {
  smaller <- fit_smaller(without_columns(fit, j, column), fit)
  statistic <- max(smaller$deviance - fit$deviance, 0)
  draws <- draw_ratios(exact_spectrum(fit, j, column), fit$REML, nsim)
  # Zero is a value that the statistic has with a positive probability.
  list(statistic = statistic,
       p = (1 + sum(draws >= statistic - 1e-9 * max(statistic, 1))) / (1 + nsim))
}

# Eigenvalues with their multiplicities, from sums over levels: Z'PZ = D - U U', D diagonal. Levels
# with the same D: by a rotation all but p of them have U = 0 and are eigenvectors.
exact_spectrum <- function(fit, j, column) {
  parts <- counting_parts(fit)
  weights <- unname(prior_weights(fit))
  weights <- weights[weights > 0]
  z <- parts$terms[[j]]$basis[, column]
  codes <- parts$terms[[j]]$codes
  p <- ncol(parts$X)
  D <- as.double(rowsum(weights * z^2, codes))
  seen <- D > 0
  U <- if (p) {
    Q <- qr.Q(qr(sqrt(weights) * unit_columns(parts$X)))
    rowsum(sqrt(weights) * z * Q, codes)[seen, , drop = FALSE]
  } else matrix(0, sum(seen), 0L)
  D <- D[seen]
  key <- match(signif(D, 12L), unique(signif(D, 12L)))
  sets <- unname(split(seq_along(D), key))
  kept <- lapply(sets, function(own) {
    rank <- min(length(own), p)
    if (rank == 0L) return(list(D = double(), U = matrix(0, 0L, p)))
    turned <- svd(U[own, , drop = FALSE], nu = 0L)
    list(D = rep(D[own[1L]], rank), U = turned$d[seq_len(rank)] * t(turned$v)[seq_len(rank), ,
                                                                             drop = FALSE])
  })
  rest <- list(values = D[vapply(sets, `[`, 1L, 1L)], times = pmax(lengths(sets) - p, 0))
  inner_D <- unlist(lapply(kept, `[[`, "D"))
  if (length(inner_D) > 4000L) {
    stop_input(c("The exact distribution needs the eigenvalues of a matrix of
                  {length(inner_D)} levels that all differ in size, too many.",
                 i = "{.code method = \"lrt\"} is as good with that many."))
  }
  inner <- if (length(inner_D)) {
    dense <- diag(inner_D, length(inner_D)) - tcrossprod(do.call(rbind, lapply(kept, `[[`, "U")))
    eigen(dense, symmetric = TRUE, only.values = TRUE)$values
  }
  values <- c(inner, rest$values)
  times <- c(rep(1, length(inner)), rest$times)
  use <- times > 0 & values > 1e-10 * max(D)
  list(mu = values[use], times = times[use], xi = unique(signif(D, 12L)),
       xi_times = as.double(tabulate(key)), n = parts$n, p = p)
}

draw_ratios <- function(spectrum, reml, nsim) {
  K <- sum(spectrum$times)
  rest <- spectrum$n - spectrum$p - K
  lambda <- 10^seq(-6, 6, length.out = 240L) / stats::median(spectrum$mu)
  shrunk <- 1 / (1 + outer(spectrum$mu, lambda))
  penalty <- if (reml) {
    colSums(spectrum$times * log1p(outer(spectrum$mu, lambda)))
  } else {
    colSums(spectrum$xi_times * log1p(outer(spectrum$xi, lambda)))
  }
  m <- if (reml) spectrum$n - spectrum$p else spectrum$n
  S <- length(spectrum$mu)
  size <- max(1, 2e6 %/% max(length(lambda), S))
  value <- double(nsim)
  for (rows in split(seq_len(nsim), (seq_len(nsim) - 1L) %/% size)) {
    r <- length(rows)
    w <- matrix(stats::rchisq(r * S, rep(spectrum$times, each = r)), r)
    D0 <- if (rest > 0) stats::rchisq(r, rest) else double(r)
    # 1 + N/D = total / D
    log_total <- log(D0 + rowSums(w))
    log_D <- log(D0 + w %*% shrunk)
    best <- double(r)
    for (l in seq_along(lambda)) best <- pmax(best, m * (log_total - log_D[, l]) - penalty[l])
    value[rows] <- best
  }
  value
}
