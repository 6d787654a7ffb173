test_that("formula, terms and frame", {
  fit <- growth_fit()
  expect_equal(deparse(formula(fit)), "distance ~ age * Sex + (age | Subject)")
  expect_equal(deparse(formula(fit, fixed.only = TRUE)), "distance ~ age * Sex")
  expect_equal(deparse(formula(fit, random.only = TRUE)), "~(age | Subject)")
  expect_error(formula(fit, TRUE, TRUE), class = "tiers_error_input")
  expect_equal(attr(terms(fit), "term.labels"), c("age", "Sex", "age:Sex"))
  frame <- model.frame(fit)
  expect_equal(names(frame)[1], "distance")
  expect_true("Subject" %in% names(frame))
  expect_named(model.frame(fit, fixed.only = TRUE), c("distance", "age", "Sex"))
  expect_equal(model.response(frame), orthodont()$distance, ignore_attr = TRUE)
  expect_equal(family(fit)$family, "gaussian")
})

test_that("model matrices are those of base R and lme4", {
  fit <- crossed_fit()
  d <- machines()
  expect_values(model.matrix(fit), model.matrix(~ Machine + x, d))
  Z <- model.matrix(fit, type = "random")
  expect_s4_class(Z, "sparseMatrix")
  expect_equal(dim(Z), c(54L, 24L))
  b <- unlist(lapply(fit$random, function(term) t(term$modes)))
  expect_values(Z %*% b + model.matrix(fit) %*% fixef(fit), fitted(fit), 1e-10)
  expect_error(model.matrix(fit, type = "both"), class = "tiers_error_input")
  skip_if_not_installed("lme4")
  slope <- lme4::lFormula(distance ~ age + (age | Subject), orthodont())
  ours <- lmm(distance ~ age + (age | Subject), orthodont())
  expect_equal(as.matrix(model.matrix(ours, "random")), as.matrix(Matrix::t(slope$reTrms$Zt)),
               ignore_attr = TRUE)
})

test_that("weights and offsets can be had", {
  d <- machines()
  d$w <- rep(1:2, 27)
  fit <- lmm(score ~ Machine + (1 | Worker), d, weights = w, offset = x)
  expect_values(weights(fit), d$w)
  expect_values(weights(crossed_fit()), rep(1, 54))
  expect_values(model.offset(model.frame(fit)), d$x)
})

test_that("getData gives the variables of the formula, transformed ones too", {
  d <- machines()
  d$z <- exp(d$x)
  fit <- lmm(score ~ log(z) + (1 | Worker), d)
  data <- getData(fit)
  expect_true(all(c("score", "z", "Worker") %in% names(data)))
  expect_equal(data$z, d$z)
})

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
