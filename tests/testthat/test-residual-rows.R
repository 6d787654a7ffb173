rows_data <- function() {
  set.seed(5)
  d <- expand.grid(t = 1:4, id = factor(1:12))
  d$arm <- factor(c("A", "B")[1 + (as.integer(d$id) > 6)])
  d$y <- rnorm(48) + rnorm(12)[d$id]
  d
}

d <- rows_data()

test_that("data that a structure cannot be fitted to are refused in words", {
  twice <- rbind(d, d[7L, ])
  mixed <- d
  mixed$arm[1L] <- "B"
  few <- d[d$id %in% 1:3, ]
  d$one <- 1
  d$uneven <- d$t + c(0, 0.1234, 0, 0)
  single <- d[!duplicated(d$id), ]
  refused <- function(expr, ...) {
    text <- error_text(expr)
    for (part in c(...)) expect_match(text, part, fixed = TRUE)
  }
  refused(lmm(y ~ t, twice, residual = ar1(t | id)), "`id` 2 at `t` 3", "same time")
  refused(lmm(y ~ t, twice, residual = us(t | id)), "`id` 2 at `t` 3")
  refused(lmm(y ~ t, mixed, residual = cs(t | id, by = arm)), "`arm` changes within 1 subject")
  refused(lmm(y ~ 1, few, residual = us(t | id)), "10 variances and correlations of 4 visits",
          "3 subjects", "`ante`")
  refused(lmm(y ~ t, d, residual = ar1(one | id)), "`one` has the same value in every row")
  refused(lmm(y ~ t, d, residual = sp_exp(one | id)), "`one` has the same value in every row")
  refused(lmm(y ~ t, d, residual = ar1(uneven | id)), "no whole numbers of one step", "`ou`")
  refused(lmm(y ~ 1, single, residual = cs(t | id)), "no subject has two rows")
  refused(lmm(y ~ t + (1 | id), d, residual = cs(t | id)), "sd|id", "cor|residual",
          "cannot tell")
  expect_error(lmm(y ~ t + (1 | id), d, residual = cs(t | id)), class = "tiers_error_model")
})

test_that("what has no correlations may have several rows at a time", {
  twice <- rbind(d, transform(d[7:20, ], y = y + rep(c(-1, 1), 7)))
  expect_s3_class(lmm(y ~ t, twice, residual = diag(t | id)), "tiers_structured")
  expect_s3_class(lmm(y ~ t, twice, residual = id(t | id, by = arm)), "tiers_structured")
  expect_s3_class(suppressMessages(lmm(y ~ t, twice, residual = ar1(t | id, nugget = TRUE))),
                  "tiers_structured")
})

test_that("rows of weight zero do not count", {
  d$w <- rep(c(1, 1, 1, 0), 12)
  expect_equal(logLik(lmm(y ~ t, d, residual = ar1(t | id), weights = w)),
               logLik(lmm(y ~ t, d[d$w > 0, ], residual = ar1(t | id))), ignore_attr = TRUE)
})

test_that("text as time counts in its sorted order, which is told", {
  d$word <- paste0("w", d$t)
  expect_message(fit <- lmm(y ~ t, d, residual = ar1(word | id)), "w1.*w2.*w3.*w4",
                 class = "tiers_message_order")
  expect_equal(logLik(fit), logLik(lmm(y ~ t, d, residual = ar1(t | id))))
})

test_that("arguments of structures reach the engine", {
  names_of <- function(...) lmm(y ~ t, d, ...)$parameters$name
  expect_identical(names_of(residual = toep(t | id, band = 2)), c("cor_lag1|residual", "sigma"))
  nugget <- suppressMessages(names_of(residual = ou(t | id, nugget = TRUE)))
  expect_identical(nugget, c("cor|residual", "nugget|residual", "sigma"))
  expect_identical(names_of(residual = arma(t | id, p = 2, q = 0)),
                   c("ar1|residual", "ar2|residual", "sigma"))
  expect_identical(names_of(residual = sp_mat(t | id, smoothness = 0.5)),
                   c("range|residual", "sigma"))
  expect_length(names_of(residual = cs(t | id, hom = FALSE)), 5L)
  # A Matern function of smoothness 1/2 is the exponential one.
  expect_equal(logLik(lmm(y ~ t, d, residual = sp_mat(t | id, smoothness = 0.5))),
               logLik(lmm(y ~ t, d, residual = sp_exp(t | id))), tolerance = 1e-7)
})

test_that("visits that nobody had are told", {
  d$visit <- factor(d$t, levels = 1:5)
  expect_message(lmm(y ~ t, d, residual = ar1h(visit | id)), class = "tiers_message_visits")
})

test_that("visits of which all rows have weight zero do not count", {
  d <- as.data.frame(nlme::Orthodont)
  d$w <- ifelse(d$age == 14, 0, 1)
  for (residual in c("us(age | Subject)", "csh(age | Subject)", "ar1(age | Subject)")) {
    all <- suppressMessages(lmm(distance ~ age, d, weights = w, residual = residual))
    some <- suppressMessages(lmm(distance ~ age, d[d$w > 0, ], residual = residual))
    expect_equal(all$deviance, some$deviance, tolerance = 1e-10)
    expect_identical(all$parameters$name, some$parameters$name)
  }
})

test_that("whether a parameter is at its end does not depend on the unit of the response", {
  d <- as.data.frame(nlme::Orthodont)
  for (unit in c(1e-6, 1e6)) {
    d$y <- unit * d$distance
    fit <- suppressMessages(lmm(y ~ age, d, residual = fa(age | Subject)))
    expect_identical(fit$convergence$status, "converged")
  }
})
