# Leverage against glm() and lm(), lme4's parts, and dense matrices; Cook's distance against glm(),
# lm() and what leaving the row out does to the fixed effects, with dense matrices.

test_that("without random terms leverage is that of lm", {
  d <- machines()
  fit <- suppressMessages(lmm(score ~ Machine + x, d))
  expect_equal(hatvalues(fit), hatvalues(lm(score ~ Machine + x, d)))
  expect_equal(cooks.distance(fit), cooks.distance(lm(score ~ Machine + x, d)))
})

# diag(M (M'M + P)^-1 M') with M = W^1/2 [Z Lambda, X] and P the identity of the random effects.
dense_leverages <- function(fit) {
  rows <- family_rows(fit)
  traits <- family_traits(fit$family$name)
  variance <- traits$variance(unname(fit$fitted), rows$d, rows$m, rows$a)
  slope <- mean_slopes(fit) * rows$m
  w <- slope^2 / variance * if (traits$scaled) 1 else rows$a
  w[rows$m == 0] <- 0
  X <- kept_matrix(fit)
  Z <- as.matrix(random_matrix(fit) %*% relative_factor(fit))
  M <- sqrt(w) * cbind(Z, X)
  P <- diag(rep(1:0, c(ncol(Z), ncol(X))))
  diag(M %*% solve(crossprod(M) + P, t(M), tol = 0))
}

mean_slopes <- function(fit) slope_of(fit$family, fit$eta)

test_that("without random terms leverage and Cook's distance are those of glm", {
  set.seed(4)
  d <- data.frame(x = round(rnorm(80), 3), z = rep(0:1, 40), o = runif(80, -0.2, 0.2),
                  w = rep(c(1, 2, 0, 0.5), 20), m = rep(c(4, 9), each = 40))
  d$x2 <- 2 * d$x
  mu <- exp(0.5 + 0.3 * d$x + d$o)
  d$positive <- rgamma(80, 4, 4 / mu)
  d$count <- rpois(80, mu)
  d$success <- rbinom(80, d$m, mu / (1 + mu))
  cases <- list(list(cbind(success, m - success) ~ x + z + x2 + offset(o), binomial()),
                list(cbind(success, m - success) ~ x * z, binomial("cloglog")),
                list(count ~ x + z + x2 + offset(o), poisson()),
                list(positive ~ x + z + offset(o), Gamma("log")),
                list(positive ~ x, inverse.gaussian("log")),
                list(positive ~ z, gaussian("log")))
  for (case in cases) for (weighted in c(FALSE, TRUE)) {
    d$a <- if (weighted) d$w else 1
    fit <- suppressMessages(glmm(case[[1]], d, case[[2]], weights = a))
    # glm() keeps the weights of the step before its last, and drops no column at this tolerance.
    control <- glm.control(epsilon = 1e-14, maxit = 100)
    peer <- glm(update(case[[1]], . ~ . - x2), case[[2]], d, weights = a, subset = a > 0,
                control = control)
    peer <- update(peer, start = coef(peer))
    used <- d$a > 0
    expect_equal(hatvalues(fit)[used], hatvalues(peer), tolerance = 1e-8)
    expect_equal(cooks.distance(fit)[used], cooks.distance(peer, dispersion = sigma(fit)^2),
                 tolerance = 1e-8)
    expect_true(all(hatvalues(fit)[!used] == 0) && all(cooks.distance(fit)[!used] == 0))
  }
})

# With V = I + UU' of the working model, e its residual and P = V^-1 - V^-1 X Phi X'V^-1 the change
# without row i is Phi x_i e_i / P_ii, x_i a row of V^-1 X.
dense_cooks <- function(fit) {
  root <- root_weights(fit)
  X <- root * kept_matrix(fit)
  U <- root * as.matrix(random_matrix(fit) %*% relative_factor(fit))
  inverse <- solve(diag(nrow(X)) + tcrossprod(U))
  white <- inverse %*% X
  size <- rowSums(white %*% solve(crossprod(X, white)) * white)
  size * (residuals(fit, "scaled") / (diag(inverse) - size))^2 / ncol(X)
}

test_that("leverages are those of dense matrices, whatever family, design and method", {
  fits <- lapply(family_names(), family_fit)
  d <- small_counts()
  d$w <- rep(c(1, 0, 2), 32)
  crossed <- suppressMessages(glmm(n ~ x + I(2 * x) + (x | g) + (1 | h), d, poisson(), weights = w))
  fits <- c(fits, list(
    count_fit(), overdispersed_fit(), crossed,
    glmm(cbind(k, m - k) ~ x + (1 | g), d, binomial("probit"), nAGQ = 7),
    glmm(b ~ x + (1 | g), d, binomial(), nAGQ = 0),
    glmm(nbinom2 ~ x + (1 | g), family_data(), nbinom2(), dispersion = ~ x)))
  for (fit in fits) {
    expect_equal(unname(hatvalues(fit)), unname(dense_leverages(fit)), tolerance = 1e-8)
    expect_true(all(hatvalues(fit) >= 0 & hatvalues(fit) < 1))
    expect_equal(cooks.distance(fit), dense_cooks(fit), tolerance = 1e-8)
    expect_equal(unname(cooks.distance(fit)), unname(cooks.distance(influence(fit))))
  }
})

test_that("a gaussian family has the leverage of the linear model", {
  linear <- lmm(gaussian ~ x + (1 | g), family_data(), REML = FALSE)
  expect_equal(hatvalues(family_fit("gaussian")), hatvalues(linear), tolerance = 1e-5)
  expect_equal(cooks.distance(family_fit("gaussian")), cooks.distance(linear), tolerance = 1e-5)
})

# hatvalues() of lme4 1.1 takes prior weights where the factors have working weights, and gives
# values above 1: its formula is used here with its own working weights.
test_that("leverages of binomial counts are those of lme4's factors", {
  skip_if_not_installed("lme4")
  peer <- lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp(), binomial())
  part <- lme4::getME(peer, c("L", "Lambdat", "Zt", "RX", "X", "RZX"))
  root <- sqrt(weights(peer, type = "working"))
  U <- part$Lambdat %*% part$Zt %*% Matrix::Diagonal(x = root)
  C1 <- Matrix::solve(part$L, Matrix::solve(part$L, U, system = "P"), system = "L")
  C2 <- solve(t(part$RX), t(root * part$X) - as.matrix(Matrix::crossprod(part$RZX, C1)))
  hat <- Matrix::colSums(C1^2) + colSums(C2^2)
  expect_equal(unname(hatvalues(grouped_fit())), unname(hat), tolerance = 1e-3)
})

test_that("Cook's distance is what leaving the row out does, the variances held", {
  d <- machines_unbalanced()
  d$w <- rep(c(1, 2, 4, 0), length.out = nrow(d))
  fit <- suppressMessages(lmm(score ~ Machine * x + (x | Worker), d, weights = w))
  held <- list(fix = stats::setNames(fit$parameters$estimate, fit$parameters$name))
  for (i in c(1, 6, 20)) {
    left <- suppressMessages(update(fit, data = d[-i, ], fix = held$fix))
    step <- fixef(left) - fixef(fit)
    expect_equal(cooks.distance(fit)[[i]], drop(step %*% solve(vcov(fit), step)) / length(step),
                 tolerance = 1e-6)
  }
  expect_true(all(cooks.distance(fit)[d$w == 0] == 0))
  # Of a generalized fit an approximation: close to the whole of the change by exact refits.
  d <- cbpp()
  fit <- grouped_fit()
  moved <- vapply(seq_len(nrow(d)), function(i) {
    step <- fixef(update(fit, data = d[-i, ])) - fixef(fit)
    drop(step %*% solve(vcov(fit), step))
  }, 0)
  expect_gt(cor(moved, cooks.distance(fit), method = "spearman"), 0.7)
})

test_that("a row that alone determines a coefficient has no Cook's distance", {
  d <- transform(small_counts(), only = as.numeric(seq_len(96) == 5))
  fit <- suppressMessages(lmm(n ~ x + only + (1 | g), d))
  expect_identical(unname(which(is.na(cooks.distance(fit)))), 5L)
  empty <- suppressMessages(lmm(n ~ 0 + (1 | g), d))
  expect_true(all(is.na(cooks.distance(empty))) && !anyNA(hatvalues(empty)))
  expect_true(all(is.na(augment(empty)$.cooksd)))
})

test_that("separated rows have no leverage, the others that of the fit without them", {
  set.seed(6)
  d <- data.frame(g = gl(10, 12), x = rnorm(120), z = as.integer(1:120 %% 12 == 1))
  d$y <- rbinom(120, 1, plogis(d$x + rnorm(10)[d$g]))
  d$y[d$z == 1] <- rep(0:1, 5)[seq_len(sum(d$z))]
  d$z[d$y == 0] <- 0
  fit <- suppressWarnings(glmm(y ~ x + z + (1 | g), d, binomial()))
  rest <- glmm(y ~ x + (1 | g), d[d$z == 0, ], binomial())
  expect_true(all(hatvalues(fit)[d$z == 1] == 0))
  expect_equal(unname(hatvalues(fit)[d$z == 0]), unname(hatvalues(rest)), tolerance = 1e-5)
  expect_equal(unname(cooks.distance(fit)[d$z == 0]), unname(cooks.distance(rest)),
               tolerance = 1e-4)
  # By how much -2 logLik grows: of two coefficients, the third is infinite.
  expect_equal(influence(fit)$rld, 2 * unname(cooks.distance(fit)))
  expect_true(all(cooks.distance(fit)[d$z == 1] == 0))
  for (type in c("response", "pearson", "scaled", "deviance")) {
    expect_true(all(residuals(fit, type)[d$z == 1] == 0), info = type)
  }
  expect_equal(unname(residuals(fit, "working")[d$z == 1]), rep(1, sum(d$z)))
  complete <- suppressWarnings(glmm(y ~ z + (1 | g), transform(d, y = z), binomial()))
  expect_true(all(hatvalues(complete) == 0) && all(cooks.distance(complete) == 0))
})

test_that("left-out rows are padded", {
  d <- cbpp()
  d$period[c(2, 9)] <- NA
  fit <- glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), d, binomial(),
              na.action = na.exclude)
  for (get in list(hatvalues, cooks.distance)) {
    expect_length(get(fit), nrow(d))
    expect_identical(which(is.na(get(fit))), c("2" = 2L, "9" = 9L))
  }
})
