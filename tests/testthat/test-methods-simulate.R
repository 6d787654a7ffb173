test_that("a seed gives the same draws and leaves the generator as it was", {
  fit <- growth_fit()
  set.seed(5)
  before <- .Random.seed
  a <- simulate(fit, nsim = 2, seed = 3)
  expect_identical(.Random.seed, before)
  expect_identical(simulate(fit, nsim = 2, seed = 3), a)
  expect_false(identical(simulate(fit, seed = 4)[[1]], a[[1]]))
  expect_named(a, c("sim_1", "sim_2"))
  expect_equal(dim(a), c(108L, 2L))
  expect_equal(as.numeric(attr(a, "seed")), 3)
  # Without a seed the generator goes on.
  set.seed(3)
  b <- simulate(fit, nsim = 2)
  expect_equal(b$sim_2, a$sim_2)
  expect_identical(attr(b, "seed"), {
    set.seed(3)
    .Random.seed
  })
})

test_that("draws have the moments of the model", {
  fit <- growth_fit()
  sims <- as.matrix(simulate(fit, nsim = 4000, seed = 1))
  rows <- 1:4
  term <- fit$random[[1L]]
  Z <- cbind(1, orthodont()$age[rows])
  V <- fit$sigma^2 * (diag(4) + Z %*% tcrossprod(term$Lambda) %*% t(Z))
  expect_equal(unname(rowMeans(sims[rows, ])), unname(fitted(fit, level = 0)[rows]),
               tolerance = 0.01)
  expect_equal(unname(cov(t(sims[rows, ]))), unname(V), tolerance = 0.1)
  kept <- as.matrix(simulate(fit, nsim = 4000, seed = 1, use.u = TRUE))
  expect_equal(unname(rowMeans(kept[rows, ])), unname(fitted(fit)[rows]), tolerance = 0.01)
  expect_equal(unname(cov(t(kept[rows, ]))), diag(fit$sigma^2, 4), tolerance = 0.15)
})

test_that("weights divide the residual variance; re.form keeps some effects", {
  d <- machines()
  d$w <- rep(c(0.01, 100), each = 27)
  fit <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), d, weights = w)
  sims <- as.matrix(simulate(fit, nsim = 500, seed = 1, re.form = NULL))
  spread <- apply(sims, 1, sd)
  expect_equal(unname(spread), sigma(fit) / sqrt(d$w), tolerance = 0.15)
  part <- as.matrix(simulate(fit, nsim = 2000, seed = 1, re.form = ~ (1 | Worker)))
  expect_equal(unname(rowMeans(part)[28:54]),
               unname(predict(fit, re.form = ~ (1 | Worker))[28:54]), tolerance = 0.01)
})

test_that("new data, with levels that were not seen", {
  fit <- growth_fit()
  new <- data.frame(age = c(9, 11, 11), Sex = "Male", Subject = c("M01", "new", "new"))
  sims <- as.matrix(simulate(fit, nsim = 2000, seed = 1, newdata = new))
  expect_equal(dim(sims), c(3L, 2000L))
  term <- fit$random[[1L]]
  between <- fit$sigma^2 * drop(c(1, 11) %*% tcrossprod(term$Lambda) %*% c(1, 11))
  expect_equal(cov(sims[2, ], sims[3, ]), between, tolerance = 0.15)
  expect_error(simulate(fit, newdata = new, re.form = NULL), class = "tiers_error_input")
  expect_error(simulate(fit, nsim = 0), class = "tiers_error_input")
})

test_that("simulate and refit again: a bootstrap step in each direction", {
  fit <- growth_fit()
  y <- simulate(fit, seed = 8)[[1]]
  a <- suppressMessages(refit_response(fit, y))
  d <- orthodont()
  d$distance <- y
  b <- suppressMessages(lmm(distance ~ age * Sex + (age | Subject), d))
  expect_equal(fixef(a), fixef(b), tolerance = 1e-7)
  expect_equal(logLik(a), logLik(b), tolerance = 1e-9)
  expect_equal(unname(model.frame(a)$distance), y)
})

quiet_glmm <- function(...) suppressWarnings(suppressMessages(glmm(...)))

# One warning that counts the missing draws, and nothing else.
expect_counted <- function(fit, ...) {
  heard <- listen(simulate(fit, 100, seed = 1, ...))
  expect_length(heard$conditions, 1L)
  expect_s3_class(heard$conditions[[1L]], "tiers_warning_data")
  lost <- vapply(heard$value, function(y) sum(if (is.matrix(y)) is.na(y[, 1L]) else is.na(y)), 1L)
  expect_equal(heard$conditions[[1L]]$lost, unname(lost), ignore_attr = TRUE)
  expect_gt(sum(lost), 0L)
  expect_match(conditionMessage(heard$conditions[[1L]]), paste(sum(lost), "of"))
}

test_that("draws outside of the domain of the link are counted in one warning", {
  set.seed(8)
  d <- data.frame(g = factor(rep(1:40, each = 4)))
  b <- rnorm(40, 0, 0.45)[d$g]
  d$y <- rgamma(160, shape = 2, scale = 1 / (2 * pmax(0.3, 1 + b)))
  d$k <- rpois(160, pmax(0.05, 1 + b))
  d$z <- rbinom(160, 1, pmin(exp(-0.7 + b), 0.95))
  d$s <- rbinom(160, 2, pmin(exp(-0.7 + b), 0.95))
  expect_counted(quiet_glmm(y ~ 1 + (1 | g), d, family = Gamma("inverse")))
  expect_counted(quiet_glmm(k ~ 1 + (1 | g), d, family = poisson("identity")))
  expect_counted(quiet_glmm(z ~ 1 + (1 | g), d, family = binomial("log")))
  expect_counted(quiet_glmm(cbind(s, 2 - s) ~ 1 + (1 | g), d, family = binomial("log")))
  # One row, and rows that have no prediction at all are not among them.
  fit <- glmm(k ~ 1 + (1 | g), d, family = poisson)
  new <- data.frame(g = factor(c(1, NA, 2)))
  expect_length(listen(simulate(fit, 3, seed = 1, newdata = new))$conditions, 0L)
  expect_length(listen(simulate(fit, 3, seed = 1, newdata = new[1L, , drop = FALSE]))$conditions,
                0L)
})

test_that("new rows have the trials that they say, with or without successes", {
  set.seed(33)
  d <- data.frame(g = factor(rep(1:12, each = 5)), x = rnorm(60), n = sample(8:20, 60, TRUE))
  d$s <- rbinom(60, d$n, 0.4)
  d$f <- d$n - d$s
  new <- data.frame(g = factor(1:3), x = 0, n = c(10, 50, 100))
  totals <- function(formula, newdata, ...) {
    fit <- suppressMessages(glmm(formula, d, ...))
    rowSums(simulate(fit, 1, seed = 1, newdata = newdata)[[1L]])
  }
  expect_equal(totals(cbind(s, n - s) ~ x + (1 | g), new, family = binomial), new$n)
  expect_equal(totals(cbind(n - f, f) ~ x + (1 | g), new, family = binomial), new$n)
  expect_equal(totals(cbind(s, n - s) ~ x + (1 | g), new, family = betabinomial), new$n)
  expect_equal(totals(cbind(s, f) ~ x + (1 | g), transform(new, s = 3, f = n), family = binomial),
               new$n + 3)
  # Variables of the workspace are no trials of the new rows.
  s <- 2:4
  expect_equal(totals(cbind(s, n - s) ~ x + (1 | g), new, family = binomial), new$n)
  expect_message(one <- totals(cbind(s, f) ~ x + (1 | g), new, family = binomial),
                 class = "tiers_message_trials")
  expect_equal(one, c(1, 1, 1))
  fit <- suppressMessages(glmm(s / n ~ x + (1 | g), d, family = binomial, weights = n))
  shares <- simulate(fit, 1, seed = 1, newdata = new)[[1L]]
  expect_equal(shares * new$n, round(shares * new$n))
  expect_message(simulate(fit, 1, newdata = new[c("g", "x")]), class = "tiers_message_trials")
  single <- suppressMessages(glmm(I(s > 5) ~ x + (1 | g), d, family = binomial))
  expect_length(listen(simulate(single, 1, newdata = new))$conditions, 0L)
})

test_that("contradictions and seeds that are none are refused", {
  fit <- lmm(small_formula, small_data())
  for (form in list(NA, ~ (1 | g), ~ 0)) {
    expect_error(simulate(fit, use.u = TRUE, re.form = form), "different",
                 class = "tiers_error_input")
  }
  kept <- simulate(fit, seed = 1, use.u = TRUE)
  expect_equal(simulate(fit, seed = 1, use.u = TRUE, re.form = NULL), kept)
  expect_equal(simulate(fit, seed = 1, re.form = NULL), kept)
  for (seed in list("a", NA, 1:2, Inf, list(1), 1e10)) {
    expect_error(simulate(fit, seed = seed), "seed", class = "tiers_error_input")
  }
})
