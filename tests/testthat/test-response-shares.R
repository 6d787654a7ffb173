test_that("the series for two observations is the double integral, to rounding", {
  set.seed(3)
  n <- 30
  eta <- rnorm(n, 0, 2)
  spread <- runif(n, 0, 2.5)
  rest <- runif(n, 0.05, 2)
  z <- seq(-8.5, 8.5, 0.1)
  w <- dnorm(z) * 0.1
  for (link in c("logit", "cloglog")) {
    family <- family_of(suppressWarnings(
      glmm(cbind(incidence, size - incidence) ~ period + (1 | herd), fixture_data("cbpp"),
           binomial(link))))
    found <- pair_series(function(i) family, seq_len(n), eta, spread, rest)
    done <- which(!is.na(found[, 1L]))
    expect_gt(length(done), n / 2)
    # Where it is too long, the correlation is high.
    expect_true(all((spread^2 / (spread^2 + rest^2))[-done] > 0.7))
    truth <- vapply(done, function(i) {
      x <- eta[i] + spread[i] * z
      r <- rep(rest[i], length(x))
      M <- marginal_mean(family, x, r)
      slope <- marginal_slope(family, x, r)
      c(sum(w * M^2), 2 * sum(w * M * slope), 2 * sum(w * M * slope * z),
        2 * sum(w * M * marginal_curvature(family, x, r)))
    }, double(4))
    expect_lt(max(abs(t(found[done, ]) - truth)), 1e-13)
  }
})
