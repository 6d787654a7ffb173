# Is one model part of another? A likelihood ratio has a chi-square distribution only then. What is
# asked here is necessary, for models of any kind: the columns of the smaller model's design lie in
# the space of the larger one's, and so do the covariances that its random effects can give to rows.

# What of `small` is no part of `large`, as words; "" where nothing was found.
nesting_obstacle <- function(small, large) {
  n <- nrow(stats::model.frame(large))
  if (nrow(stats::model.frame(small)) != n) return("")
  if (has_structure(small) || has_structure(large)) {
    words <- structure_obstacle(small, large)
    if (nzchar(words)) return(words)
    # Residual variances have been dealt with: the random effects are left.
    if (inherits(small, "tiers_fit")) small$sigma <- 1
    large$sigma <- 1
  }
  shift <- offset_column(small) - offset_column(large)
  shifted <- any(shift != 0)
  if (shifted || !terms_contained(small, large)) {
    X <- fixed_columns(large)
    if (!in_span(fixed_columns(small), X)) return("not nested in their fixed effects")
    if (shifted && !in_span(shift, X)) return("not nested, their offsets differ")
  }
  dispersion <- dispersion_columns(small)
  if (!is.null(dispersion) && !in_span(dispersion, dispersion_columns(large) %||% rep(1, n))) {
    return("not nested in their dispersion")
  }
  # Parameters that are held or set equal leave a part of these covariances only.
  constrained <- !is.null(small$constraints) || !is.null(large$constraints)
  if (!constrained && !random_contained(small, large)) {
    pairs <- row_pairs(list(small, large), n)
    if (!in_span(covariance_columns(small, pairs, "tangent"),
                 covariance_columns(large, pairs, "entries"))) {
      return("not nested in their random effects")
    }
  }
  ""
}

# Most comparisons are of models of which the one has the other's terms as they stand: no column
# needs to be looked at then. The space of a model is the sum of those of its terms, however they
# are coded.
terms_contained <- function(small, large) {
  a <- stats::terms(small)
  b <- stats::terms(large)
  attr(a, "intercept") <= attr(b, "intercept") &&
    all(attr(a, "term.labels") %in% attr(b, "term.labels")) && same_variables(small, large)
}

random_contained <- function(small, large) {
  if (!inherits(small, "tiers_fit")) return(FALSE)
  words <- function(fit) {
    vapply(fit$random, function(term) paste(term$label, term$structure), "")
  }
  inherits(large, "tiers_fit") && has_residual(small) == has_residual(large) &&
    all(words(small) %in% words(large)) && same_variables(small, large)
}

same_variables <- function(small, large) {
  a <- stats::model.frame(small)
  b <- stats::model.frame(large)
  all(vapply(intersect(names(a)[-1L], names(b)[-1L]), function(name) {
    identical(a[[name]], b[[name]])
  }, NA))
}

fixed_columns <- function(fit) {
  plain_matrix(if (inherits(fit, "tiers_fit")) fixed_matrix(fit) else stats::model.matrix(fit))
}

offset_column <- function(fit) {
  offset <- if (inherits(fit, "tiers_fit")) fixed_offset(fit) else fit$offset
  if (length(offset)) as.double(offset) else double(nrow(stats::model.frame(fit)))
}

# The model of a dispersion parameter; NULL for a constant, which is part of every other.
dispersion_columns <- function(fit) if (inherits(fit, "tiers_fit")) dispersion_matrix(fit)

# Are the columns of `a` combinations of those of `b`? Means are taken off where they can be, so
# that the origin of a variable does not hide what it adds. `tolerance` is relative to the length of
# a column.
in_span <- function(a, b, tolerance = 1e-6) {
  a <- as.matrix(a)
  b <- as.matrix(b)
  residual <- function(x, parts) if (parts$rank == 0L) x else qr.resid(parts, x)
  unit <- function(x) {
    norm <- sqrt(colSums(x^2))
    sweep(x, 2L, ifelse(norm > 0, norm, 1), "/")
  }
  one <- residual(rep(1, nrow(b)), qr(unit(b)))
  if (nrow(a) > 0L && sum(one^2) < tolerance^2 * nrow(a)) {
    largest <- pmax(apply(abs(a), 2L, max), 0)
    a <- sweep(a, 2L, colMeans(a))
    # A constant is not all rounding.
    a[, sqrt(colSums(a^2)) <= 1e-12 * largest * sqrt(nrow(a))] <- 0
    b <- sweep(b, 2L, colMeans(b))
  }
  all(colSums(residual(unit(a), qr(unit(b)))^2) <= tolerance^2)
}

# Covariances --------------------------------------------------------------------------------------

# Pairs of rows in whose covariances the models are compared: rows with themselves, with some others
# of the same group for each term, and with some of other groups. A few thousand are enough to tell
# two models apart, and a pair too few only leaves the test in.
row_pairs <- function(fits, n, limit = 500L) {
  some <- unique(round(seq(1, n, length.out = min(n, limit))))
  first <- some
  second <- some
  add <- function(order, codes, lag) {
    at <- unique(round(seq(1, max(n - lag, 1), length.out = min(n, limit))))
    at <- at[at + lag <= n]
    here <- order[at]
    there <- order[at + lag]
    same <- codes[here] == codes[there]
    first <<- c(first, here[same])
    second <<- c(second, there[same])
  }
  for (lag in c(1L, 2L, 7L)) add(seq_len(n), rep(1L, n), lag)
  for (fit in Filter(function(fit) inherits(fit, "tiers_fit"), fits)) {
    for (j in seq_along(fit$random)) {
      codes <- random_basis(fit, j)$codes
      order <- order(codes)
      for (lag in c(1L, 2L, 3L, 5L, 8L)) add(order, codes, lag)
    }
  }
  unique(cbind(first, second))
}

# One column for each parameter: the derivative of the covariances of the pairs by the coefficients
# of variance_forms() and, last, by the residual variance.
covariance_columns <- function(fit, pairs, curved = "stop") {
  same_row <- pairs[, 1L] == pairs[, 2L]
  residual <- if (inherits(fit, "tiers_fit")) has_residual(fit) else {
    isTRUE(family_traits(family_of(fit)$name)$residual)
  }
  columns <- if (residual) matrix(same_row / row_weights(fit)[pairs[, 1L]], ncol = 1L)
  random <- if (inherits(fit, "tiers_fit")) fit$random
  terms <- lapply(seq_along(random), function(j) {
    at <- random_basis(fit, j)
    here <- at$basis[pairs[, 1L], , drop = FALSE]
    there <- at$basis[pairs[, 2L], , drop = FALSE]
    forms <- variance_forms(random[j], curved)
    products <- vapply(forms, function(form) rowSums((here %*% form$block) * there),
                       double(nrow(pairs)))
    dim(products) <- c(nrow(pairs), length(forms))
    products * (at$codes[pairs[, 1L]] == at$codes[pairs[, 2L]])
  })
  columns <- do.call(cbind, c(terms, list(columns)))
  if (is.null(columns)) matrix(0, nrow(pairs), 0L) else columns
}

row_weights <- function(fit) {
  weights <- stats::model.weights(stats::model.frame(fit))
  if (is.null(weights)) return(rep(1, nrow(stats::model.frame(fit))))
  replace(weights, weights == 0, 1)
}
