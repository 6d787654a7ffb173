# Rows that are enough for the hypotheses of type 3. These depend on the row space of the design
# alone, so that of 100,000 rows a few that span it do: one of each cell of the factors, and those
# at the ends of each numeric column and a few in between. Whether they do span it is asked of them;
# otherwise all rows are taken. All rows, too, where a variable has several numeric columns, as
# poly(): how the rows of its hypothesis are scaled beside each other depends on the data, and on
# that a little the degrees of freedom.

# The fit with the rows of its frame cut down, or as it is.
with_spanning_rows <- function(fit) {
  frame <- fit$frame
  if (nrow(frame) <= 2000L || !is.null(stats::model.weights(frame))) return(fit)
  variables <- frame[rownames(attr(fit$terms, "factors"))]
  if (any(vapply(variables, NCOL, 1L) > 1L)) return(fit)
  rows <- spanning_rows(variables)
  if (is.null(rows) || length(rows) > nrow(frame) / 4) return(fit)
  small <- fit
  small$frame <- structure(frame[rows, , drop = FALSE], terms = attr(frame, "terms"))
  X <- kept_columns(fit, fixed_matrix(small))
  size <- sqrt(colSums(X^2))
  if (any(size == 0) || qr(sweep(X, 2L, size, "/"), tol = 1e-6)$rank < ncol(X)) return(fit)
  small
}

# NULL where there are more cells than rows.
spanning_rows <- function(variables) {
  n <- nrow(variables)
  coded <- vapply(variables, is_coded, NA)
  rows <- unique(round(seq(1, n, length.out = 200L)))
  cell <- rep(1L, n)
  cells <- 1
  for (x in variables[coded]) {
    x <- as.factor(x)
    cells <- cells * nlevels(x)
    if (cells > n) return(NULL)
    cell <- (cell - 1L) * nlevels(x) + as.integer(x)
  }
  # The last row of each cell that is written stays: that of the data, then the first.
  seen <- integer(cells)
  seen[cell] <- seq_len(n)
  rows <- c(rows, seen)
  seen[cell[n:1L]] <- n:1L
  rows <- c(rows, seen)
  for (x in variables[!coded]) {
    if (is.numeric(x)) rows <- c(rows, which.min(x), which.max(x))
  }
  sort(unique(rows[rows > 0L]))
}
