test_that("a seed gives the same draws and leaves the generator as it was", {
  fit <- growth_fit()
  set.seed(5)
  before <- .Random.seed
  a <- simulate(fit, nsim = 2, seed = 3)
  expect_identical(.Random.seed, before)
  expect_identical(simulate(fit, nsim = 2, seed = 3), a)
  expect_false(identical(simulate(fit, seed = 4)[[1]], a[[1]]))
  expect_named(a, c("sim_1", "sim_2"))
  expect_equal(dim(a), c(108L, 2L))
  expect_equal(as.numeric(attr(a, "seed")), 3)
  # Without a seed the generator goes on.
  set.seed(3)
  b <- simulate(fit, nsim = 2)
  expect_equal(b$sim_2, a$sim_2)
  expect_identical(attr(b, "seed"), {
    set.seed(3)
    .Random.seed
  })
})

test_that("draws have the moments of the model", {
  fit <- growth_fit()
  sims <- as.matrix(simulate(fit, nsim = 4000, seed = 1))
  rows <- 1:4
  term <- fit$random[[1L]]
  Z <- cbind(1, orthodont()$age[rows])
  V <- fit$sigma^2 * (diag(4) + Z %*% tcrossprod(term$Lambda) %*% t(Z))
  expect_equal(unname(rowMeans(sims[rows, ])), unname(fitted(fit, level = 0)[rows]),
               tolerance = 0.01)
  expect_equal(unname(cov(t(sims[rows, ]))), unname(V), tolerance = 0.1)
  kept <- as.matrix(simulate(fit, nsim = 4000, seed = 1, use.u = TRUE))
  expect_equal(unname(rowMeans(kept[rows, ])), unname(fitted(fit)[rows]), tolerance = 0.01)
  expect_equal(unname(cov(t(kept[rows, ]))), diag(fit$sigma^2, 4), tolerance = 0.15)
})

test_that("weights divide the residual variance; re.form keeps some effects", {
  d <- machines()
  d$w <- rep(c(0.01, 100), each = 27)
  fit <- lmm(score ~ Machine + (1 | Worker) + (1 | Worker:Machine), d, weights = w)
  sims <- as.matrix(simulate(fit, nsim = 500, seed = 1, re.form = NULL))
  spread <- apply(sims, 1, sd)
  expect_equal(unname(spread), sigma(fit) / sqrt(d$w), tolerance = 0.15)
  part <- as.matrix(simulate(fit, nsim = 2000, seed = 1, re.form = ~ (1 | Worker)))
  expect_equal(unname(rowMeans(part)[28:54]),
               unname(predict(fit, re.form = ~ (1 | Worker))[28:54]), tolerance = 0.01)
})

test_that("new data, with levels that were not seen", {
  fit <- growth_fit()
  new <- data.frame(age = c(9, 11, 11), Sex = "Male", Subject = c("M01", "new", "new"))
  sims <- as.matrix(simulate(fit, nsim = 2000, seed = 1, newdata = new))
  expect_equal(dim(sims), c(3L, 2000L))
  term <- fit$random[[1L]]
  between <- fit$sigma^2 * drop(c(1, 11) %*% tcrossprod(term$Lambda) %*% c(1, 11))
  expect_equal(cov(sims[2, ], sims[3, ]), between, tolerance = 0.15)
  expect_error(simulate(fit, newdata = new, re.form = NULL), class = "tiers_error_input")
  expect_error(simulate(fit, nsim = 0), class = "tiers_error_input")
})

test_that("simulate and refit again: a bootstrap step in each direction", {
  fit <- growth_fit()
  y <- simulate(fit, seed = 8)[[1]]
  a <- suppressMessages(refit_response(fit, y))
  d <- orthodont()
  d$distance <- y
  b <- suppressMessages(lmm(distance ~ age * Sex + (age | Subject), d))
  expect_equal(fixef(a), fixef(b), tolerance = 1e-7)
  expect_equal(logLik(a), logLik(b), tolerance = 1e-9)
  expect_equal(unname(model.frame(a)$distance), y)
})
