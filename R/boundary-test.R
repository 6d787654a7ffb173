# The distribution of the likelihood ratio statistic of two fits whose random parts differ: where
# the smaller model lies among the covariance matrices of the larger one. The larger model's entries
# that give the smaller one's covariances are read off pairs of rows (methods-anova-nested.R),
# whatever the coding of its terms.

# A shape as boundary_shape() has it; NULL where the random parts are the same, and nothing is
# tested at a boundary. With `reason` where the shape cannot be found.
comparison_shape <- function(small, large, df) {
  if (has_structure(small) || has_structure(large)) return(structured_shape(small, large))
  limit <- families_differ(small, large)
  if (!limit && same_random(small, large)) return(NULL)
  if (!is.null(large$constraints)) {
    return(list(reason = "parameters of the larger model are held or set equal"))
  }
  if (any_curved(small) || any_curved(large)) {
    return(list(reason = "correlations follow from a few parameters", approximate = TRUE))
  }
  at <- smaller_in_larger(small, large)
  # Parameters that are no covariances: fixed effects and dispersion.
  extra <- df - (at$size - at$all) - limit
  spec <- fit_specification(large)
  shape <- boundary_shape(
    large$random, spec$terms, lapply(at$G, lower_root), at$nuisance, at$pinned,
    function(forms) comparison_information(small, large, spec, at, forms), extra = max(extra, 0))
  if (is.null(shape)) {
    return(list(reason = "the information about the variances is singular"))
  }
  if (limit) {
    # A dispersion at the end of its range, next to nothing else that is tested there.
    c <- nrow(shape$metric)
    shape$metric <- rbind(cbind(shape$metric, matrix(0, c, 1L)), c(double(c), 1))
    shape$sizes <- c(shape$sizes, 1L)
  }
  shape
}

families_differ <- function(small, large) family_of(small)$name != family_of(large)$name

same_random <- function(small, large) {
  if (!inherits(large, "tiers_fit") || length(large$random) == 0L) return(TRUE)
  inherits(small, "tiers_fit") && is.null(small$constraints) && is.null(large$constraints) &&
    random_contained(small, large) && random_contained(large, small)
}

# psi and the directions of the smaller model in the coordinates of the larger one's.
smaller_in_larger <- function(small, large) {
  pairs <- row_pairs(list(small, large), nrow(stats::model.frame(large)))
  to <- covariance_columns(large, pairs)
  unit <- sqrt(colSums(to^2))
  map <- qr.coef(qr(sweep(to, 2L, unit, "/")), covariance_columns(small, pairs))
  map[is.na(map)] <- 0
  dim(map) <- c(ncol(to), length(map) / ncol(to))
  # Rounding must not pass for a variance.
  largest <- apply(abs(map), 2L, max)
  map[abs(map) < rep(1e-8 * largest, each = nrow(map))] <- 0
  map <- map / unit
  own <- smaller_parameters(small, ncol(map))
  psi <- drop(map %*% own$psi)
  forms <- variance_forms(large$random)
  list(forms = forms, size = ncol(to), psi = psi, G = covariances_of(forms, psi, large$random),
       nuisance = map %*% own$directions, all = matrix_rank(map %*% own$directions),
       pinned = lapply(seq_along(large$random), function(j) {
         k <- length(large$random[[j]]$columns)
         images <- lapply(own$pinned, function(coordinates) {
           covariances_of(forms, drop(map %*% coordinates), large$random)[[j]]
         })
         range_of(Reduce(`+`, images, matrix(0, k, k)))
       }))
}

# Orthonormal columns that span the range of a positive semidefinite matrix.
range_of <- function(S) {
  parts <- eigen(S, symmetric = TRUE)
  parts$vectors[, parts$values > 1e-7 * max(parts$values, 1e-300), drop = FALSE]
}

covariances_of <- function(forms, psi, terms) {
  G <- lapply(terms, function(term) matrix(0, length(term$columns), length(term$columns)))
  for (i in seq_along(forms)) {
    j <- forms[[i]]$term
    G[[j]] <- G[[j]] + psi[i] * forms[[i]]$block
  }
  unname(G)
}

# psi of a fit, the directions in which its model can move, and those variances of it that are zero
# in the fit alone (`pinned`, the coordinates of a matrix for each term that has some).
smaller_parameters <- function(fit, size) {
  residual <- if (size > 0L) replace(double(size), size, 1)
  if (!inherits(fit, "tiers_fit") || length(fit$random) == 0L) {
    sigma <- if (inherits(fit, "tiers_fit")) fit$sigma else stats::sigma(fit)
    return(list(psi = residual * sigma^2, directions = diag(1, size), pinned = list()))
  }
  terms <- unname(fit$random)
  forms <- variance_forms(terms)
  G <- lapply(terms, function(term) tcrossprod(random_scale(fit) * unname(term$Lambda)))
  psi <- c(form_values(forms, G), if (size > length(forms)) fit$sigma^2)
  directions <- if (is.null(fit$constraints)) diag(1, size) else {
    constrained_directions(fit, forms, psi, size)
  }
  pinned <- lapply(seq_along(G), function(j) {
    N <- open_directions(G[[j]], matrix(0, nrow(G[[j]]), 0L))
    zero <- lapply(G, function(S) S * 0)
    coordinates <- function(S) {
      c(form_values(forms, replace(zero, j, list(S))), double(size - length(forms)))
    }
    movable_coordinates(N, coordinates, directions)
  })
  list(psi = psi, directions = directions, pinned = Filter(Negate(is.null), pinned))
}

# Coordinates of N N', or of the part of it that a model with constraints can move in: of the
# columns of a term, where a variance of zero is held, it is not the model's own.
movable_coordinates <- function(N, coordinates, directions) {
  if (ncol(N) == 0L) return(NULL)
  inside <- function(S) {
    x <- coordinates(S)
    max(abs(stats::lm.fit(directions, x)$residuals)) < 1e-8 * max(abs(x))
  }
  all <- tcrossprod(N)
  if (inside(all)) return(coordinates(all))
  alone <- which(diag(all) > 1 - 1e-8)
  own <- Filter(function(i) inside(diag(replace(double(nrow(N)), i, 1), nrow(N))), alone)
  if (length(own) == 0L) return(NULL)
  coordinates(diag(replace(double(nrow(N)), own, 1), nrow(N)))
}

# The coefficients of forms that give these matrices.
form_values <- function(forms, G) {
  own <- vapply(forms, `[[`, 1L, "term")
  value <- double(length(forms))
  for (j in unique(own)) {
    columns <- vapply(forms[own == j], function(form) as.double(form$block),
                      double(length(G[[j]])))
    dim(columns) <- c(length(G[[j]]), sum(own == j))
    value[own == j] <- qr.coef(qr(columns), as.double(G[[j]]))
  }
  value
}

# Directions in psi of a fit with constraints, one for each natural parameter (variance or
# correlation) that is not held, or for several that are equal.
constrained_directions <- function(fit, forms, psi, size) {
  table <- fit$parameters[fit$parameters$component != "dispersion", ]
  about <- do.call(rbind, lapply(seq_along(fit$random), function(j) {
    term <- fit$random[[j]]
    found <- covariance_parameters(term)
    data.frame(term = rep(j, length(found$type)), type = found$type, row = found$row,
               column = found$column)
  }))
  one <- vapply(seq_len(size), function(i) {
    direction <- replace(double(size), i, 1)
    if (i > length(forms)) return(direction)
    variance <- function(row) {
      psi[about$term == about$term[i] & about$type == "sd" & about$row %in% c(0L, row)][1L]
    }
    if (about$type[i] == "cor") {
      return(direction * sqrt(variance(about$row[i]) * variance(about$column[i])))
    }
    # With the correlations as they are.
    if (psi[i] <= 0) return(direction)
    along <- which(about$term == about$term[i] & about$type == "cor")
    shared <- about$row[i] == 0L
    touched <- along[shared | about$row[along] %in% c(0L, about$row[i]) |
                       about$column[along] == about$row[i]]
    direction[touched] <- psi[touched] / psi[i] * if (shared) 1 else 0.5
    direction
  }, double(size))
  dim(one) <- c(size, size)
  table <- table[seq_len(size), ]
  open <- which(!table$fixed)
  vapply(split(open, table$equal[open]), function(at) rowSums(one[, at, drop = FALSE]),
         double(size))
}

# The information about the coefficients of forms of the larger model, at the smaller one's fit. Of
# generalized fits that of the working linear model there.
comparison_information <- function(small, large, spec, at, forms) {
  ours <- inherits(small, "tiers_fit")
  weights <- if (ours) root_weights(small)^2 else working_weights(small)
  scale <- if (!has_residual(large)) 1 else if (ours) random_scale(small) else stats::sigma(small)
  boundary_information(spec, forms, at$G, weights, scale, is_reml(small))[
    seq_len(at$size), seq_len(at$size), drop = FALSE]
}

working_weights <- function(fit) {
  weights <- if (inherits(fit, "glm")) fit$weights else stats::weights(fit)
  if (is.null(weights)) rep(1, stats::nobs(fit)) else as.double(weights)
}

# `G` absolute, `scale` the standard deviation of a row of weight one.
boundary_information <- function(spec, forms, G, weights, scale, reml) {
  linear <- structure(class = c("tiers_lmm", "tiers_specification"), list(
    y = as.double(spec$y), offset = double(), weights = as.double(weights), X = spec$X, reml = reml,
    terms = lapply(spec$terms, function(term) {
      term["start"] <- list(NULL)
      term
    })))
  linear$held <- c(rep(NA_real_, length(forms)), scale)
  linear$same <- seq_along(linear$held)
  found <- run_variance_information(linear, lapply(G, function(S) lower_root(S) / scale), forms)
  if (reml) found$reml else found$ml
}
