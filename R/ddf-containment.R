# Containment, the default of PROC MIXED. Each column of a random term is an effect with variables:
# those of its group, and its own. An effect's contribution is the rank that it adds to X and the
# effects before it, in the order of the formula; a fixed term takes the smallest contribution of
# the effects whose variables contain all of its own, and n - rank[X Z] where there is none. It goes
# by the names of the variables, not by what varies within what, and depends on the order of the
# bars.

prepare_containment <- function(fit, vcov) {
  parts <- counting_parts(fit)
  effects <- containment_effects(parts, fit$frame)
  ranks <- effect_ranks(parts$X, effects)
  contribution <- diff(ranks)
  rest <- parts$n - ranks[length(ranks)]
  df_of <- function(variables) {
    containing <- vapply(effects, function(effect) all(variables %in% effect$variables), NA)
    if (any(containing)) min(contribution[containing]) else rest
  }
  by_term <- vapply(seq_along(parts$labels), function(term) {
    df_of(unique(all.vars(str2lang(parts$labels[term]))))
  }, 1)
  df <- vapply(parts$assign, function(term) {
    if (term == 0L) df_of(character()) else by_term[term]
  }, 1)
  df[df <= 0] <- NA_real_
  by_term[by_term <= 0] <- NA_real_
  counted_ddf(vcov, df, stats::setNames(by_term, parts$labels))
}

containment_effects <- function(parts, frame) {
  effects <- lapply(parts$terms, function(part) {
    groups <- unique(unlist(lapply(part$term$component_exprs, all.vars)))
    owner <- basis_variables(part$term, frame)
    lapply(unique(owner), function(own) {
      columns <- which(owner == own)
      list(variables = c(groups, setdiff(strsplit(own, "\r", fixed = TRUE)[[1L]], "")),
           basis = part$basis[, columns, drop = FALSE], codes = part$codes)
    })
  })
  unlist(effects, recursive = FALSE)
}

# The variables of each column of a random term, as one text a column.
basis_variables <- function(term, frame) {
  if (is.null(term$basis_terms)) return("")
  labels <- attr(term$basis_terms, "term.labels")
  basis <- design_matrix(term$basis_terms, frame, term$contrasts, term$label)
  vapply(attr(basis, "assign"), function(own) {
    if (own == 0L) "" else paste(all.vars(str2lang(labels[own])), collapse = "\r")
  }, "")
}

# rank[X], rank[X Z_1], rank[X Z_1 Z_2], ...: pivots of the sparse Cholesky factor of the scaled
# cross-products, lifted by a ridge far below what counts as a pivot. Only the spans matter: what
# columns far from their origin have in common is taken out of them first.
effect_ranks <- function(X, effects) {
  columns <- Matrix::Matrix(unit_columns(near_origin(X)), sparse = TRUE)
  ranks <- ncol(X)
  for (at in seq_along(effects)) {
    effect <- effects[[at]]
    basis <- beside_earlier(effect, effects[seq_len(at - 1L)])
    blocks <- lapply(seq_len(ncol(basis)), function(k) {
      Matrix::sparseMatrix(i = seq_along(effect$codes), j = effect$codes, x = basis[, k])
    })
    Z <- do.call(cbind, blocks)
    norm <- sqrt(Matrix::colSums(Z^2))
    Z <- Z[, norm > 0, drop = FALSE] %*% Matrix::Diagonal(x = 1 / norm[norm > 0])
    columns <- cbind(Z, columns)
    ranks <- c(ranks, sparse_rank(columns))
  }
  ranks
}

# Columns (of full rank) with the same span.
near_origin <- function(X) {
  size <- colMeans(X^2)
  spread <- size - colMeans(X)^2
  far <- spread > 1e-16 * size & spread < 1e-2 * size
  if (any(far)) qr.Q(qr(unit_columns(X), LAPACK = TRUE)) else X
}

# The basis of an effect less the part of each column that, level by level, those before it with the
# same levels have: the span of all of them is the same.
beside_earlier <- function(effect, earlier) {
  codes <- effect$codes
  inside <- matrix(0, length(codes), 0L)
  by_level <- function(x) rowsum(x, codes, reorder = FALSE)[match(codes, unique(codes)), ]
  without <- function(x) {
    # Twice, for what rounding leaves.
    for (again in 1:2) for (k in seq_len(ncol(inside))) {
      y <- inside[, k]
      share <- by_level(x * y) / by_level(y^2)
      x <- x - y * ifelse(is.finite(share), share, 0)
    }
    x
  }
  for (part in Filter(function(other) identical(other$codes, codes), c(earlier, list(effect)))) {
    basis <- part$basis
    inside_before <- ncol(inside)
    for (k in seq_len(ncol(basis))) {
      x <- without(basis[, k])
      # Rounding is no column.
      x[by_level(x^2) <= 1e-20 * by_level(basis[, k]^2)] <- 0
      inside <- cbind(inside, x)
    }
  }
  inside[, inside_before + seq_len(ncol(basis)), drop = FALSE]
}

unit_columns <- function(X) {
  norm <- sqrt(colSums(X^2))
  sweep(X, 2L, ifelse(norm > 0, norm, 1), "/")
}

sparse_rank <- function(columns) {
  factor <- Matrix::Cholesky(Matrix::crossprod(columns), perm = TRUE, LDL = TRUE, super = FALSE,
                             Imult = 1e-12)
  pivots <- factor@x[factor@p[-length(factor@p)] + 1L]
  sum(pivots > 1e-8)
}
