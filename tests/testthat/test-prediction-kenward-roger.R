# Kenward and Roger's method for predictions, against dense matrices.

# Standard errors and df of levels that the fit knows.
expect_kenward_roger <- function(fit, new, groups, tolerance = 1e-8, held = integer()) {
  spec <- fit_specification(fit)
  bases <- lapply(seq_along(groups), function(j) unname(random_columns(fit, j, new)))
  codes <- lapply(seq_along(groups), function(j) match(new[[groups[j]]], fit$random[[j]]$levels))
  L <- unname(fixed_matrix(fit, new))[, !is.na(fixef(fit)), drop = FALSE]
  M <- dense_random_rows(spec, codes, bases)
  for (information in c("expected", if (fit$convergence$status == "converged") "observed")) {
    truth <- dense_kenward_roger_errors(fit, M, L, information, held)
    got <- predict(fit, new, se.fit = TRUE, ddf = ddf_kr(information))
    expect_equal(unname(got$se.fit), sqrt(diag(truth$adjusted)), tolerance = tolerance)
    expect_equal(unname(got$df), truth$df, tolerance = tolerance)
  }
}

test_that("Kenward and Roger's errors of predictions: one factor, nested, crossed, weights", {
  d <- crossed_data()
  set.seed(12)
  d$g <- factor(paste(d$b, sample(2, 80, TRUE)))
  new <- d[c(1, 5, 20, 33, 80), ]
  d$y <- d$y + rnorm(12)[d$g]
  expect_kenward_roger(lmm(y ~ x + (x | a), d, weights = w), new, "a")
  expect_kenward_roger(lmm(y ~ x + (x | a) + (1 | b), d, weights = w), new, c("a", "b"))
  expect_kenward_roger(lmm(y ~ x + (1 | b) + (1 | g), d), new, c("b", "g"))
  expect_kenward_roger(lmm(y ~ x + (1 | a) + (0 + x | a), d), new, c("a", "a"))
})

test_that("Kenward and Roger's method: contrasts, their joint test, singular fits, new levels", {
  set.seed(2)
  d <- crossed_data()
  # Slopes proportional to the intercepts, and a factor without any effect.
  b <- rnorm(8)
  d$y <- b[d$a] * (1 + d$x) + rnorm(80) / 3
  fit <- suppressMessages(lmm(y ~ x + (x | a) + (1 | b), d))
  expect_equal(fit$convergence$status, "boundary")
  pieces <- list(matrix(c(0, 1, 0, 0, 0, 0, 0, -1), 2, 16, byrow = TRUE), matrix(0, 2, 6))
  pieces[[2L]][1L, 3L] <- 1
  L <- cbind(c(1, 0), c(0, 1))
  truth <- dense_kenward_roger_errors(fit, do.call(cbind, pieces), L)
  prepared <- prepare_ddf(fit, "kenward-roger")
  got <- kind_block_errors(fit, list(fixed = L, random = pieces), prepared)
  expect_equal(got$variance, truth$adjusted, tolerance = 1e-8)
  expect_equal(got$df_rows(diag(2)), truth$df, tolerance = 1e-8)
  joint <- kenward_roger_joint(diag(2), truth$C, truth$gradient, truth$W)
  expect_equal(got$df_joint(diag(2)), joint[c("df", "scale")], tolerance = 1e-8)
  # A new level is m'G m more, and its derivatives; nothing moves with the estimates.
  new <- data.frame(x = 0.7, a = "new", b = d$b[1L])
  m <- c(1, 0.7)
  fixed <- predict(fit, new, re.form = ~ (1 | b), se.fit = TRUE, ddf = "kenward-roger")
  got <- predict(fit, new, se.fit = TRUE, allow.new.levels = TRUE, ddf = "kenward-roger")
  expect_values(got$se.fit^2 - fixed$se.fit^2, drop(m %*% VarCorr(fit)$a %*% m), 1e-8)
  C <- dense_kenward_roger_errors(fit, matrix(replace(double(22), 16 + as.integer(d$b[1L]), 1), 1),
                                  cbind(1, 0.7))
  g <- vapply(C$gradient, drop, 1) + c(1, 0.49, 1.4, 0, 0)  # variances, covariance; b; sigma^2
  expect_values(got$df, 2 * drop(C$C + m %*% VarCorr(fit)$a %*% m)^2 / drop(g %*% C$W %*% g), 1e-7)
})

test_that("without random effects in it Kenward and Roger's variance is that of the coefficients", {
  fit <- suppressMessages(lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine),
                              machines_unbalanced()))
  none <- lapply(fit$random, function(term) matrix(0, 3, length(term$levels)))
  for (information in c("expected", "observed")) {
    prepared <- prepare_ddf(fit, ddf_kr(information))
    got <- kind_block_errors(fit, list(fixed = diag(3), random = unname(none)), prepared)
    expect_equal(got$variance, unname(prepared$vcov), tolerance = 1e-10)
    expect_equal(got$df_rows(diag(3)), prepared$df_rows(diag(3)), tolerance = 1e-8)
    expect_equal(got$df_joint(diag(3)[2:3, ]), prepared$df_joint(diag(3)[2:3, ]), tolerance = 1e-8)
  }
  # All levels of a balanced factor average to the mean with its error within the workers.
  all <- estimate(fit, "(Intercept)", ddf = "kenward-roger",
                  random = list(Worker = stats::setNames(rep(1 / 6, 6), 1:6)))
  expect_lt(all$table$std.error, sqrt(vcov(fit)[1, 1]))
})

test_that("a new response, and any new group, by Kenward and Roger's method", {
  fit <- growth_fit()
  new <- orthodont()[c(1, 30, 90), ]
  own <- predict(fit, new, interval = "prediction", se.fit = TRUE, ddf = "kenward-roger")
  known <- predict(fit, new, se.fit = TRUE, ddf = "kenward-roger")
  expect_values(own$se.fit, known$se.fit, 1e-12)
  half <- own$fit[, "upr"] - own$fit[, "fit"]
  expect_true(all(half > qnorm(0.975) * sqrt(known$se.fit^2 + sigma(fit)^2)))
  new$Subject <- "nobody"
  expect_equal(predict(fit, new, allow.new.levels = TRUE, interval = "prediction",
                       ddf = "kenward-roger"),
               predict(fit, new, re.form = NA, interval = "prediction", ddf = "kenward-roger"),
               tolerance = 1e-9)
})

test_that("rows and blocks of contrasts agree, with K2 too", {
  set.seed(9)
  d <- crossed_data()
  d$g <- factor(paste(d$b, sample(2, 80, TRUE)))
  fits <- suppressMessages(list(lmm(y ~ x + (x | a), d), lmm(y ~ x + (1 | b) + (x | g), d),
                                lmm(y ~ x + (x | a) + (1 | b) + (1 | g), d)))
  for (fit in fits) {
    spec <- fit_specification(fit)
    L <- cbind(1, c(0.2, -1, 3))
    parts <- lapply(seq_along(fit$random), function(j) {
      k <- length(fit$random[[j]]$columns)
      basis <- cbind(1, c(-2, 0, 1))[, seq_len(k), drop = FALSE]
      list(term = j, level = c(2L, 5L, 1L), basis = basis)
    })
    M <- dense_random_rows(spec, lapply(parts, `[[`, "level"), lapply(parts, `[[`, "basis"))
    sizes <- vapply(spec$terms, function(term) dense_k(term) * term$n_levels, 1)
    random <- lapply(seq_along(sizes), function(j) {
      M[, sum(sizes[seq_len(j - 1L)]) + seq_len(sizes[j]), drop = FALSE]
    })
    W <- crossprod(matrix(rnorm((length(fit$inference$dvcov))^2), length(fit$inference$dvcov)))
    linear <- list(forms = variance_forms(fit$random), weight = W,
                   psi = c(unlist(lapply(unname(fit$random), function(term) {
                     term$Sigma[lower.tri(term$Sigma, diag = TRUE)]
                   })), sigma(fit)^2))
    rows <- run_contrast_rows(fit, list(fixed = L, parts = parts, residual = double()), linear)
    block <- run_contrast_block(fit, list(fixed = L, random = random), linear)
    expect_equal(rows$variance, diag(block$variance), tolerance = 1e-11)
    expect_equal(rows$gradient, vapply(block$gradient, diag, double(3)), tolerance = 1e-9)
    expect_equal(rows$adjustment, diag(block$adjustment), tolerance = 1e-7)
  }
})

test_that("a parameter that is held does not vary", {
  d <- crossed_data()
  new <- d[c(1, 5, 20), ]
  value <- function(fit) stats::setNames(fit$parameters$estimate, fit$parameters$name)
  for (formula in list(y ~ x + (1 | a), y ~ x + (1 | a) + (1 | b))) {
    groups <- intersect(c("a", "b"), all.vars(formula))
    free <- value(lmm(formula, d, weights = w))
    for (name in c("sd_(Intercept)|a", "sigma")) {
      fit <- suppressMessages(lmm(formula, d, weights = w, fix = free[name]))
      expect_kenward_roger(fit, new, groups, held = match(name, fit$parameters$name))
    }
  }
})
