# Models with less random effects than a fit, from its own specification: a list of
#   spec      the smaller specification
#   lost      for each term of the fit its columns that are gone, as a k x d matrix of unit vectors
#   place     for each term of the smaller model its number and its columns in the fit
#   uncorrelated   are the correlations gone?

without_columns <- function(fit, j, columns) {
  spec <- fit_specification(fit)
  k <- vapply(fit$random, function(term) length(term$columns), 1L)
  kept <- lapply(k, seq_len)
  kept[[j]] <- setdiff(kept[[j]], columns)
  smaller_model(fit, spec, kept)
}

without_random <- function(fit) {
  smaller_model(fit, fit_specification(fit), lapply(fit$random, function(term) integer()))
}

smaller_model <- function(fit, spec, kept) {
  stay <- which(lengths(kept) > 0L)
  spec$terms <- Map(function(term, old, columns) reduced_term(term, old, columns),
                    spec$terms[stay], fit$random[stay], kept[stay])
  spec$terms <- unname(spec$terms)
  if (!is.null(spec$points)) spec$points <- spec$points[stay]
  lost <- Map(function(term, columns) {
    diag(1, length(term$columns))[, -c(columns, length(term$columns) + 1L), drop = FALSE]
  }, unname(fit$random), unname(kept))
  list(spec = warm_smaller(spec, fit), lost = lost, uncorrelated = FALSE,
       place = lapply(stay, function(j) list(term = j, columns = kept[[j]])))
}

# The term with some of its columns; its start is what the fit has for these.
reduced_term <- function(term, old, columns) {
  if (!is.null(term$basis)) term$basis <- term$basis[, columns, drop = FALSE]
  term$intercept <- match(term$intercept, columns, nomatch = 0L)
  if (length(columns) == 1L) {
    term$structure <- default_covariance
  } else if (is.list(term$structure) && !is.null(term$structure$coordinates)) {
    term$structure$coordinates <- term$structure$coordinates[columns, , drop = FALSE]
  }
  root <- lower_root(tcrossprod(unname(old$Lambda))[columns, columns, drop = FALSE])
  # Zero is a stationary point.
  if (all(diag(root)^2 > 1e-6 * rowSums(root^2)) && all(diag(root) > 0)) term$start <- root
  term
}

warm_smaller <- function(spec, fit) {
  if (is.null(spec$points)) return(spec)
  if (all(is.finite(fit$coefficients))) spec$start_beta <- unname(fit$coefficients)
  if (all(is.finite(fit$dispersion$coefficients))) {
    spec$start_phi <- unname(fit$dispersion$coefficients)
  }
  spec
}

without_correlations <- function(fit) {
  spec <- fit_specification(fit)
  table <- fit$parameters
  spec$held <- ifelse(table$type == "cor", 0, NA_real_)
  spec$same <- seq_len(nrow(table))
  spec$terms <- Map(function(term, old) {
    size <- sqrt(rowSums(old$Lambda^2))
    if (all(size > 0)) term$start <- diag(unname(size), length(size))
    term
  }, spec$terms, unname(fit$random))
  k <- vapply(fit$random, function(term) length(term$columns), 1L)
  list(spec = warm_smaller(spec, fit), lost = lapply(k, matrix, data = 0, ncol = 0L),
       uncorrelated = TRUE,
       place = lapply(seq_along(k), function(j) list(term = j, columns = seq_len(k[[j]]))))
}

# What the engine finds, with the fit's parts that its rows' weights are made of.
fit_smaller <- function(smaller, fit) {
  result <- kind_run(smaller$spec, fit$control)
  if (!result$status %in% c("converged", "boundary")) {
    warn_notconverged(c("A smaller model has not converged: its likelihood ratio may be too large.",
                        i = "Fit it by {.fn update} and look at it with {.fn tiers::diagnose}."))
  }
  at <- fit
  at$fitted <- result$fitted
  result$at <- kind_estimates(at, smaller$spec, result)
  result
}

# The distribution of the likelihood ratio, see boundary_shape(). NULL where it is not known.
smaller_shape <- function(smaller, found, fit) {
  if (any_curved(fit)) return(NULL)
  terms <- unname(fit$random)
  forms <- variance_forms(terms)
  scale <- random_scale(found$at)
  roots <- lapply(terms, function(term) matrix(0, length(term$columns), length(term$columns)))
  for (i in seq_along(smaller$place)) {
    at <- smaller$place[[i]]
    roots[[at$term]][at$columns, at$columns] <- scale * found$Lambda[[i]]
  }
  G <- lapply(roots, tcrossprod)
  pinned <- Map(function(S, lost) open_directions(S, lost), G, smaller$lost)
  size <- length(forms) + has_residual(fit)
  nuisance <- allowed_directions(forms, smaller$lost, size)
  if (smaller$uncorrelated) {
    diagonal <- c(vapply(forms, function(form) any(diag(form$block) != 0), NA),
                  rep(TRUE, size - length(forms)))
    nuisance <- nuisance * diagonal
    nuisance <- nuisance[, colSums(nuisance^2) > 0, drop = FALSE]
  }
  spec <- fit_specification(fit)
  boundary_shape(terms, spec$terms, roots, nuisance, pinned, function(forms) {
    boundary_information(spec, forms, G, root_weights(found$at)^2, scale, fit$REML)[
      seq_len(size), seq_len(size), drop = FALSE]
  })
}
