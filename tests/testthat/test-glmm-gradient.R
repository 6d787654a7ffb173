# The gradient in fixed effects, factors and dispersion parameters, against Richardson
# extrapolation of the compiled deviance (and that deviance against dense matrices:
# test-glmm-brute.R).

skip_if_not_installed("numDeriv")

expect_gradient <- function(case, info, tolerance = 1e-6) {
  spec <- case$spec
  psi <- glmm_pack(spec, case$beta, case$Lambda, case$phi)
  numeric <- numDeriv::grad(of_packed(glmm_deviance, spec), psi)
  gradient <- glmm_evaluate(spec, case$beta, case$Lambda, case$phi)$gradient
  expect_length(gradient, length(psi))
  off <- max(abs(gradient - numeric) / (1 + abs(numeric)))
  shown <- function(values) toString(signif(values, 8))
  expect(isTRUE(off <= tolerance), sprintf("%s: the gradient is off by %.2g\nhave %s\nneed %s",
                                           info, off, shown(gradient), shown(numeric)))
}

pairs <- glmm_pairs()

for (i in seq_len(nrow(pairs))) local({
  family <- pairs$family[i]
  link <- pairs$link[i]
  everything <- c("weights", "offset", "dispersion")

  test_that(paste("gradient of the Laplace deviance:", family, link), {
    for (layout in c("crossed slopes", "nested")) {
      case <- glmm_case(family, link, layout, n = 72L, seed = 200L + i, extra = everything)
      expect_gradient(case, paste(family, link, layout))
    }
  })

  test_that(paste("gradient of the quadrature:", family, link), {
    for (points in c(2L, 7L)) {
      case <- glmm_case(family, link, "intercept", n = 48L, seed = 300L + i, points = points,
                        extra = everything)
      expect_gradient(case, paste(family, link, points, "points"))
    }
    case <- glmm_case(family, link, "slope", n = 48L, seed = 300L + i, points = 3L)
    expect_gradient(case, paste(family, link, "slope"))
    case <- glmm_case(family, link, "nested", n = 48L, seed = 300L + i, points = 3L,
                      extra = everything)
    expect_gradient(case, paste(family, link, "nested"))
  })
})

gradient_families <- list(c("binomial", "logit"), c("poisson", "log"), c("nbinom1", "log"),
                          c("Gamma", "log"), c("beta", "cauchit"), c("gaussian", "inverse"))

for (layout in names(glmm_layouts)) local({
  test_that(paste("gradient of the Laplace deviance:", layout), {
    for (family in gradient_families) {
      case <- glmm_case(family[1L], family[2L], layout, n = 72L, seed = 400L)
      expect_gradient(case, paste(layout, family[1L]))
    }
  })
})

test_that("gradient of the quadrature in other layouts", {
  for (family in gradient_families) {
    for (layout in c("diagonal slope", "one variance", "no intercept")) {
      case <- glmm_case(family[1L], family[2L], layout, n = 48L, seed = 500L, points = 5L)
      expect_gradient(case, paste(layout, family[1L]))
    }
    two <- glmm_case(family[1L], family[2L], "two terms on one factor", n = 48L, seed = 500L,
                     points = 3L)
    expect_gradient(two, paste("two terms on one factor", family[1L]))
    slopes <- glmm_case(family[1L], family[2L], "nested", n = 48L, seed = 500L, points = 3L)
    x <- glmm_frame(48L, 500L)$x
    slopes$spec$terms[[2L]]$basis <- cbind(1, x)
    slopes$Lambda[[2L]] <- layout_factor(slopes$spec$terms[[2L]], slopes$Lambda[[1L]][1L], 2L)
    expect_gradient(slopes, paste("nested slopes", family[1L]))
    slopes$spec$terms[[1L]]$basis <- cbind(1, x)
    slopes$Lambda[[1L]] <- layout_factor(slopes$spec$terms[[1L]], slopes$Lambda[[1L]][1L], 2L)
    expect_gradient(slopes, paste("slopes at both levels", family[1L]))
  }
  chain <- glmm_case("binomial", "logit", "nested chain of three", n = 48L, points = 3L)
  expect_gradient(chain, "chain of three")
})

test_that("gradient where a factor is singular", {
  for (family in gradient_families) {
    case <- glmm_case(family[1L], family[2L], "crossed slopes", n = 72L, seed = 600L)
    case$Lambda[[1L]][2L, 2L] <- 0
    expect_gradient(case, paste("rank one", family[1L]))
    case$Lambda[[2L]][] <- 0
    expect_gradient(case, paste("one term zero", family[1L]))
    case <- glmm_case(family[1L], family[2L], "slope", n = 72L, seed = 600L, points = 7L)
    case$Lambda[[1L]][2L, 2L] <- 0
    expect_gradient(case, paste("rank one, 7 points", family[1L]))
    case$Lambda[[1L]][] <- 0
    expect_gradient(case, paste("zero, 7 points", family[1L]))
    case <- glmm_case(family[1L], family[2L], "nested", n = 72L, seed = 600L, points = 5L)
    case$Lambda[[1L]][] <- 0
    expect_gradient(case, paste("nested, one term zero, 5 points", family[1L]))
  }
})

test_that("gradient where the modes are far from zero and counts are large", {
  case <- glmm_case("poisson", "log", "crossed", n = 72L, seed = 700L)
  case$spec$offset <- rep(13, 72L)
  case$spec <- simulate_spec(case$spec, case$beta, case$Lambda, case$phi)
  case$Lambda <- lapply(case$Lambda, `*`, 1.5)
  # The deviance is about 1e5 times the numbers that are differenced here.
  expect_gradient(case, "counts of a million", 1e-5)
  binary <- glmm_case("binomial", "logit", "intercept", n = 72L, seed = 700L, points = 9L)
  binary$spec$size <- double()
  binary$spec$y <- as.double(binary$spec$y > 1)
  binary$Lambda[[1L]][] <- 8
  expect_gradient(binary, "sd 8, 9 points")
  binary$spec$points <- 1L
  expect_gradient(binary, "sd 8, Laplace")
})
