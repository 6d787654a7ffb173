read_as <- function(value, family = "binomial", weights = double()) {
  read_response(value, registered_family(family), weights, "y", as.character(seq_len(NROW(value))))
}

test_that("successes are read from every form", {
  y <- c(0, 1, 1, 0)
  expected <- list(y = y, size = double(), weights = double())
  expect_equal(read_as(y), expected)
  expect_equal(read_as(as.integer(y)), expected)
  expect_equal(read_as(y == 1), expected)
  expect_equal(read_as(factor(c("no", "yes", "yes", "no"))), expected)
  expect_equal(read_as(matrix(y)), expected)
  pairs <- cbind(c(2, 0, 3), c(1, 4, 0))
  expect_equal(read_as(pairs), list(y = c(2, 0, 3), size = c(3, 4, 3), weights = double()))
  expect_equal(read_as(c(2 / 3, 0, 1), weights = c(3, 4, 3)),
               list(y = c(2, 0, 3), size = c(3, 4, 3), weights = double()))
  # A share that was rounded a little.
  expect_equal(read_as(c(0.6667, 0), weights = c(3, 4))$y, c(2, 0))
  # 0 and 1 with weights that are no trials.
  expect_equal(read_as(c(0, 1), weights = c(1.5, 2)),
               list(y = c(0, 1), size = double(), weights = c(1.5, 2)))
})

test_that("a factor with several levels is the first against the rest, and says so", {
  expect_message(got <- read_as(factor(c("a", "b", "c"))), "\"a\" is the failure",
                 class = "tiers_message_levels")
  expect_equal(got$y, c(0, 1, 1))
})

test_that("rows without trials do not count", {
  expect_equal(read_as(cbind(c(1, 0), c(2, 0)))$weights, c(1, 0))
  expect_equal(read_as(c(0.5, 0), weights = c(2, 0)),
               list(y = c(1, 0), size = c(2, 0), weights = c(1, 0)))
})

test_that("counts are whole, whatever the last digit says", {
  expect_equal(read_as(c(3, 1e9 * (1 + 1e-15), 0), "poisson")$y, c(3, 1e9, 0))
  expect_equal(read_as(c(TRUE, FALSE), "poisson")$y, c(1, 0))
})

test_that("what a family cannot have is refused with the rows", {
  refusal <- function(expr, text) {
    expect_error(expr, text, fixed = TRUE, class = "tiers_error_input")
  }
  refusal(read_as(c(0, 2, -1)), "2 values do not (rows 2, 3)")
  refusal(read_as(c(0, 0.5, 1)), "1 value between 0 and 1, which is no whole number")
  refusal(read_as(c(0, 0.5, 1), weights = c(1, 3, 1)), "0.5 x 3 = 1.5 (row 2)")
  refusal(read_as(c(0, 0.5, 1), weights = c(1, 2.5, 1)), "numbers of trials")
  refusal(read_as(cbind(c(1, -1), c(1, 3))), "negative number of successes or failures (row 2)")
  refusal(read_as(cbind(c(1, 1.5), c(1, 3))), "not whole (row 2)")
  refusal(read_as(cbind(1:2, 1:2, 1:2)), "3 columns")
  refusal(read_as(c("a", "b")), "is text")
  refusal(read_as(data.frame(a = 1:2, b = 1:2)), "data frame")
  refusal(read_as(c(1, NA, Inf)), "missing")
  refusal(read_as(c(1, -2), "poisson"), "1 negative value (row 2)")
  refusal(read_as(c(1, 2.5), "nbinom2"), "not whole (row 2)")
  refusal(read_as(factor(1:2), "poisson"), "binomial()")
  refusal(read_as(cbind(1:2, 1:2), "poisson"), "2 columns")
  refusal(read_as(c(1, 0), "Gamma"), "poisson()")
  refusal(read_as(c(1.5, 0), "inverse.gaussian"), "gaussian(\"log\")")
  refusal(read_as(c(0, 0.4, 1), "beta"), "2 values outside (rows 1, 3)")
})

test_that("a simulated response goes back to the form it came in", {
  expect_equal(form_response(c(2, 0), cbind(s = c(1, 1), 2), c(3, 4)),
               cbind(s = c(2, 0), c(1, 4)))
  expect_equal(form_response(c(0, 1), factor(c("no", "yes")), NULL), factor(c("no", "yes")))
  expect_equal(form_response(c(0, 1), c(TRUE, TRUE), NULL), c(FALSE, TRUE))
  expect_equal(form_response(c(2, 0), c(0.5, 0), c(4, 0)), c(0.5, 0))
})

test_that("all forms of the same successes give the same fit", {
  d <- cbpp()
  fit <- grouped_fit()
  shares <- glmm(incidence / size ~ period + (1 | herd), d, binomial(), weights = size)
  expect_equal(shares$logLik, fit$logLik, tolerance = 1e-10)
  expect_equal(shares$coefficients, fit$coefficients, tolerance = 1e-7)
  single <- d[rep(seq_len(nrow(d)), d$size), ]
  single$y <- unlist(Map(function(k, m) rep(1:0, c(k, m - k)), d$incidence, d$size))
  forms <- list(quote(y), quote(y == 1), quote(factor(y, labels = c("no", "yes"))))
  for (left in forms) {
    one <- glmm(eval(call("~", left, quote(period + (1 | herd)))), single, binomial())
    expect_equal(one$logLik + sum(lchoose(d$size, d$incidence)), fit$logLik, tolerance = 1e-9)
    expect_equal(unname(one$coefficients), unname(fit$coefficients), tolerance = 1e-6)
  }
  weighted <- glmm(y ~ period + (1 | herd), stats::aggregate(
    list(n = single$size), single[c("herd", "period", "y")], length), binomial(), weights = n)
  expect_equal(weighted$logLik, one$logLik, tolerance = 1e-9)
})

test_that("two classes without a family are an error that names binomial", {
  set.seed(1)
  d <- data.frame(g = gl(8, 10), x = rnorm(80), n = rnorm(80))
  d$y <- rbinom(80, 1, 0.4)
  d$yes <- d$y == 1
  d$f <- factor(d$y, labels = c("no", "yes"))
  d$text <- as.character(d$f)
  d$yes[7] <- NA
  for (formula in c("yes ~ x + (1 | g)", "f ~ x + (1 | g)", "text ~ x + (1 | g)", "y ~ x + (1 | g)",
                    "yes ~ 1 + (1 | g)")) {
    expect_error(glmm(formula, d), "family = binomial", class = "tiers_error_input")
  }
  expect_error(glmm(y ~ x + (1 | g), d), "has two values, 0 and 1", class = "tiers_error_input")
  # What is asked for is fitted, and so is a response of more values.
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, family = gaussian))
  expect_equal(fit$family$name, "gaussian")
  expect_s3_class(suppressMessages(glmm(n ~ x + (1 | g), d)), "tiers_glmm")
  expect_s3_class(suppressMessages(refit_response(fit, rev(d$y))), "tiers_glmm")
})

test_that("what no row of the family can be is refused, with its row", {
  family <- registered_family("betabinomial")
  possible <- list(y = c(0, 3), size = c(1, 3))
  expect_silent(check_possible(possible, family, "y", c("a", "b")))
  expect_error(check_possible(replace(possible, "y", list(c(0, 4))), family, "y", c("a", "b")),
               "cannot have the value 4 of `y` \\(row b\\)", class = "tiers_error_input")
})
