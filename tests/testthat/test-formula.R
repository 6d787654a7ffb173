test_that("bar terms are taken out and the rest of the formula is left alone", {
  parsed <- parse(y ~ x * f + I(x^2) + offset(x) + (1 | g) + (0 + x | h))
  expect_equal(attr(parsed$fixed, "term.labels"), c("x", "f", "I(x^2)", "x:f"))
  expect_equal(attr(parsed$fixed, "offset"), 5L)
  expect_equal(bar_labels(y ~ x + (1 | g) + (0 + x | h)), c("(1 | g)", "(0 + x | h)"))
  expect_equal(attr(parse(y ~ (1 | g))$fixed, "intercept"), 1L)
  expect_equal(attr(parse(y ~ 0 + (1 | g))$fixed, "intercept"), 0L)
  expect_equal(attr(parse(y ~ (1 | g) - 1)$fixed, "intercept"), 0L)
  expect_equal(attr(parse(y ~ (x + (1 | g)) + f)$fixed, "term.labels"), c("x", "f"))
})

test_that("nesting and crossing expand into one term each", {
  expect_equal(bar_groups(y ~ (1 | g / h)), c("h:g", "g"))
  expect_equal(bar_groups(y ~ (1 | g * h)), c("g", "h", "g:h"))
  expect_equal(bar_groups(y ~ (1 | g:h)), "g:h")
  expect_equal(bar_labels(y ~ diag(x | g / h)), c("diag(x | h:g)", "diag(x | g)"))
  expect_equal(bar_groups(y ~ (1 | factor(g)) + (1 | interaction(f, h))),
               c("factor(g)", "interaction(f, h)"))
  expect_equal(bar_groups(y ~ (1 | factor(g) / h)), c("h:factor(g)", "factor(g)"))
})

test_that("a double bar is one diagonal term, for factors too", {
  bars <- parse(y ~ (x || g))$bars
  expect_length(bars, 1L)
  expect_equal(bars[[1L]]$structure, "diag")
  expect_equal(bars[[1L]]$label, "(x || g)")
  bars <- parse(y ~ (f || g / h))$bars
  expect_equal(vapply(bars, `[[`, "", "structure"), c("diag", "diag"))
})

test_that("structures can be typed, also by their other names", {
  structure_of <- function(formula) parse(formula)$bars[[1L]]$structure
  expect_equal(structure_of(y ~ (x | g)), "us")
  expect_equal(structure_of(y ~ us(x | g)), "us")
  expect_equal(structure_of(y ~ un(x | g)), "us")
  expect_equal(structure_of(y ~ diag(x | g)), "diag")
  expect_equal(structure_of(y ~ id(0 + f | g)), "id")
})

test_that("a logical bar inside a function is no random term", {
  parsed <- parse(y ~ I(x > 0 | x < -1) + as.numeric(x > 1 | x < 0) + (1 | g))
  expect_length(parsed$bars, 1L)
  expect_length(attr(parsed$fixed, "term.labels"), 2L)
})

test_that("the dot means what it means in lm()", {
  d <- small_data()
  labels <- attr(parse(y ~ . - g + (1 | g), d)$fixed, "term.labels")
  expect_equal(labels, attr(terms(y ~ . - g, data = d), "term.labels"))
  expect_error(parse(y ~ . + (1 | g), NULL), class = "tiers_error_formula")
})

test_that("strings, variables and calls are formulas", {
  expect_equal(deparse(parse("y ~ x + (1 | g)")$formula), "y ~ x + (1 | g)")
  expect_equal(deparse(parse(quote(y ~ x + (1 | g)))$formula), "y ~ x + (1 | g)")
  expect_error(parse("y ~ x + ("), class = "tiers_error_formula")
  expect_error(parse(1), class = "tiers_error_formula")
  expect_error(parse(~ x + (1 | g)), class = "tiers_error_formula")
})

test_that("bars in the wrong place are errors that say what to write", {
  expect_match(error_text(parse(y ~ x + 1 | g)), "use (x + 1 | g)", fixed = TRUE)
  expect_match(error_text(parse(y ~ x || g)), "use (x || g)", fixed = TRUE)
  expect_match(error_text(parse(y ~ x * (1 | g))), "must be added")
  expect_match(error_text(parse(y ~ x - (1 | g))), "must be added")
  expect_match(error_text(parse((1 | g) ~ x)), "left side")
  expect_match(error_text(parse(y ~ (1 | 1))), "cannot be read")
})

test_that("unknown and later structures are named, with a suggestion", {
  expect_match(error_text(parse(y ~ uss(x | g))), "did you mean `us`")
  expect_match(error_text(parse(y ~ diagg(x | g))), "did you mean `diag`")
  expect_match(error_text(parse(y ~ ar(x | g))), "did you mean `ar1`")
  expect_match(error_text(parse(y ~ hf(x | g))), "not available in this version")
  expect_match(error_text(parse(y ~ us(x | g, hom = TRUE))), "has a variance for each column")
  expect_match(error_text(parse(y ~ ou(x | g, hom = FALSE))), "one variance for all columns")
  expect_match(error_text(parse(y ~ arma(x | g, p = -1))), "whole number of 0 or more")
  expect_match(error_text(parse(y ~ ar1(x | g, homo = TRUE))), "has no argument")
  expect_match(error_text(parse(y ~ ar1(x | g, by = arm))), "not available in this version")
  expect_match(error_text(parse(y ~ ar1(x | g, TRUE))), "without a name")
  expect_match(error_text(parse(y ~ ar1(x | g, band = 2))), "takes no")
  expect_match(error_text(parse(y ~ toep(x | g, band = 1.5))), "whole number")
  expect_match(error_text(parse(y ~ toep(x | g, band = b))), "must be a constant")
  expect_match(error_text(parse(y ~ (us(f) %x% us(h) | g))), "not available in this version")
  for (formula in c(y ~ uss(x | g), y ~ hf(x | g), y ~ us(x || g))) {
    expect_error(parse(formula), class = "tiers_error_formula")
  }
})
