# Of a fit with terms by `groups`: C of rows with codes (0: a new level) against predict().
expect_dense_errors <- function(fit, new, groups, tolerance = 1e-8) {
  spec <- fit_specification(fit)
  bases <- lapply(seq_along(groups), function(j) unname(random_columns(fit, j, new)))
  codes <- lapply(seq_along(groups), function(j) {
    at <- match(new[[groups[j]]], fit$random[[j]]$levels)
    ifelse(is.na(at), 0L, at)
  })
  L <- unname(fixed_matrix(fit, new))[, !is.na(fixef(fit)), drop = FALSE]
  M <- dense_random_rows(spec, codes, bases)
  dense <- dense_error_function(fit, M, L)
  fresh <- Reduce(`+`, Map(function(code, basis, term) {
    ifelse(code == 0L, rowSums((basis %*% term$Sigma) * basis), 0)
  }, codes, bases, unname(fit$random)))
  C <- diag(dense$value(dense$at)) + fresh
  got <- predict(fit, new, se.fit = TRUE, allow.new.levels = TRUE, ddf = "residual")
  expect_equal(unname(got$se.fit), sqrt(unname(C)), tolerance = tolerance)
  invisible(list(M = M, L = L, C = C, dense = dense, fresh = fresh, codes = codes, bases = bases))
}

test_that("standard errors are those of Henderson's equations: crossed slopes, weights", {
  d <- crossed_data()
  fit <- lmm(y ~ x + (x | a) + (1 | b), d, weights = w)
  new <- data.frame(x = c(0.3, -1, 2, 0, 1), a = c("1", "3", "none", "8", "1"),
                    b = c("2", "6", "4", "none", "5"))
  at <- expect_dense_errors(fit, new, c("a", "b"))
  known <- c(1L, 2L, 5L)
  # Satterthwaite's df of each row: 2 C^2 / (g'W g).
  W <- dense_weight(fit, "observed")
  for (i in known) {
    row <- dense_error_function(fit, at$M[i, , drop = FALSE], at$L[i, , drop = FALSE])
    g <- numDeriv::grad(function(psi) drop(row$value(psi)), row$at)
    expect_equal(unname(predict(fit, new, se.fit = TRUE, allow.new.levels = TRUE)$df[i]),
                 2 * at$C[i]^2 / drop(g %*% W %*% g), tolerance = 1e-6)
  }
})

test_that("and for nested factors, levels in any order, slopes and a factor of two terms", {
  set.seed(5)
  n <- 160
  d <- data.frame(s = factor(sample(5, n, TRUE)), r = factor(sample(6, n, TRUE)), x = rnorm(n))
  d$c <- factor(paste(d$s, sample(3, n, TRUE)))
  d$y <- rnorm(5)[d$s] + rnorm(15)[d$c] * (1 + d$x / 2) + rnorm(6)[d$r] + rnorm(n)
  new <- data.frame(x = rnorm(6), s = c(1:4, 4, 5), c = c("1 1", "2 2", "4 1", "new", "5 3", "5 1"),
                    r = c(6, 1, 1, 2, 9, 4))
  fit <- suppressMessages(lmm(y ~ x + (1 | s) + (x || c) + (1 | r), d))
  expect_dense_errors(fit, new, c("s", "c", "r"))
  chain <- suppressMessages(lmm(y ~ x + (1 | s) + (x | c), d))
  expect_dense_errors(chain, new, c("s", "c"))
  twice <- suppressMessages(lmm(y ~ x + (1 | s) + (0 + x | s), d))
  expect_dense_errors(twice, new, c("s", "s"))
})

test_that("singular covariance matrices are no exception", {
  d <- crossed_data()
  set.seed(2)
  # Slopes proportional to the intercepts, and a factor without any effect.
  b <- rnorm(8)
  d$y <- b[d$a] * (1 + d$x) + rnorm(80) / 3
  fit <- suppressMessages(lmm(y ~ x + (x | a) + (1 | b), d))
  expect_true(fit$convergence$status == "boundary")
  new <- data.frame(x = c(0.3, -1, 2, 0), a = c("1", "3", "none", "8"),
                    b = c("2", "6", "4", "none"))
  expect_dense_errors(fit, new, c("a", "b"))
  # A variance of zero: all is as without its term.
  zero <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  batch <- zero$random$Batch$levels[1:2]
  got <- predict(zero, data.frame(Batch = batch), se.fit = TRUE)
  expect_values(got$se.fit, rep(sqrt(vcov(zero)[1, 1]), 2), 1e-10)
  expect_values(got$df, c(29, 29), 1e-6)
})

test_that("rows without random effects have the errors of their coefficients", {
  fit <- growth_fit()
  new <- orthodont()[c(1, 30, 90), ]
  L <- unname(model.matrix(fit))[c(1, 30, 90), ]
  for (ddf in list("satterthwaite", "kenward-roger", "containment")) {
    prepared <- prepare_ddf(fit, ddf)
    got <- predict(fit, new, re.form = NA, se.fit = TRUE, ddf = ddf)
    expect_values(got$se.fit, sqrt(rowSums((L %*% prepared$vcov) * L)), 1e-10)
    expect_values(got$df, prepared$df_rows(L), 1e-10)
  }
  # The engine's rows come to the same.
  rows <- run_contrast_rows(fit, list(fixed = L, parts = list(), residual = double()))
  expect_equal(rows$variance, rowSums((L %*% vcov(fit)) * L), tolerance = 1e-10,
               ignore_attr = TRUE)
  expect_equal(matching_df(rows$variance, rows$gradient, fit$inference$vcov_psi),
               prepare_ddf(fit)$df_rows(L), tolerance = 1e-7)
})

test_that("limits: of the mean, of a new response in a known group and in any group", {
  fit <- growth_fit()
  d <- orthodont()
  new <- d[c(1, 30, 90), ]
  known <- predict(fit, new, se.fit = TRUE)
  limits <- predict(fit, new, interval = "confidence", level = 0.9)
  expect_identical(colnames(limits), c("fit", "lwr", "upr"))
  expect_values(limits[, "upr"], known$fit + qt(0.95, known$df) * known$se.fit, 1e-10)
  none <- predict(fit, new, interval = "prediction", ddf = "none")
  expect_values(none[, "upr"], known$fit + qnorm(0.975) * sqrt(known$se.fit^2 + sigma(fit)^2), 1e-8)
  any <- predict(fit, new, re.form = NA, interval = "prediction", ddf = "none", se.fit = TRUE)
  Z <- cbind(1, new$age)
  spread <- any$se.fit^2 + rowSums((Z %*% VarCorr(fit)$Subject) * Z) + sigma(fit)^2
  expect_values(any$fit[, "upr"], any$fit[, "fit"] + qnorm(0.975) * sqrt(spread), 1e-8)
  # A new level is any group, with the same df.
  new$Subject <- "nobody"
  expect_equal(predict(fit, new, allow.new.levels = TRUE, interval = "prediction"),
               predict(fit, new, re.form = NA, interval = "prediction"), tolerance = 1e-9)
  # Part of a term: what is left of it counts as new.
  part <- predict(fit, d[1:3, ], re.form = ~ (1 | Subject), interval = "prediction", ddf = "none")
  expect_true(all(is.finite(part)))
})

test_that("a balanced one-way design has the classical limits for a new group", {
  d <- fixture_data("dyestuff")
  fit <- lmm(Yield ~ 1 + (1 | Batch), d)
  means <- tapply(d$Yield, d$Batch, mean)
  n <- nrow(d) / length(means)
  got <- predict(fit, data.frame(x = 1), re.form = NA, se.fit = TRUE)
  expect_values(got$se.fit, sd(means) / sqrt(length(means)), 1e-8)
  expect_values(got$df, length(means) - 1, 1e-6)
  # Of the mean of a new batch: variance (1 + 1/J) tau^2 + sigma^2 / (J n).
  new <- predict(fit, data.frame(Batch = "new"), allow.new.levels = TRUE, se.fit = TRUE)
  tau2 <- VarCorr(fit)$Batch[1, 1]
  expect_values(new$se.fit^2, tau2 * (1 + 1 / 6) + sigma(fit)^2 / (6 * n), 1e-8)
})

test_that("weights of new responses", {
  d <- crossed_data()
  fit <- lmm(y ~ x + (1 | a), d, weights = w)
  new <- d[1:4, ]
  width <- function(...) {
    limits <- predict(fit, new, interval = "prediction", ddf = "none", ...)
    ((limits[, "upr"] - limits[, "fit"]) / qnorm(0.975))^2
  }
  se <- predict(fit, new, se.fit = TRUE)$se.fit
  expect_values(width(weights = ~ w), se^2 + sigma(fit)^2 / new$w, 1e-8)
  expect_values(width(weights = 2), se^2 + sigma(fit)^2 / 2, 1e-8)
  expect_warning(plain <- width(), class = "tiers_warning_data")
  expect_values(plain, se^2 + sigma(fit)^2, 1e-8)
  own <- predict(fit, interval = "prediction", ddf = "none")
  expect_values(((own[1:4, "upr"] - own[1:4, "fit"]) / qnorm(0.975))^2, width(weights = new$w),
                1e-8)
  expect_error(predict(fit, new, interval = "prediction", weights = -1),
               class = "tiers_error_input")
  expect_error(predict(fit, new, weights = 2, se.fit = TRUE), class = "tiers_error_input")
})

test_that("without random effects everything is as in predict.lm() and predict.glm()", {
  d <- orthodont()
  d$w <- rep(c(1, 2, 0.5, 1), length.out = nrow(d))
  new <- data.frame(age = c(8, 11.5, 20), Sex = c("Male", "Female", "Male"))
  fit <- lmm(distance ~ age * Sex, d, weights = w)
  lm <- lm(distance ~ age * Sex, d, weights = w)
  expect_equal(predict(fit, new, se.fit = TRUE), predict(lm, new, se.fit = TRUE), tolerance = 1e-10)
  for (interval in c("confidence", "prediction")) {
    expect_equal(predict(fit, new, interval = interval, weights = if (interval == "prediction") 2,
                         se.fit = TRUE, level = 0.8),
                 predict(lm, new, interval = interval, weights = 2, se.fit = TRUE, level = 0.8),
                 tolerance = 1e-10)
  }
  glm <- glm(y ~ trt + week, binomial, MASS::bacteria, epsilon = 1e-14)
  mine <- glmm(y ~ trt + week, MASS::bacteria, family = binomial())
  new <- MASS::bacteria[c(1, 50, 130), ]
  for (type in c("link", "response")) {
    expect_equal(predict(mine, new, type = type, se.fit = TRUE)[c("fit", "se.fit")],
                 lapply(predict(glm, new, type = type, se.fit = TRUE)[c("fit", "se.fit")], c),
                 tolerance = 1e-8)
  }
})

test_that("the shape of the result, missing rows and dropped columns", {
  d <- orthodont()
  d$age[c(2, 5)] <- NA
  d$twice <- 2 * d$age
  fit <- suppressMessages(lmm(distance ~ age + twice + (1 | Subject), d, na.action = na.exclude))
  full <- predict(fit, se.fit = TRUE)
  expect_length(full$se.fit, nrow(d))
  expect_identical(which(is.na(full$se.fit)), which(is.na(full$fit)))
  table <- predict(fit, interval = "confidence", output = "data.frame")
  expect_identical(names(table), c("fit", "se.fit", "df", "lwr", "upr"))
  expect_equal(nrow(table), nrow(d))
  expect_equal(full$residual.scale, sigma(fit))
  new <- data.frame(age = c(8, 9, NA), twice = c(16, 1, 2), Subject = "M01")
  expect_warning(got <- predict(fit, new, se.fit = TRUE), class = "tiers_warning_data")
  expect_identical(unname(is.na(got$se.fit)), c(FALSE, TRUE, TRUE))
  expect_warning(left <- predict(fit, new, interval = "confidence", na.action = na.omit))
  expect_identical(rownames(left), "1")
  expect_error(predict(fit, d[3:4, ], type = "dispersion", se.fit = TRUE),
               class = "tiers_error_input")
  expect_error(predict(fit, level = 2), class = "tiers_error_input")
  expect_error(predict(fit, interval = "both"), class = "tiers_error_input")
})

# Generalized fits --------------------------------------------------------------------------------

test_that("standard errors of the linear predictor are those of glmmTMB", {
  skip_if_not_installed("glmmTMB")
  skip_if_not_installed("lme4")
  data("cbpp", package = "lme4", envir = environment())
  # The peer's optimum of the second is off by 1e-5.
  cases <- list(
    list(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial(), binomial(),
         1e-6),
    list(y ~ trt + V4 + lbase + (1 | subject), epil(), nbinom2(), glmmTMB::nbinom2(), 2e-5))
  for (case in cases) {
    fit <- glmm(case[[1L]], case[[2L]], family = case[[3L]])
    control <- glmmTMB::glmmTMBControl(optCtrl = list(rel.tol = 1e-14, iter.max = 1e3))
    peer <- suppressWarnings(glmmTMB::glmmTMB(case[[1L]], case[[2L]], family = case[[4L]],
                                              control = control))
    theirs <- suppressWarnings(predict(peer, se.fit = TRUE, type = "link"))
    mine <- predict(fit, se.fit = TRUE)
    expect_values(mine$fit, theirs$fit, case[[5L]])
    expect_values(mine$se.fit, theirs$se.fit, case[[5L]])
  }
})

test_that("they are made of the curvature at the mode and of the parameters' covariance", {
  # By hand for one grouping factor of Poisson counts: H_l is a number.
  d <- glmm_data("grouseticks")
  d <- d[seq_len(120), ]
  fit <- glmm(TICKS ~ YEAR + (1 | BROOD), d, family = poisson())
  X <- model.matrix(fit)
  tau <- sqrt(VarCorr(fit)$BROOD[1, 1])
  mu <- fitted(fit)
  group <- as.character(d$BROOD)
  total <- rowsum(mu, group)[, 1L]
  h <- total * tau^2 + 1
  u <- ranef(fit)$BROOD[names(total), 1] / tau
  # s - u: dU = -tau X'mu / h; d b = u dtau + tau dU, (y - mu) total = u / tau.
  move_beta <- -tau^2 * rowsum(X * mu, group)[names(total), ] / h
  dU <- (u / tau - total * tau * u) / h
  move_tau <- u + tau * dU
  V <- fit$inference$vcov_natural
  at <- match(group, names(total))
  d_row <- cbind(X + move_beta[at, ], move_tau[at] / (2 * tau))
  expected <- tau^2 / h[at] + rowSums((d_row %*% V) * d_row)
  expect_values(predict(fit, se.fit = TRUE)$se.fit, sqrt(expected), 1e-7)
})

test_that("the joint covariance is consistent with that of its parts", {
  fit <- count_fit()
  V <- fit$inference$vcov_natural
  p <- length(fixef(fit))
  expect_equal(V[seq_len(p), seq_len(p)], unname(vcov(fit)), tolerance = 1e-10)
  table <- fit$parameters
  sd <- table$estimate[table$type == "sd"]
  cor <- table$estimate[table$type == "cor"]
  jacobian <- rbind(c(2 * sd[1], 0, 0), c(cor * sd[2], cor * sd[1], sd[1] * sd[2]),
                    c(0, 2 * sd[2], 0))
  own <- vcov(fit, which = "theta")[1:3, 1:3]
  expect_equal(V[p + 1:3, p + 1:3], unname(jacobian %*% own %*% t(jacobian)), tolerance = 1e-8)
})

test_that("limits of means are those of the linear predictor through the link", {
  fit <- binary_fit()
  new <- bacteria()[c(1, 50, 120), ]
  link <- predict(fit, new, interval = "confidence")
  response <- predict(fit, new, type = "response", interval = "confidence", se.fit = TRUE)
  expect_equal(response$fit, plogis(link), tolerance = 1e-12)
  expect_values(response$se.fit,
                dlogis(link[, "fit"]) * predict(fit, new, se.fit = TRUE)$se.fit, 1e-10)
  expect_true(all(is.infinite(response$df)))
  gamma <- glmm(distance ~ age + (1 | Subject), orthodont(), family = Gamma("inverse"))
  limits <- predict(gamma, orthodont()[1:2, ], type = "response", interval = "confidence")
  expect_true(all(limits[, "lwr"] < limits[, "fit"] & limits[, "fit"] < limits[, "upr"]))
  expect_error(predict(fit, new, interval = "prediction"), "type", class = "tiers_error_input")
  expect_error(predict(fit, new, type = "marginal", re.form = ~ (1 | ID), se.fit = TRUE),
               class = "tiers_error_input")
})

test_that("means over the population carry the uncertainty of the variances", {
  fit <- binary_fit()
  new <- bacteria()[c(1, 50, 120), ]
  got <- predict(fit, new, type = "marginal", se.fit = TRUE, interval = "confidence")
  X <- unname(fixed_matrix(fit, new))
  V <- fit$inference$vcov_natural
  mean_at <- function(psi) {
    marginal_mean(fit$family, drop(X %*% psi[-length(psi)]), rep(sqrt(psi[length(psi)]), 3))
  }
  J <- numDeriv::jacobian(mean_at, c(fixef(fit), VarCorr(fit)$ID[1, 1]))
  se <- sqrt(rowSums((J %*% V) * J))
  expect_values(got$se.fit, se, 1e-7)
  m <- got$fit[, "fit"]
  expect_values(got$fit[, "upr"], plogis(qlogis(m) + qnorm(0.975) * se / (m * (1 - m))), 1e-7)
})

test_that("fits with nAGQ = 0, new levels and separated data", {
  fast <- glmm(y ~ trt + week + (1 | ID), bacteria(), family = binomial(), nAGQ = 0)
  X <- model.matrix(fast)[1:2, ]
  expect_values(predict(fast, bacteria()[1:2, ], re.form = NA, se.fit = TRUE)$se.fit,
                sqrt(rowSums((X %*% vcov(fast)) * X)), 1e-10)
  expect_true(all(predict(fast, se.fit = TRUE)$se.fit > 0))
  fit <- binary_fit()
  new <- transform(bacteria()[1:2, ], ID = "new")
  fixed <- predict(fit, new, re.form = NA, se.fit = TRUE)$se.fit
  expect_values(predict(fit, new, allow.new.levels = TRUE, se.fit = TRUE)$se.fit,
                sqrt(fixed^2 + VarCorr(fit)$ID[1, 1]), 1e-8)
  separated <- suppressWarnings(suppressMessages(
    glmm(y ~ x + x2 + (1 | f), separated_row_data(), family = binomial())))
  infinite <- which(is.infinite(predict(separated)))
  told <- expect_message(limits <- predict(separated, type = "response", interval = "prediction"),
                         "separated", class = "tiers_message_data")
  expect_identical(told$rows, unname(infinite))
  expect_identical(unname(which(is.na(limits[, "lwr"]))), unname(infinite))
  expect_no_message(predict(separated, type = "response", interval = "confidence"))
  got <- predict(separated, se.fit = TRUE)
  infinite <- is.infinite(got$fit)
  expect_true(any(infinite) && !all(infinite))
  expect_true(all(is.infinite(got$se.fit[infinite])))
  expect_true(all(is.finite(got$se.fit[!infinite])))
})
