crossed_data <- function() {
  set.seed(8)
  d <- expand.grid(a = factor(1:8), b = factor(1:10))
  d <- d[sample(80, 70), ]
  d$x <- rnorm(70)
  d$f <- factor(rep(c("u", "v"), 35))
  d$w <- sample(c(0.5, 1, 3), 70, TRUE)
  d$y <- rnorm(8)[d$a] + rnorm(10)[d$b] + rnorm(10)[d$b] * d$x + d$x + rnorm(70)
  d
}

test_that("clusters that are or contain the groups: by the definition", {
  d <- machines_unbalanced()
  d$half <- factor(as.integer(d$Worker) %% 3L)
  d$w <- sample(c(1, 2, 5), nrow(d), TRUE)
  expect_robust(lmm(score ~ Machine + (Machine | Worker), d), ~ Worker, "CR0")
  expect_robust(lmm(score ~ Machine + x + (1 | Worker) + (1 | Worker:Machine), d, weights = w),
                ~ Worker)
  growth <- lmm(distance ~ age * Sex + (age | Subject), nlme_data("Orthodont")[-c(3, 17, 40), ])
  expect_robust(growth, ~ Subject)
  expect_robust(update(growth, . ~ age * Sex + (age || Subject)), ~ Subject, "CR2")
})

test_that("crossed and finer clusters: by the definition", {
  d <- crossed_data()
  fit <- lmm(y ~ x + f + (1 | a) + (x | b), d, weights = w)
  expect_robust(fit, ~ a)
  expect_robust(fit, ~ b)
  expect_robust(fit, ~ a:f)
  expect_warning(vcov(fit, type = "CR1", cluster = ~ a), "`b`", class = "tiers_warning_condition")
  expect_silent(vcov(fit, type = "CR1", cluster = ~ a + b))
})

test_that("large clusters by quadrature: by the definition", {
  set.seed(3)
  d <- data.frame(g = factor(rep(1:6, 120)), x = rnorm(720), c = factor(rep(1:3, each = 240)))
  d$s <- factor(sample(40, 720, TRUE))
  d$w <- exp(rnorm(720))
  d$y <- rnorm(6)[d$g] + rnorm(720) / sqrt(d$w) + 0.1 * d$x * as.integer(d$c) + rnorm(40)[d$s]
  fit <- lmm(y ~ x + (x | g) + (1 | s), d, weights = w)
  expect_robust(fit, ~ c, "CR2", 1e-8)
  nested <- lmm(y ~ x + (1 | c) + (1 | c:s), d, weights = w)
  expect_robust(nested, ~ c, "CR2", 1e-8)
})
