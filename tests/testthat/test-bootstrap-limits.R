test_that("limits are those of boot.ci() for the same replicates", {
  skip_if_not_installed("boot")
  set.seed(1)
  t <- exp(rnorm(499, 0.1))
  t0 <- 1.05
  own <- function(type, a = NULL) tiers:::boot_limits(t, t0, c(0.03, 0.97), type, a)
  like <- list(t0 = t0, t = matrix(t), R = 499, call = call("boot", sim = "ordinary"),
               sim = "ordinary", data = 1:10, stype = "i")
  ci <- function(type) {
    found <- boot::boot.ci(structure(like, class = "boot"), 0.94, type)
    value <- found[[c(perc = "percent", basic = "basic", norm = "normal")[[type]]]]
    value[seq(to = length(value), length.out = 2L)]
  }
  expect_equal(own("percentile"), ci("perc"), tolerance = 1e-12)
  expect_equal(own("basic"), ci("basic"), tolerance = 1e-12)
  expect_equal(own("norm"), ci("norm"), tolerance = 1e-12)
  # bca by its formula.
  a <- 0.03
  z0 <- qnorm(mean(t < t0))
  z <- z0 + qnorm(c(0.03, 0.97))
  p <- pnorm(z0 + z / (1 - a * z))
  expect_equal(own("bca", a), tiers:::boot_quantiles(t, p))
  expect_equal(own("bca", 0)[1L], tiers:::boot_quantiles(t, pnorm(2 * z0 + qnorm(0.03))))
})

test_that("quantiles: order statistics, ends, ties and infinite values", {
  expect_identical(tiers:::boot_quantiles(c(3, 1, 2), c(0.25, 0.5, 0.75)), c(1, 2, 3))
  expect_identical(tiers:::boot_quantiles(1:9, c(0.001, 0.999)), c(1, 9))
  expect_identical(tiers:::boot_quantiles(c(0, 0, 0, 1, Inf), c(0.2, 0.9)), c(0, Inf))
  expect_identical(tiers:::boot_quantiles(1, 0.5), NA_real_)
})

test_that("the acceleration of a mean is its skewness over 6 root n", {
  set.seed(2)
  x <- rexp(15)
  D <- x - mean(x)
  values <- matrix(vapply(1:15, function(i) mean(x[-i]), 1))
  expect_equal(tiers:::jackknife_acceleration(values), sum(D^3) / (6 * sum(D^2)^1.5))
  expect_identical(tiers:::jackknife_acceleration(matrix(1, 4L, 1L)), 0)
})

test_that("the jackknife leaves out groups and refits", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  boot <- bootstrap(fit, nsim = 2, seed = 1)
  values <- tiers:::jackknife_values(boot)
  expect_identical(dim(values), c(27L, 4L))
  units <- tiers:::jackknife_blocks(fit, NULL)
  d <- nlme::Orthodont[-units[[4L]], ]
  part <- lmm(distance ~ age + (1 | Subject), d)
  expect_equal(unname(values[4L, ]), unname(c(fixef(part), part$parameters$estimate)),
               tolerance = 1e-6)
  boot$FUN <- function(fit) c(fixef(fit), fit$parameters$estimate)
  expect_equal(unname(tiers:::jackknife_values(boot)), unname(values), tolerance = 1e-7)
  many <- tiers:::jackknife_blocks(fit, NULL, most = 10L)
  expect_identical(sort(unlist(many)), seq_len(108L))
  expect_length(many, 10L)
})

test_that("the shortest interval that holds a share of the replicates", {
  t <- c(rexp(499), NA)
  got <- boot_limits(t, 1, c(0.05, 0.95), "shortest")
  sorted <- sort(t)
  # Any other with as many replicates is longer.
  count <- sum(t >= got[1L] & t <= got[2L], na.rm = TRUE)
  expect_equal(count, 450L)
  widths <- vapply(1:50, function(i) sorted[i + 449L] - sorted[i], 1)
  expect_equal(diff(got), min(widths))
  expect_equal(boot_limits(c(3, 1, 2), 2, c(0.025, 0.975), "shortest"), c(1, 3))
  boot <- bootstrap(growth_fit(), nsim = 40, seed = 1)
  limits <- suppressMessages(confint(boot, "sigma", level = 0.8, type = "shortest"))
  percentile <- suppressMessages(confint(boot, "sigma", level = 0.8))
  expect_true(diff(c(limits)) <= diff(c(percentile)))
})
