update_example <- function(seed = 1, slope = 1) {
  set.seed(seed)
  d <- data.frame(x = rnorm(72), z = rnorm(72), g = rep(1:12, 6))
  d$y <- exp((slope * d$x + rnorm(12)[d$g] + rnorm(72)) / 4)
  d$n <- sample(4:9, 72, TRUE)
  d$s <- rbinom(72, d$n, stats::plogis(slope * d$x / 2 + rnorm(12)[d$g]))
  d
}

quiet <- function(expr) suppressMessages(suppressWarnings(expr))

criterion <- function(fit) quiet(extractAIC(fit))[2]

test_that("drop1(), add1() and step() go by the data of the fit, whatever the name means now", {
  dat <- update_example(1)
  keep <- dat
  fit <- lmm(y ~ x + z + (1 | g), dat, REML = FALSE)
  gfit <- glmm(cbind(s, n - s) ~ x + z + (1 | g), dat, binomial())
  small <- quiet(lmm(y ~ x + (1 | g), keep, REML = FALSE))
  gsmall <- glmm(cbind(s, n - s) ~ x + (1 | g), keep, binomial())
  changes <- list(
    function() update_example(3, 2), function() keep[sample(72), ], function() keep[-(1:9), ],
    function() transform(keep, y = rev(y), s = rev(s)), function() keep["y"], function() NULL,
    function() as.list(keep), function() transform(keep, z = factor(z > 0)))
  for (change in changes) {
    dat <- change()
    expect_equal(quiet(drop1(fit))["z", "AIC"], AIC(small))
    expect_equal(quiet(add1(small, ~ . + z))["z", "AIC"], AIC(fit))
    expect_equal(quiet(drop1(gfit))["z", "AIC"], AIC(gsmall))
    expect_equal(logLik(quiet(step(gfit, trace = 0, k = 20))),
                 logLik(quiet(step(glmm(cbind(s, n - s) ~ x + z + (1 | g), keep, binomial()),
                                   trace = 0, k = 20))))
  }
})

test_that("a refitted response stays in all that is made from the refit", {
  d <- update_example()
  d$x[5] <- NA
  new <- update_example(7, -1)
  cases <- list(
    list(lmm(log(y) ~ x + z + (1 | g), d), log(new$y), "y"),
    list(lmm(y ~ x + z + (1 | g), d, subset = z > -1), new$y[d$z > -1], "y"),
    list(glmm(cbind(s, n - s) ~ x + z + (1 | g), d, binomial(), na.action = na.exclude),
         cbind(pmin(new$s, d$n), d$n - pmin(new$s, d$n)), "s"),
    list(glmm(s / n ~ x + z + (1 | g), d, binomial(), weights = n), pmin(new$s, d$n) / d$n, "s"),
    list(glmm(y ~ x + z + (1 | g), d, Gamma("log"), control = tiers_control(keep_data = FALSE)),
         new$y, "y"))
  for (case in cases) {
    fit <- case[[1]]
    again <- quiet(refit_response(fit, case[[2]]))
    e <- d
    if (case[[3]] == "s") e$s <- pmin(new$s, d$n) else {
      rows <- if (is.null(fit$call$subset)) TRUE else d$z > -1
      logged <- grepl("log", names(fit$frame)[1])
      e$y[rows] <- if (logged) exp(case[[2]]) else case[[2]]
    }
    direct <- quiet(update(fit, data = e))
    less <- quiet(update(direct, . ~ . - z))
    expect_equal(quiet(logLik(update(again, . ~ . - z))), logLik(less))
    expect_equal(quiet(drop1(again))["z", "AIC"], criterion(less), tolerance = 1e-8)
    expect_equal(quiet(step(again, trace = 0, k = 50))$coefficients[["(Intercept)"]],
                 quiet(step(direct, trace = 0, k = 50))$coefficients[["(Intercept)"]],
                 tolerance = 1e-6)
    expect_equal(getData(again)[[case[[3]]]], getData(direct)[[case[[3]]]], tolerance = 1e-8)
    expect_error(quiet(anova(again, quiet(update(fit, . ~ . - z)))), "same response",
                 class = "tiers_error_input")
    # Twice over, and compared.
    once <- quiet(update(again, . ~ . - z))
    if (fit$control$keep_data) {
      expect_equal(quiet(logLik(update(once, . ~ . + z))), logLik(direct))
    } else {
      expect_error(update(once, . ~ . + z), "not among", class = "tiers_error_input")
    }
    expect_equal(quiet(anova(once, again))$Chisq, quiet(anova(less, direct))$Chisq,
                 tolerance = 1e-6)
  }
  # Data that are given win.
  expect_equal(fixef(update(quiet(refit_response(fit, new$y)), data = d)), fixef(fit))
})

test_that("a refit with another left side, and one that cannot be told", {
  d <- update_example()
  new <- update_example(7, -1)$y
  again <- refit_response(lmm(log(y) ~ x + (1 | g), d), log(new))
  expect_equal(logLik(update(again, sqrt(y) ~ .)),
               logLik(lmm(sqrt(y) ~ x + (1 | g), transform(d, y = new))))
  expect_equal(logLik(update(update(again, sqrt(y) ~ .), . ~ . + z)),
               logLik(lmm(sqrt(y) ~ x + z + (1 | g), transform(d, y = new))))
  odd <- refit_response(lmm(I(abs(y)) ~ x + (1 | g), d), new)
  expect_true(all(is.na(getData(odd)$y)))
  expect_equal(logLik(update(odd, . ~ . + z)),
               logLik(lmm(y ~ x + z + (1 | g), transform(d, y = new))))
  expect_error(update(odd, y ~ .), "not known", class = "tiers_error_input")
  part <- refit_response(lmm(y ~ x + (1 | g), d, subset = z > 0), new[d$z > 0])
  expect_error(update(part, subset = NULL), "asks for others", class = "tiers_error_input")
  expect_equal(logLik(update(part, subset = z > 0.5)),
               logLik(lmm(y ~ x + (1 | g), transform(d, y = new), subset = z > 0.5)))
})

test_that("update() evaluates the call again and says where the data have changed", {
  d <- update_example()
  fit <- lmm(y ~ x + (1 | g), d, REML = FALSE)
  other <- update_example(3)
  expect_silent(update(fit, . ~ . - x))
  d$more <- d$z^2
  expect_silent(wider <- update(fit, . ~ . + more))
  expect_equal(logLik(wider), logLik(lmm(y ~ x + more + (1 | g), d, REML = FALSE)))
  d <- other
  expect_message(changed <- update(fit), class = "tiers_message_data")
  expect_equal(logLik(changed), logLik(lmm(y ~ x + (1 | g), other, REML = FALSE)))
  expect_silent(update(fit, data = other))
  d <- other["x"]
  expect_equal(logLik(update(fit)), logLik(fit))
})

test_that("a name of a function that is gone is not the global object of that name", {
  fits <- lapply(1:2, function(s) {
    local_part <- update_example(s)
    own <- local_part$n
    lmm(y ~ x + (1 | g), local_part, weights = own, REML = FALSE)
  })
  global <- list(local_part = update_example(9), own = rep(1, 72))
  list2env(global, globalenv())
  on.exit(rm(list = names(global), envir = globalenv()))
  direct <- lmm(y ~ x + z + (1 | g), update_example(2), weights = n, REML = FALSE)
  for (made in list(update(fits[[2]], . ~ . + z), lapply(fits, update, . ~ . + z)[[2]])) {
    expect_equal(logLik(made), logLik(direct))
    expect_equal(logLik(update(made, . ~ . - z)), logLik(fits[[2]]))
    expect_equal(made$call$data, quote(local_part))
    expect_equal(made$data_name, "local_part")
  }
})

test_that("settings of the call that are gone are those of the fit", {
  inside <- function(d) {
    points <- 7
    how <- tiers_control(tolerance = 1e-12)
    coding <- list(f = "contr.sum")
    model <- ~ x
    d$f <- factor(d$n > 6)
    list(glmm(cbind(s, n - s) ~ x + f + (1 | g), d, binomial, nAGQ = points, control = how,
              contrasts = coding),
         glmm(cbind(s, n - s) ~ x + (1 | g), d, binomial(), method = "agq", nAGQ = points),
         glmm(y ~ x + z + (1 | g), d, Gamma("log"), dispersion = model))
  }
  fits <- inside(update_example())
  d <- transform(update_example(), f = factor(n > 6))
  expect_equal(logLik(update(fits[[1]], . ~ . - x)),
               logLik(glmm(cbind(s, n - s) ~ f + (1 | g), d, binomial(), nAGQ = 7)))
  expect_equal(names(fixef(update(fits[[1]], . ~ . - x))), c("(Intercept)", "f1"))
  expect_equal(drop1(fits[[1]])["x", "AIC"], AIC(update(fits[[1]], . ~ . - x)))
  expect_equal(drop1(fits[[2]])["x", "AIC"],
               AIC(glmm(cbind(s, n - s) ~ 1 + (1 | g), d, binomial(), nAGQ = 7)))
  expect_equal(drop1(fits[[3]])["z", "AIC"],
               AIC(glmm(y ~ x + (1 | g), d, Gamma("log"), dispersion = ~ x)))
})

test_that("parameters stay held and equal in what is made from a fit", {
  inside <- function(d) {
    d$f <- factor(d$n > 6)
    value <- c(sigma = 0.3)
    pairs <- list(c("sd_fFALSE|g", "sd_fTRUE|g"))
    list(lmm(y ~ x + z + (1 | g), d, REML = FALSE, fix = value),
         lmm(y ~ x + z + (0 + f | g), d, REML = FALSE, equal = pairs))
  }
  fits <- quiet(inside(update_example()))
  d <- transform(update_example(), f = factor(n > 6))
  direct <- quiet(list(
    lmm(y ~ x + (1 | g), d, REML = FALSE, fix = c(sigma = 0.3)),
    lmm(y ~ x + (0 + f | g), d, REML = FALSE, equal = list(c("sd_fFALSE|g", "sd_fTRUE|g")))))
  for (i in 1:2) {
    expect_equal(quiet(drop1(fits[[i]]))["z", "AIC"], AIC(direct[[i]]))
    expect_equal(quiet(AIC(update(fits[[i]], . ~ . - z))), AIC(direct[[i]]))
    new <- d$y + d$x
    expect_equal(quiet(AIC(update(refit_response(fits[[i]], new), . ~ . - z))),
                 quiet(AIC(refit_response(direct[[i]], new))))
  }
})

test_that("a dot in the formula means the columns that it meant", {
  d <- update_example()[c("y", "x", "z", "g")]
  fit <- lmm(y ~ . - g + (1 | g), d, REML = FALSE)
  keep <- d
  d <- transform(d, extra = 1:72)
  expect_equal(drop1(fit)["z", "AIC"], AIC(lmm(y ~ x + (1 | g), keep, REML = FALSE)))
  own <- 1:72
  inside <- (function(d, own) lmm(y ~ . - g + (1 | g), d, weights = own, REML = FALSE))(keep, own)
  expect_equal(drop1(inside)["z", "AIC"],
               AIC(lmm(y ~ x + (1 | g), keep, weights = own, REML = FALSE)))
  rm(d)
  expect_equal(logLik(update(inside)), logLik(inside))
})

test_that("pipes and maps of purrr", {
  skip_if_not_installed("magrittr")
  `%>%` <- magrittr::`%>%`
  d <- update_example()
  direct <- glmm(n ~ x + z + (1 | g), d, poisson())
  piped <- d %>% glmm(n ~ x + (1 | g), data = ., family = poisson) %>% update(. ~ . + z)
  expect_equal(logLik(quiet(piped)), logLik(direct))
  fit <- lmm(y ~ x + z + (1 | g), d, REML = FALSE)
  small <- AIC(lmm(y ~ x + (1 | g), d, REML = FALSE))
  expect_equal(fit %>% drop1() %>% .["z", "AIC"], small)
  expect_equal(logLik(fit %>% step(trace = 0)), logLik(step(fit, trace = 0)))
  skip_if_not_installed("MASS")
  expect_equal(logLik(fit %>% MASS::stepAIC(trace = 0)), logLik(step(fit, trace = 0)))
  expect_equal(MASS::dropterm(fit)["z", "AIC"], small)
  skip_if_not_installed("purrr")
  parts <- list(d, d[-(1:6), ])
  fits <- purrr::map(parts, ~ lmm(y ~ x + z + (1 | g), data = .x, REML = FALSE))
  smaller <- vapply(parts, function(d) AIC(lmm(y ~ x + (1 | g), d, REML = FALSE)), 0)
  expect_equal(purrr::map_dbl(fits, ~ drop1(.x)["z", "AIC"]), smaller)
  expect_equal(purrr::map_dbl(fits, ~ AIC(update(.x, . ~ . - z))), smaller)
  expect_equal(purrr::map2_dbl(fits, rev(parts), ~ nobs(update(.x, data = .y))), c(66, 72))
  skip_if_not_installed("dplyr")
  nested <- dplyr::tibble(part = 1:2, data = parts) %>%
    dplyr::mutate(fit = purrr::map(data, ~ lmm(y ~ x + (1 | g), .x, REML = FALSE)),
                  aic = purrr::map_dbl(fit, ~ AIC(update(.x, . ~ . - x + z))))
  expect_equal(nested$aic, vapply(parts, function(d) AIC(lmm(y ~ z + (1 | g), d, REML = FALSE)), 0))
})

test_that("a saved fit is changed in another process", {
  fits <- (function(d) list(lmm(log(y) ~ x + (1 | g), d, subset = z > -1),
                            glmm(cbind(s, n - s) ~ x + (1 | g), d, binomial())))(update_example())
  fits[[2]] <- refit_response(fits[[2]], simulate(fits[[2]], seed = 1)[[1]])
  expected <- lapply(fits, function(fit) {
    c(drop1(fit)$AIC, AIC(update(fit, . ~ . + z)), AIC(step(fit, trace = 0)))
  })
  file <- tempfile(fileext = ".rds")
  script <- tempfile(fileext = ".R")
  saveRDS(fits, file)
  writeLines(c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    "library(tiers)",
    sprintf("file <- %s", deparse(file)),
    "saveRDS(lapply(readRDS(file), function(fit) {",
    "  c(drop1(fit)$AIC, AIC(update(fit, . ~ . + z)), AIC(step(fit, trace = 0)))",
    "}), file)"), script)
  skip_if(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", script), stdout = FALSE,
                  stderr = FALSE) != 0, "the package is not installed for another process")
  expect_equal(readRDS(file), expected)
})

test_that("data that are an expression are evaluated again, also with columns named in it", {
  d <- update_example()
  i <- 2
  parts <- list(update_example(4), d)
  fits <- list(lmm(y ~ x + z + (1 | g), subset(d, z > -1), REML = FALSE),
               lmm(y ~ x + z + (1 | g), parts[[i]], REML = FALSE),
               do.call(lmm, list(y ~ x + z + (1 | g), d, REML = FALSE)),
               with(d, lmm(y ~ x + z + (1 | g), REML = FALSE)))
  held <- vapply(list(subset(d, z > -1), d, d, d), function(d) {
    AIC(lmm(y ~ x + (1 | g), d, REML = FALSE))
  }, 0)
  d <- update_example(6)
  i <- 1
  expect_equal(logLik(quiet(update(fits[[1]]))),
               logLik(lmm(y ~ x + z + (1 | g), d, subset = z > -1, REML = FALSE)))
  expect_message(again <- update(fits[[2]]), class = "tiers_message_data")
  expect_equal(logLik(again), logLik(lmm(y ~ x + z + (1 | g), parts[[1]], REML = FALSE)))
  expect_equal(vapply(fits, function(fit) drop1(fit)["z", "AIC"], 0), held)
  expect_equal(vapply(fits[3:4], function(fit) AIC(update(fit, . ~ . - z)), 0), held[3:4])
})
