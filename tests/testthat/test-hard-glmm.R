# Each fit has to reach the best log-likelihood known without a warning; those with separated
# coefficients name them in a warning of its class.

# What a warning has to name: the dummy of one row; cells of a table without a count; the year of
# birth in which no cow had mastitis, the reference of the others.
separated <- list(separated = "x2", polytom2 = c("Lexememiettia:PatientInfinitive",
                                                 "Lexemeharkita:PatientDirectQuote",
                                                 "Lexememiettia:PatientParticiple"),
                  mastitis = c("Intercept", "birth1990"))
separated$polytom3 <- separated$polytom2

hard <- utils::read.csv(test_path("fixtures", "hard-glmm.csv"), stringsAsFactors = FALSE)

for (i in seq_len(nrow(hard))) local({
  row <- hard[i, ]
  test_that(paste("hard:", row$data, row$variant), {
    heard <- listen(glmm_fit_of(row$model, glmm_hard_data(row$data)))
    expect_identical(condition_texts(without_class(heard$conditions)), character())
    loud <- Filter(function(x) !inherits(x, "message"), heard$conditions)
    if (row$data %in% names(separated)) {
      expect_length(loud, 1L)
      expect_s3_class(loud[[1L]], "tiers_warning_separation")
      for (name in separated[[row$data]]) {
        expect_match(conditionMessage(loud[[1L]]), name, fixed = TRUE)
      }
    } else {
      expect_identical(condition_texts(loud), character())
    }
    fit <- heard$value
    expect_gte(as.numeric(logLik(fit)), row$logLik - row$tolerance)
    # A log-likelihood far above the best known would be a wrong one.
    expect_lte(as.numeric(logLik(fit)), row$logLik + 1e-5 * (1 + abs(row$logLik)))
  })
})

test_that("a separated coefficient is infinite, the others are those of the fit without its row", {
  d <- separated_row_data()
  fit <- suppressWarnings(glmm(y ~ x + x2 + (1 | f), d, family = binomial))
  expect_identical(abs(fixef(fit)[["x2"]]), Inf)
  se <- sqrt(diag(as.matrix(vcov(fit))))
  expect_identical(se[["x2"]], Inf)
  # That row is fitted without error whatever the others say.
  rest <- glmm(y ~ x + (1 | f), d[d$x2 == 0, ], family = binomial)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(rest)), tolerance = 1e-8)
  expect_equal(fixef(fit)[1:2], fixef(rest), tolerance = 1e-6)
  expect_equal(se[1:2], sqrt(diag(as.matrix(vcov(rest)))), tolerance = 1e-5)
})
