# Models whose approximate likelihood has no maximum: a classed condition that says so, never a
# crash and never a value that a likelihood cannot have.

endings <- function(heard) unlist(lapply(heard$conditions, `[[`, "ending"))

texts <- function(heard) paste(condition_texts(heard$conditions), collapse = "\n")

expect_no_fault <- function(heard, label) {
  expect_length(without_class(heard$conditions), 0L)
  expect_false(any(grepl("tiers_error_numeric", texts(heard))), label = label)
  invisible(heard$value)
}

# Not a fit like others: an error, or a warning that it is none.
expect_no_optimum <- function(heard, label) {
  fit <- expect_no_fault(heard, label)
  told <- vapply(heard$conditions, inherits, NA,
                 c("tiers_error_model", "tiers_warning_notconverged"))
  expect_true(any(told), label = label)
  if (!is.null(fit)) {
    expect_equal(fit$convergence$status, "not_converged", label = label)
    expect_lt(fit$logLik, 0)
  }
}

identity_counts <- function(seed) {
  set.seed(seed)
  d <- data.frame(g = gl(20, 5), x = rnorm(100))
  d$y <- rpois(100, pmax(1 + 0.3 * d$x + rnorm(20, sd = 0.3)[d$g], 0.05))
  d
}

test_that("modes at the edge of the domain of the link are told as such", {
  d <- identity_counts(27)
  heard <- listen(glmm(y ~ x + (1 | g), d, poisson("identity")))
  fit <- expect_no_fault(heard, "poisson identity")
  expect_equal(endings(heard), "edge")
  expect_match(texts(heard), "at the edge of what the identity link can take")
  expect_false(grepl("Raise", texts(heard)))
  expect_match(diagnose(fit)$findings$advice, "fewer random effects", all = FALSE)
})

test_that("few binary data with a link that is not log-concave", {
  for (seed in c(3, 11, 12)) {
    set.seed(seed)
    d <- data.frame(g = gl(5, 4), x = rnorm(20))
    d$y <- rbinom(20, 1, plogis(d$x))
    expect_no_optimum(listen(glmm(y ~ x + (x | g), d, binomial("cauchit"))), paste("cauchit", seed))
  }
})

test_that("a search for the boundary that comes to an infinite deviance goes on", {
  set.seed(7)
  d <- data.frame(g = gl(5, 4), h = gl(2, 2, 20), x = rnorm(20))
  d$y <- rgamma(20, 2, scale = exp(rnorm(5)[d$g]))
  heard <- listen(glmm(y ~ x + (1 | g / h), d, inverse.gaussian("log")))
  expect_no_optimum(heard, "inverse Gaussian")
})

test_that("an approximation that would give a probability above 1 is no fit", {
  set.seed(6)
  n <- 60
  d <- data.frame(g = factor(sample(7, n, TRUE)), x = rnorm(n))
  p <- plogis(0.4 * d$x + rnorm(7)[d$g])
  d$y <- rbinom(n, 1, p)
  for (family in list(binomial("identity"), nbinom2("identity"), nbinom1("identity"))) {
    heard <- listen(glmm(y ~ x + (x || g), d, family, control = list(maxit = 10)))
    expect_no_optimum(heard, family$family)
  }
})

test_that("more random effects than rows do not keep a search at a response that is reproduced", {
  set.seed(96)
  n <- 20
  d <- data.frame(g = factor(sample(5, n, TRUE)), h = factor(sample(5, n, TRUE)), x = rnorm(n))
  d$y <- rgamma(n, 2, scale = exp(0.4 * d$x + rnorm(5)[d$g]))
  heard <- listen(glmm(y ~ x + (x | g) + (1 | g:h), d, Gamma("log")))
  fit <- expect_no_fault(heard, "Gamma")
  # Another search ends there as well: without the term that has no variance.
  expect_equal(fit$convergence$status, "boundary")
  expect_equal(fit$logLik, suppressMessages(glmm(y ~ x + (x | g), d, Gamma("log")))$logLik,
               tolerance = 1e-8)
})

test_that("more iterations are advised only where they ran out", {
  d <- small_counts()
  heard <- listen(glmm(n ~ x + (x | g), d, poisson(), control = list(maxit = 0)))
  expect_equal(endings(heard), "iterations")
  expect_match(texts(heard), "Raise")
})

test_that("nbinom1 starts at the overdispersion of large counts", {
  set.seed(5)
  d <- data.frame(g = gl(15, 10), x = rnorm(150))
  mean <- exp(0.3 * d$x + 0.6 * rnorm(15)[d$g]) * 1e9
  d$y <- rnbinom(150, mu = mean, size = 2)
  fit <- expect_no_tiers_warning(glmm(y ~ x + (1 | g), d, nbinom1()))
  expect_lt(fit$convergence$iterations, 15)
  expect_equal(unname(fixef(fit)), c(log(1e9), 0.3), tolerance = 0.1)
  # In other units only the rounding of the counts is left.
  d$thousands <- round(d$y / 1e3)
  other <- suppressMessages(glmm(thousands ~ x + (1 | g), d, nbinom1()))
  expect_equal(fit$logLik, other$logLik - 150 * log(1e3), tolerance = 1e-5)
  expect_equal(fixef(fit)[["x"]], fixef(other)[["x"]], tolerance = 1e-4)
})
