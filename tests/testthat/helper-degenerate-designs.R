# Random designs at the edges of what a mixed model can be: fixed effects that saturate a grouping
# factor, variances that cannot be told apart, collinear columns, two groups, no variance at all,
# next to designs of the same shape that are sound. What a fit has to say about each is found by
# plain algebra with n x n matrices.

degenerate_kinds <- c(
  saturated_intercept = "y ~ f * g + x + (1 | g)",
  saturated_slope = "y ~ g * x + (x | g)",
  saturated_diagonal = "y ~ g * x + (x || g)",
  half_saturated = "y ~ g + x + (x | g)",
  two_groups = "y ~ two + x + (1 | two)",
  between_slope = "y ~ z + (z | g)",
  between_slope_alone = "y ~ z + (1 | g) + (0 + z | g)",
  between_factor = "y ~ arm + (1 | g) + (0 + arm | g)",
  cells = "y ~ f + (1 | g) + (0 + f || g)",
  cells_correlated = "y ~ f + (0 + f | g)",
  repeated_factor = "y ~ f + (0 + f | g) + (1 | g)",
  coincident = "y ~ x + (1 | g) + (1 | twin)",
  coarser = "y ~ x + (1 | g) + (1 | part)",
  one_row_a_level = "y ~ x + (1 | row) + (1 | g)",
  pairs = "y ~ x + (1 | pair)",
  copied_column = "y ~ x + x2 + f + (x | g)",
  dummies = "y ~ f + fb + fc + x + (1 | g)",
  copied_slope = "y ~ x + (x + x2 | g)",
  crossed = "y ~ x + (1 | g) + (1 | h)",
  crossed_slopes = "y ~ x + f + (x | g) + (1 | h)",
  many_columns = "y ~ x + (0 + f | g) + (1 | h)",
  nested = "y ~ x + (1 | g / k)")

# `seed` picks the kind in turn; sizes, truth and criterion are random.
degenerate_design <- function(seed, families = NULL) {
  set.seed(seed)
  kind <- names(degenerate_kinds)[(seed - 1L) %% length(degenerate_kinds) + 1L]
  groups <- sample(c(3L, 4L, 6L, 10L, 20L), 1L)
  size <- sample(c(3L, 4L, 6L, 12L), 1L)
  n <- groups * size
  d <- data.frame(g = gl(groups, size, labels = paste0("g", seq_len(groups))))
  d$f <- factor(rep_len(c("a", "b", "c"), n))
  if (startsWith(kind, "cells") && stats::runif(1L) < 0.5) {
    d <- data.frame(g = gl(groups, 3L), f = factor(rep(c("a", "b", "c"), groups)))
    n <- nrow(d)
  }
  d$x <- stats::rnorm(n)
  d$h <- factor(sample(letters[1:5], n, TRUE))
  d$k <- factor(rep_len(c("k1", "k2"), n))
  d$two <- factor(rep_len(c("a", "b"), n))
  d$arm <- factor(ifelse(as.integer(d$g) %% 2L == 0L, "t", "c"))
  d$z <- if (stats::runif(1L) < 0.7) as.integer(d$g) %% 2 else stats::rnorm(groups)[d$g]
  d$twin <- factor(paste0("t", rev(seq_len(groups))[d$g]))
  d$part <- factor(ifelse(stats::runif(1L) < 0.5, 2L, 1L) * as.integer(d$g) %/% 2L)
  d$row <- factor(seq_len(n))
  d$pair <- factor((seq_len(n) + 1L) %/% 2L)
  d$x2 <- 3 * d$x - 1
  d$fb <- as.numeric(d$f == "b")
  d$fc <- as.numeric(d$f == "c")
  sd <- sample(c(0, 0.5, 1), 1L)
  eta <- 0.3 + 0.4 * d$x + sd * stats::rnorm(groups)[d$g] +
    sd / 2 * stats::rnorm(groups)[d$g] * d$x + sd / 2 * stats::rnorm(5L)[d$h]
  family <- if (length(families)) families[[sample(length(families), 1L)]]
  d$m <- 1
  d$y <- if (is.null(family)) eta + stats::rnorm(n) else switch(
    family$family, poisson = stats::rpois(n, exp(eta / 2 + 1)),
    binomial = stats::rbinom(n, 8, stats::plogis(eta / 2)) / 8)
  if (identical(family$family, "binomial")) d$m <- 8
  list(data = d, kind = kind, reml = is.null(family) && stats::runif(1L) < 0.6, family = family,
       formula = stats::as.formula(degenerate_kinds[[kind]], env = globalenv()),
       name = paste(seed, kind, family$family))
}

fit_degenerate <- function(case) {
  if (is.null(case$family)) return(lmm(case$formula, case$data, REML = case$reml))
  glmm(case$formula, case$data, family = case$family, weights = case$data$m)
}

# The terms as basis, codes and whether they have covariances, read with model.matrix() alone.
degenerate_terms <- function(case) {
  d <- case$data
  text <- deparse1(case$formula[[3L]])
  text <- sub("(1 | g/k)", "(1 | g) + (1 | g:k)", text, fixed = TRUE)
  bars <- regmatches(text, gregexpr("\\([^()]*\\|+[^()]*\\)", text))[[1L]]
  lapply(bars, function(bar) {
    sides <- trimws(strsplit(gsub("[()]", "", bar), "\\|+")[[1L]])
    basis <- stats::model.matrix(stats::as.formula(paste("~", sides[1L])), d)
    codes <- as.integer(eval(str2lang(paste0("interaction(", gsub(":", ",", sides[2L]),
                                             ", drop = TRUE)")), d))
    list(basis = basis, codes = codes, correlated = !grepl("||", bar, fixed = TRUE))
  })
}

# Under REML of what the fixed effects leave, without columns that they take up whole: these have a
# variance of zero.
degenerate_identified <- function(case) {
  terms <- degenerate_terms(case)
  n <- nrow(case$data)
  if (!case$reml) return(dense_identified(terms, n, residual = is.null(case$family)))
  X <- degenerate_fixed(case)
  decomposed <- qr(X, tol = 1e-9)
  terms <- lapply(terms, function(term) {
    left <- vapply(seq_len(ncol(term$basis)), function(a) {
      z <- dense_z(list(basis = term$basis[, a, drop = FALSE], codes = term$codes,
                        n_levels = max(term$codes)))
      max(abs(qr.resid(decomposed, z))) > 1e-8
    }, NA)
    term$basis <- term$basis[, left, drop = FALSE]
    term
  })
  dense_identified(terms[vapply(terms, function(t) ncol(t$basis) > 0L, NA)], n, TRUE, X)
}

degenerate_fixed <- function(case) {
  stats::model.matrix(reformulas::nobars(case$formula)[-2L], case$data)
}

degenerate_random <- function(case) {
  do.call(cbind, lapply(degenerate_terms(case), function(term) {
    dense_z(list(basis = term$basis, codes = term$codes, n_levels = max(term$codes)))
  }))
}

# Do the fixed effects span all random columns?
degenerate_saturated <- function(case) {
  decomposed <- qr(degenerate_fixed(case), tol = 1e-9)
  max(abs(qr.resid(decomposed, degenerate_random(case)))) < 1e-8
}

# May a fit say that nothing is left for a residual? Where the fixed effects reproduce every
# response; and of a linear model where they do so with the random ones, and the likelihood may
# grow without end.
degenerate_exhausted <- function(case) {
  X <- degenerate_fixed(case)
  if (is.null(case$family)) X <- cbind(X, degenerate_random(case))
  qr(X, tol = 1e-9)$rank == nrow(X)
}

# Is the likelihood of the fixed part without a maximum?
degenerate_separated <- function(case) {
  if (is.null(case$family)) return(FALSE)
  X <- degenerate_fixed(case)
  decomposed <- qr(X, tol = 1e-9)
  X <- X[, decomposed$pivot[seq_len(decomposed$rank)], drop = FALSE]
  separates(X, up = case$family$family == "binomial" & case$data$y == 1, down = case$data$y == 0)
}

# What is wrong with what a fit says and with its numbers, as text; empty: nothing.
degenerate_complaints <- function(case) {
  heard <- listen(fit_degenerate(case))
  identified <- degenerate_identified(case)
  kinds <- vapply(heard$conditions, function(x) {
    if (inherits(x, "tiers_message")) "message" else class(x)[1L]
  }, "")
  unclassed <- length(without_class(heard$conditions)) > 0L
  said <- function(what) {
    paste0(case$name, ": ", what, "\n    ",
           paste(condition_texts(heard$conditions), collapse = "\n    "))
  }
  if (unclassed) return(said("a condition without a class"))
  if (!identified) {
    if (!"tiers_error_model" %in% kinds && !"tiers_error_formula" %in% kinds) {
      return(said("variances that cannot be told apart are not refused"))
    }
    return(character())
  }
  if ("tiers_error_model" %in% kinds && degenerate_exhausted(case)) return(character())
  if (any(startsWith(kinds, "tiers_error"))) return(said("an identified model is refused"))
  separated <- "tiers_warning_separation" %in% kinds && degenerate_separated(case)
  if (separated) kinds <- setdiff(kinds, "tiers_warning_separation")
  if (any(startsWith(kinds, "tiers_warning"))) return(said("a warning"))
  if (!degenerate_saturated(case)) return(character())
  family <- if (is.null(case$family)) stats::gaussian() else case$family
  plain_fit <- stats::glm(reformulas::nobars(case$formula), family, case$data, weights = m)
  off <- max(abs(fixef(heard$value) - stats::coef(plain_fit)), na.rm = TRUE)
  variance <- max(vapply(heard$value$random, function(term) max(abs(term$Lambda)), 1))
  if (variance == 0 && (separated || off < 1e-5)) return(character())
  said(sprintf("saturated: largest factor %g, coefficients off by %g", variance, off))
}
