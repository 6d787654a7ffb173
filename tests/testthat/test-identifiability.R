# Variances that cannot be told apart are refused before the search, by name; others never are.

model_error <- function(expr) {
  heard <- listen(expr)
  bad <- Filter(function(x) inherits(x, "tiers_error"), heard$conditions)
  if (length(bad)) bad[[1L]] else NULL
}

trial_data <- function(seed = 1, groups = 12L) {
  set.seed(seed)
  d <- expand.grid(visit = factor(c("a", "b", "c")), id = factor(seq_len(groups)), again = 1:2)
  d$arm <- factor(ifelse(as.integer(d$id) %% 2L == 0L, "t", "c"))
  d$age <- round(rnorm(groups), 2)[d$id]
  d$x <- rnorm(nrow(d))
  d$item <- factor(sample(letters[1:6], nrow(d), TRUE))
  d$twin <- factor(paste0("t", 100L - as.integer(d$id)))
  d$y <- rnorm(groups)[d$id] + d$x + rnorm(nrow(d))
  d$count <- rpois(nrow(d), exp(1 + rnorm(groups, 0, 0.3)[d$id]))
  d
}

test_that("terms that cannot be told apart are refused and named", {
  d <- trial_data()
  cases <- list(
    list(y ~ visit + (1 | item) + (0 + visit | item), c("(1 | item)", "(0 + visit | item)")),
    list(y ~ arm + (1 | id) + (0 + arm | id), c("(1 | id)", "(0 + arm | id)", "does not|do not")),
    list(y ~ arm + (arm | id), c("(arm | id)", "armt", "does not vary within the levels of `id`")),
    list(y ~ arm + (0 + arm | id),
         c("correlation of `armc` and `armt`", "No level of `id` has both", "||")),
    list(y ~ x + (1 | id) + (1 | twin), c("(1 | id)", "(1 | twin)", "confounded")),
    list(y ~ x + (1 | id) + (x | twin), c("(1 | id)", "(x | twin)", "confounded")),
    list(y ~ x + (x + I(2 * x - 1) | id), c("(x + I(2 * x - 1) | id)", "Leave out")))
  for (case in cases) {
    error <- model_error(lmm(case[[1L]], d))
    expect_s3_class(error, c("tiers_error_model"))
    for (text in case[[2L]]) {
      expect_match(conditionMessage(error), text,
                   fixed = !grepl("does not|do not", text, fixed = TRUE))
    }
    generalized <- case[[1L]]
    generalized[[2L]] <- quote(count)
    expect_s3_class(model_error(glmm(generalized, d, family = poisson)), "tiers_error_model")
  }
})

test_that("the residual variance is one of them", {
  d <- trial_data()
  one <- d[d$again == 1, ]
  error <- model_error(lmm(y ~ visit + (1 | id) + (0 + visit || id), one))
  expect_s3_class(error, "tiers_error_model")
  expect_match(conditionMessage(error), "residual", fixed = TRUE)
  # With two rows a cell, with counts, and with weights that differ it can be told.
  expect_null(model_error(lmm(y ~ visit + (1 | id) + (0 + visit || id), d)))
  expect_null(model_error(glmm(count ~ visit + (1 | id) + (0 + visit || id), one, poisson)))
  one$w <- seq_len(nrow(one))
  expect_null(model_error(lmm(y ~ visit + (1 | id) + (0 + visit || id), one, weights = w)))
  # Single trials have no more to tell than their means.
  one$success <- one$y > 0
  expect_s3_class(model_error(glmm(success ~ visit + (1 | id) + (0 + visit || id), one,
                                   family = binomial)), "tiers_error_model")
  expect_s3_class(model_error(glmm(y ~ visit + (1 | id) + (0 + visit || id), one,
                                   family = gaussian)), "tiers_error_model")
})

test_that("a slope of a covariate between groups is told where it has three values", {
  d <- trial_data()
  expect_null(model_error(lmm(y ~ age + (age | id), d)))
  expect_null(model_error(lmm(y ~ age + (1 | id) + (0 + age | id), d)))
  expect_null(model_error(lmm(y ~ arm + (0 + arm || id), d)))
})

test_that("columns that are nearly, but not, the same are told apart", {
  d <- trial_data()
  d$near <- 1 + 1e-5 * d$x
  d$far <- d$x + 1e6
  d$y <- d$y + 1e5 * (d$near - 1) * rnorm(12)[d$id]
  for (formula in list(y ~ x + (1 | id) + (0 + near | id), y ~ x + (far || id),
                       y ~ x + (far | id))) {
    expect_null(model_error(lmm(formula, d)))
  }
})

test_that("random designs are refused where the derivatives of V are dependent, and only there", {
  # Level codes and covariates in which coincidences are frequent.
  found <- vapply(1:120, function(seed) {
    set.seed(seed)
    n <- sample(6:24, 1L)
    d <- data.frame(y = rnorm(n), x = sample(c(0, 1, 2), n, TRUE),
                    f = gl(2, 1, n, labels = c("u", "v")))
    d$g <- factor(sample(seq_len(max(2L, n %/% 3L)), n, TRUE))
    d$h <- factor(if (runif(1) < 0.3) as.integer(d$g) %% 3L else sample(3L, n, TRUE))
    d$b <- sample(c(0, 1, 3), nlevels(d$g), TRUE)[d$g]
    values <- vapply(d[c("x", "f", "g", "h", "b")], function(v) length(unique(v)), 1L)
    if (any(values < 2L)) return(NA)
    bars <- list("(1 | g)" = list(~ 1, "g", TRUE), "(x | g)" = list(~ x, "g", TRUE),
                 "(b | g)" = list(~ b, "g", TRUE), "(1 | h)" = list(~ 1, "h", TRUE),
                 "(0 + f || h)" = list(~ 0 + f, "h", FALSE),
                 "(0 + b || g)" = list(~ 0 + b, "g", FALSE),
                 "(0 + f | g)" = list(~ 0 + f, "g", TRUE),
                 "(1 | g:h)" = list(~ 1, c("g", "h"), TRUE), "(x || h)" = list(~ x, "h", FALSE))
    chosen <- sample(length(bars), sample(1:3, 1L))
    terms <- lapply(bars[chosen], function(bar) {
      list(basis = model.matrix(bar[[1L]], d), correlated = bar[[3L]],
           codes = as.integer(interaction(d[bar[[2L]]], drop = TRUE)))
    })
    # What is refused for other reasons is not the matter here.
    few <- vapply(terms, function(t) {
      max(t$codes) * (if (t$correlated) ncol(t$basis) else 1L) >= n || max(t$codes) < 2L
    }, NA)
    if (any(few)) return(NA)
    formula <- as.formula(paste("y ~ 1 +", paste(names(bars)[chosen], collapse = " + ")))
    error <- model_error(lmm(formula, d, REML = seed %% 2L == 0L))
    if (inherits(error, "tiers_error_formula")) return(NA)
    refused <- inherits(error, "tiers_error_model")
    if (refused && grepl("residual variance is 0", conditionMessage(error), fixed = TRUE)) {
      return(NA)
    }
    identified <- dense_identified(terms, n, TRUE, if (seed %% 2L == 0L) matrix(1, n, 1L))
    expect(identified == !refused, paste(seed, deparse1(formula), "identified:", identified,
                                         if (refused) conditionMessage(error)))
    identified
  }, NA)
  expect_gt(sum(found, na.rm = TRUE), 20L)
  expect_gt(sum(!found, na.rm = TRUE), 10L)
})

test_that("more parameters than random effects are refused at once", {
  set.seed(1)
  d <- expand.grid(visit = factor(1:60), id = factor(1:6), again = 1:2)
  d$y <- rnorm(nrow(d))
  d$count <- rpois(nrow(d), 3)
  for (fit in list(quote(lmm(y ~ 1 + us(visit | id), d)), quote(lmm(y ~ 1 + (0 + visit | id), d)),
                   quote(glmm(count ~ 1 + (visit | id), d, family = poisson)))) {
    time <- system.time(error <- model_error(eval(fit)))[["elapsed"]]
    expect_s3_class(error, "tiers_error_model")
    expect_match(conditionMessage(error), "1830", fixed = TRUE)
    expect_match(conditionMessage(error), "360", fixed = TRUE)
    expect_lt(time, 5)
  }
})

test_that("parameters that are held or equal tell others, and what stays untold is refused", {
  d <- trial_data()
  one <- d[d$again == 1, ]
  cells <- y ~ visit + (1 | id) + (0 + visit || id)
  d$row <- factor(seq_len(nrow(d)))
  name <- function(column, group) paste0("sd_", column, "|", group)
  told <- list(
    quote(lmm(cells, one, fix = c(sigma = 0.5))),
    quote(lmm(cells, one, fix = c("sd_visita|id" = 0.5))),
    quote(glmm(cells, one, family = gaussian, fix = c(sigma = 0.5))),
    quote(lmm(y ~ x + (1 | id) + (1 | twin), d, fix = c("sd_(Intercept)|id" = 0.5))),
    quote(lmm(y ~ x + (1 | id) + (1 | twin), d,
              equal = list(c("sd_(Intercept)|id", "sd_(Intercept)|twin")))),
    quote(glmm(count ~ x + (1 | id) + (1 | twin), d, poisson, fix = c("sd_(Intercept)|id" = 0.2))),
    quote(lmm(y ~ x + (1 | id) + (1 | row), d, fix = c("sd_(Intercept)|row" = 0.3))),
    quote(lmm(y ~ x + (1 | id) + (1 | row), d, fix = c(sigma = 0.3))))
  for (call in told) {
    fit <- suppressMessages(eval(call))
    expect_true(fit$convergence$status %in% c("converged", "boundary"), label = deparse1(call))
  }
  # The same models with what is held taken off the rest: the sum of the two variances is the same.
  held <- suppressMessages(eval(told[[7L]]))
  plain <- lmm(y ~ x + (1 | id), d)
  expect_equal(logLik(held), logLik(plain), tolerance = 1e-9, ignore_attr = TRUE)
  expect_equal(sqrt(sigma(held)^2 + 0.09), sigma(plain), tolerance = 1e-7)
  untold <- list(
    list(quote(lmm(cells, one, fix = c("sd_(Intercept)|id" = 0.5))),
         c("(0 + visit || id)", "residual")),
    list(quote(lmm(y ~ x + (x | id) + (1 | twin), d, fix = c("sd_x|id" = 0.5))),
         c("(x | id)", "(1 | twin)", "confounded")),
    list(quote(glmm(count ~ x + (x | id) + (1 | twin), d, poisson, fix = c("sd_x|id" = 0.1))),
         c("(x | id)", "(1 | twin)", "confounded")),
    list(quote(lmm(y ~ x + (1 | id) + (1 | row), d, fix = c("sd_(Intercept)|id" = 0.5))),
         c("(1 | row)", "residual")))
  for (case in untold) {
    error <- model_error(eval(case[[1L]]))
    expect_s3_class(error, "tiers_error_model")
    for (text in case[[2L]]) expect_match(conditionMessage(error), text, fixed = TRUE)
  }
})

test_that("under REML what the fixed effects take up tells nothing", {
  d <- trial_data()
  d <- d[d$visit != "c", ]
  # Of two columns whose sum is in X there is one difference, and its variance.
  error <- model_error(lmm(y ~ id + visit + (0 + visit || id), d))
  expect_s3_class(error, "tiers_error_model")
  expect_match(conditionMessage(error), "fixed effects take up", fixed = TRUE)
  expect_null(model_error(lmm(y ~ id + visit + (0 + visit || id), d, REML = FALSE)))
  expect_null(model_error(lmm(y ~ id + visit + (0 + visit || id), d,
                              equal = list(c("sd_visita|id", "sd_visitb|id")))))
  # Three groups and a straight line through them leave one mean.
  three <- transform(droplevels(d[as.integer(d$id) < 4L, ]), z = c(0, 1, 3)[as.integer(id)])
  expect_s3_class(model_error(lmm(y ~ z + (1 | id) + (0 + z | id), three)), "tiers_error_model")
  expect_null(model_error(lmm(y ~ z + (1 | id), three)))
})
