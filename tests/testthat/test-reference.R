# Every number of fixtures/cases-linear.csv, each to its own tolerance.

iteration_limit <- 10

compare_with_table <- function(rows, fit) {
  asked <- rows$quantity
  have <- reference_quantities(fit)
  if (any(grepl("^SW|SW and KR", asked))) have <- c(have, satterthwaite_quantities(fit))
  if (any(grepl("^[Fp]:", asked))) have <- c(have, test_quantities(fit))
  value <- have[asked]
  off <- which(is.na(value) | abs(value - rows$value) > rows$tolerance)
  expect(length(off) == 0L, paste0(
    rows$case[1L], ": ", length(off), " of ", nrow(rows), " numbers are off\n",
    paste0(asked[off], ": ", signif(value[off], 12), " instead of ", rows$value[off], " +- ",
           rows$tolerance[off], " (", rows$status[off], ")", collapse = "\n")))
}

cases <- reference_cases()
for (case in unique(cases$case)) {
  rows <- cases[cases$case == case, ]
  test_that(paste("reference:", case), {
    expect_no_tiers_warning(fit <- suppressMessages(
      reference_fit(rows$model[1L], reference_data(rows$data[1L]))))
    compare_with_table(rows, fit)
    expect_lte(fit$convergence$iterations, iteration_limit)
  })
}
