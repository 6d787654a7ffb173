# What must not change, and what must change by a known amount, when the same model is written
# or measured differently. On random designs; log-likelihoods to 1e-8 (1 + |ll|), parameters to
# 1e-6 of their standard errors.

skip_if_not_installed("numDeriv")

for (design in invariance_designs) local({
  name <- design$name
  d <- design$data
  fit <- fit_design(design)
  has <- function(what) grepl(what, deparse1(design$formula), fixed = TRUE)

  test_that(paste("order of rows, names of levels:", name), {
    set.seed(1)
    expect_invariant_fit(fit_design(design, d[sample(nrow(d)), ]), fit, name)
    renamed <- d
    for (g in c("g", "h", "k", "f")) {
      if (g != "f") levels(renamed[[g]]) <- sample(levels(renamed[[g]]))
      renamed[[g]] <- factor(as.character(renamed[[g]]))
    }
    again <- fit_design(design, renamed)
    expect_invariant_fit(again, fit, name)
  })

  test_that(paste("scale and origin of the response:", name), {
    rows <- nrow(d) - if (design$reml) length(fixef(fit)) else 0
    for (scale in c(1e-6, 1e4, 1e12)) {
      scaled <- fit_design(design, transform(d, y = scale * y))
      expect_log_lik(scaled, fit, shift = -rows * log(scale), info = name)
      expect_fixed(scaled, fit, scale * fixef(fit), info = name)
      expect_random(scaled, fit, scale = scale, info = name)
    }
    beta <- seq_along(fixef(fit)) * 3
    moved <- fit_design(design, transform(d, y = y + drop(fixed_matrix(fit) %*% beta)))
    expect_log_lik(moved, fit, info = name)
    expect_fixed(moved, fit, fixef(fit) + beta, info = name)
    expect_random(moved, fit, info = name)
  })

  test_that(paste("scale, sign and origin of a covariate:", name), {
    for (a in c(-1, 100, 1e-5)) {
      scaled <- fit_design(design, transform(d, x = a * x))
      expect_log_lik(scaled, fit, coding_shift(scaled, fit), info = name)
      is_x <- grepl("(^|:)x(:|$)", names(fixef(fit)))
      expect_fixed(scaled, fit, fixef(fit) / ifelse(is_x, a, 1), info = name)
      for (j in seq_along(fit$random)) {
        back <- diag(ifelse(fit$random[[j]]$columns == "x", a, 1), length(fit$random[[j]]$columns))
        scaled$random[[j]]$Lambda <- back %*% scaled$random[[j]]$Lambda
      }
      expect_random(scaled, fit, info = name)
    }
    # Moving the origin of a random slope is another model unless its intercept is correlated.
    for (b in if (!has("||")) c(1, 1000, 1e6)) {
      moved <- fit_design(design, transform(d, x = x + b))
      expect_log_lik(moved, fit, info = paste(name, b))
      expect_within_se(fixef(moved)["x"], fixef(fit)["x"], standard_errors(fit)[2L], name)
    }
  })

  test_that(paste("coding of a factor, order of terms:", name), {
    coded <- fit_design(design, contrasts = list(f = "contr.sum"))
    expect_log_lik(coded, fit, coding_shift(coded, fit), info = name)
    expect_random(coded, fit, info = name)
    parts <- attr(stats::terms(design$formula), "term.labels")
    bars <- grepl("|", parts, fixed = TRUE)
    wrap <- ifelse(bars, paste0("(", parts, ")"), parts)
    turned <- stats::reformulate(rev(wrap), "y", env = globalenv())
    swapped <- fit_design(design, formula = turned)
    expect_log_lik(swapped, fit, info = name)
    swapped$random <- swapped$random[match(names(fit$random), names(swapped$random))]
    expect_random(swapped, fit, info = name)
  })

  test_that(paste("unused levels, incomplete rows, rows of weight zero:", name), {
    wide <- d
    wide$g <- factor(wide$g, levels = c("none", levels(d$g), "nobody"))
    wide$f <- factor(wide$f, levels = c(levels(d$f), "z"))
    expect_invariant_fit(fit_design(design, wide), fit, name)
    holes <- rbind(d, transform(d[1:3, ], y = NA), transform(d[4:5, ], x = NA))
    expect_invariant_fit(fit_design(design, holes), fit, name)
    extra <- rbind(cbind(d, w = 1), cbind(transform(d[7:9, ], y = 1e3), w = 0))
    weighted <- fit_design(design, extra, weights = extra$w)
    expect_invariant_fit(weighted, fit, name)
    expect_equal(nobs(weighted), nobs(fit))
    expect_equal(attr(logLik(weighted), "df"), attr(logLik(fit), "df"))
  })

  test_that(paste("weights times a constant:", name), {
    set.seed(2)
    d$w <- runif(nrow(d), 0.5, 2)
    once <- fit_design(design, d, weights = d$w)
    ten <- fit_design(design, d, weights = 10 * d$w)
    expect_log_lik(ten, once, info = name)
    expect_fixed(ten, once, info = name)
    # sigma^2 is ten times as large, the covariance matrices of the random effects are the same.
    ten$sigma <- ten$sigma / sqrt(10)
    for (j in seq_along(ten$random)) {
      ten$random[[j]]$Lambda <- sqrt(10) * ten$random[[j]]$Lambda
    }
    expect_random(ten, once, info = name)
  })

  test_that(paste("all groups twice under new labels:", name), {
    other <- d
    for (g in c("g", "h")) levels(other[[g]]) <- paste0("again_", levels(other[[g]]))
    double <- rbind(d, other)
    design$reml <- FALSE
    ml <- fit_design(design)
    twice <- fit_design(design, double)
    expect_log_lik(twice, ml, factor = 2, info = name)
    expect_fixed(twice, ml, info = name)
    expect_random(twice, ml, info = name)
  })

  test_that(paste("blocks without a common group or coefficient add up:", name), {
    other <- transform(d, y = rev(y) + x)
    for (g in c("g", "h")) levels(other[[g]]) <- paste0("again_", levels(other[[g]]))
    both <- rbind(cbind(d, block = "a"), cbind(other, block = "b"))
    fixed <- ~ block + block:x + block:f
    if (has("x * f")) fixed <- ~ block + block:x + block:f + block:x:f
    bars <- grep("|", attr(stats::terms(design$formula), "term.labels"), fixed = TRUE, value = TRUE)
    formula <- stats::update(fixed, stats::as.formula(
      paste("y ~ 0 + . +", paste0("(", bars, ")", collapse = " + "))))
    # Both blocks and each of them at the same factors, well inside: these are relative to sigma,
    # and each block has a sigma of its own.
    point <- fit
    for (j in seq_along(point$random)) {
      Lambda <- point$random[[j]]$Lambda
      point$random[[j]]$Lambda <- Lambda + diag(0.3, nrow(Lambda))
    }
    at_point <- function(data, formula = design$formula) {
      suppressWarnings(fit_design(design, data, formula, start = point, control = list(maxit = 0)))
    }
    whole <- at_point(both, formula)
    parts <- lapply(split(both, both$block), at_point)
    rows <- nrow(d) - if (design$reml) length(fixef(fit)) else 0
    sigma2 <- vapply(parts, function(part) part$sigma^2, 1)
    expect_equal(whole$sigma^2, mean(sigma2), tolerance = 1e-10)
    at_common <- sigma2 / whole$sigma^2
    shift <- sum(rows * (log(at_common) - at_common + 1)) / 2
    target <- sum(vapply(parts, function(part) as.numeric(logLik(part)), 1)) + shift
    expect_lte(abs(as.numeric(logLik(whole)) - target), 1e-8 * (1 + abs(target)))
    separate <- unlist(lapply(parts, fixef))
    expect_equal(sort(unname(fixef(whole))), sort(unname(separate)), tolerance = 1e-8)
  })

  test_that(paste("rounding noise in the data:", name), {
    set.seed(3)
    shake <- function(v) v * (1 + 1e-15 * rnorm(length(v)))
    shaken <- transform(d, y = shake(y), x = shake(x))
    again <- fit_design(design, shaken)
    expect_equal(unname(fixef(again)), unname(fixef(fit)), tolerance = 1e-8)
    expect_equal(again$sigma, fit$sigma, tolerance = 1e-8)
  })

  test_that(paste("the same fit again, and from its own solution:", name), {
    again <- fit_design(design)
    same <- c("coefficients", "vcov", "sigma", "logLik", "fitted", "convergence")
    expect_identical(again[same], fit[same])
    warm <- fit_design(design, start = fit)
    expect_lte(warm$convergence$iterations, 1)
    expect_equal(as.numeric(logLik(warm)), as.numeric(logLik(fit)), tolerance = 1e-10)
    expect_fixed(warm, fit, info = name)
    expect_random(warm, fit, info = name)
    refitted <- suppressMessages(refit_with(fit, d$y))
    expect_equal(as.numeric(logLik(refitted)), as.numeric(logLik(fit)), tolerance = 1e-10)
  })

  test_that(paste("no optimiser started elsewhere finds a better point:", name), {
    spec <- fit_specification(fit)
    best <- -2 * as.numeric(logLik(fit))
    unit <- dense_pack(spec, lapply(fit$random, function(term) diag(1, length(term$columns))))
    objective <- function(theta) run_evaluate(spec, dense_unpack(spec, theta))$deviance
    for (start in c(0.3, 3)) {
      other <- stats::nlminb(start * unit, objective, lower = dense_lower(spec))
      expect_gte(other$objective, best - 1e-8 * (1 + abs(best)))
    }
  })

  test_that(paste("a larger model is never worse:", name), {
    log_lik <- function(formula) {
      as.numeric(logLik(suppressMessages(lmm(formula, d, REML = FALSE))))
    }
    models <- list(y ~ x + f + (1 | g), y ~ x + f + (x || g), y ~ x + f + (x | g),
                   y ~ x + f + (x | g) + (1 | h), y ~ x * f + (x | g) + (1 | h),
                   y ~ x * f + (x | g) + (x | h))
    values <- vapply(models, log_lik, 1)
    expect_true(all(diff(values) >= -1e-8 * (1 + abs(values[-1L]))), info = name)
  })
})

test_that("one model in two spellings", {
  d <- random_design(4)$data
  slash <- lmm(y ~ x + (1 | g/k), d)
  sum <- lmm(y ~ x + (1 | g) + (1 | g:k), d)
  expect_log_lik(sum, slash)
  expect_fixed(sum, slash)
  counts <- function(fit) vapply(fit$random, function(term) length(term$levels), 1L)
  sum$random <- sum$random[match(counts(slash), counts(sum))]
  expect_random(sum, slash, tolerance = 1e-6)
  plain <- lmm(y ~ x + (x || g), d)
  split <- lmm(y ~ x + (1 | g) + (0 + x | g), d)
  expect_log_lik(split, plain)
  expect_fixed(split, plain)
  expect_equal(split$random[[2L]]$Lambda[1L, 1L], plain$random[[1L]]$Lambda[2L, 2L],
               tolerance = 1e-6)
})

test_that("a variance of zero gives the fit of lm", {
  set.seed(5)
  d <- data.frame(g = gl(12, 8), x = rnorm(96))
  # Groups differ less than chance: each group's residuals are centred.
  e <- rnorm(96)
  d$y <- 1 + 2 * d$x + e - ave(e, d$g)
  for (reml in c(TRUE, FALSE)) {
    expect_message(fit <- lmm(y ~ x + (1 | g), d, REML = reml), class = "tiers_message_singular")
    plain <- stats::lm(y ~ x, d)
    expect_identical(fit$random[[1L]]$Lambda[1L, 1L], 0)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(plain, REML = reml)), tolerance = 1e-9)
    expect_equal(fixef(fit), coef(plain), tolerance = 1e-9)
    scale <- if (reml) 1 else 94 / 96
    expect_equal(as.matrix(vcov(fit)), scale * vcov(plain), tolerance = 1e-9,
                 ignore_attr = TRUE)
  }
})

test_that("a fit leaves the random numbers alone, and simulation repeats from its seed", {
  design <- invariance_designs[[1L]]
  set.seed(20)
  before <- .Random.seed
  fit <- fit_design(design)
  expect_identical(.Random.seed, before)
  first <- simulate(fit, 2, seed = 4)
  expect_identical(.Random.seed, before)
  expect_identical(simulate(fit, 2, seed = 4)[[1L]], first[[1L]])
  expect_s3_class(suppressMessages(refit_with(fit, first[[1L]])), "tiers_lmm")
})
