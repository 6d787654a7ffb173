test_that("update changes fixed and random parts and arguments", {
  fit <- growth_fit()
  expect_equal(attr(terms(update(fit, . ~ . - age:Sex)), "term.labels"), c("age", "Sex"))
  simple <- update(fit, . ~ . - (age | Subject) + (1 | Subject), REML = FALSE)
  expect_false(simple$REML)
  expect_equal(simple$random[[1]]$columns, "(Intercept)")
  expect_true(is.call(update(fit, REML = FALSE, evaluate = FALSE)))
  expect_error(update(fit, . ~ ., FALSE), class = "tiers_error_input")
})

test_that("update, refit and all methods work when the data are gone", {
  make <- function() {
    d <- machines()
    d$w <- rep(1:2, 27)
    junk <- rnorm(1e6)
    list(lmm(score ~ log(x + 2) + Machine + (1 | Worker), d, weights = w, subset = f == "u",
             offset = x / 2), d)
  }
  made <- make()
  fit <- made[[1]]
  d <- made[[2]]
  expect_lt(as.numeric(utils::object.size(serialize(fit, NULL))), 2e5)
  ml <- update(fit, REML = FALSE)
  direct <- lmm(score ~ log(x + 2) + Machine + (1 | Worker), d, weights = w, subset = f == "u",
                offset = x / 2, REML = FALSE)
  expect_equal(logLik(ml), logLik(direct))
  expect_equal(logLik(update(ml, REML = TRUE)), logLik(fit))
  expect_equal(fixef(update(fit, . ~ . - Machine)),
               fixef(update(direct, . ~ . - Machine, REML = TRUE)), tolerance = 1e-8)
  expect_equal(unname(predict(fit, d[d$f == "u", ])), unname(fitted(fit)))
})

test_that("a name that finds a function does not pass for data", {
  df <- orthodont()
  fit <- lmm(distance ~ age + (1 | Subject), df)
  rm(df)
  expect_false(update(fit, REML = FALSE)$REML)
})

test_that("refit_response takes values for the rows used or for all rows", {
  d <- orthodont()
  d$distance[c(2, 5)] <- NA
  fit <- lmm(distance ~ age + (1 | Subject), d)
  y <- orthodont()$distance + d$age
  a <- refit_response(fit, y)
  expect_equal(fixef(refit_response(fit, y[-c(2, 5)])), fixef(a))
  expect_equal(fixef(a) - fixef(fit), c(`(Intercept)` = 0, age = 1), tolerance = 1e-7)
  expect_error(refit_response(fit, y[1:10]), class = "tiers_error_input")
  expect_error(refit_response(fit, letters), class = "tiers_error_input")
  expect_error(refit_response(fit, c(NA, y[-1])), class = "tiers_error_input")
  expect_error(refit_response(lm(distance ~ age, d), y), class = "tiers_error_input")
})

test_that("a saved fit works in another process", {
  fit <- growth_fit()
  file <- tempfile(fileext = ".rds")
  saveRDS(fit, file)
  script <- tempfile(fileext = ".R")
  writeLines(c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    "library(tiers)",
    sprintf("fit <- readRDS(%s)", deparse(file)),
    "new <- data.frame(age = 9, Sex = 'Male', Subject = 'M01')",
    "out <- list(coef(summary(fit)), as.data.frame(anova(fit)), predict(fit, new), confint(fit),",
    "  as.data.frame(ranef(fit)), simulate(fit, seed = 1)[[1]], logLik(update(fit, REML = FALSE)))",
    sprintf("saveRDS(out, %s)", deparse(file))
  ), script)
  skip_if(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = FALSE,
                  stderr = FALSE) != 0, "the package is not installed for another process")
  there <- readRDS(file)
  new <- data.frame(age = 9, Sex = "Male", Subject = "M01")
  here <- list(coef(summary(fit)), as.data.frame(anova(fit)), predict(fit, new), confint(fit),
               as.data.frame(ranef(fit)), simulate(fit, seed = 1)[[1]],
               logLik(update(fit, REML = FALSE)))
  expect_equal(there, here)
})

test_that("lapply, do.call and Map work", {
  parts <- split(orthodont(), orthodont()$Sex)
  parts <- lapply(parts, droplevels)
  fits <- lapply(parts, function(d) lmm(distance ~ age + (1 | Subject), d))
  again <- Map(function(f) update(f, REML = FALSE), fits)
  expect_equal(vapply(again, nobs, 1), vapply(parts, nrow, 1), ignore_attr = TRUE)
  called <- do.call(lmm, list(distance ~ age + (1 | Subject), data = parts$Male))
  expect_equal(logLik(called), logLik(fits$Male))
  expect_equal(logLik(update(called, REML = FALSE)), logLik(again$Male))
})

# A fit whose data are gone when it is looked at, and were not kept.
made_in_a_function <- function(dat, fun = lmm, ...) {
  fun(n ~ x + (1 | g), dat, ..., control = tiers_control(keep_data = FALSE))
}

test_that("a new subset is applied to the stored data", {
  d <- small_counts()
  for (fit in list(made_in_a_function(d), made_in_a_function(d, glmm, family = poisson()))) {
    expected <- function(rows) {
      if (inherits(fit, "tiers_glmm")) glmm(n ~ x + (1 | g), d[rows, ], poisson()) else {
        lmm(n ~ x + (1 | g), d[rows, ])
      }
    }
    part <- update(fit, subset = x > 0)
    expect_equal(logLik(part), logLik(expected(d$x > 0)), ignore_attr = TRUE)
    expect_equal(deparse(part$call$subset), "x > 0")
    expect_equal(part$data_name, "dat")
    expect_equal(nobs(update(part, . ~ . - x)), nobs(part))
    expect_equal(logLik(update(fit, subset = 1:50)), logLik(expected(1:50)), ignore_attr = TRUE)
    expect_equal(nobs(update(fit, subset = -(1:10))), 86)
    expect_equal(nobs(update(part, subset = x > 0)), nobs(part))
    expect_error(update(part, subset = x > -1), "no rows outside", class = "tiers_error_input")
    expect_error(update(part, subset = NULL), "no rows outside", class = "tiers_error_input")
    expect_error(update(fit, subset = m > 5), "only the variables", class = "tiers_error_input")
    expect_error(update(fit, subset = x > 99), "selects 0 rows", class = "tiers_error_input")
  }
})

test_that("row numbers and names of a new subset count rows that were left out too", {
  d <- small_counts()
  d$x[c(3, 10, 60)] <- NA
  fit <- made_in_a_function(d)
  rows <- function(fit) row.names(model.frame(fit))
  kept <- setdiff(1:96, c(3, 10, 60))
  expect_equal(rows(update(fit, subset = 1:50)), as.character(setdiff(1:50, c(3, 10))))
  expect_equal(rows(update(fit, subset = -(1:50))), as.character(setdiff(51:96, 60)))
  expect_equal(rows(update(fit, subset = as.character(1:50))),
               as.character(setdiff(1:50, c(3, 10))))
  expect_equal(rows(update(fit, subset = rep(c(TRUE, FALSE), 48))),
               as.character(intersect(seq(1, 96, 2), kept)))
  expect_equal(rows(update(fit, subset = x > 0)), as.character(which(d$x > 0)))
})

test_that("new weights are not passed over for the stored ones", {
  d <- small_counts()
  d$w <- rep(1:2, 48)
  fit <- made_in_a_function(d, weights = w)
  expect_equal(weights(update(fit, REML = FALSE)), weights(fit))
  expect_values(weights(update(fit, weights = rep(3, 96))), rep(3, 96))
  expect_values(weights(update(fit, weights = NULL)), rep(1, 96))
})

test_that("a call that is not evaluated carries the data where they would not be found", {
  d <- small_counts()
  fit <- made_in_a_function(d)
  expect_s3_class(update(fit, . ~ . - x, evaluate = FALSE)$data, "data.frame")
  direct <- lmm(n ~ x + (1 | g), d)
  expect_equal(update(direct, . ~ . - x, evaluate = FALSE)$data, quote(d))
})
