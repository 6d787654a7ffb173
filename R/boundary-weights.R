# The distribution of a likelihood ratio statistic when variances that are zero under the smaller
# model are tested (Self and Liang 1987; Stram and Lee 1994): a mixture of chi-squares, "chi-bar".
#
# In the entries of G, with half the information of the larger model at the smaller one's fit as the
# metric, the statistic is asymptotically the squared length of the projection of a normal vector on
# the directions in which the larger model can leave the smaller one: a subspace, of dimension
# `free`, times a cone, of matrices N'Delta N that are positive semidefinite, N the directions of a
# term that have no variance under the smaller model. Everything else has left by a Schur
# complement. A shape is list(free, sizes, metric): `sizes` of the matrices of the cone, `metric` of
# their lower triangles, column by column.

# P(statistic > x).
chi_bar_tail <- function(x, shape) {
  if (is.na(x)) return(NA_real_)
  if (x <= 0) return(1)
  weights <- chi_bar_weights(shape)
  if (!is.null(weights)) {
    df <- shape$free + seq_along(weights) - 1
    return(sum(weights * ifelse(df == 0, 0, stats::pchisq(x, df, lower.tail = FALSE))))
  }
  # The share of the squared length that the projection keeps is independent of the length.
  share <- projected_shares(shape)
  d <- shape$free + nrow(shape$metric)
  mean(stats::pchisq(x / share, d, lower.tail = FALSE))
}

# Weights of free, free + 1, ... degrees of freedom where they have a closed form, else NULL.
chi_bar_weights <- function(shape) {
  sizes <- shape$sizes
  if (length(sizes) == 0L) return(1)
  if (identical(as.integer(sizes), 1L)) return(c(0.5, 0.5))
  if (identical(as.integer(sizes), 2L)) return(two_by_two_weights(shape$metric))
  if (any(sizes > 1L) || length(sizes) > 3L) return(NULL)
  orthant_weights(solve(shape$metric))
}

# Two or three variances; `covariance` of the normal vector.
orthant_weights <- function(covariance) {
  r <- stats::cov2cor(covariance)
  angle <- function(x) acos(pmin(pmax(x, -1), 1))
  if (nrow(r) == 2L) {
    both <- angle(-r[1L, 2L]) / (2 * pi)
    return(c(0.5 - both, 0.5, both))
  }
  partial <- function(i, j, k) {
    (r[i, j] - r[i, k] * r[j, k]) / sqrt((1 - r[i, k]^2) * (1 - r[j, k]^2))
  }
  all <- (2 * pi - sum(angle(r[lower.tri(r)]))) / (4 * pi)
  two <- (3 * pi - sum(angle(c(partial(1, 2, 3), partial(1, 3, 2), partial(2, 3, 1))))) / (4 * pi)
  c(0.5 - two, 0.5 - all, two, all)
}

# Matrices of two rows: x(t), the images of (cos t, sin t)(cos t, sin t)', is the edge of the cone;
# its length and curvature on the sphere give the weights (Gauss and Bonnet).
two_by_two_weights <- function(metric, points = 128L) {
  root <- chol(metric)
  t <- pi * (seq_len(points) - 1) / points
  # Entries (1, 1), (2, 1), (2, 2) and their derivatives by t.
  x <- root %*% rbind(cos(t)^2, sin(t) * cos(t), sin(t)^2)
  first <- root %*% rbind(-sin(2 * t), cos(2 * t), sin(2 * t))
  second <- 2 * root %*% rbind(-cos(2 * t), -sin(2 * t), cos(2 * t))
  cross <- rbind(x[2L, ] * first[3L, ] - x[3L, ] * first[2L, ],
                 x[3L, ] * first[1L, ] - x[1L, ] * first[3L, ],
                 x[1L, ] * first[2L, ] - x[2L, ] * first[1L, ])
  area <- sqrt(colSums(cross^2))
  size <- sqrt(colSums(x^2))
  edge <- mean(area / size^2) / 4
  inside <- 0.5 - mean(abs(colSums(second * cross)) * size / area^2) / 4
  c(0.5 - edge, 0.5 - inside, edge, inside)
}

# Shares of the squared length that projections keep, of random directions; always the same ones.
projected_shares <- function(shape, draws = 20000L) {
  c <- nrow(shape$metric)
  state <- start_seed(1)
  normal <- matrix(stats::rnorm(draws * (shape$free + c)), shape$free + c)
  state$restore()
  in_cone <- normal[shape$free + seq_len(c), , drop = FALSE]
  kept <- run_projected_squares(shape$metric, shape$sizes, in_cone) +
    colSums(normal[seq_len(shape$free), , drop = FALSE]^2)
  pmin(kept / colSums(normal^2), 1)
}

# "1/2 chi2(1) + 1/2 chi2(2)"
mixture_words <- function(shape) {
  weights <- chi_bar_weights(shape)
  if (is.null(weights)) {
    return(paste0("mixture of chi2(", shape$free, ") to chi2(", shape$free + nrow(shape$metric),
                  "), simulated"))
  }
  df <- shape$free + seq_along(weights) - 1
  if (length(weights) == 1L) return(paste0("chi2(", df, ")"))
  shown <- ifelse(weights == 0.5, "1/2", formatC(weights, digits = 2L, format = "f"))
  paste0(shown, " chi2(", df, ")", collapse = " + ")
}

# From models to shapes ----------------------------------------------------------------------------

# `terms` of the larger model (list(structure, columns)), `bases` their columns (list(basis));
# `roots` of its covariance matrices under the smaller one, G = root root'; `nuisance` the
# directions in psi (a row for each form, and one for what is left) that the smaller model can move
# in; `pinned` for each term the directions whose variance the smaller model has and estimates at
# zero (k x d): it counts as positive, since only a tested variance is zero by hypothesis.
# `information(forms)` is that of the coefficients of forms; `extra` are fixed effects that are
# tested along. NULL where the information is singular.
#
# The cone and the metric are taken in even coordinates, G = A H A' (see even_coordinates()): the
# origin of a covariate does not matter.
boundary_shape <- function(terms, bases, roots, nuisance, pinned, information, extra = 0) {
  forms <- variance_forms(terms)
  A <- even_coordinates(forms, bases)
  into <- function(j, columns) solve(A[[j]], columns, tol = 0)
  H <- lapply(seq_along(roots), function(j) tcrossprod(into(j, roots[[j]])))
  held <- lapply(seq_along(roots), function(j) {
    if (ncol(pinned[[j]]) == 0L) pinned[[j]] else qr.Q(qr(into(j, pinned[[j]])))
  })
  cone <- boundary_cone(terms, forms, H, held)
  constrained <- nrow(cone$rows)
  free <- nrow(nuisance) - constrained - matrix_rank(nuisance)
  if (free < 0L) return(NULL)
  shape <- list(free = free + extra, sizes = cone$sizes, metric = diag(constrained))
  # A half-space is one in every metric.
  if (constrained < 2L) return(shape)
  inner <- information(forms_in_coordinates(forms, A))
  unit <- 1 / sqrt(diag(inner))
  if (!all(is.finite(unit))) return(NULL)
  inner <- inner * outer(unit, unit)
  if (rcond(inner) < 1e-13) return(NULL)
  rows <- cbind(cone$rows, 0)[, seq_len(nrow(nuisance)), drop = FALSE] %*%
    diag(unit, length(unit))
  covariance <- rows %*% solve(inner, t(rows))
  scale <- 1 / sqrt(diag(covariance))
  shape$metric <- in_equal_units(
    solve(covariance * outer(scale, scale)) * outer(scale, scale), cone$sizes)
  shape
}

# The cone is the same in any units of the columns, D Delta D with a positive diagonal D: those in
# which each variance has length one, so that numbers of every size are exact.
in_equal_units <- function(metric, sizes) {
  unit <- unlist(lapply(seq_along(sizes), function(j) {
    k <- sizes[j]
    at <- which(lower.tri(diag(k), diag = TRUE), arr.ind = TRUE)
    own <- sum(sizes[seq_len(j - 1L)] * (sizes[seq_len(j - 1L)] + 1) / 2) + seq_len(nrow(at))
    one <- diag(metric)[own[at[, 1L] == at[, 2L]]]^-0.25
    one[at[, 1L]] * one[at[, 2L]]
  }))
  metric * outer(unit, unit)
}

# `rows` (coordinates x forms) take psi to the lower triangles of N'Delta N. Structures without
# correlations have a variance alone for each parameter.
boundary_cone <- function(terms, forms, G, pinned) {
  own <- vapply(forms, `[[`, 1L, "term")
  rows <- list()
  sizes <- integer()
  for (j in seq_along(terms)) {
    at <- which(own == j)
    blocks <- lapply(forms[at], `[[`, "block")
    add <- function(values) {
      row <- double(length(forms))
      row[at] <- values
      rows <<- c(rows, list(row))
    }
    N <- open_directions(G[[j]], pinned[[j]])
    if (ncol(N) == 0L) next
    if (has_correlations(terms[[j]])) {
      sizes <- c(sizes, ncol(N))
      for (b in seq_len(ncol(N))) for (a in b:ncol(N)) {
        add(vapply(blocks, function(E) drop(N[, a] %*% E %*% N[, b]), 1))
      }
    } else {
      for (i in seq_along(blocks)) {
        if (sum(abs(blocks[[i]] %*% N)) < 1e-8) next
        sizes <- c(sizes, 1L)
        add(replace(double(length(blocks)), i, 1))
      }
    }
  }
  list(rows = matrix(as.double(unlist(rows)), ncol = length(forms), byrow = TRUE), sizes = sizes)
}

# Orthonormal directions without variance in G and orthogonal to those that are pinned.
open_directions <- function(G, pinned) {
  size <- sqrt(pmax(diag(G), 0))
  size[size == 0] <- 1
  parts <- eigen(G / outer(size, size), symmetric = TRUE)
  zero <- parts$values <= 1e-8 * max(parts$values, 1e-300)
  N <- parts$vectors[, zero, drop = FALSE] / size
  if (ncol(N) == 0L) return(N)
  N <- qr.Q(qr(N))
  if (ncol(pinned) == 0L) return(N)
  parts <- svd(crossprod(pinned, N), nu = 0L, nv = ncol(N))
  # Columns of length one.
  N %*% parts$v[, seq_len(ncol(N)) > sum(parts$d > 1e-8), drop = FALSE]
}

# Columns that span the psi with Delta R = 0 for the directions R that each term has lost.
allowed_directions <- function(forms, lost, length) {
  conditions <- lapply(seq_along(lost), function(j) {
    R <- lost[[j]]
    if (ncol(R) == 0L) return(NULL)
    columns <- vapply(forms, function(form) {
      if (form$term == j) as.double(form$block %*% R) else double(length(R))
    }, double(length(R)))
    matrix(columns, ncol = base::length(forms))
  })
  conditions <- do.call(rbind, conditions)
  if (is.null(conditions)) return(diag(1, length))
  null_space(cbind(conditions, matrix(0, nrow(conditions), length - base::length(forms))))
}

null_space <- function(A) {
  parts <- svd(A, nu = 0L, nv = ncol(A))
  rank <- sum(parts$d > 1e-10 * max(parts$d, 1e-300))
  parts$v[, seq_len(ncol(A)) > rank, drop = FALSE]
}

matrix_rank <- function(A) {
  if (length(A) == 0L) return(0L)
  unit <- sqrt(colSums(A^2))
  d <- svd(sweep(A, 2L, ifelse(unit > 0, unit, 1), "/"), nu = 0L, nv = 0L)$d
  sum(d > 1e-9 * max(d, 1e-300))
}
