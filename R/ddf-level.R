# The rule of HLM (Raudenbush and Bryk 2002): a column of the fixed part that is, within each level
# of a grouping factor, a multiple of a column with a random coefficient there explains differences
# between levels. It goes to the outermost factor for which that is so, and has the df that the
# levels leave: their number less that of the columns sent to the same random coefficient. Columns
# of no level have n - p.

prepare_level <- function(fit, vcov) {
  parts <- counting_parts(fit)
  sent <- level_targets(parts)
  df <- ifelse(is.na(sent$target), parts$n - ncol(parts$X),
               sent$levels - as.double(table(sent$target)[sent$target]))
  df[df <= 0] <- NA_real_
  counted_ddf(vcov, df, smallest_by_term(df, parts))
}

# For each column of X the random coefficient that it explains, "factor \r column", NA for none; and
# the levels of that factor.
level_targets <- function(parts) {
  p <- ncol(parts$X)
  target <- rep(NA_character_, p)
  levels <- rep(NA_real_, p)
  for (part in parts$terms[order(vapply(parts$terms, function(x) max(x$codes), 1L))]) {
    for (k in seq_len(ncol(part$basis))) {
      rest <- residual_of_levels(parts$X, part$basis[, k, drop = FALSE], part$codes)$X
      here <- is.na(target) &
        apply(abs(rest), 2L, max) <= 1.5e-8 * apply(abs(parts$X), 2L, max)
      target[here] <- paste(part$term$group, k, sep = "\r")
      levels[here] <- max(part$codes)
    }
  }
  list(target = target, levels = levels)
}
