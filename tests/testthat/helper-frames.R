# A small well-posed data set for tests of grammar and input: 10 groups of 6 rows, a covariate,
# two factors and a response.
small_data <- function(...) {
  d <- data.frame(
    g = gl(10, 6), x = round(sin(seq_len(60) * 1.7) * 2, 3), h = factor(rep(1:6, 10)),
    f = factor(rep(c("a", "b", "c"), 20)))
  d$y <- round(1 + d$x + rep(c(-1, 1.2, 0.4, -0.7, 2, 0, -1.5, 0.9, 0.1, -0.4), each = 6) +
                 cos(seq_len(60)^2), 3)
  transform(d, ...)
}

small_formula <- y ~ x + (1 | g)

parse <- function(formula, data = small_data()) parse_formula(formula, data, globalenv())

bar_labels <- function(formula) vapply(parse(formula)$bars, `[[`, "", "label")
bar_groups <- function(formula) vapply(parse(formula)$bars, `[[`, "", "group")

# The same fit: likelihood, coefficients and variances.
expect_same_fit <- function(a, b, tolerance = 1e-9) {
  expect_equal(as.double(logLik(a)), as.double(logLik(b)), tolerance = tolerance)
  expect_equal(unname(a$coefficients), unname(b$coefficients), tolerance = 1e-7)
  expect_equal(a$sigma, b$sigma, tolerance = 1e-7)
  expect_equal(a$nobs, b$nobs)
}

error_text <- function(expr) conditionMessage(expect_error(expr, class = "tiers_error"))
