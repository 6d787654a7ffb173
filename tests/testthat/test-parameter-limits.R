# Standard errors and limits of standard deviations, correlations, sigma and dispersion against the
# dense likelihood, published values and nlme.

# The criterion of the dense model as a function of what fit$parameters holds (one us, diag or id
# structure a term; no correlation: zero).
dense_natural_criterion <- function(fit) {
  spec <- fit_specification(fit)
  table <- fit$parameters
  function(natural) {
    sigma <- natural[table$type == "sigma"]
    Lambda <- lapply(seq_along(fit$random), function(j) {
      columns <- fit$random[[j]]$columns
      own <- table[table$term == j, ]
      value <- natural[table$term == j]
      k <- length(columns)
      sd <- own$type == "sd"
      sds <- if (anyNA(own$effect1[sd])) rep(value[sd], k) else value[sd]
      R <- diag(k)
      for (i in which(!sd)) {
        a <- match(own$effect1[i], columns)
        b <- match(own$effect2[i], columns)
        R[a, b] <- R[b, a] <- value[i]
      }
      t(chol(R)) * sds / sigma
    })
    dense_criterion(spec, Lambda, sigma)
  }
}

limit_models <- list(
  "growth, REML" = function() lmm(Reaction ~ Days + (Days | Subject), fixture_data("sleepstudy")),
  "growth, ML" = function() {
    lmm(Reaction ~ Days + (Days | Subject), fixture_data("sleepstudy"), REML = FALSE)
  },
  "uncorrelated" = function() lmm(Reaction ~ Days + (Days || Subject), fixture_data("sleepstudy")),
  "crossed" = function() lmm(diameter ~ 1 + (1 | plate) + (1 | sample), fixture_data("penicillin")),
  "nested" = function() lmm(strength ~ 1 + (1 | batch / cask), fixture_data("pastes")),
  "one variance for both columns" = function() {
    lmm(distance ~ age + id(age | Subject), orthodont(), REML = FALSE)
  },
  "far from the origin, weighted" = function() {
    d <- fixture_data("sleepstudy")
    d$Days <- d$Days + 100
    lmm(Reaction ~ Days + (Days | Subject), d, weights = rep_len(c(1, 2), nrow(d)))
  })

for (name in names(limit_models)) local({
  make <- limit_models[[name]]
  test_that(paste("the covariance matrix is that of the dense likelihood:", name), {
    skip_if_not_installed("numDeriv")
    fit <- make()
    table <- fit$parameters
    scale <- sqrt(diag(fit$vcov_parameters))
    expect_true(all(is.finite(scale)))
    criterion <- dense_natural_criterion(fit)
    expect_equal(criterion(table$estimate), fit$deviance, tolerance = 1e-8)
    # In units of standard errors, so that steps are of a size.
    H <- numDeriv::hessian(function(u) criterion(table$estimate + u * scale), 0 * scale,
                           method.args = list(eps = 1e-2, d = 1e-2))
    expect_equal(unname(fit$vcov_parameters / outer(scale, scale)), 2 * solve(H), tolerance = 2e-5)
    expect_identical(dimnames(vcov(fit, which = "theta")), list(table$name, table$name))
  })
})

test_that("published asymptotic variances of SAS", {
  d <- fixture_data("sleepstudy")
  # Variances of variances and of the covariance, ASYCOV of PROC MIXED, and what its own convergence
  # leaves open.
  published <- list(
    list(lmm(Reaction ~ Days + (1 + Days || Subject), d),
         c(80488.08547, 211.2284634, 5865.724199), c(0.8, 0.002, 0.06)),
    list(lmm(Reaction ~ Days + (1 + Days | Subject), d),
         c(83395.42118, 218.5093512, 5957.607624, 2178.879624), c(0.8, 0.002, 0.06, 0.02)),
    list(lmm(Reaction ~ Days + I(Days^2) + (1 + Days + I(Days^2) || Subject), d),
         c(81053.46415, 275.5676092, 0.032650194, 5896.377025), c(6, 0.01, 4e-6, 0.06)))
  for (case in published) {
    fit <- case[[1L]]
    table <- fit$parameters
    single <- table$type != "cor"
    J <- diag(2 * table$estimate[single])
    V <- vcov(fit, which = "theta")
    variances <- diag(J %*% V[single, single] %*% J)
    if (!all(single)) {
      value <- stats::setNames(table$estimate, table$name)
      gradient <- c(value[[2L]] * value[[3L]], value[[1L]] * value[[3L]],
                    value[[1L]] * value[[2L]], 0)
      variances <- c(variances, drop(gradient %*% V %*% gradient))
    }
    expect_true(all(abs(variances - case[[2L]]) <= case[[3L]]))
  }
})

test_that("limits are those of nlme, which takes the same scales", {
  fit <- lmm(distance ~ age + (age | Subject), orthodont())
  peer <- nlme::lme(distance ~ age, random = ~ age | Subject, data = orthodont(),
                    control = nlme::lmeControl(opt = "nlminb", msTol = 1e-12, tolerance = 1e-12))
  limits <- nlme::intervals(peer)
  mine <- confint(fit, "theta_")
  theirs <- rbind(as.matrix(limits$reStruct$Subject[c("sd((Intercept))", "sd(age)",
                                                      "cor((Intercept),age)"), c(1, 3)]),
                  limits$sigma[c(1, 3)])
  expect_equal(unname(plain_limits(mine)), unname(theirs), tolerance = 2e-3)
  expect_equal(confint(fit, "sigma", level = 0.5)[1, ],
               fit$sigma * exp(c(-1, 1) * qnorm(0.75) *
                                 sqrt(vcov(fit, which = "theta")["sigma", "sigma"]) / fit$sigma),
               ignore_attr = TRUE)
})

test_that("generalized fits: errors are those of the second differences of the likelihood", {
  skip_if_not_installed("numDeriv")
  d <- MASS::epil
  fit <- glmm(y ~ trt + lbase + (1 | subject), d, family = nbinom2())
  expect_identical(fit$parameters$name, c("sd_(Intercept)|subject", "size"))
  spec <- fit_specification(fit)
  at <- c(log(fit$parameters$estimate), unname(fit$coefficients))
  value <- function(u) {
    run_glmm_evaluate(spec, u[-(1:2)], list(matrix(exp(u[1L]))), u[2L])$deviance
  }
  V <- 2 * solve(numDeriv::hessian(value, at))[1:2, 1:2]
  scale <- fit$parameters$estimate
  expect_equal(unname(vcov(fit, which = "theta")), V * outer(scale, scale), tolerance = 1e-4)
  limits <- confint(fit, "size")
  expect_values(limits, confint(fit, component = "dispersion"), 1e-8)
})

test_that("a gaussian glmm has the errors of the linear model", {
  d <- orthodont()
  linear <- lmm(distance ~ age + (age | Subject), d, REML = FALSE)
  generalized <- glmm(distance ~ age + (age | Subject), d)
  expect_equal(vcov(generalized, which = "theta"), vcov(linear, which = "theta"), tolerance = 1e-4)
  expect_equal(confint(generalized, "theta_"), confint(linear, "theta_"), tolerance = 1e-4)
})

test_that("at a boundary there is no error, and limits are those of the profile, which is told", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  V <- vcov(fit, which = "theta")
  expect_true(all(is.na(V["sd_(Intercept)|Batch", ])))
  # With the variance at zero sigma is that of lm().
  expect_equal(sqrt(V["sigma", "sigma"]), fit$sigma / sqrt(2 * 29), tolerance = 1e-6)
  expect_message(limits <- confint(fit, "theta_"), class = "tiers_message_limits")
  expect_equal(limits[1L, ], confint(fit, "sd_(Intercept)|Batch", method = "profile")[1L, ])
  expect_identical(limits[[1L, 1L]], 0)
  expect_true(all(is.finite(limits)))
  expect_identical(fit$parameters$boundary, c(TRUE, FALSE))

  d <- orthodont()
  set.seed(3)
  slope <- rnorm(27, 0, 0.4)[as.integer(d$Subject)]
  d$y <- 10 + d$age + slope * (d$age - 5) + rnorm(108)
  perfect <- suppressMessages(lmm(y ~ age + (age | Subject), d))
  expect_true("cor_age.(Intercept)|Subject" %in%
                perfect$parameters$name[perfect$parameters$boundary])
  limits <- suppressMessages(confint(perfect, "theta_"))
  expect_true(1 %in% abs(limits["cor_age.(Intercept)|Subject", ]))
  expect_true(is.finite(limits["sd_age|Subject", 1L]))
})

test_that("parm takes names, lme4's words and a mixture; a wrong name is told", {
  fit <- lmm(distance ~ age + (age | Subject), orthodont())
  expect_identical(rownames(confint(fit, "theta_")), fit$parameters$name)
  expect_identical(confint(fit, "beta_"), confint(fit))
  both <- confint(fit, c("sigma", "age"))
  expect_identical(rownames(both), c("sigma", "age"))
  expect_equal(both["age", ], confint(fit)["age", ])
  expect_equal(both["sigma", ], confint(fit, "theta_")["sigma", ])
  expect_error(confint(fit, "sd_Age|Subject"), "sd_age\\|Subject", class = "tiers_error_input")
  expect_error(confint(fit, "sigma", ddf = "none"), class = "tiers_error_input")
  expect_error(vcov(fit, which = "Theta2"), class = "tiers_error_input")
})

test_that("tables of other methods have the same limits", {
  fit <- lmm(distance ~ age + (age | Subject), orthodont())
  limits <- confint(fit, "theta_")
  tidied <- tidy(fit, effects = "ran_pars", conf.int = TRUE)
  expect_identical(tidied$term, c("sd__(Intercept)", "cor__(Intercept).age", "sd__age",
                                  "sd__Observation"))
  expect_equal(tidied$conf.low, unname(limits[c(1, 3, 2, 4), 1L]))
  expect_equal(tidied$conf.high, unname(limits[c(1, 3, 2, 4), 2L]))
  squared <- tidy(fit, effects = "ran_pars", conf.int = TRUE, scales = "vcov")
  expect_equal(squared$conf.low[c(1, 3, 4)], unname(limits[c(1, 2, 4), 1L])^2)
  shown <- summary(fit)
  expect_equal(shown$random$lower, unname(limits[c(1, 2, 4), 1L]))
  expect_equal(shown$correlations$upper, unname(limits[3L, 2L]))
  common <- lmm(distance ~ age + id(age | Subject), orthodont())
  expect_equal(summary(common)$random$upper[1:2], rep(confint(common, "sd|Subject")[[1L, 2L]], 2))
})

test_that("a standard deviation below its standard error has no Wald limits but the profile's", {
  set.seed(9)
  d <- data.frame(g = gl(10, 5), x = rnorm(50))
  u <- rnorm(10)
  set.seed(7)
  d$y <- 0.3 * u[d$g] + 0.05 * u[d$g] * d$x + rnorm(50)
  fit <- suppressMessages(lmm(y ~ x + (x | g), d))
  vague <- c("sd_(Intercept)|g", "sd_x|g")
  expect_true(all(sqrt(diag(vcov(fit, which = "theta")))[vague] > fit$parameters$estimate[1:2]))
  for (method in c("wald", "satterthwaite")) {
    expect_message(expect_message(limits <- confint(fit, "theta_", method = method),
                                  "smaller than", class = "tiers_message_limits"),
                   "end of its", class = "tiers_message_limits")
    expect_equal(unclass(limits)[vague, ],
                 unclass(suppressMessages(confint(fit, vague, method = "profile")))[vague, ])
  }
  expect_true(all(is.na(tidy(fit, "ran_pars", conf.int = TRUE)$conf.low[1:3])))
  expect_true(all(is.na(as.data.frame(VarCorr(fit), conf.int = TRUE)$conf.high[1:3])))
  expect_false(any(grepl("e-|e\\+", capture.output(summary(fit)))))
})
