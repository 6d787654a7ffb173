# t and F tests of linear functions L beta, from the estimates, their covariance matrix and a
# prepared ddf method (see ddf.R). L has one column for every coefficient that was kept.

# One t test for each row of L.
test_rows <- function(estimate, ddf, L, rhs = 0) {
  value <- drop(L %*% estimate)
  se <- sqrt(row_variances(L, ddf$vcov))
  statistic <- (value - rhs) / se
  df <- ddf$df_rows(L)
  data.frame(
    estimate = value, std.error = se, df = df, statistic = statistic,
    p.value = 2 * stats::pt(abs(statistic), df, lower.tail = FALSE)
  )
}

# One F test of all rows of L together; rows that repeat others do not count in the numerator df.
test_joint <- function(estimate, ddf, L, rhs = 0) {
  parts <- eigen(L %*% ddf$vcov %*% t(L), symmetric = TRUE)
  use <- parts$values > 1e-10 * max(parts$values, 0)
  rank <- sum(use)
  if (rank == 0L) {
    return(data.frame(num_df = 0, den_df = NA_real_, statistic = NA_real_, p.value = NA_real_))
  }
  U <- parts$vectors[, use, drop = FALSE]
  distance <- crossprod(U, drop(L %*% estimate) - rhs)
  denominator <- ddf$df_joint(L)
  value <- denominator$scale * sum(distance^2 / parts$values[use]) / rank
  data.frame(
    num_df = rank, den_df = denominator$df, statistic = value,
    p.value = f_tail(value, rank, denominator$df)
  )
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

# diag(L V L') without the off-diagonal part; rounding must not make it negative.
row_variances <- function(L, V) {
  pmax(rowSums((L %*% V) * L), 0)
}

# Identity rows of the coefficients that were kept, named after them.
kept_rows <- function(fit) {
  estimate <- kept_coefficients(fit)
  L <- diag(1, length(estimate))
  dimnames(L) <- list(names(estimate), names(estimate))
  L
}

kept_coefficients <- function(fit) {
  fit$coefficients[!is.na(fit$coefficients)]
}
