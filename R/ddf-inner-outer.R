# The rule of nlme (Pinheiro and Bates 2000, section 2.4.2): strata between the levels of nested
# grouping factors. With m_s levels of factor s (m_0 = 0, one more stratum for the rows), stratum s
# has m_s - m_(s-1) df, one less in the first where there is an intercept, one less for each column
# that is estimated in it. A column belongs to the stratum below the innermost factor within whose
# levels it varies; the intercept takes the largest df.

prepare_inner_outer <- function(fit, vcov) {
  parts <- counting_parts(fit)
  factors <- counting_factors(parts)
  for (s in seq_along(factors)[-1L]) {
    if (!nested_in(factors[[s]], factors[[s - 1L]])) {
      stop_crossed("inner-outer", names(factors)[s - 1L], names(factors)[s])
    }
  }
  sizes <- c(vapply(factors, max, 1L), parts$n)
  df <- diff(c(0, sizes))
  stratum <- rep(1L, ncol(parts$X))
  for (s in seq_along(factors)) stratum[varies_within(parts$X, factors[[s]])] <- s + 1L
  constant <- !varies_within(parts$X, rep(1L, parts$n))
  df <- df - tabulate(stratum[!constant], length(df))
  if (any(constant)) df[1L] <- df[1L] - 1 else df[-1L] <- df[-1L] + 1
  df[df <= 0] <- NA_real_
  by_column <- ifelse(constant, suppressWarnings(max(df, na.rm = TRUE)), df[stratum])
  # A term is estimated where the innermost of its columns is.
  inner <- tapply(stratum, factor(parts$assign, seq_along(parts$labels)), max)
  counted_ddf(vcov, by_column, stats::setNames(df[as.integer(inner)], parts$labels))
}
