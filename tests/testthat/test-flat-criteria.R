# Fixed effects that take up all that a grouping factor could do: the variance is zero, and the fit
# is that of lm() or glm().

flat_data <- function(seed, groups = 4L, size = 20L) {
  set.seed(seed)
  d <- data.frame(site = factor(rep(seq_len(groups), each = size)), x = rnorm(groups * size) + 2,
                  tr = factor(rep(1:2, length.out = groups * size)))
  d$two <- factor(as.integer(d$site) > groups / 2)
  d$dummy <- as.numeric(d$two == "TRUE")
  d$y <- rnorm(groups)[d$site] + 0.5 * d$x + rnorm(groups * size)
  d
}

expect_linear_fit <- function(formula, data, reml) {
  fit <- said_only(lmm(formula, data, REML = reml), "tiers_message_singular")
  plain <- lm(reformulas::nobars(formula), data)
  kept <- !is.na(coef(plain))
  scale <- if (reml) 1 else df.residual(plain) / nobs(plain)
  expect_true(all(vapply(fit$random, function(term) all(term$Lambda == 0), NA)))
  expect_equal(fixef(fit)[kept], coef(plain)[kept], tolerance = 1e-8)
  expect_equal(unname(as.matrix(vcov(fit))), unname(vcov(plain)[kept, kept]) * scale,
               tolerance = 1e-8)
  expect_equal(sigma(fit), sigma(plain) * sqrt(scale), tolerance = 1e-10)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(plain, REML = reml)), tolerance = 1e-10)
  expect_identical(fit$convergence$status, "boundary")
}

test_that("saturated intercepts, slopes and both are those of lm()", {
  formulas <- list(y ~ tr * site + x + (1 | site), y ~ site * x + (x | site),
                   y ~ site * x + (x || site), y ~ site:x + (0 + x | site),
                   y ~ dummy + x + (1 | two), y ~ site + x + (1 | site) + (1 | two),
                   y ~ site * tr + (1 | site / tr), y ~ site * tr + (0 + tr | site))
  for (seed in 1:2) for (formula in formulas) for (reml in c(TRUE, FALSE)) {
    expect_linear_fit(formula, flat_data(seed), reml)
  }
})

test_that("saturated published data are those of lm()", {
  skip_if_not_installed("nlme")
  plain <- function(data, name) {
    data <- as.data.frame(data)
    data[[name]] <- factor(data[[name]], ordered = FALSE)
    data
  }
  for (reml in c(TRUE, FALSE)) {
    expect_linear_fit(distance ~ age + Subject + (1 | Subject),
                      plain(nlme::Orthodont, "Subject"), reml)
    expect_linear_fit(score ~ Machine + Worker + (1 | Worker),
                      plain(nlme::Machines, "Worker"), reml)
    expect_linear_fit(yield ~ nitro + Block + (1 | Block), plain(nlme::Oats, "Block"), reml)
  }
})

test_that("a term that is saturated in part is the term without that part", {
  d <- flat_data(5)
  d$w <- rep(c(1, 2, 3), length.out = nrow(d))
  pairs <- list(list(y ~ site + x + (x | site), y ~ site + x + (0 + x | site)),
                list(y ~ x + site:x + (x | site), y ~ x + site:x + (1 | site)),
                list(y ~ site * x + w + (x + w | site), y ~ site * x + w + (0 + w | site)),
                list(y ~ site + x + (x || site), y ~ site + x + (0 + x | site)))
  for (pair in pairs) for (reml in c(TRUE, FALSE)) {
    # By maximum likelihood only where it is independent of the rest of its term.
    if (!reml && !grepl("||", deparse1(pair[[1L]]), fixed = TRUE)) next
    whole <- suppressMessages(lmm(pair[[1L]], d, REML = reml))
    part <- suppressMessages(lmm(pair[[2L]], d, REML = reml))
    expect_equal(whole$logLik, part$logLik, tolerance = 1e-10)
    expect_equal(fixef(whole), fixef(part), tolerance = 1e-6)
    expect_equal(vcov(whole), vcov(part), tolerance = 1e-5)
    expect_equal(suppressMessages(coef(summary(whole))), suppressMessages(coef(summary(part))),
                 tolerance = 1e-4)
    Sigma <- tcrossprod(whole$random[[1L]]$Lambda)
    own <- part$random[[1L]]$columns
    other <- setdiff(colnames(Sigma), own)
    expect_true(all(Sigma[other, ] == 0))
    expect_equal(Sigma[own, own], tcrossprod(part$random[[1L]]$Lambda)[own, own], tolerance = 1e-5)
  }
})

test_that("by maximum likelihood it goes along with the rest of its term", {
  d <- flat_data(5)
  d$x <- d$x + 1
  for (pair in list(list(y ~ site + x + (x | site), y ~ site + x + (0 + x | site)),
                    list(y ~ x + site:x + (x | site), y ~ x + site:x + (1 | site)))) {
    whole <- suppressMessages(lmm(pair[[1L]], d, REML = FALSE))
    best <- dense_fit(tiers:::fit_specification(whole))
    expect_equal(whole$deviance, best$deviance, tolerance = 1e-9)
    expect_lte(whole$deviance, suppressMessages(lmm(pair[[2L]], d, REML = FALSE))$deviance + 1e-7)
    expect_length(whole$convergence$saturated[[1L]], 0L)
  }
  set.seed(48)
  d <- data.frame(g = gl(12, 8), x = rnorm(96, 3))
  d$y <- rnorm(12)[d$g] + (0.5 + rnorm(12, 0, 0.6)[d$g]) * d$x + rnorm(96)
  d$s <- rbinom(96, 8, plogis(d$y / 3 - 0.5))
  for (fit in list(lmm(y ~ g + x + (x | g), d, REML = FALSE),
                   glmm(cbind(s, 8 - s) ~ g + x + (x | g), d, family = binomial)) |>
         suppressMessages()) {
    # Of rank one, and not the matrix without an intercept.
    Sigma <- VarCorr(fit)$g
    expect_gt(Sigma[1L, 1L], 1e-3)
    expect_equal(abs(cov2cor(Sigma)[2L, 1L]), 1, tolerance = 1e-6)
  }
})

test_that("of three columns by maximum likelihood it ends on the boundary, at a minimum there", {
  few_groups <- function(seed, groups, size) {
    set.seed(seed)
    d <- data.frame(g = gl(groups, size), x = rnorm(groups * size, 2), z = rnorm(groups * size))
    b <- matrix(rnorm(3L * groups), groups) %*% matrix(rnorm(9L), 3L)
    d$y <- d$x + b[d$g, 1L] + b[d$g, 2L] * d$x + b[d$g, 3L] * d$z + rnorm(nrow(d))
    d
  }
  for (seed in 1:6) {
    d <- few_groups(seed, 3L + seed, 10L)
    formula <- if (seed %% 2L) y ~ g + x + (x + z | g) else y ~ g * x + z + (x + z | g)
    fit <- suppressMessages(lmm(formula, d, REML = FALSE))
    expect_identical(fit$convergence$status, "boundary")
    spec <- tiers:::fit_specification(fit)
    Sigma <- tcrossprod(fit$random$g$Lambda)
    deviance_of <- function(Sigma) {
      parts <- eigen(Sigma, symmetric = TRUE)
      root <- parts$vectors %*% (sqrt(pmax(parts$values, 0)) * t(parts$vectors))
      dense_deviance(spec, list(t(qr.R(qr(root)))))
    }
    expect_equal(deviance_of(Sigma), fit$deviance, tolerance = 1e-9)
    # Slopes of the deviance along Sigma = T Sigma T', matrices of the same rank, are zero.
    h <- 1e-4
    slopes <- outer(1:3, 1:3, Vectorize(function(a, b) {
      value <- vapply(c(-h, h), function(by) {
        T <- diag(3L)
        T[a, b] <- T[a, b] + by
        deviance_of(T %*% Sigma %*% t(T))
      }, 0)
      diff(value) / (2 * h)
    }))
    expect_lt(max(abs(slopes)), 1e-3)
    # A part of its own is worse: intercepts that the others do not tell.
    expect_lt(min(eigen(cov2cor(Sigma), symmetric = TRUE)$values), 1e-12)
    own <- diag(c(1e-3, 0, 0))
    expect_gt(deviance_of(Sigma + own), fit$deviance)
    skip_if_not_installed("lme4")
    other <- suppressWarnings(suppressMessages(lme4::lmer(formula, d, REML = FALSE)))
    expect_lt(fit$deviance, -2 * as.numeric(logLik(other)) + 1e-6)
  }
})

test_that("by maximum likelihood of few levels variances far off are looked at, too", {
  set.seed(41)
  k <- sample(3:8, 1L)
  m <- sample(c(5, 10, 20), 1L)
  d <- data.frame(g = gl(k, m), x = rnorm(k * m, sample(c(0, 3), 1L)))
  d$z <- rnorm(k * m) + 0.3 * d$x
  L <- matrix(rnorm(9L), 3L) * sample(c(0.3, 1, 2), 1L)
  b <- matrix(rnorm(3L * k), k) %*% L
  d$y <- 1 + d$x + b[d$g, 1L] + b[d$g, 2L] * d$x + b[d$g, 3L] * d$z + rnorm(k * m)
  for (formula in list(y ~ g + x + z + (x + z || g), y ~ g + x + z + (0 + x + z || g))) {
    fit <- suppressMessages(lmm(formula, d, REML = FALSE))
    # With both slopes at zero it is 141.58; lme4 1.1-31 finds 123.0891.
    expect_equal(fit$deviance, 123.0891, tolerance = 1e-6)
    expect_gt(fit$parameters$estimate[fit$parameters$name == "sd_x|g"], 7)
  }
})

test_that("weights, an offset and a dropped column change nothing about it", {
  d <- flat_data(8)
  d$w <- rep(c(1, 2, 0, 0.5), length.out = nrow(d))
  d$again <- 2 * d$x
  fit <- suppressMessages(lmm(y ~ site + x + again + offset(x) + (1 | site), d, weights = w))
  plain <- lm(y ~ site + x + again + offset(x), d, weights = w)
  expect_equal(fixef(fit), coef(plain), tolerance = 1e-8)
  expect_equal(sigma(fit), sigma(plain), tolerance = 1e-10)
  expect_true(fit$random$site$Lambda == 0)
})

test_that("nearly saturated is not saturated", {
  d <- flat_data(9, groups = 5L, size = 12L)
  d$far <- d$x + 1e5
  for (formula in list(y ~ site + (0 + far | site), y ~ dummy + (1 | site))) {
    fit <- suppressMessages(lmm(formula, d))
    expect_length(fit$convergence$saturated[[1L]], 0L)
  }
  slopes <- lmm(y ~ 1 + (0 + x | site), transform(d, y = y + as.integer(site) * x))
  sloped <- transform(d, y = y + as.integer(site) * x)
  far <- suppressMessages(lmm(y ~ site + (0 + far | site), sloped))
  expect_gt(far$random$site$Lambda, 0.1)
  expect_gt(slopes$random$site$Lambda, 0.1)
})

test_that("saturated generalized models are those of glm()", {
  families <- list(poisson(), binomial(), binomial("probit"), Gamma("log"), gaussian())
  for (seed in 1:2) for (family in families) {
    d <- flat_data(seed)
    eta <- d$y / 3
    d$y <- switch(family$family, poisson = rpois(80, exp(eta + 1)),
                  binomial = rbinom(80, 6, plogis(eta)) / 6,
                  Gamma = rgamma(80, 2, 2 / exp(eta)), eta)
    d$m <- if (family$family == "binomial") 6 else 1
    for (formula in list(y ~ tr * site + x + (1 | site), y ~ site * x + (x | site),
                         y ~ dummy + x + (1 | two))) {
      fit <- said_only(glmm(formula, d, family = family, weights = m), "tiers_message_singular")
      plain <- glm(reformulas::nobars(formula), family, d, weights = m,
                   control = list(epsilon = 1e-14, maxit = 100))
      expect_true(all(vapply(fit$random, function(term) all(term$Lambda == 0), NA)))
      expect_equal(fixef(fit), coef(plain), tolerance = 1e-6)
      if (family$family %in% c("poisson", "binomial")) {
        expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(plain)), tolerance = 1e-9)
      }
      # Of canonical links: elsewhere glm() has the expected information, and here is the observed.
      if (family$link %in% c("log", "logit") && family$family != "Gamma") {
        expect_equal(unname(as.matrix(vcov(fit))), unname(vcov(plain)), tolerance = 1e-4)
      }
    }
  }
})

test_that("the message names the term and the columns", {
  d <- flat_data(1)
  heard <- listen(lmm(y ~ site * x + (x | site), d))
  text <- condition_texts(heard$conditions)
  expect_length(text, 1L)
  expect_match(text, "levels of `site` could differ by in `(Intercept)` and `x`", fixed = TRUE)
  expect_match(text, "`(x | site)`", fixed = TRUE)
})

test_that("columns that the fixed effects take up have no variance beside others that are held", {
  d <- flat_data(3)
  free <- suppressMessages(lmm(y ~ site + x + (0 + x | site), d, fix = c("sd_x|site" = 0.4)))
  for (term in c("(x | site)", "(x || site)")) {
    fit <- suppressMessages(lmm(update(y ~ site + x, paste("~ . +", term)), d,
                                fix = c("sd_x|site" = 0.4)))
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(free)), tolerance = 1e-9)
    expect_identical(fit$parameters$estimate[1L], 0)
    expect_identical(fit$convergence$saturated[[1L]], 1L)
    expect_identical(fit$convergence$status, "boundary")
  }
  # Held itself, it changes nothing.
  own <- suppressMessages(lmm(y ~ site + x + (x || site), d,
                              fix = c("sd_(Intercept)|site" = 0.7, "sd_x|site" = 0.4)))
  expect_equal(as.numeric(logLik(own)), as.numeric(logLik(free)), tolerance = 1e-9)
  expect_length(own$convergence$saturated[[1L]], 0L)
  # Equal to one that is not taken up, it is told by that one.
  both <- suppressMessages(lmm(y ~ site + x + (x || site), d,
                               equal = list(c("sd_(Intercept)|site", "sd_x|site"))))
  alone <- suppressMessages(lmm(y ~ site + x + (0 + x | site), d))
  expect_equal(as.numeric(logLik(both)), as.numeric(logLik(alone)), tolerance = 1e-9)
  # By maximum likelihood, and generalized, whole terms.
  d$h <- gl(4, 1, nrow(d))
  d$count <- rpois(nrow(d), 3)
  for (fit in list(
    suppressMessages(lmm(y ~ site + x + (1 | site) + (1 | h), d, REML = FALSE,
                         fix = c("sd_(Intercept)|h" = 0.4))),
    suppressMessages(glmm(count ~ site + x + (1 | site) + (1 | h), d, poisson,
                          fix = c("sd_(Intercept)|h" = 0.4))))) {
    expect_identical(fit$parameters$estimate[1L], 0)
    expect_identical(fit$convergence$status, "boundary")
  }
})
