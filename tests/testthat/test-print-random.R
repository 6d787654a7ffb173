at_width <- function(width, expr) {
  old <- options(width = width)
  on.exit(options(old))
  expr
}

# Effects of one term with their correlations, and a residual.
made_table <- function(names, group = "Subject", structure = "us", limits = FALSE) {
  k <- length(names)
  R <- 0.9^abs(outer(seq_len(k), seq_len(k), "-"))
  random <- data.frame(
    term = c(rep("t", k), "Residual"), group = c(rep(group, k), "Residual"),
    structure = c(rep(structure, k), "id"), levels = c(rep(1234L, k), NA), name = c(names, ""),
    variance = 123.456^2 / seq_len(k + 1), sd = 123.456 / sqrt(seq_len(k + 1)))
  if (limits) {
    random$lower <- c(NA, random$sd[-1] * 0.8)
    random$upper <- c(NA, random$sd[-1] * 1.2)
  }
  below <- which(lower.tri(R), arr.ind = TRUE)
  list(random = random, correlations = data.frame(
    term = rep("t", nrow(below)), name1 = names[below[, 2]], name2 = names[below[, 1]],
    correlation = R[below]))
}

shown <- c("Levels", "Variance", "SD", "limits")

test_that("three correlated effects with limits take one block of 80 columns", {
  for (names in list(c("(Intercept)", "Days", "I(Days^2)"), c("(Intercept)", "mode", "situ"),
                     c("A", "B", "C"))) {
    made <- made_table(names, "childid:school", limits = TRUE)
    lines <- at_width(80, random_lines(made$random, made$correlations, 4, shown))
    expect_length(lines, 5)
    expect_lte(max(nchar(lines)), 80)
    expect_match(lines[1], "Groups +Levels Effect +Variance +SD +lower +upper +Corr")
  }
})

test_that("tables are never too wide, and lose nothing but variances", {
  effects <- c("(Intercept)", "a_rather_long_name", "b", "poly(x, 2)1", "poly(x, 2)2", "c", "d")
  for (k in c(2, 4, 7)) for (width in c(60, 70, 80, 120)) for (limits in c(TRUE, FALSE)) {
    made <- made_table(effects[seq_len(k)], "school:pupil", limits = limits)
    lines <- at_width(width, random_lines(made$random, made$correlations, 4, shown))
    expect_lte(max(nchar(lines)), width)
    text <- paste(lines, collapse = "\n")
    numbers <- c(sprintf("%.2f", made$correlations$correlation),
                 paste0(" ", floor(made$random$sd), "."))
    expect_true(all(vapply(numbers, grepl, NA, text, fixed = TRUE)))
  }
})

test_that("a correlation is 1 only where it is 1", {
  expect_identical(correlation_text(c(1, -1, 1 - 1e-10)), c("1.00", "-1.00", "1.00"))
  expect_identical(correlation_text(c(0.9951, -0.99999, 0.5, NA)),
                   c("0.9951", "-0.9999", "0.50", ""))
  # A covariate far from its origin: the correlation is next to -1 without being at the boundary.
  d <- transform(fixture_data("sleepstudy"), year = Days + 2000)
  fit <- lmm(Reaction ~ year + (year | Subject), d)
  for (text in list(capture.output(print(fit)), capture.output(print(summary(fit))),
                    capture.output(print(VarCorr(fit))))) {
    expect_true(any(grepl("-0.9999", text)))
    expect_false(any(grepl("-1.00", text)))
  }
})

test_that("the structure is named where it is not unstructured, in the same words everywhere", {
  d <- fixture_data("sleepstudy")
  fits <- list(diag = lmm(Reaction ~ Days + (Days || Subject), d),
               id = suppressMessages(lmm(Reaction ~ Days + id(Days | Subject), d)),
               us = lmm(Reaction ~ Days + (Days | Subject), d))
  for (name in names(fits)) {
    texts <- list(capture.output(print(fits[[name]])), capture.output(print(summary(fits[[name]]))),
                  capture.output(print(VarCorr(fits[[name]]))))
    for (text in texts) {
      head <- grep("^ Groups", text, value = TRUE)
      expect_match(head, "Effect")
      expect_match(head, "SD")
      expect_identical(any(grepl(paste0("Subject (", name, ")"), text, fixed = TRUE)), name != "us")
    }
  }
})

test_that("a fit without random effects has the residual alone", {
  fit <- suppressMessages(lmm(Reaction ~ Days, fixture_data("sleepstudy")))
  expect_output(print(summary(fit)), "Groups +Variance +SD")
})
