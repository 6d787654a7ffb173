test_that("the left side of a formula is solved for its variables", {
  set.seed(4)
  d <- list(y = runif(9, 0.1, 0.9), s = 1:9, n = rep(10, 9), days = 2:10, h = 1:9)
  env <- list2env(list(k = 3), parent = globalenv())
  for (left in expression(y, log(y), log(y + 1), sqrt(y), y^2, 2^y, 1 / y, -y, 3 * y - k, y / days,
                          asin(sqrt(y)), qlogis(y), log10(I(y)), (y - k) / k,
                          log(y, 2), log1p(y))) {
    new <- d
    new$y <- rev(d$y)
    value <- eval(left, new, env)
    known <- d[all.vars(left)[all.vars(left) %in% names(d)]]
    expect_equal(solve_response(left, value, known, env)$y, new$y, info = deparse(left))
  }
})

test_that("pairs of counts and classes are solved, and what is not determined is not", {
  d <- list(s = 1:5, n = rep(10, 5))
  y <- cbind(5:1, 10 - 5:1)
  expect_equal(solve_response(quote(cbind(s, n - s)), y, d, globalenv()), list(s = 5:1, n = d$n))
  expect_equal(solve_response(quote(cbind(s, n)), y, d, globalenv()), list(s = y[, 1], n = y[, 2]))
  expect_equal(solve_response(quote(cbind(n - s, s)), y[, 2:1], d, globalenv())$s, 5:1)
  # Other numbers of trials.
  expect_equal(solve_response(quote(cbind(s, n - s)), cbind(5:1, 1), d, globalenv()),
               list(s = 5:1, n = 5:1 + 1))
  f <- factor(c("a", "b", "b"))
  expect_equal(solve_response(quote(factor(v)), f, list(v = letters[1:3]), globalenv())$v, f)
  expect_null(solve_response(quote(abs(v)), 1:3, list(v = 1:3), globalenv()))
  expect_null(solve_response(quote(v + v^2), 1:3, list(v = 1:3), globalenv()))
  expect_null(solve_response(quote(v > 2), c(TRUE, FALSE), list(v = 1:2), globalenv()))
})
