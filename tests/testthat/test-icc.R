# Shares of the variance: by the definitions on dense matrices, integrals on a fine grid, their
# derivatives by differences, published numbers and performance.

# The fit with other fixed effects and variance parameters.
with_values <- function(fit, values) {
  p <- nrow(fit$vcov)
  fit$coefficients[!is.na(fit$coefficients)] <- values[seq_len(p)]
  natural <- values[-seq_len(p)]
  type <- fit$parameters$type
  if (any(type == "sigma")) fit$sigma <- natural[type == "sigma"]
  if (any(type == "dispersion")) {
    d <- natural[type == "dispersion"]
    fit$dispersion$coefficients[] <- if (is.null(fit$dispersion$terms)) log(d) else d
    if (inherits(fit, "tiers_glmm") && has_residual(fit)) fit$sigma <- d
  }
  for (j in seq_along(fit$random)) {
    root <- covariance_factor(fit$random[[j]], natural[fit$parameters$term == j])
    fit$random[[j]]$Sigma[] <- tcrossprod(root)
    fit$random[[j]]$Lambda[] <- root / random_scale(fit)
  }
  fit
}

groups_of <- function(parts) lapply(parts$groups, parts$of_groups)

expect_share_slopes <- function(fit, scale = NULL) {
  parts <- variance_shares(fit, scale)
  flat <- function(fit) {
    parts <- variance_shares(fit, scale)
    c(parts$fixed$value, vapply(groups_of(parts), `[[`, 0, "value"), parts$between$value,
      parts$residual$value)
  }
  at <- c(kept_coefficients(fit), fit$parameters$estimate)
  exact <- rbind(parts$fixed$slope, do.call(rbind, lapply(groups_of(parts), `[[`, "slope")),
                 parts$between$slope, parts$residual$slope)
  free <- which(c(rep(TRUE, nrow(fit$vcov)), !is.na(diag(fit$vcov_parameters))))
  numeric <- vapply(free, function(i) {
    h <- 1e-3 * max(abs(at[i]), 0.1)
    slope_by_differences(function(x) flat(with_values(fit, replace(at, i, x))), at[i], h)
  }, numeric(nrow(exact)))
  expect_equal(unname(exact[, free]), unname(numeric), tolerance = 1e-6)
}

share <- function(table, type, group = NULL) {
  table$estimate[table$type == type & (is.null(group) | table$group %in% group)]
}

test_that("linear models: the definitions", {
  d <- transform(small_data(), w = rep(c(1, 0.5, 2, 0), 15), x2 = 2 * x)
  fit <- suppressMessages(lmm(y ~ x + x2 + f + offset(x^2) + (x | g) + (1 | h), d, weights = w,
                              fix = c("sd_(Intercept)|h" = 0.5)))
  used <- d$w > 0
  X <- model.matrix(fit)[used, !is.na(fixef(fit))]
  z <- cbind(1, d$x)[used, ]
  fixed <- var(drop(X %*% kept_coefficients(fit)))
  g <- mean(rowSums((z %*% VarCorr(fit)$g) * z))
  rest <- mean(sigma(fit)^2 / d$w[used])
  total <- g + 0.25 + rest
  found <- icc(fit)
  expect_equal(share(found, "adjusted"), c(g, 0.25, g + 0.25) / total)
  expect_equal(share(found, "conditional", "g"), g / (total + fixed))
  expect_equal(r2(fit)$estimate, c(fixed, fixed + g + 0.25) / (total + fixed))
  at <- icc(fit, at = data.frame(x = c(-1, 2)))
  by_x <- vapply(c(-1, 2), function(x) drop(c(1, x) %*% VarCorr(fit)$g %*% c(1, x)), 0)
  expect_equal(at$estimate[at$group == "g"], by_x / (by_x + 0.25 + sigma(fit)^2))
  expect_equal(unlist(glance(fit)[c("icc", "r2_marginal", "r2_conditional")], use.names = FALSE),
               c(share(found, "adjusted", "total"), r2(fit)$estimate))
  expect_equal(glance(fit)$n_groups, 6L)
  for (fit in list(fit, growth_fit(), crossed_fit())) expect_share_slopes(fit)
})

test_that("nested factors: the correlation of two rows of the inner level", {
  d <- small_data(s = factor(rep(c("a", "b"), 30)))
  fit <- lmm(y ~ x + (1 | g) + (1 | g:s), d, fix = c("sd_(Intercept)|g:s" = 0.6))
  found <- icc(fit)
  expect_equal(share(found, "correlation"), share(found, "adjusted", "total"))
  expect_equal(found$group[found$type == "correlation"], "g:s")
  crossed <- lmm(y ~ x + (1 | g) + (1 | h), d)
  expect_false("correlation" %in% icc(crossed)$type)
})

test_that("intervals are those of the delta method on the logit scale", {
  fit <- lmm(distance ~ age + (1 | Subject), orthodont())
  v <- VarCorr(fit)$Subject[1, 1]
  s <- sigma(fit)^2
  rho <- v / (v + s)
  slope <- c(2 * sqrt(v) * s, -2 * v * sqrt(s)) / (v + s)^2
  se <- sqrt(drop(slope %*% vcov(fit, which = "theta") %*% slope))
  row <- icc(fit, level = 0.9)[1, ]
  expect_equal(row$std.error, se)
  expect_equal(c(row$conf.low, row$conf.high),
               plogis(qlogis(rho) + c(-1, 1) * qnorm(0.95) * se / (rho * (1 - rho))))
  zero <- suppressMessages(lmm(distance ~ age + (1 | Subject), orthodont(),
                               fix = c("sd_(Intercept)|Subject" = 0)))
  expect_equal(icc(zero)$estimate, c(0, 0))
  expect_true(all(is.na(icc(zero)$conf.low)))
  expect_true(r2(zero)$conf.low[1] > 0)
  plain_fit <- suppressMessages(lmm(distance ~ age, orthodont()))
  expect_equal(r2(lmm(y ~ 0 + (1 | g), small_data()))$estimate[1], 0)
  expect_error(icc(plain_fit), "no random effects", class = "tiers_error_input")
  expect_equal(r2(plain_fit)$estimate[1], r2(plain_fit)$estimate[2])
  expect_true(is.na(glance(plain_fit)$icc) && is.na(glance(plain_fit)$n_groups))
})

test_that("latent scale: the variance of the link's distribution", {
  d <- small_counts()
  for (link in c("logit", "probit", "cloglog")) {
    fit <- suppressMessages(glmm(cbind(k, m - k) ~ x + (1 | g), d, binomial(link)))
    v <- VarCorr(fit)$g[1, 1]
    expect_equal(icc(fit)$estimate[1],
                 v / (v + c(logit = pi^2 / 3, probit = 1, cloglog = pi^2 / 6)[[link]]))
  }
  counts <- overdispersed_fit()
  mean_of_rows <- mean(predict(counts, type = "marginal"))
  rest <- log(1 + 1 / mean_of_rows + 1 / sigma(counts))
  v <- VarCorr(counts)$subject[1, 1]
  expect_equal(icc(counts)$estimate[1], v / (v + rest))
  for (fit in list(counts, count_fit(), family_fit("Gamma"))) expect_share_slopes(fit)
  expect_error(icc(family_fit("beta"), scale = "latent"), "latent", class = "tiers_error_input")
})

# E f(eta + s Z) by an equidistant sum of 1,001 terms.
grid_mean <- function(f, eta, s) {
  z <- seq(-14, 14, length.out = 1001)
  w <- dnorm(z) / sum(dnorm(z))
  vapply(seq_along(eta), function(i) {
    if (s[i] == 0) return(f(eta[i], i)[1L])
    sum(w * f(eta[i] + s[i] * z, i))
  }, 0)
}

test_that("response scale: every family's integrals", {
  d <- small_counts()
  fits <- c(lapply(setdiff(family_names(), "gaussian"), family_fit), list(
    glmm(nbinom2 ~ x + (1 | g), family_data(), nbinom2(), dispersion = ~ x),
    suppressMessages(glmm(cbind(k, m - k) ~ x + (x | g), d, binomial("cloglog")))))
  two <- suppressMessages(glmm(cbind(k, m - k) ~ x + (1 | g) + (1 | o), transform(
    d, o = factor(rep(1:7, length.out = nrow(d)))), binomial("probit"), nAGQ = 0))
  expect_share_slopes(two, "response")
  for (fit in fits) {
    family <- family_of(fit)
    traits <- family_traits(family$name)
    eta <- fixed_values(fit)
    s <- random_sd(fit, random_parts(fit, NA))
    dispersion <- rep_len(dispersion_values(fit), length(eta))
    mu <- function(x, i) mean_of(family, x)
    m1 <- grid_mean(mu, eta, s)
    m2 <- grid_mean(function(x, i) mu(x, i)^2, eta, s)
    v <- grid_mean(function(x, i) traits$variance(mu(x, i), dispersion[i], 1, 1), eta, s)
    total <- var(m1) + mean(m2 - m1^2) + mean(v)
    found <- r2(fit, scale = "response")
    expect_equal(found$estimate, c(var(m1), var(m1) + mean(m2 - m1^2)) / total, tolerance = 1e-7)
    expect_true(all(found$estimate >= 0 & found$estimate <= 1))
    expect_equal(share(icc(fit, scale = "response"), "adjusted"),
                 mean(m2 - m1^2) / (mean(m2 - m1^2) + mean(v)), tolerance = 1e-7)
    if (family$name %in% c("inverse.gaussian", "nbinom1", "betabinomial")) {
      expect_share_slopes(fit, "response")
    }
  }
  for (fit in utils::tail(fits, 2L)) expect_share_slopes(fit, "response")
})

test_that("response scale by grouping factor: the correlation of two responses", {
  d <- small_counts()
  d$h <- factor(rep(1:5, length.out = nrow(d)))
  fit <- suppressMessages(glmm(cbind(k, m - k) ~ x + (1 | g) + (1 | h), d, binomial(),
                               fix = c("sd_(Intercept)|g" = 0.9, "sd_(Intercept)|h" = 1.4)))
  found <- icc(fit, scale = "response")
  eta <- fixed_values(fit)
  # The effects of g, and those of h, on a grid.
  z <- seq(-9, 9, length.out = 121)
  w <- dnorm(z) / sum(dnorm(z))
  by_g <- vapply(eta, function(e) drop(plogis(outer(e + 0.9 * z, 1.4 * z, "+")) %*% w), z)
  by_h <- vapply(eta, function(e) drop(plogis(outer(e + 1.4 * z, 0.9 * z, "+")) %*% w), z)
  m1 <- drop(w %*% by_g)
  m2 <- vapply(eta, function(e) sum(w * (plogis(outer(e + 0.9 * z, 1.4 * z, "+"))^2 %*% w)), 0)
  total <- mean(m1 - m1^2)
  expect_equal(share(found, "adjusted"),
               c(mean(w %*% by_g^2 - m1^2), mean(w %*% by_h^2 - m1^2), mean(m2 - m1^2)) / total,
               tolerance = 1e-8)
  expect_true(sum(share(found, "adjusted", c("g", "h"))) < share(found, "adjusted", "total"))
  at <- icc(fit, d[3, ], scale = "response")
  expect_equal(at$estimate[1], unname(drop(w %*% by_g[, 3]^2 - m1[3]^2) / (m1[3] - m1[3]^2)),
               tolerance = 1e-8)
  # Closed: the lognormal mean.
  counts <- suppressMessages(glmm(n ~ x + (x | g) + (1 | g:h), d, poisson(), nAGQ = 0, fix = c(
    "sd_(Intercept)|g" = 0.5, "sd_x|g" = 0.3, "cor_x.(Intercept)|g" = 0.2,
    "sd_(Intercept)|g:h" = 0.6)))
  found <- icc(counts, scale = "response")
  v <- 0.25 + 2 * 0.03 * d$x + 0.09 * d$x^2
  m1 <- exp(fixed_values(counts) + (v + 0.36) / 2)
  total <- mean(m1^2 * expm1(v + 0.36)) + mean(m1)
  expect_equal(share(found, "adjusted", "g"), mean(m1^2 * expm1(v)) / total, tolerance = 1e-8)
  expect_equal(share(found, "correlation", "g:h"), share(found, "adjusted", "total"))
})

test_that("response scale at chosen values, and of the linear model", {
  fit <- suppressMessages(glmm(b ~ x + (1 | g), small_counts(), binomial()))
  at <- icc(fit, data.frame(x = c(0, 1)), scale = "response")
  s <- rep(sqrt(VarCorr(fit)$g[1, 1]), 2)
  eta <- drop(cbind(1, 0:1) %*% fixef(fit))
  m1 <- grid_mean(function(x, i) plogis(x), eta, s)
  m2 <- grid_mean(function(x, i) plogis(x)^2, eta, s)
  expect_equal(at$estimate, (m2 - m1^2) / (m1 - m1^2), tolerance = 1e-8)
  linear <- lmm(gaussian ~ x + (1 | g), family_data(), REML = FALSE)
  expect_equal(r2(family_fit("gaussian"))$estimate, r2(linear)$estimate, tolerance = 1e-5)
  expect_equal(icc(family_fit("gaussian"))$std.error, icc(linear)$std.error, tolerance = 1e-3)
})

test_that("separated fits have shares on the response scale alone", {
  d <- transform(small_counts(), o = as.numeric(x > 1.2 & b == 1))
  fit <- suppressMessages(suppressWarnings(glmm(b ~ x + o + (1 | g), d, binomial())))
  expect_true(is_separated(fit))
  expect_error(r2(fit), "response", class = "tiers_error_model")
  found <- r2(fit, scale = "response")
  expect_true(all(found$estimate > 0 & found$estimate < 1) && all(is.na(found$std.error)))
  expect_true(is.na(glance(fit)$r2_marginal))
})

test_that("performance's numbers for a logit link", {
  skip_if_not_installed("performance")
  skip_if_not_installed("lme4")
  d <- small_counts()
  fit <- suppressMessages(glmm(cbind(k, m - k) ~ x + (1 | g), d, binomial()))
  peer <- lme4::glmer(cbind(k, m - k) ~ x + (1 | g), d, binomial())
  theirs <- suppressWarnings(performance::r2_nakagawa(peer))
  expect_equal(r2(fit)$estimate, unname(c(theirs$R2_marginal, theirs$R2_conditional)),
               tolerance = 1e-3)
})

test_that("printouts name the scale", {
  expect_output(print(icc(growth_fit())), "Intraclass correlation, 95% limits")
  expect_output(print(r2(count_fit(), level = 0.9)), "on the latent scale \\(.*90% limits")
  weak <- lmm(y ~ h2 + (1 | g), transform(small_data(), h2 = rep(0:1, 30)))
  expect_output(print(r2(weak)), "bootstrap")
  expect_error(icc(growth_fit(), scale = "other"), class = "tiers_error_input")
  expect_error(r2(1), class = "tiers_error_input")
})
