# Limits of profiles against the definition: with the parameter held at the limit, the dense
# criterion, minimized over everything else by a general optimizer, lies above that of the fit by
# the chi-square quantile.

# Lambda and sigma of values of fit$parameters; correlations of more than two columns need not be
# possible (NULL then).
natural_factors <- function(fit, values) {
  table <- fit$parameters
  sigma <- values[table$name == "sigma"]
  Lambda <- lapply(seq_along(fit$random_terms), function(j) {
    own <- table$term == j
    k <- length(fit$random_terms[[j]]$columns)
    sd <- rep_len(values[own & table$type == "sd"], k)
    R <- diag(k)
    R[lower.tri(R)] <- if (any(own & table$type == "cor")) values[own & table$type == "cor"] else 0
    # A correlation of one keeps a factor: the last pivot is zero.
    L <- diag(k)
    if (k == 2L) {
      L[2L, ] <- c(R[2L, 1L], sqrt(max(0, 1 - R[2L, 1L]^2)))
    } else if (k > 2L) {
      R <- R + t(R) - diag(k)
      L <- tryCatch(t(chol(R)), error = function(e) NULL)
    }
    if (!is.null(L)) sd * L / sigma
  })
  if (any(vapply(Lambda, is.null, NA))) NULL else list(Lambda = Lambda, sigma = sigma)
}

# Least dense criterion with one parameter held, less that of the fit.
dense_rise <- function(fit, name, value, reml = isTRUE(fit$REML)) {
  spec <- tiers:::fit_specification(fit)
  spec$reml <- reml
  table <- fit$parameters
  held <- match(name, table$name)
  if (is.na(held)) {
    column <- match(name, names(fit$coefficients))
    offset <- if (length(spec$offset)) spec$offset else 0
    moved <- spec
    moved$offset <- offset + value * spec$X[, column]
    moved$X <- spec$X[, -column, drop = FALSE]
  } else {
    moved <- spec
  }
  cor <- table$type == "cor"
  positive <- table$type == "sigma"
  inward <- function(x) {
    x[cor] <- tanh(x[cor])
    x[positive] <- exp(x[positive])
    abs(x) * ifelse(cor, sign(x), 1)
  }
  start <- replace(table$estimate, is.na(table$estimate), 0)
  start[table$type == "sd"] <- pmax(start[table$type == "sd"], 0.2 * fit$sigma)
  start[cor] <- atanh(pmin(pmax(start[cor], -0.95), 0.95))
  start[positive] <- log(start[positive])
  free <- setdiff(seq_len(nrow(table)), held)
  f <- function(x) {
    values <- inward(replace(start, free, x))
    if (!is.na(held)) values[held] <- value
    at <- natural_factors(fit, values)
    if (is.null(at)) 1e10 else dense_criterion(moved, at$Lambda, at$sigma)
  }
  tight <- list(rel.tol = 1e-13, iter.max = 500, eval.max = 1000)
  found <- nlminb(start[free], f, control = tight)
  nlminb(found$par, f, control = tight)$objective -
    if (reml == isTRUE(fit$REML)) fit$deviance else update(fit, REML = FALSE)$deviance
}

# zeta is right to 1e-5 of a standard error; at the end of a range the rise is less.
expect_profile_limits <- function(fit, names, sides = 1:2, level = 0.95) {
  limits <- suppressMessages(confint(fit, names, level = level, method = "profile"))
  quantile <- sqrt(qchisq(level, 1))
  for (name in names) for (side in sides) {
    value <- limits[name, side]
    type <- fit$parameters$type[match(name, fit$parameters$name)]
    end <- !is.na(type) && ((type == "sd" && value == 0) || (type == "cor" && abs(value) == 1))
    rise <- dense_rise(fit, name, value, reml = isTRUE(fit$REML) && !is.na(type))
    label <- paste(name, "side", side)
    if (end) expect_lt(rise, quantile^2, label = label) else {
      expect_lt(abs(sqrt(rise) - quantile), 1e-5, label = label)
    }
  }
  invisible(limits)
}

test_that("limits of standard deviations, a correlation and coefficients are those of the dense
           criterion", {
  fit <- lmm(Reaction ~ Days + (Days | Subject), reference_data("sleepstudy"))
  expect_profile_limits(fit, c("sd_Days|Subject", "cor_Days.(Intercept)|Subject"), 2L)
  expect_profile_limits(fit, c("sigma", "Days"), 1L)
  crossed <- lmm(diameter ~ 1 + (1 | plate) + (1 | sample), reference_data("penicillin"),
                 REML = FALSE)
  expect_profile_limits(crossed, "sd_(Intercept)|sample", 2L)
  expect_profile_limits(crossed, "(Intercept)", 1L)
})

test_that("limits at a boundary are the end of the range", {
  pastes <- lmm(strength ~ 1 + (1 | batch) + (1 | sample), reference_data("pastes"), REML = FALSE)
  limits <- expect_profile_limits(pastes, "sd_(Intercept)|batch")
  expect_identical(limits[[1L, 1L]], 0)

  zero <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), reference_data("dyestuff2"),
                               REML = FALSE))
  limits <- expect_profile_limits(zero, c("sd_(Intercept)|Batch", "sigma"))
  expect_identical(limits[[1L, 1L]], 0)
  expect_equal(limits[[1L, 2L]], 2.084, tolerance = 1e-3)  # lme4

  slopes <- lmm(distance ~ age * Sex + (age | Subject), nlme_data("Orthodont"))
  limits <- expect_profile_limits(slopes, c("sd_age|Subject", "cor_age.(Intercept)|Subject"), 1L)
  expect_identical(unname(limits[, 1L]), c(0, -1))
  expect_identical(limits[[2L, 2L]], 1)
})

test_that("weights, an offset, a diagonal structure and another level", {
  d <- as.data.frame(nlme_data("Orthodont"))
  d$w <- rep(c(1, 2, 0.5, 1), length.out = nrow(d)) * 3.7
  d$o <- d$age / 10
  fit <- lmm(distance ~ age + Sex + offset(o) + (age || Subject), d, weights = w)
  expect_profile_limits(fit, c("sd_(Intercept)|Subject", "SexFemale"), 2L, level = 0.8)
})

test_that("a generalized fit: the deviance at the limits, with all else at its best", {
  fit <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp(), family = binomial)
  names <- c("sd_(Intercept)|herd", "period4", "(Intercept)")
  limits <- confint(fit, names, method = "profile")
  spec <- tiers:::fit_specification(fit)
  deviance <- function(x) {
    tiers:::run_glmm_evaluate(spec, x[-1L], list(matrix(x[1L])), double())$deviance
  }
  best <- c(fit$parameters$estimate, fit$coefficients)
  for (name in names) for (side in 1:2) {
    own <- match(name, c("sd_(Intercept)|herd", names(fit$coefficients)))
    held <- function(x) deviance(append(x, limits[name, side], own - 1L))
    found <- nlminb(best[-own], held, control = list(rel.tol = 1e-13))
    rise <- nlminb(found$par, held, control = list(rel.tol = 1e-13))$objective - deviance(best)
    expect_lt(abs(sqrt(rise) - sqrt(qchisq(0.95, 1))), 1e-5, label = paste(name, side))
  }
})

test_that("a dispersion parameter and coefficients of its model", {
  fit <- overdispersed_fit()
  name <- fit$parameters$name[fit$parameters$type == "dispersion"]
  limits <- confint(fit, name, method = "profile")
  for (side in 1:2) {
    held <- update(fit, fix = stats::setNames(limits[1L, side], name))
    expect_equal(held$deviance - fit$deviance, qchisq(0.95, 1), tolerance = 1e-6)
  }
})

test_that("limits with held and equal parameters are those of the constrained model", {
  d <- reference_data("sleepstudy")
  fit <- lmm(Reaction ~ Days + (Days | Subject), d, fix = c("cor_Days.(Intercept)|Subject" = 0))
  free <- lmm(Reaction ~ Days + (Days || Subject), d)
  names <- c("sd_Days|Subject", "sigma", "Days")
  expect_equal(confint(fit, names, method = "profile"), confint(free, names, method = "profile"),
               tolerance = 1e-6)
  expect_message(confint(fit, "cor_Days.(Intercept)|Subject", method = "profile"),
                 class = "tiers_message_limits")
})

test_that("what has no profile says so", {
  d <- reference_data("sleepstudy")
  d$twice <- 2 * d$Days
  fit <- suppressMessages(lmm(Reaction ~ Days + twice + (1 | Subject), d))
  expect_message(limits <- confint(fit, c("Days", "twice"), method = "profile"), "dropped")
  expect_true(all(is.na(limits["twice", ])))
  expect_equal(limits["Days", ],
               confint(lmm(Reaction ~ Days + (1 | Subject), d), "Days", method = "profile")[1L, ],
               tolerance = 1e-7)
  expect_error(confint(fit, method = "profile", ddf = "none"), class = "tiers_error_input")
  expect_error(confint(fit, method = "boost"), class = "tiers_error_input")
})

test_that("profile() is a table whose interpolated limits are the limits", {
  fit <- lmm(Reaction ~ Days + (Days | Subject), reference_data("sleepstudy"))
  steps <- profile(fit, points = 6)
  expect_s3_class(steps, "tiers_profile")
  expect_equal(as.vector(table(steps$parameter)), rep(13L, 6L))
  own <- steps[steps$parameter == "sigma", ]
  expect_equal(own$value, own$sigma)
  expect_equal(max(own$zeta), sqrt(qchisq(0.99, 1)), tolerance = 1e-7)
  expect_false(is.unsorted(own$zeta))
  exact <- confint(fit, unique(steps$parameter), method = "profile")
  se <- apply(exact, 1L, diff) / 4
  expect_lt(max(abs(confint(steps) - exact) / se), 0.01)
  expect_output(print(steps), "6 parameters")
  expect_error(confint(steps, level = 0.999), class = "tiers_error_input")
  expect_error(confint(steps, "Dayz"), class = "tiers_error_input")
  for (points in list(0, 1e6, Inf, NA, "a")) {
    expect_error(profile(fit, points = points), "points", class = "tiers_error_input")
  }
  part <- profile(fit, "theta_", level = 0.8)
  expect_equal(unique(part$parameter), fit$parameters$name)
  pdf(NULL)
  on.exit(dev.off())
  expect_invisible(plot(steps))
  expect_invisible(plot(steps, type = "pairs"))
  expect_error(plot(profile(fit, "Days"), type = "pairs"), class = "tiers_error_input")
})

test_that("profiles from a boundary have one side; limits of fixed effects are told to be by ML", {
  zero <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), reference_data("dyestuff2")))
  steps <- profile(zero, "sd_(Intercept)|Batch")
  expect_identical(steps$value[1L], 0)
  expect_true(all(diff(steps$zeta) > 0) && steps$zeta[1L] == 0)
  expect_message(confint(zero, method = "profile"), "maximum likelihood",
                 class = "tiers_message_limits")
})

test_that("limits on the variance scale are squares", {
  fit <- lmm(Reaction ~ Days + (Days | Subject), reference_data("sleepstudy"))
  for (method in c("wald", "profile")) {
    sd <- confint(fit, "theta_", method = method)
    variance <- confint(fit, "theta_", method = method, scale = "var")
    expect_equal(unname(variance), unname(sd^c(2, 2, 1, 2)))
    expect_equal(rownames(variance)[c(1L, 3L, 4L)],
                 c("var_(Intercept)|Subject", "cor_Days.(Intercept)|Subject", "sigma^2"))
  }
})

test_that("a fit that is not at its optimum is told a better one", {
  fit <- lmm(Reaction ~ Days + (Days | Subject), reference_data("sleepstudy"))
  side <- list(end = "lower", parameters = rbind(fit$parameters$estimate), value = 1, rise = -1)
  expect_null(tiers:::lower_point(list(list(below = replace(side, "end", "reached"), above =
                                              replace(side, "end", "end")))))
  expect_equal(tiers:::lower_point(list(list(below = side, above = side))),
               fit$parameters$estimate)
  again <- tiers:::refit_from(fit, fit$parameters$estimate * 1.1)
  expect_equal(again$deviance, fit$deviance, tolerance = 1e-10)
})

test_that("limits of a coefficient do not depend on how much of the response it explains", {
  set.seed(4)
  d <- data.frame(g = gl(8, 6), x = rnorm(48))
  d$y <- rnorm(8)[d$g] + rnorm(48)
  d$large <- d$y + 1e4 * d$x
  limits <- function(formula) confint(lmm(formula, d), c("x", "(Intercept)"), method = "profile")
  expect_equal(limits(large ~ x + (1 | g)) - c(1e4, 0, 1e4, 0), limits(y ~ x + (1 | g)),
               tolerance = 1e-7)
})
