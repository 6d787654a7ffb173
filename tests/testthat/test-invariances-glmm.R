# What must not change, and what must change by a known amount, when the same generalized model is
# written or measured differently. On random designs; log-likelihoods to 1e-8 (1 + |ll|),
# parameters to 1e-6 of their standard errors.

skip_if_not_installed("numDeriv")

log_lik <- function(fit) as.numeric(logLik(fit))

# A relation between two parameters of two different fits: each is within 1e-6 standard errors.
expect_near_se <- function(after, before, fit, columns = TRUE, info = NULL) {
  expect_within_se(after, before, standard_errors(fit)[columns], info)
}

has <- function(design, what) grepl(what, deparse1(design$formula), fixed = TRUE)

for (seed in seq_along(glmm_design_kinds)) local({
  design <- glmm_random_design(seed)
  name <- design$name
  d <- design$data
  family <- family_name(design$family)
  fit <- fit_glmm_design(design)

  test_that(paste("log-likelihood at the reported parameters, recomputed:", name), {
    part <- glmm_parts(fit)
    truth <- glmm_laplace(part$spec, part$beta, part$Lambda, part$phi)$deviance
    expect_deviance(-2 * log_lik(fit), truth, 1e-9, name)
  })

  test_that(paste("order of rows, names of levels:", name), {
    set.seed(1)
    expect_same_glmm(fit_glmm_design(design, d[sample(nrow(d)), ]), fit, name)
    renamed <- d
    for (g in c("g", "h", "k", "f")) {
      if (g != "f") levels(renamed[[g]]) <- sample(levels(renamed[[g]]))
      renamed[[g]] <- factor(as.character(renamed[[g]]))
    }
    expect_same_glmm(fit_glmm_design(design, renamed), fit, name)
  })

  test_that(paste("scale, sign and origin of a covariate:", name), {
    for (a in c(-1, 100, 1e-5)) {
      scaled <- fit_glmm_design(design, transform(d, x = a * x))
      expect_log_lik(scaled, fit, info = name)
      is_x <- names(fixef(fit)) == "x"
      expect_fixed(scaled, fit, fixef(fit) / ifelse(is_x, a, 1), info = name)
      for (j in seq_along(fit$random)) {
        columns <- fit$random[[j]]$columns
        back <- diag(ifelse(columns == "x", a, 1), length(columns))
        scaled$random[[j]]$Lambda <- back %*% scaled$random[[j]]$Lambda
      }
      expect_glmm_random(scaled, fit, name)
    }
    # Moving the origin of a random slope is another model unless its intercept is correlated.
    for (b in if (!has(design, "||")) c(1, 1000, 1e6)) {
      moved <- fit_glmm_design(design, transform(d, x = x + b))
      expect_log_lik(moved, fit, info = paste(name, b))
      expect_near_se(fixef(moved)["x"], fixef(fit)["x"], fit, 2L, paste(name, b))
    }
  })

  test_that(paste("coding of a factor, order of terms:", name), {
    coded <- fit_glmm_design(design, contrasts = list(f = "contr.sum"))
    expect_log_lik(coded, fit, info = name)
    expect_glmm_random(coded, fit, name)
    parts <- attr(stats::terms(design$formula), "term.labels")
    wrap <- ifelse(grepl("|", parts, fixed = TRUE), paste0("(", parts, ")"), parts)
    turned <- stats::reformulate(rev(wrap), design$formula[[2L]], env = globalenv())
    swapped <- fit_glmm_design(design, formula = turned)
    expect_log_lik(swapped, fit, info = name)
    swapped$random <- swapped$random[match(names(fit$random), names(swapped$random))]
    expect_glmm_random(swapped, fit, name)
  })

  test_that(paste("an offset in the span of the fixed effects:", name), {
    beta <- seq_along(fixef(fit)) * 0.3
    d$o <- drop(fixed_matrix(fit) %*% beta)
    moved <- fit_glmm_design(design, d, offset = d$o)
    expect_log_lik(moved, fit, info = name)
    expect_fixed(moved, fit, fixef(fit) - beta, info = name)
    expect_glmm_random(moved, fit, name)
  })

  test_that(paste("unused levels, incomplete rows, rows of weight zero:", name), {
    wide <- d
    wide$g <- factor(wide$g, levels = c("none", levels(d$g), "nobody"))
    wide$f <- factor(wide$f, levels = c(levels(d$f), "z"))
    expect_same_glmm(fit_glmm_design(design, wide), fit, name)
    holes <- rbind(d, transform(d[1:3, ], y = NA), transform(d[4:5, ], x = NA))
    expect_same_glmm(fit_glmm_design(design, holes), fit, name)
    extra <- rbind(cbind(d, w = 1), cbind(d[7:9, ], w = 0))
    weighted <- fit_glmm_design(design, extra, weights = extra$w)
    expect_same_glmm(weighted, fit, name)
    expect_equal(nobs(weighted), nobs(fit))
    expect_equal(attr(logLik(weighted), "df"), attr(logLik(fit), "df"))
  })

  test_that(paste("weights:", name), {
    set.seed(2)
    w <- sample(c(1, 2, 3), nrow(d), TRUE)
    weighted <- fit_glmm_design(design, weights = w)
    if (family %in% c("gaussian", "Gamma", "inverse.gaussian")) {
      # They divide the dispersion: times a constant, only the dispersion takes it up.
      ten <- fit_glmm_design(design, weights = 10 * w)
      expect_log_lik(ten, weighted, info = name)
      expect_fixed(ten, weighted, info = name)
      shift <- if (family == "gaussian") log(10) / 2 else -log(10)
      expect_glmm_random(ten, weighted, name, phi_shift = shift)
    } else {
      # They multiply the log density: a row of weight two is that row twice.
      again <- fit_glmm_design(design, d[rep(seq_len(nrow(d)), w), ])
      expect_same_glmm(again, weighted, name)
    }
  })

  test_that(paste("all groups twice under new labels:", name), {
    other <- d
    for (g in c("g", "h")) levels(other[[g]]) <- paste0("again_", levels(other[[g]]))
    twice <- fit_glmm_design(design, rbind(d, other))
    expect_log_lik(twice, fit, factor = 2, info = name)
    expect_fixed(twice, fit, info = name)
    expect_glmm_random(twice, fit, name)
  })

  test_that(paste("the likelihood of separate data adds:", name), {
    part <- glmm_parts(fit)
    other <- d
    for (g in c("g", "h")) levels(other[[g]]) <- paste0("again_", levels(other[[g]]))
    spec <- fit_specification(fit_glmm_design(design, rbind(d, other)))
    both <- glmm_deviance(spec, part$beta, part$Lambda, part$phi)
    expect_deviance(both, -4 * log_lik(fit), 1e-9, name)
  })

  test_that(paste("rounding noise in the data:", name), {
    set.seed(3)
    shaken <- transform(d, x = x * (1 + 1e-15 * rnorm(nrow(d))))
    again <- fit_glmm_design(design, shaken)
    expect_equal(unname(fixef(again)), unname(fixef(fit)), tolerance = 1e-8)
  })

  test_that(paste("the same fit again, and from its own solution:", name), {
    again <- fit_glmm_design(design)
    same <- c("coefficients", "vcov", "dispersion", "logLik", "fitted", "convergence")
    expect_identical(again[same], fit[same])
    warm <- fit_glmm_design(design, start = fit)
    expect_lte(warm$convergence$iterations, 1)
    expect_equal(log_lik(warm), log_lik(fit), tolerance = 1e-10)
    expect_fixed(warm, fit, info = name)
    expect_glmm_random(warm, fit, name)
  })

  test_that(paste("no optimiser started elsewhere finds a better point:", name), {
    part <- glmm_parts(fit)
    best <- -2 * log_lik(fit)
    objective <- of_packed(glmm_deviance, part$spec)
    gradient <- of_packed(function(...) glmm_evaluate(...)$gradient, part$spec)
    psi <- glmm_pack(part$spec, part$beta, part$Lambda, part$phi)
    for (size in c(0.3, 3)) {
      start <- glmm_pack(part$spec, part$beta * 0.8, part$phi, Lambda = lapply(
        part$Lambda, function(L) diag(size * max(abs(L), 0.1), nrow(L))))
      other <- stats::nlminb(start, objective, gradient)
      expect_gte(other$objective, best - 1e-8 * (1 + abs(best)))
    }
  })

  test_that(paste("a larger model is never worse:", name), {
    left <- deparse1(design$formula[[2L]])
    bars <- c("x + f + (1 | g)", "x + f + (x || g)", "x + f + (x | g)",
              "x + f + (x | g) + (1 | h)", "x * f + (x | g) + (1 | h)")
    values <- vapply(bars, function(right) {
      log_lik(fit_glmm_design(design, formula = stats::as.formula(paste(left, "~", right),
                                                                  env = globalenv())))
    }, 1)
    expect_true(all(diff(values) >= -1e-8 * (1 + abs(values[-1L]))), info = toString(values))
  })
})

# Responses in other words -----------------------------------------------------------------------

successes <- function(seed = 1L) {
  design <- glmm_random_design(seed)
  design$formula <- cbind(y, m - y) ~ x + f + (1 | g)
  design
}

test_that("successes, shares with trials as weights, and single trials are one model", {
  design <- successes()
  d <- design$data
  counts <- fit_glmm_design(design)
  share <- fit_glmm_design(design, transform(d, share = y / m), share ~ x + f + (1 | g),
                           weights = d$m)
  expect_same_glmm(share, counts)
  rows <- d[rep(seq_len(nrow(d)), d$m), ]
  rows$single <- unlist(Map(function(y, m) rep(1:0, c(y, m - y)), d$y, d$m))
  constant <- sum(lchoose(d$m, d$y))
  for (response in list(rows$single, rows$single == 1, factor(rows$single, labels = c("no", "yes")),
                        as.double(rows$single))) {
    rows$r <- response
    single <- fit_glmm_design(design, rows, r ~ x + f + (1 | g))
    expect_log_lik(single, counts, shift = -constant)
    expect_fixed(single, counts)
    expect_glmm_random(single, counts)
  }
  # The same for quadrature.
  for (points in c(5L, 15L)) {
    counts <- fit_glmm_design(design, nAGQ = points)
    rows$r <- rows$single
    single <- fit_glmm_design(design, rows, r ~ x + f + (1 | g), nAGQ = points)
    expect_log_lik(single, counts, shift = -constant)
    expect_fixed(single, counts)
  }
})

test_that("successes and failures exchanged turn the signs", {
  for (family in list(binomial(), binomial("probit"), binomial("cauchit"), "betabinomial")) {
    design <- successes()
    design$family <- family
    fit <- fit_glmm_design(design)
    flipped <- fit_glmm_design(design, formula = cbind(m - y, y) ~ x + f + (1 | g))
    expect_log_lik(flipped, fit)
    expect_fixed(flipped, fit, -fixef(fit))
    expect_glmm_random(flipped, fit)
  }
  design <- glmm_random_design(6L)
  fit <- fit_glmm_design(design)
  flipped <- fit_glmm_design(design, transform(design$data, y = 1 - y))
  expect_log_lik(flipped, fit)
  expect_fixed(flipped, fit, -fixef(fit))
  # cloglog of successes is loglog of failures.
  design <- successes(10L)
  fit <- fit_glmm_design(design)
  design$family <- "binomial"
  part <- glmm_parts(fit)
  part$spec$y <- part$spec$size - part$spec$y
  part$spec$link <- "loglog"
  expect_deviance(glmm_deviance(part$spec, -part$beta, part$Lambda), -2 * log_lik(fit), 1e-10)
})

test_that("a constant offset of counts moves the intercept, the unit of a positive response too", {
  for (seed in c(2L, 3L, 8L)) {
    design <- glmm_random_design(seed)
    fit <- fit_glmm_design(design)
    for (constant in c(log(1e-3), 20)) {
      moved <- fit_glmm_design(design, offset = rep(constant, nrow(design$data)))
      expect_log_lik(moved, fit, info = design$name)
      expect_fixed(moved, fit, fixef(fit) - c(constant, 0 * fixef(fit)[-1L]), info = design$name)
      expect_glmm_random(moved, fit, design$name)
    }
  }
  for (seed in c(4L, 11L)) {
    design <- glmm_random_design(seed)
    fit <- fit_glmm_design(design)
    for (scale in c(1e-6, 1e6)) {
      scaled <- fit_glmm_design(design, transform(design$data, y = scale * y))
      expect_log_lik(scaled, fit, shift = -nobs(fit) * log(scale), info = design$name)
      expect_fixed(scaled, fit, fixef(fit) + c(log(scale), 0 * fixef(fit)[-1L]), info = design$name)
      # The shape of a Gamma response has no unit, that of an inverse Gaussian one does.
      expect_glmm_random(scaled, fit, design$name, phi_shift = if (seed == 11L) log(scale) else 0)
    }
  }
})

test_that("one model in two spellings", {
  design <- glmm_random_design(3L)
  slash <- fit_glmm_design(design)
  sum <- fit_glmm_design(design, formula = y ~ x + f + (1 | g) + (1 | g:k))
  counts <- function(fit) vapply(fit$random, function(term) length(term$levels), 1L)
  same_order <- match(counts(slash), counts(sum))
  sum[c("random", "random_terms")] <- lapply(sum[c("random", "random_terms")], `[`, same_order)
  expect_same_glmm(sum, slash)
  design <- glmm_random_design(4L)
  plain <- fit_glmm_design(design)
  split <- fit_glmm_design(design, formula = y ~ x + f + (1 | g) + (0 + x | g))
  expect_log_lik(split, plain)
  expect_fixed(split, plain)
  expect_equal(split$random[[2L]]$Lambda[1L, 1L], plain$random[[1L]]$Lambda[2L, 2L],
               tolerance = 1e-6)
})

# Limits -------------------------------------------------------------------------------------------

test_that("a gaussian model with identity link is the linear model, by Laplace and quadrature", {
  d <- random_design(1L)$data
  for (formula in list(y ~ x + f + (x | g), y ~ x + f + (1 | g) + (1 | h))) {
    linear <- lmm(formula, d, REML = FALSE)
    for (points in c(1L, if (!any(grepl("h", deparse1(formula)))) 3L)) {
      fit <- glmm(formula, d, family = gaussian(), nAGQ = points)
      expect_log_lik(fit, linear)
      expect_fixed(fit, linear)
      expect_within_se(sigma(fit), sigma(linear), sigma(linear) / sqrt(2 * nobs(linear)), "sigma:")
      covariances <- relative_covariances(fit_factors(linear)) * sigma(linear)^2
      expect_within_se(relative_covariances(fit_factors(fit)), covariances,
                       glmm_standard_errors(fit)$random, "random effects:")
    }
  }
})

test_that("a variance of zero gives the fit of glm", {
  set.seed(5)
  d <- data.frame(g = gl(12, 8), x = rnorm(96), m = 10)
  # Groups differ less than chance: each holds the same responses.
  d$y <- rep(c(3, 5, 6, 4, 7, 5, 4, 6), 12)
  for (family in list(binomial(), binomial("probit"), poisson(), Gamma("log"))) {
    response <- if (family$family == "binomial") "cbind(y, m - y)" else "y"
    formula <- stats::as.formula(paste(response, "~ x + (1 | g)"), env = globalenv())
    for (points in c(1L, 5L)) {
      expect_message(fit <- glmm(formula, d, family = family, nAGQ = points),
                     class = "tiers_message_singular")
      plain <- stats::glm(reformulas::nobars(formula), family, d)
      expect_identical(fit$random[[1L]]$Lambda[1L, 1L], 0)
      expect_equal(fixef(fit), coef(plain), tolerance = 1e-6)
      if (family$family != "Gamma") {
        expect_equal(log_lik(fit), as.numeric(logLik(plain)), tolerance = 1e-9)
        # glm() takes expected information, the same for these links only.
        if (family$link %in% c("logit", "log")) {
          expect_equal(as.matrix(vcov(fit)), vcov(plain), tolerance = 1e-5, ignore_attr = TRUE)
        }
      }
    }
  }
})

test_that("without overdispersion the limit is the Poisson or binomial fit", {
  set.seed(6)
  d <- data.frame(g = gl(15, 8), x = rnorm(120))
  # A binomial response varies less than a Poisson one of the same mean.
  d$y <- rbinom(120, 12, plogis(0.3 * d$x + rnorm(15, 0, 0.6)[d$g]))
  plain <- glmm(y ~ x + (1 | g), d, family = poisson())
  for (family in c("nbinom1", "nbinom2")) {
    expect_message(fit <- glmm(y ~ x + (1 | g), d, family = family), class = "tiers_message")
    expect_log_lik(fit, plain, info = family)
    expect_fixed(fit, plain, info = family, tolerance = 1e-5)
    expect_equal(as.matrix(vcov(fit)), as.matrix(vcov(plain)), tolerance = 1e-5)
    expect_lte(fit$convergence$evaluations, 3 * plain$convergence$evaluations)
  }
  # Eight of the twelve trials are no matter of chance.
  d$y <- 4 + rbinom(120, 4, plogis(0.3 * d$x + rnorm(15, 0, 0.6)[d$g]))
  plain <- glmm(cbind(y, 12 - y) ~ x + (1 | g), d, family = binomial())
  expect_message(fit <- glmm(cbind(y, 12 - y) ~ x + (1 | g), d, family = "betabinomial"),
                 class = "tiers_message")
  expect_log_lik(fit, plain, info = "betabinomial")
  expect_fixed(fit, plain, info = "betabinomial", tolerance = 1e-5)
})

test_that("more points approach the exact likelihood, and one point is Laplace", {
  design <- successes()
  laplace <- fit_glmm_design(design)
  one <- fit_glmm_design(design, nAGQ = 1)
  expect_equal(log_lik(one), log_lik(laplace), tolerance = 1e-10)
  many <- fit_glmm_design(design, nAGQ = 51L)
  part <- glmm_parts(many)
  exact <- glmm_exact(part$spec, part$beta, part$Lambda)$deviance
  expect_deviance(-2 * log_lik(many), exact, 1e-9)
  off <- vapply(c(1L, 3L, 7L, 25L), function(points) {
    abs(log_lik(fit_glmm_design(design, nAGQ = points)) - log_lik(many))
  }, 1)
  expect_true(all(diff(off) < 0), info = toString(off))
  expect_lt(off[4L], 1e-8 * (1 + abs(log_lik(many))))
})

test_that("a fit leaves the random numbers alone", {
  design <- glmm_random_design(2L)
  set.seed(20)
  before <- .Random.seed
  fit <- fit_glmm_design(design)
  fit_glmm_design(design, formula = y ~ x + f + (1 | g), nAGQ = 7)
  expect_identical(.Random.seed, before)
  first <- simulate(fit, 2, seed = 4)
  expect_identical(.Random.seed, before)
  expect_identical(simulate(fit, 2, seed = 4)[[1L]], first[[1L]])
})
