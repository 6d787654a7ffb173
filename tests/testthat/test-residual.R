# 40 subjects with up to six of the visits 1, 2, 3, 5, 6, 8, in any order, in two groups.
visits_data <- function() {
  set.seed(11)
  places <- c(1, 2, 3, 5, 6, 8)
  data <- expand.grid(week = places, id = factor(1:40))
  data <- data[runif(nrow(data)) < 0.8, ]
  data <- data[sample(nrow(data)), ]
  data$arm <- factor(ifelse(as.integer(data$id) %% 3 == 0, "B", "A"))
  data$site <- factor(as.integer(data$id) %% 8)
  data$x <- rnorm(nrow(data))
  data$w <- runif(nrow(data), 0.5, 2)
  level <- rnorm(40)[as.integer(data$id)]
  data$y <- 3 + data$x + 0.2 * data$week + level + rnorm(nrow(data)) * (1 + (data$arm == "B"))
  data
}

d <- visits_data()
n <- nrow(d)

fit_with <- function(residual, formula = y ~ x + week, ...) {
  eval(bquote(lmm(.(formula), d, residual = .(residual), ...)))
}

check_density <- function(fit, step = 1, by = NULL) {
  visit <- match(d$week, sort(unique(d$week)))
  V <- dense_covariance(fit, d$id, d$week / step, visit, by %||% rep(1L, n))
  X <- model.matrix(fit)
  expect_equal(fit$deviance, gaussian_deviance(d$y, X, V, fit$REML), tolerance = 1e-9)
  P <- solve(V)
  beta <- solve(crossprod(X, P %*% X), crossprod(X, P %*% d$y))
  expect_equal(unname(fixef(fit)), drop(unname(beta)), tolerance = 1e-7)
  expect_equal(unname(vcov(fit)), unname(solve(crossprod(X, P %*% X))), tolerance = 1e-6)
}

structures <- expression(
  us(week | id), cs(week | id), csh(week | id), ar1(week | id), ar1h(week | id), toep(week | id),
  toeph(week | id), ante(week | id), arma11(week | id), ou(week | id), sp_exp(week | id),
  sp_gau(week | id), hf(week | id), diag(week | id), ar1(week | id, nugget = TRUE))

test_that("the likelihood of every structure is the multivariate normal density", {
  for (i in seq_along(structures)) {
    fit <- suppressMessages(fit_with(structures[[i]]))
    expect_true(fit$convergence$status %in% c("converged", "boundary"),
                label = text_of(structures[[i]]))
    check_density(fit)
  }
})

test_that("so it is by ML, with weights, a model of the SD, groups and random effects", {
  check_density(fit_with(quote(ar1h(week | id)), REML = FALSE))
  check_density(fit_with(quote(ar1(week | id)), weights = w))
  check_density(fit_with(quote(cs(week | id)), dispersion = ~ arm + x, REML = FALSE))
  check_density(fit_with(quote(ar1(week | id, by = arm))), by = as.integer(d$arm))
  check_density(fit_with(quote(csh(week | id, by = arm))), by = as.integer(d$arm))
  check_density(fit_with(quote(ar1(week | id)), y ~ x + week + (1 | id)))
  check_density(fit_with(quote(ar1(week | id)), y ~ x + week + (1 + week | site), weights = w,
                         dispersion = ~ arm))
  check_density(fit_with(quote(toep(week | id)), y ~ x + week + (1 | site)))
})

test_that("a model of the SD alone needs no structure", {
  fit <- lmm(y ~ x + week + (1 | id), d, dispersion = ~ arm)
  check_density(fit)
  expect_identical(fit$parameters$name,
               c("sd_(Intercept)|id", "log(sigma)_armB", "sigma"))
})

test_that("estimates maximize the likelihood", {
  fit <- fit_with(quote(ar1(week | id)), y ~ x + week + (1 | id), dispersion = ~ arm)
  table <- fit$parameters
  at <- function(i, step) {
    moved <- fit
    moved$parameters$estimate[i] <- table$estimate[i] + step
    if (table$type[i] == "sigma") moved$sigma <- table$estimate[i] + step
    if (table$type[i] == "sd") moved$random[[1L]]$Sigma[] <- (table$estimate[i] + step)^2
    V <- dense_covariance(moved, d$id, d$week, d$week)
    gaussian_deviance(d$y, model.matrix(fit), V, TRUE)
  }
  slope <- vapply(seq_len(nrow(table)), function(i) (at(i, 1e-4) - at(i, -1e-4)) / 2e-4, 1)
  expect_lt(max(abs(slope)), 1e-4)
  # Standard errors are those of the observed information.
  m <- nrow(table)
  hessian <- matrix(0, m, m)
  both <- function(i, j, a, b) {
    moved <- fit
    value <- table$estimate
    value[i] <- value[i] + a
    value[j] <- value[j] + b
    moved$parameters$estimate <- value
    moved$sigma <- value[table$type == "sigma"]
    moved$random[[1L]]$Sigma[] <- value[table$type == "sd"]^2
    gaussian_deviance(d$y, model.matrix(fit), dense_covariance(moved, d$id, d$week, d$week), TRUE)
  }
  h <- 1e-3
  for (i in seq_len(m)) for (j in seq_len(m)) {
    hessian[i, j] <- (both(i, j, h, h) - both(i, j, h, -h) - both(i, j, -h, h) +
                        both(i, j, -h, -h)) / (4 * h^2)
  }
  expect_equal(unname(vcov(fit, which = "theta")), 2 * solve(hessian), tolerance = 1e-3)
})

test_that("published likelihoods of the growth of 27 children", {
  # REML fits by PROC MIXED and gls() of distance ~ age * Sex: -2 log-likelihood.
  values <- c(us = 424.5469, cs = 433.7572, ar1 = 444.5874)
  for (name in names(values)) {
    call <- as.call(list(as.name(name), quote(age | Subject)))
    fit <- eval(bquote(lmm(distance ~ age * Sex, nlme::Orthodont, residual = .(call))))
    expect_equal(fit$deviance, values[[name]], tolerance = 1e-6, label = name)
  }
})

test_that("gls() and lme() have the same fits", {
  skip_if_not_installed("nlme")
  theirs <- nlme::gls(distance ~ age * Sex, nlme::Orthodont,
                      correlation = nlme::corCompSymm(form = ~ 1 | Subject),
                      weights = nlme::varIdent(form = ~ 1 | Sex))
  ours <- lmm(distance ~ age * Sex, nlme::Orthodont, residual = cs(age | Subject),
              dispersion = ~ Sex)
  expect_equal(as.double(logLik(ours)), as.double(logLik(theirs)), tolerance = 1e-7)
  expect_equal(vcov(ours), vcov(theirs), tolerance = 1e-4)
  theirs <- nlme::lme(weight ~ Time * Diet, nlme::BodyWeight, random = ~ Time | Rat,
                      correlation = nlme::corExp(form = ~ Time | Rat))
  ours <- lmm(weight ~ Time * Diet + (Time | Rat), nlme::BodyWeight, residual = sp_exp(Time | Rat))
  expect_equal(as.double(logLik(ours)), as.double(logLik(theirs)), tolerance = 1e-7)
  expect_equal(fixef(ours), nlme::fixef(theirs), tolerance = 1e-4)
})

test_that("the way of writing the structure and the time makes no difference", {
  fit <- fit_with(quote(ar1(week | id)))
  residual <- ~ ar1(week | id)
  expect_equal(logLik(lmm(y ~ x + week, d, residual = residual)), logLik(fit))
  expect_equal(logLik(lmm(y ~ x + week, d, residual = "ar1(week | id)")), logLik(fit))
  d$visit <- factor(d$week)
  d$day <- as.Date("2020-01-01") + 7 * d$week
  expect_equal(logLik(lmm(y ~ x + week, d, residual = ar1(visit | id))), logLik(fit))
  expect_equal(logLik(lmm(y ~ x + week, d, residual = ar1(day | id))), logLik(fit))
  # Levels without a row keep their place.
  d$place <- factor(letters[d$week], letters)
  expect_equal(logLik(lmm(y ~ x + week, d, residual = ar1(place | id))), logLik(fit))
  expect_equal(logLik(fit_with(quote(ar1h(week | id, hom = TRUE)))), logLik(fit))
  d2 <- d[order(d$id, d$week), ]
  d2$week <- NULL
  d2$time <- ave(seq_len(n), d2$id, FUN = seq_along)
  expect_message(by_row <- lmm(y ~ x, d2, residual = ar1(1 | id)), class = "tiers_message_order")
  expect_equal(logLik(by_row), logLik(lmm(y ~ x, d2, residual = ar1(time | id))))
})

test_that("rows with missing values of the structure's variables are left out", {
  d$week2 <- replace(d$week, 3L, NA)
  fit <- lmm(y ~ x, d, residual = ar1(week2 | id))
  expect_identical(fit$nobs, n - 1L)
  expect_equal(logLik(fit), logLik(lmm(y ~ x, d[-3L, ], residual = ar1(week | id))))
})

test_that("what cannot be read is an error of the formula", {
  bad <- expression(
    ar2(week | id), ar1(week), week | id, ar1(week || id), ar1(week | id, by = "arm"),
    ar1(week | id, nuget = TRUE), cs(week | id, band = 2), ar1(week + x | id), lin(week | id),
    ar1(. | id), 3)
  for (i in seq_along(bad)) {
    expect_error(fit_with(bad[[i]]), class = "tiers_error_formula", label = text_of(bad[[i]]))
  }
  expect_match(error_text(lmm(y ~ x, d, residual = arl(week | id))), "did you mean `ar1`")
  expect_match(error_text(lmm(y ~ x, d, residual = ar1(week))), "whose rows are correlated")
  expect_match(error_text(lmm(y ~ x, d, residual = week | id)), "us(week | id)", fixed = TRUE)
  expect_match(error_text(lmm(y ~ x, d, residual = varfun(~ x))), "not available")
  expect_match(error_text(lmm(y ~ x, d, residual = us(x | id) %x% ar1(week))), "Kronecker")
  expect_error(lmm(y ~ x, d, residual = us(week | id), start = c(sigma = 1)), "not available",
               class = "tiers_error_input")
  expect_error(lmm(y ~ x, d, residual = us(week | id), fix = c(sigma = 1)), "not available",
               class = "tiers_error_input")
  expect_error(lmm(y ~ x, d, residual = us(week | id), dispersion = ~ 0 + x),
               "always has an intercept", class = "tiers_error_formula")
})
