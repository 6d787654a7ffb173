lines_of <- function(fit) capture.output(print(fit))

test_that("print has at most fifteen lines, whatever the model", {
  d <- machines()
  set.seed(4)
  d[paste0("v", 1:30)] <- rnorm(30 * nrow(d))
  wide <- stats::reformulate(c(paste0("v", 1:30), "(1 | Worker)"), "score")
  fits <- suppressMessages(list(
    growth_fit(), crossed_fit(), lmm(wide, d), lmm(score ~ 0 + (1 | Worker), d),
    lmm(score ~ x, d), lmm(score ~ Machine + (Machine | Worker) + (1 | f) + (0 + x | f), d)
  ))
  for (fit in fits) {
    expect_lte(length(lines_of(fit)), 15)
    expect_lte(max(nchar(lines_of(fit))), 80)
  }
})

test_that("print says what was fitted and how it went", {
  out <- paste(lines_of(growth_fit()), collapse = "\n")
  for (part in c("fitted by REML", "distance ~ age * Sex", "108 rows", "Subject 27", "converged",
                 "REML criterion", "Residual", "SexFemale")) {
    expect_match(out, part, fixed = TRUE)
  }
  singular <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_match(paste(lines_of(singular), collapse = "\n"), "at the boundary")
  capture.output(expect_invisible(print(growth_fit())))
})
