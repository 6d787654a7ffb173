typed <- c(nAGQ = TRUE, method = TRUE)
nagq_only <- c(nAGQ = TRUE, method = FALSE)

test_that("method and nAGQ say the same", {
  expect_equal(read_method("laplace", 1L, c(nAGQ = FALSE, method = FALSE)), 1L)
  expect_equal(read_method("laplace", 7, nagq_only), 7L)
  expect_equal(read_method("laplace", 0, nagq_only), 0L)
  expect_equal(read_method("laplace", "auto", nagq_only), -1L)
  expect_equal(read_method("agq", 1L, c(nAGQ = FALSE, method = TRUE)), -1L)
  expect_equal(read_method("AGQ", 9, typed), 9L)
  expect_equal(read_method("laplace", c(a = 7, b = 5), nagq_only), c(a = 7L, b = 5L))
})

test_that("what cannot be meant is refused", {
  refusal <- function(expr, text) {
    expect_error(expr, text, fixed = TRUE, class = "tiers_error_input")
  }
  refusal(read_method("laplace", 7, typed), "one point")
  refusal(read_method("agq", 1, typed), "more than one point")
  refusal(read_method("pql1", 1, typed), "not available")
  refusal(read_method("lapalce", 1, typed), "did you mean `laplace`")
  refusal(read_method(3, 1, typed), "must be one of")
  refusal(read_method("laplace", 2.5, nagq_only), "whole number")
  refusal(read_method("laplace", -1, nagq_only), "whole number")
  refusal(read_method("laplace", "many", nagq_only), "whole number")
  refusal(read_method("laplace", c(3, 5), nagq_only), "names of the grouping factors")
  refusal(read_method("laplace", c(a = 7, b = 1), nagq_only), "for all grouping factors, or for")
})

test_term <- function(components, codes, columns = "(Intercept)") {
  list(term = list(group = paste(components, collapse = ":"), components = components,
                   columns = columns, levels = as.character(sort(unique(codes)))),
       codes = as.integer(codes))
}

points_of <- function(points, ...) {
  built <- list(...)
  term_points(points, lapply(built, `[[`, "term"), built)
}

school <- test_term("school", rep(1:3, each = 8))
class <- test_term(c("class", "school"), rep(1:12, each = 2))
item <- test_term("item", rep(1:8, 3))

test_that("each term gets its number of points", {
  expect_equal(points_of(7L, school, class), c(7L, 7L))
  expect_equal(points_of(-1L, school), -1L)
  expect_equal(points_of(c(class = 5L, school = 7L), school, class), c(7L, 5L))
  expect_equal(points_of(c(`class:school` = 5L, school = 7L), school, class), c(7L, 5L))
  expect_equal(points_of(1L, school, item), c(1L, 1L))
  slope <- test_term("school", rep(1:3, each = 8), "x")
  expect_equal(points_of(c(school = 9L), school, slope), c(9L, 9L))
  expect_equal(points_of(7L), integer())
})

test_that("crossed factors, unknown names and too many nodes are refused", {
  expect_error(points_of(7L, school, item), "`school` and `item` are crossed",
               class = "tiers_error_model")
  expect_error(points_of(c(schol = 7L), school), "did you mean `school`",
               class = "tiers_error_input")
  expect_error(points_of(c(school = 7L), school, class), "no number of points for \"class:school\"",
               class = "tiers_error_input")
  wide <- test_term("school", rep(1:3, each = 8), letters[1:5])
  expect_error(points_of(25L, wide), "too many", class = "tiers_error_model")
})

test_that("the approximation is named in words", {
  expect_match(fit_title(binary_fit()), "binomial, logit link\\).*Laplace approximation$")
  fit <- glmm(y ~ trt + (1 | ID), bacteria(), binomial(), nAGQ = 5)
  expect_match(fit_title(fit), "adaptive Gauss-Hermite quadrature, 5 points$")
  fast <- glmm(y ~ trt + (1 | ID), bacteria(), binomial(), nAGQ = 0)
  expect_match(fit_title(fast), "fast approximation \\(nAGQ = 0\\)$")
  expect_true("nAGQ = 0" %in% diagnose(fast)$findings$about)
  plain <- suppressMessages(glmm(y ~ trt, bacteria(), binomial()))
  expect_match(fit_title(plain), "^Generalized linear model \\(.*maximum likelihood$")
})

test_that("nAGQ reaches the fit: more points, another likelihood; one point is Laplace", {
  five <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial(), nAGQ = 5)
  expect_equal(five$points, 5L)
  one <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial(), method = "laplace")
  expect_equal(one$logLik, binary_fit()$logLik, tolerance = 1e-12)
  auto <- glmm(y ~ trt + I(week > 2) + (1 | ID), bacteria(), binomial(), method = "agq")
  expect_lt(auto$accuracy[["total"]], 0.01)
  expect_gt(min(auto$points), 1L)
  expect_match(accuracy_words(auto), "at most")
})
