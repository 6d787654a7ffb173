# The hypotheses of anova(fit): for each term a matrix L, one column for every kept coefficient,
# so that the test of L beta = 0 says the same whatever contrasts the factors have.
#
# Type 3 follows SAS's definition through containment. In the overparameterized design O (every
# factor by all its indicator columns) the estimable functions are the row space of O. A term's
# type 3 functions are those that have no part in terms other than itself and the terms that
# contain it, and that are orthogonal to the functions of this kind that belong to the containing
# terms alone. A function l = a'O of the overparameterized coefficients is a'X of the user's.
#
# Types 1 and 2 come from the triangular factor of the treatment-coded design X_t = Q R: the rows
# of a term in R, divided by their diagonal, are its effects adjusted for all columns before.

term_hypotheses <- function(fit, type = 3L) {
  terms <- fit$terms
  labels <- attr(terms, "term.labels")
  if (length(labels) == 0L) return(stats::setNames(list(), character()))
  if (type == 3L && length(labels) > 1L) fit <- with_spanning_rows(fit)
  X <- used_rows(fit, fixed_matrix(fit))
  assign <- attr(X, "assign")
  kept <- !is.na(fit$coefficients)
  design <- list(
    X = X[, kept, drop = FALSE], assign = assign[kept],
    labels = labels, contains = containing_terms(fit),
    empty = setdiff(seq_along(labels), assign[kept])
  )
  # A single term has one hypothesis, whatever the type. The df of an F test depend a little on
  # the rows that state it; these are lmerTest's.
  if (length(labels) == 1L && sum(design$assign == 1L) > 1L) type <- 1L
  hypotheses <- if (!has_factors(fit) && all(kept) && type == 3L) {
    lapply(seq_along(labels), function(term) identity_rows(design, term))
  } else {
    design <- add_coded_designs(design, fit)
    if (type == 3L) type3_hypotheses(design) else sequential_hypotheses(design, type)
  }
  hypotheses <- lapply(hypotheses, function(L) {
    colnames(L) <- names(fit$coefficients)[kept]
    L
  })
  hypotheses <- stats::setNames(hypotheses, labels)
  # A term without an estimable column of its own has nothing to test.
  hypotheses[vapply(hypotheses, nrow, 1L) > 0L]
}

# Rows of weight zero count nowhere.
used_rows <- function(fit, X) {
  weights <- stats::model.weights(fit$frame)
  if (is.null(weights) || all(weights > 0)) return(X)
  structure(X[weights > 0, , drop = FALSE], assign = attr(X, "assign"))
}

identity_rows <- function(design, term) {
  diag(1, ncol(design$X))[design$assign == term, , drop = FALSE]
}

is_coded <- function(x) is.factor(x) || is.character(x) || is.logical(x)

# TRUE for each variable of the fixed part that model.matrix() would code by indicators.
coded_variables <- function(fit) {
  variables <- rownames(attr(fit$terms, "factors"))
  vapply(stats::setNames(nm = variables), function(name) {
    name %in% names(fit$xlevels) || is_coded(fit$frame[[name]])
  }, NA)
}

has_factors <- function(fit) any(coded_variables(fit))

# For each term the terms that contain it: the same numeric variables and more factors.
containing_terms <- function(fit) {
  pattern <- attr(fit$terms, "factors") > 0
  if (length(pattern) == 0L) return(list())
  coded <- coded_variables(fit)
  lapply(seq_len(ncol(pattern)), function(term) {
    which(vapply(seq_len(ncol(pattern)), function(other) {
      other != term && all(pattern[, other] >= pattern[, term]) &&
        all(pattern[!coded, other] == pattern[!coded, term])
    }, NA))
  })
}

# O and X_t, both from the stored frame.
add_coded_designs <- function(design, fit) {
  frame <- fit$frame
  coded <- names(which(coded_variables(fit)))
  for (name in coded) {
    levels <- fit$xlevels[[name]]
    if (is.null(levels)) levels <- levels(as.factor(frame[[name]]))
    frame[[name]] <- factor(as.character(frame[[name]]), levels = levels)
  }
  all_levels <- lapply(frame[coded], stats::contrasts, contrasts = FALSE)
  treatment <- lapply(frame[coded], function(x) stats::contr.treatment(levels(x)))
  design$O <- used_rows(fit, stats::model.matrix(fit$terms, frame, contrasts.arg = all_levels))
  design$X_t <- used_rows(fit, stats::model.matrix(fit$terms, frame, contrasts.arg = treatment))
  pattern <- attr(fit$terms, "factors") > 0
  design$scale <- column_scales(design$O, frame, pattern, coded_variables(fit))
  without_empty_terms(design)
}

# Terms all of whose columns were dropped are not part of the model: the terms that took up their
# columns are tested as if these had not been written.
without_empty_terms <- function(design) {
  if (length(design$empty) == 0L) return(design)
  for (name in c("O", "X_t")) {
    owner <- attr(design[[name]], "assign")
    stays <- !owner %in% design$empty
    if (name == "O") design$scale <- design$scale[stays]
    design[[name]] <- structure(design[[name]][, stays, drop = FALSE], assign = owner[stays])
  }
  design$contains <- lapply(design$contains, setdiff, design$empty)
  design
}

type3_hypotheses <- function(design) {
  O <- design$O
  # One scale for all columns with the same numeric part: rank decisions need even columns, and
  # orthogonality within a term and its containing terms must not see the scale.
  scale <- design$scale
  parts <- qr(sweep(O, 2L, scale, "/"), tol = 1e-9)
  if (parts$rank != ncol(design$X)) {
    # Contrasts with fewer columns than levels: the terms as the user has coded them.
    return(lapply(seq_along(design$labels), function(term) identity_rows(design, term)))
  }
  rows <- seq_len(parts$rank)
  # O = Q B; a row w'B of the coefficients of O is w'Q'X of the user's.
  B <- qr.R(parts)[rows, order(parts$pivot), drop = FALSE]
  map <- qr.qty(parts, design$X)[rows, , drop = FALSE]
  owner <- attr(O, "assign")
  lapply(seq_along(design$labels), function(term) {
    contained <- owner %in% design$contains[[term]]
    own <- owner == term
    W <- left_null_space(B[, !(own | contained), drop = FALSE])
    if (any(contained) && ncol(W)) {
      # Functions of the containing terms alone, and what is orthogonal to them.
      G <- W %*% left_null_space(own_part(W, B[, own, drop = FALSE]))
      W <- W %*% left_null_space(crossprod(W, B) %*% crossprod(B, G))
    }
    weights <- lower_echelon(own_part(W, B[, own, drop = FALSE]))
    weights %*% crossprod(W, map)
  })
}

# W'B for the columns of a term, with 0 for what is rounding: the column of a variable that a
# factor or a basis of the same variable spans as well has nothing of its own.
own_part <- function(W, B) {
  part <- crossprod(W, B)
  part[, sqrt(colSums(part^2)) <= 1e-9 * sqrt(colSums(B^2))] <- 0
  part
}

# One number for all columns of O with the same numeric part (1 where there is none): the root
# mean square of its values.
column_scales <- function(O, frame, pattern, coded) {
  key <- numeric_parts(frame, pattern, coded)
  key <- if (0L %in% attr(O, "assign")) c("", key) else key
  size <- apply(O, 2L, function(x) if (any(x != 0)) sqrt(mean(x[x != 0]^2)) else NA_real_)
  scale <- stats::ave(size, key, FUN = function(s) exp(mean(log(s), na.rm = TRUE)))
  scale[key == "" | !is.finite(scale)] <- 1
  scale
}

# For each column of the terms in O a key that names its numeric part, for instance "x 1". Columns
# of a term run through those of its variables, the first fastest.
numeric_parts <- function(frame, pattern, coded) {
  counts <- vapply(names(coded), function(name) {
    if (coded[[name]]) nlevels(frame[[name]]) else NCOL(frame[[name]])
  }, 1L)
  unlist(lapply(seq_len(ncol(pattern)), function(term) {
    inside <- names(coded)[pattern[, term]]
    cell <- arrayInd(seq_len(prod(counts[inside])), counts[inside])
    numeric <- !coded[inside]
    labels <- lapply(which(numeric), function(v) paste(inside[v], cell[, v]))
    if (length(labels)) do.call(paste, labels) else rep("", nrow(cell))
  }))
}

# Orthonormal W with W'A = 0.
left_null_space <- function(A) {
  if (ncol(A) == 0L || nrow(A) == 0L) return(diag(1, nrow(A)))
  norm <- sqrt(colSums(A^2))
  A <- sweep(A[, norm > 0, drop = FALSE], 2L, norm[norm > 0], "/")
  if (ncol(A) == 0L) return(diag(1, nrow(A)))
  parts <- svd(A, nu = nrow(A), nv = 0L)
  rank <- sum(parts$d > 1e-8 * parts$d[1L])
  parts$u[, seq_len(nrow(A)) > rank, drop = FALSE]
}

# M such that M A is in reduced echelon form, pivots sought from the last column: of a main effect
# the rows are then "level against the first level". The df of an F test depend on the rows.
lower_echelon <- function(A) {
  M <- diag(1, nrow(A))
  row <- nrow(A)
  for (column in rev(seq_len(ncol(A)))) {
    if (row == 0L) break
    free <- seq_len(row)
    pivot <- free[which.max(abs(A[free, column]))]
    if (abs(A[pivot, column]) <= 1e-8 * max(abs(A))) next
    swap <- c(pivot, row)
    A[swap, ] <- A[rev(swap), ]
    M[swap, ] <- M[rev(swap), ]
    M[row, ] <- M[row, ] / A[row, column]
    A[row, ] <- A[row, ] / A[row, column]
    others <- setdiff(seq_len(nrow(A)), row)
    factor <- A[others, column]
    A[others, ] <- A[others, ] - outer(factor, A[row, ])
    M[others, ] <- M[others, ] - outer(factor, M[row, ])
    row <- row - 1L
  }
  M
}

sequential_hypotheses <- function(design, type) {
  X_t <- design$X_t
  if (length(independent_columns(X_t)) != ncol(design$X)) {
    X_t <- structure(design$X, assign = design$assign)
  }
  owner <- attr(X_t, "assign")
  type3 <- if (type == 2L) type3_hypotheses(design)
  lapply(seq_along(design$labels), function(term) {
    later <- design$contains[[term]]
    if (type == 2L && length(later) == 0L) return(type3[[term]])
    after <- if (type == 2L) owner %in% later else owner > term
    columns <- c(which(!after & owner != term), which(owner == term), which(after))
    # Of dependent columns those go that stand after others, so that a term has no more than what
    # those before it leave. X = (columns that stay) map.
    columns <- columns[independent_columns(X_t[, columns, drop = FALSE])]
    parts <- qr(X_t[, columns, drop = FALSE], tol = 0)
    R <- qr.R(parts)
    at <- which(owner[columns] == term)
    (R / diag(R))[at, , drop = FALSE] %*% qr.coef(parts, design$X)
  })
}

# Columns that are not combinations of earlier ones.
independent_columns <- function(X) {
  scaled <- sweep(X, 2L, pmax(sqrt(colSums(X^2)), .Machine$double.xmin), "/")
  parts <- qr(scaled, tol = 1e-9)
  sort(parts$pivot[seq_len(parts$rank)])
}
