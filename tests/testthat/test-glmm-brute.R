# The compiled likelihood against the definition of the model: densities of base R, dense Laplace,
# adaptive quadrature node by node, and integrals over fixed grids.

at_case <- function(f, case, ...) f(case$spec, case$beta, case$Lambda, case$phi, ...)

pairs <- glmm_pairs()

test_that("the plain densities are those of base R", {
  set.seed(4)
  n <- 40L
  mu <- runif(n, 0.1, 0.9)
  m <- sample(1:9, n, TRUE)
  a <- runif(n, 0.5, 2)
  phi <- runif(n, -1, 1)
  y01 <- runif(n)
  shape <- exp(phi)
  counts <- rpois(n, 3)
  of <- function(family, link, eta, y) glmm_kernel(family, link)$logp(eta, y, m, a, phi)
  expect_equal(of("gaussian", "identity", mu, y01), dnorm(y01, mu, shape / sqrt(a), log = TRUE))
  y <- rbinom(n, m, mu)
  for (link in setdiff(glmm_unit_links, "loglog")) {
    eta <- make.link(link)$linkfun(mu)
    expect_equal(of("binomial", link, eta, y), a * dbinom(y, m, mu, log = TRUE))
  }
  expect_equal(of("binomial", "loglog", qlogis(mu), y),
               a * dbinom(y, m, exp(-exp(-qlogis(mu))), log = TRUE))
  expect_equal(of("poisson", "log", log(mu), counts), a * dpois(counts, mu, log = TRUE))
  expect_equal(of("poisson", "sqrt", sqrt(mu), counts), a * dpois(counts, mu, log = TRUE))
  expect_equal(of("Gamma", "inverse", 1 / mu, y01),
               dgamma(y01, shape * a, shape * a / mu, log = TRUE))
  expect_equal(of("nbinom2", "log", log(mu), counts),
               a * dnbinom(counts, size = shape, mu = mu, log = TRUE))
  expect_equal(of("nbinom1", "log", log(mu), counts),
               a * dnbinom(counts, size = mu / shape, mu = mu, log = TRUE))
  expect_equal(of("beta", "logit", qlogis(mu), y01),
               a * dbeta(y01, mu * shape, (1 - mu) * shape, log = TRUE))
  # Two families without a density in base R: their moments.
  density <- function(y) exp(glmm_kernel("inverse.gaussian", "log")$logp(log(1.3), y, 1, 1, log(2)))
  for (power in 0:1) {
    value <- integrate(function(y) y^power * density(y), 0, Inf, rel.tol = 1e-10)$value
    expect_equal(value, 1.3^power, tolerance = 1e-8)
  }
  variance <- integrate(function(y) (y - 1.3)^2 * density(y), 0, Inf, rel.tol = 1e-10)$value
  expect_equal(variance, 1.3^3 / 2, tolerance = 1e-7)
  p <- exp(glmm_kernel("betabinomial", "logit")$logp(qlogis(0.3), 0:7, 7, 1, log(4)))
  expect_equal(c(sum(p), sum(0:7 * p), sum((0:7 - 2.1)^2 * p)),
               c(1, 2.1, 7 * 0.3 * 0.7 * (1 + 6 / 5)))
})

test_that("these are all families and links that there are", {
  expect_setequal(names(glmm_links), family_names())
  for (family in family_names()) {
    expect_setequal(glmm_links[[family]], family_links(family))
    expect_identical(glmm_links[[family]][1L], family_links(family)[1L])
  }
})

for (i in seq_len(nrow(pairs))) local({
  family <- pairs$family[i]
  link <- pairs$link[i]

  test_that(paste("Laplace against dense matrices:", family, link), {
    for (extra in list(character(), c("weights", "offset", "dispersion"))) {
      case <- glmm_case(family, link, "crossed", seed = 10L + i, extra = extra)
      truth <- at_case(glmm_laplace, case)
      found <- at_case(glmm_evaluate, case)
      expect_deviance(found$deviance, truth$deviance, info = paste(family, link, toString(extra)))
      expect_equal(found$modes, truth$modes, tolerance = 1e-6, ignore_attr = TRUE)
    }
  })

  test_that(paste("quadrature against the integral:", family, link), {
    case <- glmm_case(family, link, "intercept", n = 40L, seed = 50L + i,
                      extra = c("weights", "offset"))
    truth <- at_case(glmm_exact, case)$deviance
    for (points in c(1L, 3L, 8L)) {
      case$spec$points <- points
      expect_deviance(at_case(glmm_deviance, case), at_case(glmm_quadrature, case, points),
                      info = paste(family, link, points, "points"))
    }
    case$spec$points <- 51L
    expect_deviance(at_case(glmm_deviance, case), truth, info = paste(family, link, "51 points"))
  })
})

# Each layout with families whose weights are constant, positive and of any sign.
layout_families <- list(c("binomial", "logit"), c("poisson", "log"), c("nbinom1", "log"),
                        c("Gamma", "log"), c("beta", "cauchit"))

for (layout in names(glmm_layouts)) local({
  test_that(paste("Laplace against dense matrices:", layout), {
    for (family in layout_families) {
      case <- glmm_case(family[1L], family[2L], layout, n = 72L, seed = 100L,
                        extra = c("weights", "dispersion"))
      truth <- at_case(glmm_laplace, case)
      found <- at_case(glmm_evaluate, case)
      expect_deviance(found$deviance, truth$deviance, info = paste(layout, family[1L]))
      expect_equal(found$modes, truth$modes, tolerance = 1e-6, ignore_attr = TRUE)
      variances <- condvar_glmm_cpp(case$spec, case$beta, case$Lambda, case$phi)
      expect_equal(variances, truth$condvar, tolerance = 1e-7, ignore_attr = TRUE,
                   info = paste(layout, family[1L]))
    }
  })
})

test_that("Laplace against dense matrices where factors are singular or zero", {
  for (family in layout_families) {
    case <- glmm_case(family[1L], family[2L], "crossed slopes", seed = 7L)
    case$Lambda[[1L]][2L, 2L] <- 0
    singular <- at_case(glmm_laplace, case)$deviance
    expect_deviance(at_case(glmm_deviance, case), singular, info = paste(family[1L], "rank one"))
    case$Lambda[[2L]][] <- 0
    zero <- at_case(glmm_laplace, case)$deviance
    expect_deviance(at_case(glmm_deviance, case), zero, info = paste(family[1L], "one term zero"))
    case$Lambda[[1L]][] <- 0
    # Without random effects the likelihood is that of the generalized linear model.
    rows <- glmm_rows(case$spec, case$beta, case$phi)
    plain <- -2 * sum(row_logp(rows, rows$eta))
    expect_deviance(at_case(glmm_deviance, case), plain, info = paste(family[1L], "no effects"))
  }
})

test_that("dropped columns of X do not count", {
  case <- glmm_case("poisson", "log", "crossed")
  truth <- at_case(glmm_deviance, case)
  case$spec$X <- cbind(case$spec$X, 2 * case$spec$X[, 2L] - 1)
  found <- glmm_evaluate(case$spec, c(case$beta, 77), case$Lambda, case$phi)
  expect_deviance(found$deviance, truth, 1e-12)
  expect_length(found$gradient, 5L)
})

test_that("a link of the user's own", {
  doubled <- structure(class = "link-glm", list(
    linkfun = function(mu) qlogis(mu) / 2, linkinv = function(eta) plogis(2 * eta),
    mu.eta = function(eta) 2 * dlogis(2 * eta), valideta = function(eta) TRUE,
    name = "doubled logit"))
  for (family in glmm_unit_kinds) {
    case <- glmm_case(family, doubled, "crossed", extra = c("weights", "offset"))
    expect_deviance(at_case(glmm_deviance, case), at_case(glmm_laplace, case)$deviance,
                    info = family)
  }
  softplus <- structure(class = "link-glm", list(
    linkfun = function(mu) log(expm1(mu)), linkinv = function(eta) log1p(exp(eta)),
    mu.eta = function(eta) plogis(eta), valideta = function(eta) TRUE, name = "softplus"))
  for (family in c("poisson", "Gamma", "nbinom2", "nbinom1")) {
    case <- glmm_case(family, softplus, "crossed")
    expect_deviance(at_case(glmm_deviance, case), at_case(glmm_laplace, case)$deviance,
                    info = family)
  }
})

# Vectors of random effects and nested factors ---------------------------------------------------

quadrature_families <- list(c("binomial", "logit"), c("binomial", "cloglog"), c("poisson", "log"),
                            c("nbinom2", "log"), c("Gamma", "log"), c("beta", "logit"),
                            c("gaussian", "log"))

for (family in quadrature_families) local({
  name <- paste(family, collapse = " ")

  test_that(paste("quadrature over an intercept and a slope:", name), {
    for (layout in c("slope", "diagonal slope", "one variance", "no intercept")) {
      case <- glmm_case(family[1L], family[2L], layout, n = 40L, seed = 3L)
      truth <- at_case(glmm_exact, case)$deviance
      case$spec$points <- 31L
      expect_deviance(at_case(glmm_deviance, case), truth, 1e-8, paste(name, layout))
    }
    # With few points the value depends on the origin of x, which is moved to its mean: zero here.
    case <- glmm_case(family[1L], family[2L], "slope", n = 40L, seed = 3L)
    case$spec$points <- 5L
    expect_deviance(at_case(glmm_deviance, case), at_case(glmm_quadrature, case, 5L), 1e-8,
                    paste(name, "5 points"))
  })

  test_that(paste("quadrature over two terms on one factor:", name), {
    d <- glmm_frame(40L, 5L)
    case <- glmm_case(family[1L], family[2L], "diagonal slope", n = 40L, seed = 5L)
    truth <- at_case(glmm_exact, case)$deviance
    case$spec$terms <- list(glmm_term("g", d$g), glmm_term("g", d$g, cbind(d$x)))
    case$Lambda <- as.list(diag(case$Lambda[[1L]]))
    case$Lambda <- lapply(case$Lambda, matrix)
    case$spec$points <- c(31L, 31L)
    expect_deviance(at_case(glmm_deviance, case), truth, 1e-8, name)
  })

  test_that(paste("quadrature over nested factors:", name), {
    case <- glmm_case(family[1L], family[2L], "nested", n = 48L, seed = 4L)
    truth <- at_case(glmm_nested_exact, case)
    for (points in c(1L, 3L, 5L)) {
      case$spec$points <- c(points, points)
      expect_deviance(at_case(glmm_deviance, case), at_case(glmm_nested_quadrature, case, points),
                      1e-8, paste(name, points, "points"))
    }
    case$spec$points <- c(31L, 31L)
    expect_deviance(at_case(glmm_deviance, case), truth, 1e-8, paste(name, "31 points"))
  })
})

test_that("quadrature over a chain of three nested factors", {
  case <- glmm_case("binomial", "logit", "nested chain of three", n = 48L)
  case$spec$terms[[2L]] <- glmm_term("a:b", glmm_frame(48L, 1L)$ab)
  case$Lambda[[2L]] <- matrix(0.4)
  truth <- at_case(glmm_nested_exact, case, step = 0.25, limit = 8)
  case$spec$points <- rep(15L, 3L)
  expect_deviance(at_case(glmm_deviance, case), truth, 1e-8)
})

test_that("quadrature with effects of zero variance", {
  case <- glmm_case("binomial", "logit", "slope", n = 40L)
  case$Lambda[[1L]][2L, 2L] <- 0
  truth <- at_case(glmm_exact, case)$deviance
  case$spec$points <- 31L
  expect_deviance(at_case(glmm_deviance, case), truth)
  nested <- glmm_case("poisson", "log", "nested", n = 48L)
  nested$Lambda[[2L]][] <- 0
  truth <- at_case(glmm_nested_exact, nested)
  nested$spec$points <- c(31L, 31L)
  expect_deviance(at_case(glmm_deviance, nested), truth)
})

test_that("means and variances of the random effects given the data", {
  for (family in quadrature_families) for (layout in c("intercept", "slope")) {
    case <- glmm_case(family[1L], family[2L], layout, n = 40L, seed = 6L)
    truth <- at_case(glmm_exact, case)
    case$spec$points <- 31L
    found <- means_glmm_cpp(case$spec, case$beta, case$Lambda, case$phi)
    expect_equal(found$means[[1L]], truth$means, tolerance = 1e-6, ignore_attr = TRUE)
    expect_equal(found$variances[[1L]], truth$variances, tolerance = 1e-6, ignore_attr = TRUE)
  }
})

# Fits -------------------------------------------------------------------------------------------

# No parameter can be moved so that `objective` falls by more than `tolerance`.
expect_minimum <- function(spec, fit, objective, tolerance = 1e-7, info = NULL) {
  at <- of_packed(objective, spec)
  psi <- glmm_pack(spec, fit$coefficients, fit$Lambda, fit$dispersion)
  value <- at(psi)
  expect_deviance(fit$deviance, value, info = info)
  better <- stats::nlminb(psi, at, control = list(rel.tol = 1e-14, x.tol = 1e-10))
  expect(better$objective >= value - tolerance * (1 + abs(value)),
         sprintf("%s: the likelihood can be raised by %.2g", info, value - better$objective))
}

test_that("a Laplace fit is at the minimum of the dense deviance", {
  laplace <- function(...) glmm_laplace(...)$deviance
  for (family in quadrature_families) {
    case <- glmm_case(family[1L], family[2L], "crossed", n = 120L, seed = 20L)
    expect_minimum(case$spec, glmm_fit(case$spec), laplace, info = paste(family, collapse = " "))
  }
})

test_that("a fit with many points is at the maximum of the exact likelihood", {
  exact <- function(...) glmm_exact(..., step = 0.05)$deviance
  for (family in quadrature_families) {
    case <- glmm_case(family[1L], family[2L], "intercept", n = 80L, seed = 21L, points = 25L)
    expect_minimum(case$spec, glmm_fit(case$spec), exact, info = paste(family, collapse = " "))
  }
  case <- glmm_case("binomial", "logit", "nested", n = 96L, seed = 22L, points = 21L)
  coarse <- function(...) glmm_nested_exact(..., step = 0.2, limit = 8)
  expect_minimum(case$spec, glmm_fit(case$spec), coarse, info = "nested")
})

test_that("automatic choice of points reaches the exact likelihood within its bound", {
  for (family in quadrature_families) {
    case <- glmm_case(family[1L], family[2L], "intercept", n = 80L, seed = 23L, points = -1L)
    fit <- glmm_fit(case$spec)
    truth <- glmm_exact(case$spec, fit$coefficients, fit$Lambda, fit$dispersion)$deviance
    expect_lte(fit$accuracy, 0.01)
    expect_lte(abs(fit$deviance - truth), fit$accuracy + 1e-9 * (1 + abs(truth)))
    expect_gt(fit$points, 1L)
  }
})

test_that("the covariance matrix comes from the exact Hessian of all parameters", {
  skip_if_not_installed("numDeriv")
  laplace <- function(...) glmm_laplace(...)$deviance
  for (family in quadrature_families) {
    case <- glmm_case(family[1L], family[2L], "intercept", n = 120L, seed = 24L)
    spec <- case$spec
    fit <- glmm_fit(spec)
    psi <- glmm_pack(spec, fit$coefficients, fit$Lambda, fit$dispersion)
    V <- 2 * solve(numDeriv::hessian(of_packed(laplace, spec), psi))
    p <- length(fit$coefficients)
    d <- ncol(spec$dispersion)
    expect_equal(fit$vcov, V[seq_len(p), seq_len(p)], tolerance = 1e-4, ignore_attr = TRUE,
                 info = family)
    at <- length(psi) - d + seq_len(d)
    if (d) expect_equal(fit$vcov_dispersion, V[at, at, drop = FALSE], tolerance = 1e-4,
                        ignore_attr = TRUE, info = family)
  }
})
