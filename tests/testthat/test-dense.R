# The engine against the definition of the model in helper-dense.R, at the estimates and at
# factors away from them: deviance, gradient, effects, variances and Satterthwaite's ingredients.

vector_design <- function() {
  set.seed(31)
  d <- data.frame(g = gl(14, 10), x = rnorm(140, 3), z = runif(140))
  d$h <- factor(sample(9, 140, TRUE))
  d$a <- gl(7, 20)
  d$b <- factor(rep_len(1:2, 140))
  d$c <- factor(rep_len(c(1, 1, 2, 2), 140))
  d$f <- factor(rep_len(c("u", "v"), 140))
  d$w <- rep_len(c(1, 2, 0.5, 0), 140)
  d$o <- d$z * 4
  effect <- function(factor, sd) rnorm(nlevels(factor), 0, sd)[factor]
  d$y <- 2 + d$x + effect(d$g, 1) + effect(d$g, 0.8) * d$x + effect(d$h, 1) +
    effect(d$h, 0.7) * d$x + effect(d$a, 1) + effect(interaction(d$a, d$b), 1) +
    effect(interaction(d$a, d$b, d$c), 0.8) + effect(interaction(d$g, d$f), 1) + rnorm(140)
  d
}

dense_models <- list(
  "growth" = function() lmm(Reaction ~ Days + (Days | Subject), fixture_data("sleepstudy")),
  "uncorrelated" = function() {
    lmm(Reaction ~ Days + (Days || Subject), fixture_data("sleepstudy"), REML = FALSE)
  },
  "crossed intercepts" = function() {
    lmm(diameter ~ 1 + (1 | plate) + (1 | sample), fixture_data("penicillin"))
  },
  "nested" = function() lmm(strength ~ 1 + (1 | batch/cask), fixture_data("pastes"), REML = FALSE),
  "crossed slopes" = function() lmm(y ~ x + (x | g) + (x | h), vector_design(), REML = FALSE),
  "nested chain of three" = function() {
    lmm(y ~ x + (1 | a) + (x | a:b) + (1 | a:b:c), vector_design())
  },
  "nested and crossed" = function() lmm(y ~ x + z + (1 | a/b) + (x | h), vector_design()),
  "weights and offset" = function() {
    lmm(y ~ x + (x | g) + (1 | h), vector_design(), weights = w, offset = o)
  },
  "one variance for all columns" = function() {
    lmm(y ~ x + id(x | g), vector_design(), REML = FALSE)
  },
  "three columns, crossed" = function() {
    lmm(y ~ x + z + (x + z | g) + (1 | h), vector_design(), REML = FALSE)
  },
  "no intercept" = function() lmm(y ~ x + (0 + f | g) + (0 + x | h), vector_design()),
  "two terms on one factor" = function() {
    lmm(y ~ x + z + (1 | g) + (0 + x + z | g), vector_design())
  },
  "no fixed effects" = function() lmm(y ~ 0 + (1 | g) + (x | h), vector_design()))

other_factors <- function(spec) {
  set.seed(8)
  lapply(spec$terms, function(term) {
    count <- dense_count(term)
    dense_factor(0.4 + runif(count), term$structure, dense_k(term))
  })
}

for (name in names(dense_models)) local({
  fit <- suppressMessages(dense_models[[name]]())
  spec <- fit_specification(fit)
  Lambda <- lapply(fit$random, `[[`, "Lambda")
  dense <- dense_result(spec, Lambda)

  test_that(paste("log-likelihood against a dense normal density:", name), {
    value <- as.numeric(logLik(fit))
    expect_lte(abs(value + 0.5 * dense$deviance), 1e-9 * (1 + abs(value)))
    if (!fit$REML) {
      direct <- dense_loglik(spec, Lambda, fit$sigma, fit$coefficients)
      expect_lte(abs(value - direct), 1e-9 * (1 + abs(value)))
    }
    elsewhere <- other_factors(spec)
    there <- dense_deviance(spec, elsewhere)
    expect_lte(abs(run_evaluate(spec, elsewhere)$deviance - there), 1e-9 * (1 + abs(there)))
  })

  test_that(paste("gradient against numerical derivatives:", name), {
    skip_if_not_installed("numDeriv")
    elsewhere <- other_factors(spec)
    numeric <- dense_gradient(spec, elsewhere)
    gradient <- run_evaluate(spec, elsewhere)$gradient
    expect_length(gradient, length(numeric))
    expect_lte(max(abs(gradient - numeric) / (1 + abs(numeric))), 1e-6)
    at_end <- run_evaluate(spec, Lambda)$gradient
    expect_lte(max(abs(at_end)), 1e-4 * (1 + abs(as.numeric(logLik(fit)))))
  })

  test_that(paste("effects and their variances:", name), {
    expect_equal(unname(fit$coefficients), dense$coefficients, tolerance = 1e-8)
    expect_equal(unname(as.matrix(fit$vcov)), dense$vcov, tolerance = 1e-8, ignore_attr = TRUE)
    expect_equal(fit$sigma, dense$sigma, tolerance = 1e-9)
    expect_equal(unname(fit$fitted), dense$fitted, tolerance = 1e-8)
    variances <- run_condvar(spec, Lambda, fit$sigma)
    truth <- dense_condvar(spec, Lambda, fit$sigma)
    for (j in seq_along(truth)) {
      expect_equal(unname(fit$random[[j]]$modes), dense$modes[[j]], tolerance = 1e-7,
                   ignore_attr = TRUE)
      expect_equal(variances[[j]], truth[[j]], tolerance = 1e-8, ignore_attr = TRUE)
    }
  })

  if (length(fit$coefficients)) test_that(paste("ingredients of Satterthwaite's df:", name), {
    skip_if_not_installed("numDeriv")
    # The engine may choose other parameters psi than the dense twin. What tests rest on does not
    # depend on that choice: the covariance matrix of the elements of vcov(beta).
    spread <- function(inference) {
      J <- vapply(inference$dvcov, as.vector, double(length(inference$dvcov[[1L]])))
      J <- matrix(J, ncol = length(inference$dvcov))
      J %*% inference$vcov_psi %*% t(J)
    }
    truth <- spread(dense_infer(spec, Lambda, fit$sigma))
    expect_equal(spread(fit$inference), truth, tolerance = 1e-5)
  })
})
