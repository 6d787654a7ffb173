# Replicates by the engine against refits of the same responses one by one, and draws against their
# definition.

# Default statistics of refits made the long way.
refit_rows <- function(fit, y) {
  t(apply(y, 2L, function(column) {
    part <- suppressWarnings(suppressMessages(refit_response(fit, column)))
    unname(c(part$coefficients[!is.na(part$coefficients)],
             part$parameters$estimate[!fit$parameters$fixed]))
  }))
}

# Responses as the engine has them, drawn from stream after stream.
drawn_matrix <- function(fit, n, seed = 1) {
  random <- tiers:::start_streams(seed, n)
  on.exit(random$restore())
  tiers:::draw_responses(fit, random$streams, tiers:::parametric_drawer(fit),
                         tiers:::fit_response(fit))
}

expect_same_replicates <- function(fit, n = 4L, tolerance = 1e-8) {
  y <- drawn_matrix(fit, n)
  found <- tiers:::kind_replicates(fit, tiers:::warm_specification(fit), y)
  expect_true(all(found$status %in% c("converged", "boundary")))
  rows <- tiers:::replicate_rows(fit, found)
  response <- tiers:::fit_response(fit)
  user <- if (length(response$size)) y / response$size else y
  wanted <- if (is.matrix(fit$frame[[1L]])) {
    t(vapply(seq_len(n), function(i) {
      part <- suppressWarnings(suppressMessages(
        refit_response(fit, cbind(y[, i], response$size - y[, i]))))
      unname(c(part$coefficients, part$parameters$estimate))
    }, numeric(ncol(rows))))
  } else {
    refit_rows(fit, user)
  }
  expect_equal(unname(rows), wanted, tolerance = tolerance)
  found
}

test_that("replicates of linear fits are refits", {
  d <- nlme::Orthodont
  d$w <- rep(c(1, 2, 0.5), length.out = nrow(d))
  d$o <- seq(-3, 3, length.out = nrow(d))
  d$w[5] <- 0
  d$twice <- 2 * d$age
  expect_same_replicates(lmm(distance ~ age * Sex + (age | Subject), d))
  expect_same_replicates(lmm(distance ~ age + twice + (1 | Subject), d, weights = w,
                             offset = o, REML = FALSE))
  d$distance[c(3, 40)] <- NA
  expect_same_replicates(suppressMessages(lmm(distance ~ age + diag(age | Subject), d,
                                              na.action = na.exclude)))
  expect_same_replicates(lmm(log(distance) ~ age + (age | Subject), d, fix = c(sigma = 0.05)))
  expect_same_replicates(lmm(distance ~ age + diag(0 + Sex | Subject), nlme::Orthodont,
                             equal = list(c("sd_SexMale|Subject", "sd_SexFemale|Subject"))))
  # A response far from zero, and crossed factors.
  expect_same_replicates(lmm(1e6 + diameter ~ 1 + (1 | plate) + (1 | sample),
                             fixture_data("penicillin")))
})

test_that("replicates of a fit on the boundary leave it where the response says so", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  found <- expect_same_replicates(fit, 8L)
  expect_true(any(found$status == "boundary") && any(found$status == "converged"))
})

test_that("replicates of generalized fits are refits", {
  cbpp <- fixture_data("cbpp")
  expect_same_replicates(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp,
                              family = binomial()), 3L)
  expect_same_replicates(glmm(incidence / size ~ period + (1 | herd), cbpp, weights = size,
                              family = binomial("probit"), nAGQ = 5), 2L)
  epil <- MASS::epil
  epil$w <- rep(1:2, length.out = nrow(epil))
  expect_same_replicates(glmm(y ~ trt + offset(log(age)) + (1 | subject), epil, family = nbinom2()),
                         2L)
  expect_same_replicates(glmm(y ~ trt + (1 | subject), epil, family = poisson(), weights = w,
                              fix = c("sd_(Intercept)|subject" = 0.7)), 2L)
  expect_same_replicates(glmm(distance ~ age + (1 | Subject), nlme::Orthodont,
                              family = Gamma("log")), 2L)
})

test_that("a replicate that is separated has infinite coefficients and counts", {
  d <- data.frame(g = gl(6, 3), x = rep(0:1, 9), y = rep(c(0, 0, 1, 1, 0, 1), 3))
  fit <- suppressWarnings(suppressMessages(glmm(y ~ x + (1 | g), d, family = binomial())))
  y <- cbind(d$x, d$y)
  found <- tiers:::kind_replicates(fit, tiers:::warm_specification(fit), y)
  expect_identical(is.infinite(found$coefficients), cbind(c(TRUE, TRUE), c(FALSE, FALSE)))
})

test_that("the order of the responses changes nothing, and neither do those before", {
  fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont,
             equal = list(c("sd_(Intercept)|Subject", "sd_age|Subject")))
  y <- drawn_matrix(fit, 5L)
  spec <- tiers:::warm_specification(fit)
  rows <- function(columns) {
    tiers:::replicate_rows(fit, tiers:::kind_replicates(fit, spec, y[, columns, drop = FALSE]))
  }
  all <- rows(1:5)
  expect_identical(rows(5:1), all[5:1, ])
  expect_identical(rows(3), all[3, , drop = FALSE])
})

test_that("a response whose factor is made from the rows leaves nothing behind", {
  # Groups a million residuals apart, then the ordinary response.
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  apart <- fitted(fit) + 1e6 * as.integer(nlme::Orthodont$Subject) %% 7 + residuals(fit)
  spec <- tiers:::warm_specification(fit)
  found <- tiers:::kind_replicates(fit, spec, cbind(apart, nlme::Orthodont$distance))
  alone <- tiers:::kind_replicates(fit, spec, matrix(nlme::Orthodont$distance))
  expect_identical(found$parameters[, 2L], alone$parameters[, 1L])
  expect_identical(found$deviance[2L], alone$deviance)
  expect_equal(unname(found$parameters[, 1L]), refit_response(fit, apart)$parameters$estimate,
               tolerance = 1e-8)
})

test_that("a response without residual variance is a failure with its reason", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  y <- cbind(fitted(fit), nlme::Orthodont$distance)
  found <- tiers:::kind_replicates(fit, tiers:::warm_specification(fit), y)
  expect_identical(tiers:::replicate_failures(fit, found), c("no residual variance", ""))
  expect_equal(tiers:::replicate_rows(fit, found)[2L, ], tiers:::replicate_statistics(fit),
               tolerance = 1e-8)
})

test_that("a parametric draw is simulate() on the stream of its replicate", {
  pairs <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), fixture_data("cbpp"),
                family = binomial())
  slopes <- lmm(distance ~ age + (age | Subject), nlme::Orthodont)
  for (fit in list(pairs, slopes)) {
    y <- drawn_matrix(fit, 3L, seed = 5)
    random <- tiers:::start_streams(5, 3L)
    third <- local({
      on.exit(random$restore())
      tiers:::use_stream(random$streams[[3L]])
      simulate(fit)[[1L]]
    })
    expect_identical(y[, 3L], if (is.matrix(third)) third[, 1L] else third)
  }
})

test_that("classes, truths and shares come to the engine as it takes them", {
  none <- list(size = double())
  expect_identical(tiers:::engine_response(factor(c("n", "y", "n")), none), c(0, 1, 0))
  expect_identical(tiers:::engine_response(c(TRUE, FALSE), none), c(1, 0))
  expect_identical(tiers:::engine_response(c(1 / 3, 2 / 7), list(size = c(3, 7))), c(1, 2))
  expect_identical(tiers:::engine_response(cbind(1:2, 3:4), list(size = c(4, 6))), c(1, 2))
})

test_that("rescaled modes have the estimated covariance, rescaled residuals its variance", {
  fit <- lmm(distance ~ age + (age | Subject), nlme::Orthodont, weights = rep(c(1, 3), 54))
  b <- tiers:::rescaled_modes(fit$random[[1L]])
  expect_equal(colMeans(b), c(0, 0), tolerance = 1e-12)
  expect_equal(crossprod(b) / nrow(b), unname(fit$random[[1L]]$Sigma), tolerance = 1e-12)
  # b* = b times one upper triangular matrix: each column is mixed with those before only.
  centred <- unname(sweep(fit$random[[1L]]$modes, 2L, colMeans(fit$random[[1L]]$modes)))
  map <- qr.solve(centred, b)
  expect_equal(centred %*% map, b, tolerance = 1e-10)
  expect_equal(map[2L, 1L], 0, tolerance = 1e-10)
})

test_that("a residual draw is made of rescaled modes and residuals", {
  d <- nlme::Orthodont
  fit <- lmm(distance ~ age + (age | Subject), d, weights = rep(c(1, 4), 54))
  draw <- tiers:::residual_drawer(fit)
  set.seed(3)
  y <- draw()
  set.seed(3)
  levels <- sample.int(27, 27, replace = TRUE)
  rows <- sample.int(108, 108, replace = TRUE)
  b <- tiers:::rescaled_modes(fit$random[[1L]])[levels, ]
  root <- rep(c(1, 2), 54)
  e <- root * residuals(fit)
  e <- (e - mean(e)) * sigma(fit) / sqrt(mean((e - mean(e))^2))
  code <- match(as.character(d$Subject), fit$random[[1L]]$levels)
  wanted <- predict(fit, re.form = NA) + b[code, 1L] + d$age * b[code, 2L] + e[rows] / root
  expect_equal(unname(y), unname(wanted), tolerance = 1e-12)
  expect_error(tiers:::residual_drawer(glmm(y ~ trt + (1 | subject), MASS::epil,
                                            family = poisson())), "cases", class = "tiers_error")
})

test_that("a lower root may be singular", {
  S <- tcrossprod(c(1, 2, -1)) + tcrossprod(c(0, 0, 3))
  L <- tiers:::lower_root(S)
  expect_equal(tcrossprod(L), S, tolerance = 1e-14)
  expect_identical(L[upper.tri(L)], c(0, 0, 0))
  expect_identical(tiers:::lower_root(matrix(0, 2L, 2L)), matrix(0, 2L, 2L))
})
