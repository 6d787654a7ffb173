# Hypotheses of type 3 from a few rows are those from all, but for a factor that is common to the
# rows of each.

all_rows_hypotheses <- function(fit) {
  f <- term_hypotheses
  environment(f) <- list2env(list(with_spanning_rows = identity), parent = asNamespace("tiers"))
  f(fit, 3L)
}

expect_same_hypotheses <- function(fit) {
  unit <- function(L) lapply(L, function(l) l / max(abs(l)))
  expect_equal(unit(term_hypotheses(fit, 3L)), unit(all_rows_hypotheses(fit)), tolerance = 1e-7)
}

rows_data <- function() {
  set.seed(4)
  n <- 5000L
  d <- data.frame(g = gl(100, 50), f = factor(sample(letters[1:4], n, TRUE)),
                  h = factor(sample(c("u", "v"), n, TRUE)), x = rnorm(n, 10), z = rnorm(n),
                  l = sample(c(TRUE, FALSE), n, TRUE))
  d$rare <- replace(numeric(n), 4321L, 1)
  d$s <- scale(d$x)
  d$y <- d$x + rnorm(100)[d$g] + rnorm(n)
  d
}

test_that("tests of terms need a few rows only", {
  d <- rows_data()
  formulas <- list(
    y ~ f + x + z + (1 | g), y ~ f * h * x + (1 | g), y ~ f * l + I(x^2) + (1 | g),
    y ~ f:x + h + (1 | g), y ~ rare + f + (1 | g), y ~ s * h + log(x) + (1 | g),
    y ~ 0 + f + x + (1 | g), y ~ x + z + (1 | g))
  for (formula in formulas) {
    fit <- suppressMessages(lmm(formula, d))
    small <- with_spanning_rows(fit)
    expect_lt(nrow(small$frame), 1000L)
    expect_same_hypotheses(fit)
  }
})

test_that("empty cells and dropped columns are those of all rows", {
  d <- rows_data()
  d <- d[!(d$f == "a" & d$h == "u"), ]
  d$x2 <- 2 * d$x
  for (formula in list(y ~ f * h + x + (1 | g), y ~ x + x2 + f + (1 | g))) {
    fit <- suppressMessages(lmm(formula, d))
    expect_same_hypotheses(fit)
  }
})

test_that("where a few rows do not span the design all are taken", {
  d <- rows_data()
  d$rare2 <- replace(numeric(nrow(d)), c(1234L, 1235L), c(1, 0.5))
  d$other <- replace(numeric(nrow(d)), c(1235L, 1236L), c(0.5, 1))
  d$between <- replace(d$rare2, 1237L, 0.3)
  fit <- suppressMessages(lmm(y ~ between + rare2 + other + f + (1 | g), d))
  expect_same_hypotheses(fit)
})

test_that("polynomials, weights and small data take all rows", {
  d <- rows_data()
  fit <- suppressMessages(lmm(y ~ f * l + poly(x, 2) + (1 | g), d))
  expect_identical(with_spanning_rows(fit), fit)
  expect_identical(term_hypotheses(fit, 3L), all_rows_hypotheses(fit))
  weighted <- suppressMessages(lmm(y ~ f + x + (1 | g), d, weights = 1 + (x > 10)))
  expect_identical(with_spanning_rows(weighted), weighted)
  expect_identical(with_spanning_rows(growth_fit()), growth_fit())
})
