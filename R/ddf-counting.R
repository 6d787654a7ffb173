# What the methods share that find degrees of freedom by counting: columns of the fixed part that
# vary, or do not, within levels of grouping factors.
#
# Such a method gives each coefficient a df; a contrast takes the smallest one of its coefficients,
# a term of the fixed part the one of the term.

# The used rows: X of the kept coefficients with the term of each, the random terms, n.
counting_parts <- function(fit) {
  X <- used_rows(fit, fixed_matrix(fit))
  kept <- !is.na(fit$coefficients)
  weights <- stats::model.weights(fit$frame)
  used <- if (is.null(weights)) rep(TRUE, nrow(fit$frame)) else weights > 0
  terms <- lapply(seq_along(fit$random_terms), function(j) {
    random <- random_basis(fit, j)
    list(term = fit$random_terms[[j]], basis = random$basis[used, , drop = FALSE],
         codes = compact_codes(random$codes[used], fit$random_terms[[j]]$levels)$codes)
  })
  list(X = X[, kept, drop = FALSE], assign = attr(X, "assign")[kept], terms = terms,
       labels = attr(fit$terms, "term.labels"), n = sum(used))
}

# Grouping factors of the random terms, from few levels to many, each partition of the rows once:
# a list of level codes, named by the first factor that makes it.
counting_factors <- function(parts) {
  codes <- lapply(parts$terms, `[[`, "codes")
  names(codes) <- vapply(parts$terms, function(part) part$term$group, "")
  codes <- codes[order(vapply(codes, max, 1L))]
  repeated <- vapply(seq_along(codes), function(j) {
    any(vapply(codes[seq_len(j - 1L)], same_partition, NA, b = codes[[j]]))
  }, NA)
  codes[!repeated]
}

# Is every level of `inner` in one level of `outer`?
nested_in <- function(inner, outer) {
  all(outer == outer[match(inner, inner)])
}

stop_crossed <- function(method, outer, inner) {
  stop_input(c("{.code ddf = {.str {method}}} counts levels of nested grouping factors, and
                `{outer}` and `{inner}` are crossed.",
               i = "Use {.code ddf = \"satterthwaite\"} or {.code ddf = \"containment\"}."))
}

# For each column: does it differ within some level? Differences of the size of rounding do not
# count.
varies_within <- function(X, codes) {
  first <- X[match(codes, codes), , drop = FALSE]
  size <- pmax(apply(abs(X), 2L, max), .Machine$double.xmin)
  apply(abs(X - first), 2L, max) > 1.5e-8 * size
}

# Columns of X - the part of it in the span of the columns `inside` of each level, stacked: n x p.
# `rank` is the number of dimensions that were taken out.
residual_of_levels <- function(X, inside, codes) {
  rank <- 0L
  for (rows in split(seq_along(codes), codes)) {
    parts <- qr(inside[rows, , drop = FALSE], tol = 1e-9)
    rank <- rank + parts$rank
    X[rows, ] <- qr.resid(parts, X[rows, , drop = FALSE])
  }
  list(X = X, rank = rank)
}

# Rank of columns, judged in their own units.
scaled_rank <- function(X, unit = sqrt(colSums(X^2))) {
  use <- unit > 0
  if (!any(use)) return(0L)
  qr(sweep(X[, use, drop = FALSE], 2L, unit[use], "/"), tol = 1e-7)$rank
}

# The list that a method returns: `df` by coefficient, `by_term` by term of the fixed part (see
# the attribute "term" of hypotheses).
counted_ddf <- function(vcov, df, by_term) {
  of_rows <- function(L) {
    asked <- asks_for(L, TRUE)
    apply(asked, 1L, function(row) if (any(row)) min(df[row]) else NA_real_)
  }
  list(
    vcov = vcov,
    df_rows = of_rows,
    df_joint = function(L) {
      term <- attr(L, "term")
      own <- if (is.null(term)) NA_real_ else by_term[term]
      list(df = if (is.na(own)) min(of_rows(L)) else unname(own), scale = 1)
    })
}

# The df of a term whose coefficients have several: their minimum.
smallest_by_term <- function(df, parts) {
  by_term <- tapply(df, factor(parts$assign, seq_along(parts$labels)), min)
  stats::setNames(as.double(by_term), parts$labels)
}
