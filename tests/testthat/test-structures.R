# Covariance structures of random effects against the multivariate normal density, with correlation
# matrices written out here.

times <- c(1, 2, 4, 5)
lags <- abs(outer(times, times, "-"))

visits_data <- function() {
  set.seed(4)
  d <- expand.grid(copy = 1:2, visit = times, id = 1:22)
  d$x <- stats::rnorm(nrow(d))
  d$site <- sample(6, nrow(d), replace = TRUE)
  b <- t(chol(0.7^lags)) %*% matrix(stats::rnorm(88), 4) * c(1, 1.3, 1.2, 1.6)
  d$y <- 2 + d$x + stats::rnorm(6)[d$site] + b[cbind(match(d$visit, times), d$id)] +
    0.8 * stats::rnorm(nrow(d))
  d <- d[-sample(nrow(d), 56), ]
  d$visit <- factor(d$visit)
  d
}

steps <- function(r) {
  C <- diag(4)
  for (a in 1:3) for (b in (a + 1):4) C[a, b] <- C[b, a] <- prod(r[a:(b - 1)])
  C
}
toeplitz_of <- function(r) matrix(c(1, r)[match(lags, 0:4)], 4)
# Correlation matrices of the parameters after the SDs; `each`: has each visit an SD?
correlation_cases <- list(
  cs = function(p) ifelse(lags == 0, 1, p), csh = function(p) ifelse(lags == 0, 1, p),
  ar1 = function(p) p^lags, ar1h = function(p) p^lags, ou = function(p) p^lags,
  toep = toeplitz_of, toeph = toeplitz_of, ante = steps,
  arma11 = function(p) ifelse(lags == 0, 1, p[2L] * p[1L]^(lags - 1)),
  sp_exp = function(p) exp(-lags / p), sp_gau = function(p) exp(-(lags / p)^2),
  sp_ratio = function(p) 1 / (1 + (lags / p)^2),
  sp_sph = function(p) ifelse(lags < p, 1 - 1.5 * lags / p + 0.5 * (lags / p)^3, 0),
  sp_lin = function(p) pmax(1 - lags / p, 0))

# -2 log-likelihood or REML criterion at natural values: the term's, sd of the sites, sigma.
dense_visits <- function(d, natural, correlation, reml) {
  count <- length(natural)
  sigma <- natural[count]
  own <- natural[seq_len(count - 2L)]
  each <- attr(correlation, "each")
  sd <- if (each) own[1:4] else rep(own[1L], 4)
  C <- correlation(own[-seq_len(if (each) 4L else 1L)])
  Sigma <- C * outer(sd, sd)
  v <- as.integer(d$visit)
  V <- Sigma[v, v] * outer(d$id, d$id, "==") +
    natural[count - 1L]^2 * outer(d$site, d$site, "==") + diag(sigma^2, nrow(d))
  R <- try(chol(V), silent = TRUE)
  if (inherits(R, "try-error")) return(1e10)
  X <- cbind(1, d$x)
  Xt <- backsolve(R, X, transpose = TRUE)
  yt <- backsolve(R, d$y, transpose = TRUE)
  q <- qr(Xt)
  rest <- sum(qr.resid(q, yt)^2)
  n <- nrow(d) - if (reml) 2 else 0
  2 * sum(log(diag(R))) + rest + n * log(2 * pi) +
    if (reml) 2 * sum(log(abs(diag(qr.R(q))))) else 0
}

structure_fit <- function(name, d, REML) {
  formula <- stats::as.formula(sprintf("y ~ x + %s(0 + visit | id) + (1 | site)", name))
  suppressMessages(lmm(formula, d, REML = REML))
}

# What a step along each parameter alone could gain, from differences of the density.
possible_gains <- function(value, at) {
  vapply(seq_along(at), function(i) {
    h <- 1e-4 * max(1, abs(at[i]))
    move <- function(by) value(replace(at, i, at[i] + by))
    up <- move(h)
    down <- move(-h)
    slope <- (up - down) / (2 * h)
    slope^2 / (2 * (up - 2 * value(at) + down) / h^2)
  }, 1)
}

with_each <- function(correlation, fit) {
  sds <- fit$parameters$type == "sd" & fit$parameters$term == 1L
  structure(correlation, each = sum(sds) > 1L)
}

test_that("fits of every structure are optima of the density", {
  d <- visits_data()
  for (name in names(correlation_cases)) {
    # By both criteria in turn; a structure makes no difference between them.
    REML <- match(name, names(correlation_cases)) %% 2L == 0L
    fit <- structure_fit(name, d, REML)
    expect_identical(fit$convergence$status, "converged", label = name)
    correlation <- with_each(correlation_cases[[name]], fit)
    value <- function(x) dense_visits(d, x, correlation, REML)
    natural <- fit$parameters$estimate
    expect_equal(fit$deviance, value(natural), tolerance = 1e-10, label = paste(name, REML))
    gains <- possible_gains(value, natural)
    expect_true(all(gains > -1e-12 & gains < 1e-7), label = paste(name, REML))
    expect_equal(attr(logLik(fit), "df"), length(natural) + 2L)
  }
})

test_that("a free smoothness and a range are told from the residual with a row a visit", {
  set.seed(3)
  d <- expand.grid(time = 1:6, id = 1:40)
  d <- d[stats::runif(nrow(d)) < 0.85, ]
  b <- t(chol(0.7^abs(outer(1:6, 1:6, "-")))) %*% matrix(stats::rnorm(240), 6) * 1.5
  d$y <- b[cbind(d$time, d$id)] + stats::rnorm(nrow(d))
  fit <- suppressMessages(lmm(y ~ 1 + sp_mat(0 + factor(time) | id), d, REML = FALSE))
  expect_identical(fit$convergence$status, "converged")
  matern <- function(h, range, nu) {
    x <- h / range
    ifelse(h == 0, 1, 2^(1 - nu) / gamma(nu) * x^nu * besselK(pmax(x, 1e-300), nu))
  }
  value <- function(p) {
    V <- p[1]^2 * matern(abs(outer(d$time, d$time, "-")), p[2], p[3]) * outer(d$id, d$id, "==") +
      diag(p[4]^2, nrow(d))
    R <- chol(V)
    half <- backsolve(R, cbind(1, d$y), transpose = TRUE)
    sum(stats::lm.fit(half[, 1L, drop = FALSE], half[, 2L])$residuals^2) +
      2 * sum(log(diag(R))) + nrow(d) * log(2 * pi)
  }
  expect_equal(fit$deviance, value(fit$parameters$estimate), tolerance = 1e-10)
  expect_true(all(abs(possible_gains(value, fit$parameters$estimate)) < 1e-6))
})

test_that("standard errors of parameters are those of the density's curvature", {
  skip_if_not_installed("numDeriv")
  d <- visits_data()
  for (name in c("ar1h", "sp_exp")) {
    fit <- structure_fit(name, d, FALSE)
    correlation <- with_each(correlation_cases[[name]], fit)
    value <- function(x) dense_visits(d, x, correlation, FALSE)
    # The fixed effects are profiled out in `value`, and independent of the variances in the limit:
    # the observed information of both is what the profile has.
    H <- numDeriv::hessian(value, fit$parameters$estimate)
    expect_equal(unname(vcov(fit, which = "theta")), 2 * solve(H), tolerance = 1e-5, label = name)
  }
})

test_that("parameters can be held, started and profiled by their names", {
  d <- visits_data()
  fit <- structure_fit("ar1", d, FALSE)
  correlation <- with_each(correlation_cases$ar1, fit)
  formula <- stats::formula(fit)
  held <- lmm(formula, d, REML = FALSE, fix = c("cor|id" = 0.3))
  expect_equal(held$parameters$estimate[2L], 0.3, tolerance = 1e-14)
  value <- function(x) dense_visits(d, append(x, 0.3, 1L), correlation, FALSE)
  expect_equal(held$deviance, value(held$parameters$estimate[-2L]), tolerance = 1e-10)
  expect_true(all(possible_gains(value, held$parameters$estimate[-2L]) < 1e-7))
  started <- lmm(formula, d, REML = FALSE, start = c("cor|id" = -0.2, "sd|id" = 1))
  expect_equal(started$deviance, fit$deviance, tolerance = 1e-10)
  # At a limit of the profile the deviance has risen by the quantile.
  limits <- suppressMessages(confint(fit, parm = "cor|id", method = "profile"))
  at <- lmm(formula, d, REML = FALSE, fix = c("cor|id" = limits[[1L]]))
  expect_equal(at$deviance - fit$deviance, stats::qchisq(0.95, 1), tolerance = 1e-5)
  expect_error(lmm(y ~ x + sp_exp(0 + visit | id), d, fix = c("range|id" = 1)),
               class = "tiers_error_input")
})

test_that("distances are those of the levels", {
  place <- function(levels, structure = "ar1") {
    term <- list(label = "t", group = "g", structure = structure, columns = levels,
                 xlevels = list(f = levels))
    term_recipe(term)
  }
  expect_equal(drop(place(c("8", "10", "14"))$coordinates), c(4, 5, 7))
  expect_equal(place(c("8", "10", "14"), "toep")$lags, c(1, 2, 3))
  expect_equal(drop(place(c("a", "b", "c"))$coordinates), 1:3)
  expect_equal(drop(place(c("0", "0.5", "2"), "ou")$coordinates), c(0, 0.5, 2))
  expect_equal(place(c("(0,1)", "(2,3)"), "sp_exp")$coordinates, rbind(c(0, 1), c(2, 3)))
  expect_null(place(c("a", "b"), "us"))
  expect_error(place(c("0", "1", "2.7183"), "toep"), class = "tiers_error_formula")
  expect_error(place(c("(0,1)", "(2,3)"), "ar1"), class = "tiers_error_formula")
  expect_error(place("a"), class = "tiers_error_formula")
  expect_error(lmm(y ~ x + ar1(1 + x | id), visits_data()), class = "tiers_error_formula")
})

test_that("arguments and aliases lead to the structures that they mean", {
  d <- visits_data()
  same <- function(a, b) {
    fits <- lapply(c(a, b), function(term) {
      suppressMessages(lmm(stats::as.formula(paste("y ~ x +", term)), d))
    })
    expect_equal(fits[[1L]]$deviance, fits[[2L]]$deviance, tolerance = 1e-9, label = a)
  }
  same("ar1(0 + visit | id, hom = FALSE)", "hetar1(0 + visit | id)")
  same("cs(0 + visit | id)", "homcs(0 + visit | id)")
  same("sp_mat(0 + visit | id, smoothness = 0.5)", "sp_exp(0 + visit | id)")
  same("toep(0 + visit | id, band = 1)", "id(0 + visit | id)")
  same("arma(0 + visit | id)", "arma11(0 + visit | id)")
  same("arma(0 + visit | id, p = 1, q = 0)", "ar1(0 + visit | id)")
  expect_error(lmm(y ~ x + arma(0 + visit | id, p = 0, q = 0), d), "1 or more",
               class = "tiers_error_formula")
})

test_that("a correlation of one is an estimate like others", {
  d <- visits_data()
  set.seed(2)
  d$z <- stats::rnorm(22)[d$id] + stats::rnorm(nrow(d))
  for (name in c("cs", "ar1")) {
    fit <- suppressMessages(lmm(stats::as.formula(sprintf("z ~ x + %s(0 + visit | id)", name)), d))
    intercept <- lmm(z ~ x + (1 | id), d)
    expect_lte(fit$deviance, intercept$deviance + 1e-7)
    at_end <- fit$parameters$estimate[2L] > 1 - 1e-8
    expect_identical(fit$parameters$boundary[2L], at_end)
    if (at_end) expect_equal(fit$deviance, intercept$deviance, tolerance = 1e-9)
  }
})

test_that("methods take what correlations follow from", {
  d <- visits_data()
  fit <- structure_fit("ar1", d, TRUE)
  rho <- fit$parameters$estimate[2L]
  expect_equal(attr(VarCorr(fit)$id, "correlation"), rho^lags, ignore_attr = TRUE)
  expect_output(print(fit), paste0("ar1 of id: cor ", substr(format(rho), 1L, 5L)))
  smaller <- lmm(y ~ x + (1 | site), d)
  expect_output(print(anova(smaller, fit)), "not exact")
  expect_equal(nrow(anova(fit, structure_fit("toep", d, TRUE))), 2L)
  expect_gt(summary(fit, ddf = "kenward-roger")$coefficients[2L, "df"], 50)
  expect_true(all(is.finite(icc(fit)$std.error)))
  expect_equal(nrow(ranef(fit)$id), 22L)
  again <- update(fit, . ~ . - x)
  expect_identical(again$random_terms[[1L]]$structure, "ar1")
})
