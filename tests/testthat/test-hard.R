# Each fit has to reach the best log-likelihood known without a warning; a message says that a
# covariance matrix is singular only where it is.

hard_variant <- function(d, variant) {
  parts <- strsplit(variant, " ")[[1L]]
  if (length(parts) < 3L) return(d)
  amount <- as.numeric(parts[3L])
  d[[parts[1L]]] <- if (parts[2L] == "+") d[[parts[1L]]] + amount else d[[parts[1L]]] * amount
  d
}

hard <- utils::read.csv(test_path("fixtures", "hard-linear.csv"), stringsAsFactors = FALSE)
truly_singular <- "maximal"

for (i in seq_len(nrow(hard))) {
  row <- hard[i, ]
  test_that(paste("hard:", row$data, row$variant), {
    d <- hard_variant(hard_data(row$data), row$variant)
    heard <- listen(reference_fit(row$model, d))
    expect_identical(condition_texts(Filter(
      function(x) !inherits(x, "tiers_message_singular"), heard$conditions)), character())
    fit <- heard$value
    expect_gte(as.numeric(logLik(fit)), row$logLik - row$tolerance)
    # A log-likelihood far above the best known would be a wrong one.
    expect_lte(as.numeric(logLik(fit)), row$logLik + 1e-5 * (1 + abs(row$logLik)))
    if (row$data != truly_singular && length(heard$conditions)) {
      smallest <- vapply(fit$random, function(term) rcond_factor(term$Lambda), 1)
      expect_lt(min(smallest), 1e-4)
    }
  })
}
