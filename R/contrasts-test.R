# t and F tests of linear functions L beta, from the estimates, their covariance matrix and a
# prepared ddf method (see ddf.R). L has one column for every coefficient that was kept.

# One t test for each row of L.
test_rows <- function(estimate, ddf, L, rhs = 0) {
  value <- linear_values(L, estimate)
  se <- sqrt(row_variances(L, ddf$vcov))
  statistic <- (value - rhs) / se
  # An infinite coefficient of separated data has no test.
  statistic[is.nan(statistic)] <- NA_real_
  df <- ddf$df_rows(L)
  data.frame(
    estimate = value, std.error = se, df = df, statistic = statistic,
    p.value = 2 * stats::pt(abs(statistic), df, lower.tail = FALSE)
  )
}

# One F test of all rows of L together; rows that repeat others do not count in the numerator df.
test_joint <- function(estimate, ddf, L, rhs = 0) {
  if (!all(is.finite(row_variances(L, ddf$vcov)))) {
    return(data.frame(num_df = nrow(L), den_df = NA_real_, statistic = NA_real_,
                      p.value = NA_real_))
  }
  infinite <- infinite_columns(ddf$vcov)
  whole <- L
  if (any(infinite)) {
    L <- L[, !infinite, drop = FALSE]
    estimate <- estimate[!infinite]
    ddf$vcov <- ddf$vcov[!infinite, !infinite, drop = FALSE]
  }
  turn <- whitening(L %*% ddf$vcov %*% t(L))
  rank <- nrow(turn)
  if (rank == 0L) {
    return(data.frame(num_df = 0, den_df = NA_real_, statistic = NA_real_, p.value = NA_real_))
  }
  distance <- turn %*% (drop(L %*% estimate) - rhs)
  denominator <- ddf$df_joint(whole)
  value <- denominator$scale * sum(distance^2) / rank
  data.frame(
    num_df = rank, den_df = denominator$df, statistic = value,
    p.value = f_tail(value, rank, denominator$df)
  )
}

# T (r x l) of rank r with T V T' = I, for the l x l covariance matrix V of functions of the
# coefficients. Whether one of them repeats others is seen in correlations: the functions may be in
# units of any size, and so may their variances.
whitening <- function(V) {
  parts <- correlation_parts(V)
  t(parts$vectors[, parts$use, drop = FALSE] / parts$size) / sqrt(parts$values[parts$use])
}

# The eigenvalues and eigenvectors of the correlations, those that are `use`d, and the standard
# deviations.
correlation_parts <- function(V) {
  size <- sqrt(pmax(V[cbind(seq_len(nrow(V)), seq_len(nrow(V)))], 0))
  size[size == 0] <- 1
  parts <- eigen(V / outer(size, size), symmetric = TRUE)
  list(values = parts$values, vectors = parts$vectors, size = size,
       use = parts$values > 1e-10 * max(parts$values, 0))
}

# P(F > value); for infinite denominator df the chi-square that F tends to.
f_tail <- function(value, num_df, den_df) {
  if (is.na(den_df)) return(NA_real_)
  if (is.infinite(den_df)) {
    stats::pchisq(value * num_df, num_df, lower.tail = FALSE)
  } else {
    stats::pf(value, num_df, den_df, lower.tail = FALSE)
  }
}

# diag(L V L') without the off-diagonal part; rounding must not make it negative. Infinite variances
# (of separated data) count only in the rows that they are in.
row_variances <- function(L, V) {
  infinite <- infinite_columns(V)
  if (!any(infinite)) return(pmax(drop(run_quadratic_forms(L, list(V))), 0))
  value <- row_variances(L[, !infinite, drop = FALSE], V[!infinite, !infinite, drop = FALSE])
  value[rowSums(asks_for(L, infinite)) > 0] <- Inf
  value
}

# Does a row of L ask for these columns? Hypotheses carry rounding where they mean 0.
asks_for <- function(L, columns) {
  abs(L[, columns, drop = FALSE]) > 1e-9 * apply(abs(L), 1L, max)
}

infinite_columns <- function(V) is.infinite(V[cbind(seq_len(nrow(V)), seq_len(nrow(V)))])

# L beta with infinite coefficients left out of the rows that do not ask for them.
linear_values <- function(L, estimate) {
  infinite <- is.infinite(estimate)
  if (!any(infinite)) return(drop(L %*% estimate))
  value <- drop(L[, !infinite, drop = FALSE] %*% estimate[!infinite])
  for (j in which(infinite)) {
    rows <- drop(asks_for(L, j))
    value[rows] <- value[rows] + L[rows, j] * estimate[[j]]
  }
  value
}

# Identity rows of the coefficients that were kept, named after them.
kept_rows <- function(fit) {
  estimate <- kept_coefficients(fit)
  L <- diag(1, length(estimate))
  dimnames(L) <- list(names(estimate), names(estimate))
  L
}
