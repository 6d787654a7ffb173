# The scoring step against its definition with n x n matrices, and against refits.

# psi - FI^-1 g of the criterion without the rows, psi the entries of Sigma and sigma^2.
dense_scoring_step <- function(fit, rows) {
  spec <- fit_specification(fit)
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  spec$weights <- replace(weights, rows, 0)
  model <- dense_linear_covariance(spec, fit_lambdas(fit), fit$sigma)
  X <- model$rows$X[, !is.na(fit$coefficients), drop = FALSE]
  inverse <- solve(model$V)
  P <- inverse - inverse %*% X %*% solve(t(X) %*% inverse %*% X, t(X) %*% inverse)
  K <- if (fit$REML) P else inverse
  e <- P %*% model$rows$y
  KV <- lapply(model$derivatives, function(V_a) K %*% V_a)
  gradient <- vapply(seq_along(KV), function(a) {
    sum(diag(KV[[a]])) - drop(t(e) %*% model$derivatives[[a]] %*% e)
  }, 0)
  information <- vapply(KV, function(a) vapply(KV, function(b) sum(a * t(b)), 0), gradient)
  solve(information, gradient)
}

# At the variances after the step: the fixed effects without the rows, and -2 log-likelihood of all
# rows there.
dense_after_step <- function(fit, found, rows, u) {
  spec <- fit_specification(fit)
  sigma <- sqrt(found$sigma2[u])
  Lambda <- lapply(seq_along(fit$random), function(j) {
    names <- fit$random[[j]]$columns
    t(chol(unit_block(found$Sigma[[j]], u, names))) / sigma
  })
  all <- dense_linear_covariance(spec, Lambda, sigma)
  weights <- if (length(spec$weights)) spec$weights else rep(1, length(spec$y))
  spec$weights <- replace(weights, rows, 0)
  part <- dense_linear_covariance(spec, Lambda, sigma)
  white <- solve(part$V, part$rows$X)
  vcov <- solve(t(part$rows$X) %*% white)
  beta <- drop(vcov %*% t(white) %*% part$rows$y)
  r <- all$rows$y - all$rows$X %*% beta
  deviance <- length(r) * log(2 * pi) + as.numeric(determinant(all$V)$modulus) +
    sum(r * solve(all$V, r))
  names <- names(fixef(fit))
  list(change = unname(beta - fixef(fit)), deviance = deviance,
       vcov = matrix(vcov, length(names), dimnames = list(names, names)))
}

# A step of scoring_steps(), in the entries of the covariance matrices and sigma^2.
entries_step <- function(fit, step) {
  forms <- free_forms(fit)
  A <- even_coordinates(forms, fit_specification(fit)$terms)
  G <- lapply(fit$random, function(term) 0 * unname(term$Sigma))
  for (i in seq_along(forms)) {
    j <- forms[[i]]$term
    G[[j]] <- G[[j]] + step[i] * A[[j]] %*% forms[[i]]$block %*% t(A[[j]])
  }
  c(form_values(forms, G), step[length(step)])
}

test_that("the step is that of the definition", {
  d <- transform(small_data(), w = rep(c(1, 0.5, 2, 0, 1.5), 12))
  d$y <- d$y + 0.7 * as.integer(d$h) + sin(as.integer(d$g)^2) * d$x
  fits <- list(lmm(y ~ x + (x | g), d, weights = w),
               lmm(y ~ x + (1 | g) + (1 | h), d, REML = FALSE),
               lmm(y ~ x + f + (x || g), d))
  # The parameters of correlated effects: variances first.
  places <- list(c(1, 3, 2, 4), 1:3, 1:3)
  for (j in seq_along(fits)) {
    fit <- fits[[j]]
    units <- list(1:6, c(8L, 20L, 41L), 17L)
    found <- scoring_steps(fit, units)
    for (u in seq_along(units)) {
      expect_equal(entries_step(fit, found$step[, u]),
                   dense_scoring_step(fit, units[[u]])[places[[j]]], tolerance = 1e-8)
      peer <- dense_after_step(fit, found, units[[u]], u)
      expect_equal(found$change[, u], peer$change, tolerance = 1e-8)
      expect_equal(unit_block(found$vcov, u, names(fixef(fit))), peer$vcov, tolerance = 1e-8)
      expect_equal(found$deviance[u], peer$deviance, tolerance = 1e-10)
    }
  }
})

test_that("in balanced data the step is the refit", {
  fit <- growth_fit()
  step <- influence(fit, ~ Subject, refit = 1)
  exact <- influence(fit, ~ Subject, refit = Inf)
  inside <- setdiff(step$units, "M13")
  at <- match(inside, step$units)
  expect_equal(step$parameters[at, ], exact$parameters[at, ], tolerance = 1e-6)
  expect_equal(step$rld[at], exact$rld[at], tolerance = 1e-5)
  expect_equal(step$covratio[at], exact$covratio[at], tolerance = 1e-5)
})

test_that("without random terms it is lm() without the row", {
  d <- machines()
  fit <- suppressMessages(lmm(score ~ Machine + x, d))
  peer <- lm(score ~ Machine + x, d)
  for (refit in c(1, Inf)) {
    found <- influence(fit, refit = refit)
    expect_equal(stats::setNames(found$covratio, found$units), covratio(peer), tolerance = 1e-7)
    expect_equal(found$parameters[, "sigma"], unname(lm.influence(peer)$sigma), tolerance = 1e-7)
    expect_equal(dfbeta(found), dfbeta(peer), tolerance = 1e-7)
  }
})

test_that("where the step is not defined it is refused", {
  expect_error(influence(overdispersed_fit(), ~ subject, refit = 1), "linear models")
  fixed <- lmm(distance ~ age + (1 | Subject), orthodont(), fix = c(sigma = 1.4))
  expect_error(influence(fixed, ~ Subject, refit = 1), "fix")
  expect_s3_class(influence(fixed, ~ Subject, refit = Inf), "tiers_influence")
})
