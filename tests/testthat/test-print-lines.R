at_width <- function(width, expr) {
  old <- options(width = width)
  on.exit(options(old))
  expr
}

test_that("bar terms and arguments stay on one line, and no line is too long", {
  texts <- c(
    "y ~ service * dept + (1 | dept:service) + (1 + studage | s) + (0 + lectage | department)",
    "score ~ a_rather_long_name + another_name + (a_rather_long_name || school) + (1 | pupil)",
    "log(y + 1) ~ poly(x, 3) * f + (poly(x, 2) | g) + (1 | a / b) + offset(log(time))",
    "fitted with nAGQ = 7 and method = 3 by something that takes the whole line and more")
  parts <- list(c("(1 | dept:service)", "(1 + studage | s)", "(0 + lectage | department)"),
                c("(a_rather_long_name || school)", "(1 | pupil)"),
                c("(poly(x, 2) | g)", "(1 | a / b)"), c("nAGQ = 7", "method = 3"))
  whole <- logical()
  for (width in seq(45, 90, 9)) for (i in seq_along(texts)) {
    lines <- at_width(width, wrapped("Formula: ", texts[i]))
    expect_lt(max(nchar(lines)), width)
    for (part in parts[[i]]) whole <- c(whole, any(grepl(part, lines, fixed = TRUE)))
    # Nothing is lost.
    expect_identical(gsub(" +", " ", paste(trimws(lines), collapse = " ")),
                     paste0("Formula: ", texts[i]))
  }
  expect_true(all(whole))
})

test_that("what does not fit on a line is broken all the same", {
  long <- paste0("(", paste(rep("covariate", 12), collapse = " + "), " | g)")
  expect_lt(max(nchar(at_width(60, wrapped("Formula: ", paste("y ~", long))))), 60)
  every <- "_ # @ ; % ! ? (1 | g)"
  expect_identical(wrapped("", every), every)
})

test_that("the rows of groups are told by number", {
  groups <- data.frame(group = c("g", "h", "i"), levels = c(4, 3, 9), smallest = c(5, 1, 1),
                       mean = c(5, 7.123, 1), largest = c(5, 30, 1))
  expect_identical(groups_words(groups),
                   "g 4 (5 rows each), h 3 (1 to 30 rows, mean 7.12), i 9 (1 row each)")
})
