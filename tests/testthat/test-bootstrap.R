fit_growth <- function(...) lmm(distance ~ age * Sex + (age | Subject), nlme::Orthodont, ...)

test_that("replicates depend on the seed and their number alone", {
  fit <- fit_growth()
  ten <- bootstrap(fit, nsim = 10, seed = 7)
  twenty <- bootstrap(fit, nsim = 20, seed = 7)
  expect_identical(ten$t, twenty$t[1:10, ])
  expect_false(isTRUE(all.equal(ten$t, bootstrap(fit, nsim = 10, seed = 8)$t)))
  skip_on_os("windows")
  expect_identical(bootstrap(fit, nsim = 20, seed = 7, workers = 2)$t, twenty$t)
  FUN <- function(fit) c(fixef(fit), draw = rnorm(1))
  expect_identical(bootstrap(fit, FUN, nsim = 6, seed = 7, workers = 2)$t,
                   bootstrap(fit, FUN, nsim = 6, seed = 7)$t)
})

test_that("a plan of the user's is used, with the same result", {
  skip_if_not_installed("future.apply")
  fit <- fit_growth()
  before <- future::plan("sequential")
  on.exit(future::plan(before))
  expect_identical(bootstrap(fit, nsim = 10, seed = 7)$t,
                   bootstrap(fit, nsim = 10, seed = 7, workers = 1)$t)
})

test_that("the session's random numbers stay where they were, or give the seed", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  set.seed(1)
  before <- .Random.seed
  bootstrap(fit, nsim = 3, seed = 1)
  expect_identical(.Random.seed, before)
  drawn <- bootstrap(fit, nsim = 3)
  expect_false(identical(.Random.seed, before))
  expect_identical(RNGkind()[1L], "Mersenne-Twister")
  expect_identical(bootstrap(fit, nsim = 3, seed = drawn$seed)$t, drawn$t)
})

test_that("default statistics are those that a function of the refits gives", {
  fit <- fit_growth()
  FUN <- function(fit) c(fixef(fit), stats::setNames(fit$parameters$estimate, fit$parameters$name))
  for (type in c("parametric", "residual", "cases")) {
    plain <- bootstrap(fit, nsim = 4, type = type, seed = 2)
    expect_identical(names(plain$t0), c(names(fixef(fit)), fit$parameters$name))
    expect_equal(plain$t, bootstrap(fit, FUN, nsim = 4, type = type, seed = 2)$t, tolerance = 1e-7)
  }
})

test_that("cases: clusters drawn twice are two clusters", {
  fit <- lmm(strength ~ 1 + (1 | batch) + (1 | batch:cask), fixture_data("pastes"))
  clusters <- tiers:::case_clusters(fit, NULL)
  expect_identical(clusters$name, "batch")
  boot <- bootstrap(fit, nsim = 3, type = "cases", seed = 4)
  random <- tiers:::start_streams(4, 3L)
  on.exit(random$restore())
  tiers:::use_stream(random$streams[[2L]])
  drawn <- tiers:::cluster_drawer(clusters)()
  d <- fixture_data("pastes")[drawn$rows, ]
  d$batch <- factor(drawn$copy)
  by_hand <- suppressMessages(lmm(strength ~ 1 + (1 | batch) + (1 | batch:cask), d))
  expect_equal(unname(boot$t[2L, ]), unname(c(fixef(by_hand), by_hand$parameters$estimate)),
               tolerance = 1e-6)
})

test_that("cases of crossed factors need their clusters; groups beyond them stay", {
  fit <- lmm(diameter ~ 1 + (1 | plate) + (1 | sample), fixture_data("penicillin"))
  expect_error(bootstrap(fit, nsim = 2, type = "cases"), "cluster", class = "tiers_error")
  boot <- bootstrap(fit, nsim = 2, type = "cases", cluster = ~ plate, seed = 1)
  random <- tiers:::start_streams(1, 2L)
  on.exit(random$restore())
  tiers:::use_stream(random$streams[[1L]])
  drawn <- tiers:::cluster_drawer(tiers:::case_clusters(fit, ~ plate))()
  d <- fixture_data("penicillin")[drawn$rows, ]
  d$plate <- factor(drawn$copy)
  by_hand <- lmm(diameter ~ 1 + (1 | plate) + (1 | sample), d)
  expect_equal(unname(boot$t[1L, ]), unname(c(fixef(by_hand), by_hand$parameters$estimate)),
               tolerance = 1e-6)
  named <- bootstrap(fit, function(fit) lengths(lapply(ranef(fit), rownames)), nsim = 1,
                     type = "cases", cluster = ~ plate, seed = 1)
  expect_identical(unname(named$t[1L, ]), c(24, 6))
})

test_that("replicates that fail are counted and have no numbers", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  count <- 0
  boot <- bootstrap(fit, function(fit) {
    count <<- count + 1
    if (count %in% c(3, 5)) stop("no ", count)
    c(a = unname(fixef(fit)[2L]))
  }, nsim = 5, seed = 1)
  expect_identical(which(is.na(boot$t[, 1L])), c(2L, 4L))
  expect_identical(c(boot$failures), c(`FUN failed` = 2L))
  expect_identical(boot$errors, c("no 3", "no 5"))
  # A level of a fixed factor that is not drawn leaves other columns.
  d <- data.frame(g = gl(4, 5), f = factor(rep(c("a", "b", "b", "b"), each = 5)),
                  y = c(4.1, 3.2, 5.3, 4.4, 3.8, 6.1, 7.2, 6.9, 5.5, 6.3, 7.7, 8.1, 6.4, 7.5, 8.8,
                        5.2, 5.9, 6.6, 4.7, 5.1))
  cases <- bootstrap(suppressMessages(lmm(y ~ f + (1 | g), d)), nsim = 30, type = "cases", seed = 1)
  expect_true("other columns of the fixed effects" %in% names(cases$failures))
  lost <- nzchar(cases$status)
  expect_true(all(is.na(cases$t[lost, ])) && !anyNA(cases$t[!lost, 1:2]))
  expect_identical(sum(lost), sum(cases$failures))
})

test_that("boundaries and parameters that are held", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  boot <- bootstrap(fit, nsim = 20, seed = 1)
  expect_identical(boot$boundary, unname(boot$t[, "sd_(Intercept)|Batch"] == 0))
  expect_true(any(boot$boundary))
  held <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont, fix = c(sigma = 1.5))
  expect_identical(names(bootstrap(held, nsim = 2, seed = 1)$t0),
                   c("(Intercept)", "age", "sd_(Intercept)|Subject"))
})

test_that("the distribution of parametric replicates is the one that theory has", {
  # Balanced: the mean is normal with variance (sigma_b^2 + sigma^2 / 4) / 27, and the residual sum
  # of squares is a chi-square on 81 df.
  d <- transform(nlme::Orthodont, z = 1)
  fit <- lmm(distance ~ 1 + (1 | Subject), d)
  boot <- bootstrap(fit, nsim = 2000, seed = 11)
  sd <- fit$parameters$estimate
  mean_sd <- sqrt((sd[1L]^2 + sd[2L]^2 / 4) / 27)
  expect_lt(abs(stats::sd(boot$t[, 1L]) / mean_sd - 1), 4 / sqrt(2 * 2000))
  expect_gt(stats::ks.test(81 * boot$t[, "sigma"]^2 / sd[2L]^2, "pchisq", 81)$p.value, 1e-3)
})

test_that("arguments are checked", {
  fit <- lmm(distance ~ age + (1 | Subject), nlme::Orthodont)
  expect_error(bootstrap(fit, "mean"), "function of a fit", class = "tiers_error")
  expect_error(bootstrap(fit, nsim = 0), "nsim", class = "tiers_error")
  expect_error(bootstrap(fit, typ = "wild"), "type", class = "tiers_error")
  expect_error(bootstrap(fit, sede = 1), "seed", class = "tiers_error")
  expect_error(bootstrap(fit, cluster = ~ Subject), "cases", class = "tiers_error")
  expect_error(bootstrap(fit, function(fit) "a"), "must return numbers", class = "tiers_error")
  expect_error(bootstrap(fit, function(fit) stop("no ratio")), "no ratio", class = "tiers_error")
  expect_error(bootstrap(1), "fit", class = "tiers_error")
})
