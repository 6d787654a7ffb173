# Fits with parameters held or equal against the models that they are, and against a dense
# likelihood maximized by a general optimizer.

same_optimum <- function(a, b, tolerance = 1e-6) {
  expect_equal(as.numeric(logLik(a)), as.numeric(logLik(b)), tolerance = 1e-9)
  expect_equal(fixef(a), fixef(b), tolerance = tolerance)
  expect_equal(unname(vcov(a)), unname(vcov(b)), tolerance = tolerance)
}

sleep <- function() fixture_data("sleepstudy")
growth <- Reaction ~ Days + (Days | Subject)
no_correlation <- c("cor_Days.(Intercept)|Subject" = 0)

test_that("without a correlation it is the model with ||", {
  for (reml in c(TRUE, FALSE)) {
    held <- lmm(growth, sleep(), REML = reml, fix = no_correlation)
    other <- lmm(Reaction ~ Days + (Days || Subject), sleep(), REML = reml)
    same_optimum(held, other)
    expect_equal(attr(logLik(held), "df"), attr(logLik(other), "df"))
    expect_identical(held$convergence$status, "converged")
    expect_equal(unname(held$parameters$estimate[-3L]), other$parameters$estimate,
                 tolerance = 1e-6)
    expect_identical(held$parameters$fixed, c(FALSE, FALSE, TRUE, FALSE))
    expect_equal(unname(vcov(held, which = "theta")[-3L, -3L]),
                 unname(vcov(other, which = "theta")), tolerance = 1e-5)
    expect_true(all(is.na(vcov(held, which = "theta")[3L, ])))
    expect_equal(coef(summary(held)), coef(summary(other)), tolerance = 1e-5)
  }
})

test_that("equal standard deviations without correlations are one variance in all", {
  d <- orthodont()
  held <- suppressMessages(lmm(
    distance ~ age + (age | Subject), d, fix = c("cor_age.(Intercept)|Subject" = 0),
    equal = list(c("sd_(Intercept)|Subject", "sd_age|Subject"))))
  other <- lmm(distance ~ age + id(age | Subject), d)
  same_optimum(held, other)
  expect_equal(attr(logLik(held), "df"), attr(logLik(other), "df"))
  expect_equal(held$parameters$estimate[1:2], rep(other$parameters$estimate[1L], 2),
               tolerance = 1e-6)
  expect_equal(vcov(held, which = "theta")[2L, 2L], vcov(other, which = "theta")[1L, 1L],
               tolerance = 1e-5)
})

test_that("sigma held, with and without weights, against a dense likelihood", {
  skip_if_not_installed("numDeriv")
  d <- sleep()[1:80, ]
  d$w <- rep_len(c(1, 2, 0.5), nrow(d))
  for (reml in c(TRUE, FALSE)) {
    # One of them with weights.
    fit <- if (reml) lmm(growth, d, REML = reml, fix = c(sigma = 30), weights = w) else {
      lmm(growth, d, REML = reml, fix = c(sigma = 30))
    }
    expect_identical(fit$sigma, 30)
    spec <- fit_specification(fit)
    value <- function(u) {
      dense_criterion(spec, list(matrix(c(u[1L], u[2L], 0, u[3L]) / 30, 2L)), 30)
    }
    best <- stats::nlminb(c(25, 0.1, 6), value, control = list(rel.tol = 1e-14, x.tol = 1e-10))
    expect_equal(fit$deviance, best$objective, tolerance = 1e-9)
    expect_equal(attr(logLik(fit), "df"), 5)
    # Errors of the standard deviations, given sigma.
    H <- numDeriv::hessian(function(u) {
      sd <- fit$parameters$estimate[1:2] + u[1:2]
      r <- fit$parameters$estimate[3L] + u[3L]
      dense_criterion(spec, list(matrix(c(sd[1L], r * sd[2L], 0, sqrt(1 - r^2) * sd[2L]) / 30, 2L)),
                      30)
    }, c(0, 0, 0), method.args = list(eps = 1e-3))
    expect_equal(unname(vcov(fit, which = "theta")[1:3, 1:3]), 2 * solve(H), tolerance = 1e-3)
  }
})

test_that("known variances of the rows: sigma = 1, a level for each row", {
  set.seed(2)
  d <- data.frame(study = gl(15, 1), v = runif(15, 0.1, 0.5), x = rnorm(15))
  d$y <- 1 + 0.5 * d$x + rnorm(15, 0, 0.6) + rnorm(15, 0, sqrt(d$v))
  fit <- lmm(y ~ x + (1 | study), d, weights = 1 / v, fix = c(sigma = 1), REML = FALSE)
  value <- function(u) {
    s <- exp(2 * u[1L]) + d$v
    sum(log(2 * pi * s) + (d$y - u[2L] - u[3L] * d$x)^2 / s)
  }
  best <- stats::optim(c(log(0.5), 1, 0.5), value, method = "BFGS", control = list(reltol = 1e-14))
  expect_equal(fit$deviance, best$value, tolerance = 1e-8)
  expect_equal(fit$parameters$estimate[1L], exp(best$par[1L]), tolerance = 1e-4)
  equal_weights <- lmm(y ~ x + (1 | study), d, fix = c(sigma = 0.3), REML = FALSE)
  ols <- stats::lm(y ~ x, d)
  expect_equal(equal_weights$parameters$estimate[1L],
               sqrt(mean(residuals(ols)^2) - 0.09), tolerance = 1e-6)
})

test_that("standard deviations held at values, across terms and beside a correlation", {
  fit <- lmm(growth, sleep(), fix = c("sd_Days|Subject" = 4), REML = FALSE)
  spec <- fit_specification(fit)
  value <- function(u) {
    r <- tanh(u[2L])
    sd <- c(exp(u[1L]), 4)
    dense_criterion(spec, list(matrix(c(sd[1L], r * sd[2L], 0, sqrt(1 - r^2) * sd[2L]) / exp(u[3L]),
                                      2L)), exp(u[3L]))
  }
  best <- stats::nlminb(c(3, 0, 3), value, control = list(rel.tol = 1e-14))
  expect_equal(fit$deviance, best$objective, tolerance = 1e-9)
  expect_equal(fit$parameters$estimate[2L], 4, tolerance = 1e-12)
  expect_identical(fit$convergence$status, "converged")

  two <- lmm(diameter ~ 1 + (1 | plate) + (1 | sample), fixture_data("penicillin"),
             equal = list(c("sd_(Intercept)|plate", "sd_(Intercept)|sample")))
  spec <- fit_specification(two)
  one <- stats::optimize(function(u) dense_deviance(spec, list(matrix(u), matrix(u))), c(0.5, 6),
                         tol = 1e-10)
  expect_equal(two$deviance, one$objective, tolerance = 1e-9)
  expect_equal(two$parameters$estimate[1L], two$parameters$estimate[2L], tolerance = 1e-12)
  expect_equal(attr(logLik(two), "df"), 3)
})

test_that("a standard deviation of zero is the model without the term", {
  d <- sleep()
  held <- suppressMessages(lmm(growth, d, fix = c("sd_Days|Subject" = 0), REML = FALSE))
  other <- lmm(Reaction ~ Days + (1 | Subject), d, REML = FALSE)
  expect_equal(as.numeric(logLik(held)), as.numeric(logLik(other)), tolerance = 1e-9)
  expect_equal(fixef(held), fixef(other), tolerance = 1e-6)
  # Its correlation is no parameter, and what the user held is no boundary of the estimates.
  expect_equal(attr(logLik(held), "df"), attr(logLik(other), "df"))
  said_only(lmm(growth, d, fix = c("sd_Days|Subject" = 0)))
  expect_identical(held$convergence$status, "converged")
  said_only(lmm(Reaction ~ Days + diag(Days | Subject), d,
                fix = c("sd_Days|Subject" = 0, "sd_(Intercept)|Subject" = 30)))
  crossed <- lmm(diameter ~ 1 + (1 | plate) + (1 | sample), fixture_data("penicillin"),
                 fix = c("sd_(Intercept)|plate" = 0))
  same_optimum(crossed, lmm(diameter ~ 1 + (1 | sample), fixture_data("penicillin")))
})

test_that("correlations with an effect that is held at zero are not counted, nor printed", {
  d <- transform(sleep(), z = rep_len(c(1, -1, 0.5, 2, -1, 0), 180L))
  formula <- Reaction ~ Days + (Days + z | Subject)
  other <- lmm(growth, d)
  zero <- c("sd_z|Subject" = 0)
  pair <- c("cor_z.(Intercept)|Subject", "cor_z.Days|Subject")
  mixed <- c("cor_z.Days|Subject", "cor_Days.(Intercept)|Subject")
  for (equal in list(NULL, pair, mixed)) {
    fit <- suppressMessages(lmm(formula, d, fix = zero, equal = equal))
    same_optimum(fit, other)
    expect_identical(attr(logLik(fit), "df"), attr(logLik(other), "df"))
    expect_true(all(is.na(fit$parameters$estimate[match(pair, fit$parameters$name)])))
  }
  fit <- suppressMessages(lmm(formula, d, fix = zero, equal = pair))
  expect_identical(held_words(fit), "sd_z|Subject = 0")
  # A common one of all columns.
  none <- suppressMessages(lmm(Reaction ~ Days + cs(0 + factor(Days %% 2) | Subject), d,
                               fix = c("sd|Subject" = 0)))
  expect_identical(as.integer(attr(logLik(none), "df")), 3L)
  expect_equal(sigma(none), sigma(lm(Reaction ~ Days, d)), tolerance = 1e-7)
})

test_that("boundaries are found under constraints", {
  d <- fixture_data("dyestuff2")
  d$x <- rep_len(c(-1, 1, 0), nrow(d))
  expect_message(fit <- lmm(Yield ~ 1 + (x | Batch), d, fix = c("cor_x.(Intercept)|Batch" = 0)),
                 class = "tiers_message_singular")
  other <- suppressMessages(lmm(Yield ~ 1 + (x || Batch), d))
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(other)), tolerance = 1e-8)
  expect_identical(fit$convergence$status, "boundary")
  expect_identical(fit$parameters$estimate[1L], 0)
  # A correlation that goes to one.
  d <- orthodont()
  set.seed(3)
  d$y <- 10 + d$age + rnorm(27, 0, 0.4)[as.integer(d$Subject)] * (d$age - 5) + rnorm(108)
  free <- suppressMessages(lmm(y ~ age + (age | Subject), d))
  expect_true(any(free$parameters$boundary))
  s <- free$parameters$estimate[2L]
  held <- suppressMessages(lmm(y ~ age + (age | Subject), d, fix = c("sd_age|Subject" = s)))
  expect_equal(as.numeric(logLik(held)), as.numeric(logLik(free)), tolerance = 1e-8)
  expect_identical(held$convergence$status, "boundary")
  # Held there, far from the origin: the other minimum, without an intercept's variance, is no end.
  r <- stats::setNames(free$parameters$estimate[3L], free$parameters$name[3L])
  at_one <- suppressMessages(lmm(y ~ age + (age | Subject), d, fix = r))
  expect_equal(as.numeric(logLik(at_one)), as.numeric(logLik(free)), tolerance = 1e-8)
  d$age <- d$age + 40
  moved <- suppressMessages(lmm(y ~ age + (age | Subject), d))
  r[[1L]] <- moved$parameters$estimate[3L]
  at_one <- suppressMessages(lmm(y ~ age + (age | Subject), d, fix = r))
  expect_equal(as.numeric(logLik(at_one)), as.numeric(logLik(moved)), tolerance = 1e-8)
})

test_that("generalized fits: no correlation, equal variances, a dispersion that is held", {
  d <- MASS::epil
  d$x <- d$period - 2.5
  held <- glmm(y ~ lbase + x + (x | subject), d, family = poisson(),
               fix = c("cor_x.(Intercept)|subject" = 0))
  other <- glmm(y ~ lbase + x + (x || subject), d, family = poisson())
  same_optimum(held, other, 1e-4)
  expect_equal(attr(logLik(held), "df"), attr(logLik(other), "df"))
  expect_equal(unname(vcov(held, which = "theta")[-3L, -3L]), unname(vcov(other, which = "theta")),
               tolerance = 1e-3)

  fixed <- glmm(y ~ trt + (1 | subject), d, family = nbinom2(), fix = c(size = 4))
  expect_equal(sigma(fixed), 4)
  expect_equal(attr(logLik(fixed), "df"), 3)
  spec <- fit_specification(fixed)
  value <- function(u) run_glmm_evaluate(spec, u[2:3], list(matrix(exp(u[1L]))), log(4))$deviance
  best <- stats::optim(c(-0.3, 1.8, 0), value, method = "BFGS", control = list(reltol = 1e-12))
  expect_equal(fixed$deviance, best$value, tolerance = 1e-7)
  # With a size without end it is the Poisson model.
  poisson_like <- glmm(y ~ trt + (1 | subject), d, family = nbinom2(), fix = c(size = 1e7))
  expect_equal(fixef(poisson_like), fixef(glmm(y ~ trt + (1 | subject), d, family = poisson())),
               tolerance = 1e-4)
  expect_true(is.na(vcov(fixed, which = "theta")["size", "size"]))

  quadrature <- glmm(y ~ trt + (1 | subject), d, family = nbinom2(), nAGQ = 5, fix = c(size = 4))
  expect_equal(quadrature$points, 5L)
  expect_equal(sigma(quadrature), 4)
  none <- suppressMessages(glmm(y ~ trt + (1 | subject), d, family = poisson(),
                                fix = c("sd_(Intercept)|subject" = 0)))
  plain <- stats::glm(y ~ trt, poisson(), d)
  expect_equal(as.numeric(logLik(none)), as.numeric(stats::logLik(plain)), tolerance = 1e-8)
  expect_equal(unname(vcov(none)), unname(stats::vcov(plain)), tolerance = 1e-4)
})

test_that("refits, updates, simulations and predictions keep the constraints", {
  d <- sleep()
  fit <- lmm(growth, d, fix = c(no_correlation, sigma = 25))
  y <- simulate(fit, seed = 1)[[1L]]
  again <- refit_response(fit, y)
  expect_identical(again$sigma, 25)
  expect_identical(again$parameters$fixed, fit$parameters$fixed)
  expect_equal(again$parameters$estimate[3L], 0)
  updated <- update(fit, REML = FALSE)
  expect_identical(updated$sigma, 25)
  expect_equal(update(fit, fix = NULL)$parameters$fixed, rep(FALSE, 4L))
  expect_equal(unname(predict(fit)), unname(fitted(fit)))
  expect_equal(as.numeric(logLik(fit, REML = FALSE)),
               -dense_criterion(modifyList(fit_specification(fit), list(reml = FALSE)),
                                fit_lambdas(fit), 25) / 2, tolerance = 1e-9)
})

test_that("without a random variance the residual's can be held", {
  d <- sleep()
  V <- function(X) 900 * solve(crossprod(X))
  X <- stats::model.matrix(~ Days, d)
  fit <- suppressMessages(lmm(Reaction ~ Days, d, fix = c(sigma = 30), REML = FALSE))
  expect_equal(unname(vcov(fit)), unname(V(X)), tolerance = 1e-10)
  expect_equal(as.numeric(logLik(fit)),
               sum(stats::dnorm(d$Reaction, X %*% coef(lm(Reaction ~ Days, d)), 30, log = TRUE)))
  expect_equal(attr(logLik(fit), "df"), 2)
  # The same where the variance is estimated as zero.
  d$flat <- d$Reaction - stats::ave(d$Reaction, d$Subject)
  fit <- suppressMessages(lmm(flat ~ Days + (1 | Subject), d, fix = c(sigma = 30)))
  expect_identical(fit$parameters$estimate, c(0, 30))
  expect_equal(unname(vcov(fit)), unname(V(X)), tolerance = 1e-10)
})

test_that("names are taken without backticks, and correlations in either order", {
  d <- stats::setNames(small_data(), c("gr oup", "it's", "h", "f", "y"))
  right <- lmm(y ~ `it's` + (`it's` | `gr oup`), d,
               fix = c("sd_`it's`|gr oup" = 0.3, "cor_`it's`.(Intercept)|gr oup" = 0.2))
  for (name in c("sd_it's|gr oup", "sd_`it's`|`gr oup`")) {
    for (correlation in c("cor_it's.(Intercept)|gr oup", "cor_(Intercept).`it's`|gr oup")) {
      fit <- lmm(y ~ `it's` + (`it's` | `gr oup`), d,
                 fix = stats::setNames(c(0.3, 0.2), c(name, correlation)))
      expect_identical(fit$deviance, right$deviance)
    }
  }
  two <- y ~ x + (x | g) + (x | h)
  a <- suppressMessages(lmm(two, small_data(),
                            equal = list(c("cor_x.(Intercept)|g", "cor_x.(Intercept)|h"))))
  b <- suppressMessages(lmm(two, small_data(),
                            equal = list(c("cor_(Intercept).x|g", "cor_x.(Intercept)|h"))))
  expect_identical(a$deviance, b$deviance)
  started <- lmm(growth, sleep(), start = c("cor_(Intercept).Days|Subject" = 0.3))
  expect_equal(logLik(started), logLik(lmm(growth, sleep())), tolerance = 1e-9)
  expect_error(lmm(growth, sleep(), fix = c("cor_(Intercept).Days|Subject" = 0,
                                            "cor_Days.(Intercept)|Subject" = 0)), "twice",
               class = "tiers_error_input")
})

test_that("printouts say what is held", {
  fit <- lmm(growth, sleep(), fix = no_correlation,
             equal = list(c("sd_(Intercept)|Subject", "sd_Days|Subject")))
  words <- "Held: +cor_Days.\\(Intercept\\)\\|Subject = 0;"
  expect_output(print(fit), words)
  expect_output(print(summary(fit)), words)
  expect_output(print(VarCorr(fit)), words)
  expect_false(any(grepl("Held", utils::capture.output(print(growth_fit())))))
})

test_that("what cannot be held is told", {
  d <- sleep()
  held <- function(...) error_text(lmm(growth, d, ...))
  expect_match(held(fix = c("cor_days.(Intercept)|Subject" = 0)), "did you mean")
  expect_match(held(fix = c("sd_Days|Subject" = -1)), "0 or above")
  expect_match(held(fix = c(sigma = 0)), "above 0")
  expect_match(held(fix = c("cor_Days.(Intercept)|Subject" = 2)), "between -1 and 1")
  expect_match(held(fix = 1), "named numeric vector")
  expect_match(held(equal = list("sigma")), "must be a list")
  expect_match(held(equal = list(c("sigma", "cor_Days.(Intercept)|Subject"))),
               "not of one of these kinds")
  expect_match(held(equal = c("sd_(Intercept)|Subject", "sd_Days|Subject"),
                    fix = c("sd_(Intercept)|Subject" = 1, "sd_Days|Subject" = 2)), "contradict")
  impossible <- c("cor_x.(Intercept)|g" = 0.9, "cor_z.(Intercept)|g" = 0.9, "cor_z.x|g" = -0.9)
  three <- data.frame(g = gl(20, 6), x = rnorm(120), z = rnorm(120), y = rnorm(120))
  expect_match(error_text(lmm(y ~ x + (x + z | g), three, fix = impossible)),
               "no covariance matrix")
  expect_error(lmm(growth, d, fix = c(sigma = 1, sigma = 2)), class = "tiers_error_input")
})

test_that("two correlations held leave a range to the third", {
  set.seed(5)
  d <- data.frame(g = gl(24, 6), x = rnorm(144), z = rnorm(144))
  b <- matrix(rnorm(72), 24) %*% chol(matrix(c(1, .6, .6, .6, 1, .6, .6, .6, 1), 3))
  d$y <- b[d$g, 1] + b[d$g, 2] * d$x + b[d$g, 3] * d$z + rnorm(144, 0, 0.5)
  fix <- c("cor_x.(Intercept)|g" = 0.8, "cor_z.(Intercept)|g" = 0.8)
  fit <- lmm(y ~ x + z + (x + z | g), d, fix = fix, REML = FALSE)
  expect_identical(fit$convergence$status, "converged")
  expect_equal(fit$parameters$estimate[4:5], c(0.8, 0.8), tolerance = 1e-10)
  spec <- fit_specification(fit)
  value <- function(u) {
    R <- diag(3)
    R[1, 2] <- R[2, 1] <- R[1, 3] <- R[3, 1] <- 0.8
    R[2, 3] <- R[3, 2] <- 0.28 + 0.72 * tanh(u[4])
    dense_deviance(spec, list(t(chol(R)) * exp(u[1:3])))
  }
  best <- stats::nlminb(c(0, 0, 0, 0.3), value, control = list(rel.tol = 1e-12))
  expect_equal(fit$deviance, best$objective, tolerance = 1e-8)
})

test_that("a correlation held at its end ends a generalized fit there", {
  set.seed(1)
  n <- 120L
  d <- data.frame(g = gl(15, 8), h = factor(sample(6, n, TRUE)), x = rnorm(n), z = rnorm(n))
  b <- matrix(rnorm(45), 15) %*% matrix(rnorm(9), 3) / 3
  d$y <- rpois(n, exp(pmin(0.5 + b[d$g, 1] + b[d$g, 2] * d$x + b[d$g, 3] * d$z, 4)))
  fit <- suppressMessages(suppressWarnings(
    glmm(y ~ x + z + (x + z | g) + (1 | h), d, poisson, fix = c("cor_z.(Intercept)|g" = -1))))
  expect_true(is.finite(fit$deviance))
  expect_equal(attr(VarCorr(fit)$g, "correlation")[3L, 1L], -1, tolerance = 1e-8)
  expect_identical(fit$convergence$status, "boundary")
})

# Least deviance over rows of a factor with the given standard deviations (NA: free), the rows any
# vectors: no covariance matrix is at an edge.
dense_rows_optimum <- function(spec, sd, starts) {
  k <- length(sd)
  value <- function(u) {
    L <- matrix(0, k, k)
    L[lower.tri(L, diag = TRUE)] <- u[seq_len(k * (k + 1) / 2)]
    size <- sqrt(rowSums(L^2))
    L <- L / size * ifelse(is.na(sd), size, sd)
    dense_criterion(spec, list(L / exp(u[length(u)])), exp(u[length(u)]))
  }
  min(vapply(starts, function(u) {
    stats::nlminb(u, value, control = list(rel.tol = 1e-14, iter.max = 500))$objective
  }, 1))
}

test_that("three columns with standard deviations held end at the optimum, of full rank or not", {
  for (rank in c(3L, 1L)) {
    set.seed(if (rank == 3L) 23 else 21)
    groups <- if (rank == 3L) 20L else 12L
    size <- if (rank == 3L) 6L else 4L
    n <- groups * size
    d <- data.frame(g = gl(groups, size), x = rnorm(n), z = rnorm(n))
    b <- matrix(rnorm(groups * rank), groups) %*% matrix(rnorm(rank * 3), rank)
    d$y <- b[d$g, 1] + b[d$g, 2] * d$x + b[d$g, 3] * d$z + rnorm(n)
    free <- suppressMessages(lmm(y ~ x + z + (x + z | g), d))
    for (factor in if (rank == 3L) 1.1 else c(0.6, 1.4)) {
      fix <- stats::setNames(factor * free$parameters$estimate[2L], "sd_x|g")
      fit <- suppressMessages(lmm(y ~ x + z + (x + z | g), d, fix = fix))
      L <- fit$random[[1L]]$Lambda * fit$sigma
      expect_identical(fit$convergence$status, if (L[3L, 3L] == 0) "boundary" else "converged")
      expect_equal(L[3L, 3L] == 0, rank == 1L)
      expect_lte(fit$convergence$iterations, 25)
      starts <- lapply(c(1, 0.5), function(s) c((s * L + 0.1 * diag(3))[lower.tri(L, TRUE)], 0))
      best <- dense_rows_optimum(fit_specification(fit), c(NA, fix, NA), starts)
      expect_equal(fit$deviance, best, tolerance = 1e-7)
      expect_equal(fit$parameters$estimate[2L], fix[[1L]], tolerance = 1e-10)
    }
  }
})

test_that("generalized fits with a correlation held end, of full rank or not", {
  random_counts <- function(seed) {
    set.seed(seed)
    d <- data.frame(g = gl(15L, 6L), x = rnorm(90L), z = rnorm(90L))
    b <- matrix(rnorm(45L), 15L) %*% matrix(rnorm(9L), 3L)
    d$y <- rpois(90L, exp(0.4 * (b[d$g, 1L] + b[d$g, 2L] * d$x + b[d$g, 3L] * d$z)))
    d
  }
  held <- function(d, value) {
    suppressMessages(glmm(y ~ x + z + (x + z | g), d, family = poisson,
                          fix = c("cor_x.(Intercept)|g" = value)))
  }
  # Where the intercepts have no variance the correlation says nothing.
  for (seed in c(8L, 49L)) {
    d <- random_counts(seed)
    expect_no_warning(fit <- held(d, 0.95))
    expect_identical(fit$convergence$status, "boundary")
    expect_identical(fit$parameters$estimate[1L], 0)
    other <- suppressMessages(glmm(y ~ x + z + (0 + x + z | g), d, family = poisson))
    expect_equal(fit$deviance, other$deviance, tolerance = 1e-9)
    expect_equal(fixef(fit), fixef(other), tolerance = 1e-5)
  }
  # Intercepts that are a multiple of the slopes: one column for both.
  expect_no_warning(fit <- held(d, -1))
  expect_identical(fit$convergence$status, "converged")
  sd <- fit$parameters$estimate[1:2]
  with_multiple <- function(r) {
    d$both <- d$x - r
    suppressMessages(glmm(y ~ x + z + (0 + both + z | g), d, family = poisson))$deviance
  }
  expect_equal(fit$deviance, with_multiple(sd[1L] / sd[2L]), tolerance = 1e-9)
  expect_lt(fit$deviance, min(with_multiple(sd[1L] / sd[2L] + 0.1),
                              with_multiple(sd[1L] / sd[2L] - 0.1)))
})
