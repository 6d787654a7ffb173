nested_data <- function() {
  set.seed(5)
  d <- expand.grid(t = 1:6, id = 1:24)
  d$site <- d$id %% 6
  d$x <- rnorm(144)
  d$f <- factor(d$t %% 3)
  d$e <- rexp(144) + 1
  d$y <- rnorm(24)[d$id] + rnorm(6)[d$site + 1] + 0.2 * d$t * rnorm(24)[d$id] + rnorm(144)
  d$n <- rpois(144, exp(0.3 * d$y))
  d
}

# p value and the sentence of a comparison.
compared <- function(...) {
  table <- suppressMessages(anova(...))
  list(p = table[["Pr(>Chisq)"]][nrow(table)], naive = table[["Naive p"]][nrow(table)],
       chisq = table$Chisq[nrow(table)],
       note = grep("^No test", attr(table, "heading"), value = TRUE),
       heading = attr(table, "heading"))
}

test_that("fits that are not nested have no p value, and the heading says of what", {
  d <- nested_data()
  ml <- function(formula, ...) suppressMessages(lmm(formula, d, ..., REML = FALSE))
  cases <- list(
    list(ml(y ~ f + (1 | id)), ml(y ~ x + t + I(t^2) + (1 | id)), "fixed effects"),
    list(ml(y ~ x + (1 | id)), ml(y ~ f + (1 | id)), "fixed effects"),
    list(ml(y ~ t + (1 | site)), ml(y ~ t + (t | id)), "random effects"),
    list(ml(y ~ t + (1 | site) + (1 | id)), ml(y ~ t + (t | id)), "random effects"),
    list(ml(y ~ t + (0 + x | id)), ml(y ~ t + (1 | id) + (1 | site)), "random effects"),
    list(ml(y ~ t + (1 | id), offset = e), ml(y ~ t + x + (1 | id)), "offsets"),
    list(ml(y ~ t + (1 | id)), lm(y ~ x, d), "fixed effects"),
    list(glmm(n ~ x + (1 | id), d, poisson()), glmm(n ~ f + (1 | id), d, poisson()),
         "fixed effects"),
    list(suppressMessages(glmm(n ~ x + (1 | site), d, poisson())),
         suppressMessages(glmm(n ~ x + (1 | id), d, nbinom2())), "random effects"),
    list(glmm(e ~ t + (1 | id), d, Gamma("log"), dispersion = ~ x),
         glmm(e ~ t + (1 | id), d, Gamma("log"), dispersion = ~ f), "dispersion"))
  for (case in cases) {
    result <- compared(case[[1]], case[[2]])
    expect_true(is.na(result$p) && is.na(result$chisq))
    expect_match(result$note, case[[3]])
  }
})

test_that("nested fits keep their tests, however they are written", {
  d <- nested_data()
  ml <- function(formula, ...) suppressMessages(lmm(formula, d, ..., REML = FALSE))
  pairs <- list(
    list(ml(y ~ t + (1 | id)), ml(y ~ factor(t) + (1 | id))),
    list(ml(y ~ poly(t, 2) + (1 | id)), ml(y ~ I((t + 1e4)^2) + I(t - 7) + x + (1 | id))),
    list(ml(y ~ t + (1 | id)), ml(y ~ t + (t | id))),
    list(ml(y ~ t + (t || id)), ml(y ~ t + (I(t - 3) | id))),
    list(ml(y ~ t + (1 | id) + (1 | id:f)), ml(y ~ t + (0 + f | id))),
    list(ml(y ~ t + (1 | site)), ml(y ~ t + (1 | site/id))),
    list(ml(y ~ t + diag(0 + f | id)), ml(y ~ t + us(0 + f | id))),
    list(ml(y ~ t + id(0 + f | id)), ml(y ~ t + diag(0 + f | id))),
    list(ml(y ~ x + (1 | id), offset = t), ml(y ~ x + t + (1 | id))),
    list(ml(y ~ t + (1 | id)), lm(y ~ t, d)),
    list(ml(y ~ t + (1 | id), weights = e), lm(y ~ t, d, weights = e)),
    list(glmm(n ~ t + x + (1 | id), d, poisson()), glm(n ~ t, poisson, d)),
    list(glmm(n ~ t + (1 | id), d, poisson()), glmm(n ~ t + (1 | id), d, nbinom2())),
    list(glmm(e ~ t + (1 | id), d, Gamma("log")),
         glmm(e ~ t + (1 | id), d, Gamma("log"), dispersion = ~ x)))
  for (pair in suppressMessages(pairs)) {
    result <- compared(pair[[1]], pair[[2]])
    if (!inherits(pair[[2]], "tiers_fit")) pair <- rev(pair)
    loglik <- lapply(pair, logLik)
    df <- attr(loglik[[2]], "df") - attr(loglik[[1]], "df")
    expect_length(result$note, 0L)
    expect_equal(result$chisq, max(2 * (loglik[[2]] - loglik[[1]]), 0), ignore_attr = TRUE)
    naive <- pchisq(result$chisq, df, lower.tail = FALSE)
    expect_true(result$p <= naive + 1e-12 || result$chisq == 0)
    if (is.null(result$naive)) expect_equal(result$p, naive) else expect_equal(result$naive, naive)
  }
})

test_that("the heading tells fits apart that differ in an argument only", {
  d <- nested_data()
  f0 <- glmm(e ~ t + (1 | id), d, Gamma("log"))
  f1 <- glmm(e ~ t + (1 | id), d, Gamma("log"), dispersion = ~ x)
  f2 <- glmm(e ~ t + (1 | id), d, Gamma("log"), offset = log(t))
  heading <- compared(f0, f1)$heading
  expect_match(heading, "f0: e ~ t + (1 | id), dispersion ~1", fixed = TRUE, all = FALSE)
  expect_match(heading, "f1: e ~ t + (1 | id), dispersion ~x", fixed = TRUE, all = FALSE)
  expect_match(compared(f0, f2)$heading, "offset = log(t)", fixed = TRUE, all = FALSE)
  held <- suppressMessages(update(f0, fix = c("sd_(Intercept)|id" = 0.1)))
  expect_match(compared(held, f0)$heading, "fix = c(`sd_(Intercept)|id` = 0.1)", fixed = TRUE,
               all = FALSE)
  expect_false(any(grepl("dispersion", compared(f0, update(f0, . ~ . + x))$heading)))
})

test_that("columns lie in a space or do not, whatever their origin and scale", {
  set.seed(6)
  b <- cbind(1, rnorm(50, 1e6), 1e-8 * rnorm(50))
  expect_true(in_span(b %*% matrix(rnorm(6), 3), b))
  expect_true(in_span(b[, 2] - 1e6, b))
  expect_false(in_span(b[, 2] + 1e-3 * rnorm(50), b))
  expect_false(in_span(b, b[, 1:2]))
  expect_true(in_span(rep(3, 50), b))
  expect_false(in_span(rep(3, 50), b[, 2:3]))
  expect_true(in_span(matrix(0, 50, 0), b) && in_span(matrix(0, 50, 1), matrix(0, 50, 0)))
  expect_false(in_span(b[, 2], matrix(0, 50, 0)))
})
