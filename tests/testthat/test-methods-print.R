lines_of <- function(fit) capture.output(print(fit))

level_counts <- function(fit) {
  groups <- vapply(fit$random, `[[`, "", "group")
  stats::setNames(vapply(fit$random, function(term) length(term$levels), 1L), groups)
}

at_width <- function(width, expr) {
  old <- options(width = width)
  on.exit(options(old))
  expr
}

test_that("print is short but for the fixed effects, which are whole", {
  d <- machines()
  set.seed(4)
  d[paste0("v", 1:30)] <- rnorm(30 * nrow(d))
  wide <- stats::reformulate(c(paste0("v", 1:30), "(1 | Worker)"), "score")
  fits <- suppressMessages(list(
    growth_fit(), crossed_fit(), lmm(wide, d), lmm(score ~ 0 + (1 | Worker), d),
    lmm(score ~ x, d), lmm(score ~ Machine + (Machine | Worker) + (1 | f) + (0 + x | f), d),
    lmm(score ~ Machine + (0 + Machine | Worker) + (0 + x + v1 + v2 + v3 || f), d)
  ))
  for (fit in fits) for (width in c(60, 80)) {
    lines <- at_width(width, lines_of(fit))
    head <- grep("^Fixed effects:", lines)
    expect_lte(head, 17)
    expect_lte(max(nchar(lines)), width)
    text <- paste(lines[-seq_len(head)], collapse = " ")
    expect_true(all(vapply(names(fixef(fit)), grepl, NA, text, fixed = TRUE)))
    levels <- level_counts(fit)
    for (group in names(levels)) {
      expect_true(any(grepl(paste0("^ ", group, "\\b.* ", levels[[group]], " "), lines)))
    }
  }
})

test_that("print says what was fitted and how it went", {
  out <- paste(lines_of(growth_fit()), collapse = "\n")
  for (part in c("fitted by REML", "distance ~ age * Sex", "108 rows", "Subject      27",
                 "converged", "REML criterion", "Residual", "SexFemale")) {
    expect_match(out, part, fixed = TRUE)
  }
  singular <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_match(paste(lines_of(singular), collapse = "\n"), "at the boundary")
  capture.output(expect_invisible(print(growth_fit())))
})

test_that("an argument and its value stay on one line", {
  fit <- glmm(y ~ trt + (1 | ID), bacteria(), binomial(), nAGQ = 0)
  for (width in 60:90) {
    out <- at_width(width, c(capture.output(print(fit)), capture.output(print(summary(fit)))))
    expect_true(sum(grepl("(nAGQ = 0)", out, fixed = TRUE)) == 2L)
    expect_lte(max(nchar(out[1:3])), width)
  }
})
