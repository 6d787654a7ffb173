# Three terms of the fixed part, of which x alone matters.
step_data <- function() {
  set.seed(3)
  d <- data.frame(g = factor(sample(30, 400, TRUE)), x = rnorm(400), z = rnorm(400),
                  f = factor(sample(letters[1:3], 400, TRUE)))
  d$n <- rpois(400, exp(0.5 * d$x + rnorm(30)[d$g]))
  d$y <- d$n + rnorm(400)
  d
}

full_fits <- function(d) {
  list(glmm(n ~ x + z + f + (1 | g), d, poisson()),
       lmm(y ~ x + z + f + (x || g), d, REML = FALSE))
}

# Of all models with some of these terms the one with the lowest AIC.
best_subset <- function(fit, terms, ...) {
  choices <- as.matrix(expand.grid(rep(list(c(FALSE, TRUE)), length(terms))))
  bars <- paste(vapply(fit$random_terms, `[[`, "", "label"), collapse = " + ")
  fits <- apply(choices, 1L, function(use) {
    right <- paste(c("1", terms[use], bars), collapse = " + ")
    suppressMessages(update(fit, stats::as.formula(paste(". ~", right)), ...))
  })
  fits[[which.min(vapply(fits, AIC, 0))]]
}

labels_of <- function(fit) attr(terms(fit), "term.labels")

test_that("step() keeps the random terms, backward", {
  d <- step_data()
  for (fit in full_fits(d)) {
    found <- suppressMessages(step(fit, trace = 0))
    expected <- best_subset(fit, c("x", "z", "f"))
    expect_setequal(labels_of(found), labels_of(expected))
    expect_equal(formula(found, random.only = TRUE), formula(fit, random.only = TRUE),
                 ignore_attr = TRUE)
    expect_equal(logLik(found), logLik(expected), tolerance = 1e-8)
    expect_equal(found$anova$AIC[1], AIC(fit), tolerance = 1e-10)
    expect_equal(found$anova$AIC[nrow(found$anova)], AIC(expected), tolerance = 1e-8)
  }
})

test_that("step() goes both ways and takes scopes with and without bar terms", {
  d <- step_data()
  start <- glmm(n ~ z + (1 | g), d, poisson())
  expected <- best_subset(full_fits(d)[[1]], c("x", "z", "f"))
  found <- step(start, ~ . + x + f, trace = 0)
  expect_setequal(labels_of(found), labels_of(expected))
  expect_equal(logLik(found), logLik(expected), tolerance = 1e-8)
  for (scope in list(~ x + z + (1 | g), ~ (x + z)^2 + (1 | g), list(lower = ~ 1, upper = ~ .^2 + x),
                     list(lower = ~ 1, upper = ~ . * x + (1 | g)))) {
    found <- step(start, scope, trace = 0)
    expect_equal(deparse(formula(found)), "n ~ x + (1 | g)")
  }
  printed <- capture.output(step(start, ~ . + x, direction = "forward"))
  expect_match(printed[2], "n ~ z + (1 | g)", fixed = TRUE)
  kept <- step(start, list(lower = ~ z, upper = ~ . + x), trace = 0)
  expect_setequal(attr(terms(kept), "term.labels"), c("x", "z"))
})

test_that("step() is right under REML, in a function, and when the data are gone", {
  d <- step_data()
  inside <- function(dat) {
    fit <- lmm(y ~ x + z + f + (1 | g), dat)
    list(fit, suppressMessages(step(fit, trace = 0)), drop1(fit))
  }
  made <- inside(d)
  expected <- best_subset(made[[1]], c("x", "z", "f"), REML = FALSE)
  expect_setequal(labels_of(made[[2]]), labels_of(expected))
  expect_true(made[[2]]$REML)
  expect_equal(made[[2]]$call$data, quote(dat))
  expect_equal(unname(term_groups(made[[2]])), "g")
  ml <- update(made[[1]], REML = FALSE)
  expect_equal(made[[3]]$AIC, c(AIC(ml), vapply(c("x", "z", "f"), function(term) {
    AIC(update(ml, paste("~ . -", term)))
  }, 0)), ignore_attr = TRUE, tolerance = 1e-8)
  later <- suppressMessages(step(made[[1]], trace = 0))
  expect_equal(logLik(later), logLik(made[[2]]), tolerance = 1e-10)
})

test_that("drop1() and add1() are fits without and with a term", {
  d <- step_data()
  fit <- full_fits(d)[[1]]
  table <- drop1(fit, test = "Chisq")
  less <- update(fit, . ~ . - f)
  expect_equal(table["f", "AIC"], AIC(less), tolerance = 1e-10)
  expect_equal(table["f", "LRT"], anova(less, fit)$Chisq[2], tolerance = 1e-8)
  expect_equal(table["f", "Pr(>Chi)"], anova(less, fit)[["Pr(>Chisq)"]][2], tolerance = 1e-8)
  expect_equal(rownames(drop1(fit, ~ x + f)), c("<none>", "x", "f"))
  back <- add1(less, ~ . + f + x:z + (1 | g), test = "Chisq")
  expect_equal(rownames(back), c("<none>", "f", "x:z"))
  expect_equal(back["f", "AIC"], AIC(fit), tolerance = 1e-10)
  expect_equal(back["f", "LRT"], table["f", "LRT"], tolerance = 1e-8)
  expect_match(attr(back, "heading")[3], "(1 | g)", fixed = TRUE)
})

test_that("drop1() and add1() are those of lme4", {
  skip_if_not_installed("lme4")
  d <- step_data()
  theirs <- lme4::lmer(y ~ x + z + f + (1 | g), d, REML = FALSE)
  ours <- lmm(y ~ x + z + f + (1 | g), d, REML = FALSE)
  expect_equal(drop1(ours)$AIC, drop1(theirs)$AIC, tolerance = 1e-6)
  more <- lme4::lmer(y ~ x + z + f + x:z + (1 | g), d, REML = FALSE)
  expect_equal(add1(ours, ~ . + x:z)$AIC, c(AIC(theirs), AIC(more)), tolerance = 1e-6)
})

test_that("wrong scopes are refused", {
  d <- step_data()
  fit <- full_fits(d)[[1]]
  expect_error(drop1(fit, "w"), class = "tiers_error_input")
  expect_error(add1(fit), class = "tiers_error_input")
  expect_error(add1(fit, ~ . + (1 | f)), class = "tiers_error_input")
  expect_error(step(fit, ~ . + (x | g), trace = 0), "fixed terms only", class = "tiers_error_input")
  expect_error(drop1(fit, tset = "Chisq"), class = "tiers_error_input")
  d$w <- replace(d$z, 1:9, NA)
  expect_error(add1(glmm(n ~ x + (1 | g), d, poisson()), ~ . + w), "other rows (391)", fixed = TRUE,
               class = "tiers_error_input")
  inside <- function(dat, ...) glmm(n ~ x + (1 | g), dat, poisson(), ...)
  expect_error(add1(inside(d, control = tiers_control(keep_data = FALSE)), ~ . + z),
               "not among the variables", class = "tiers_error_input")
  expect_equal(add1(inside(d), ~ . + z)["z", "AIC"], AIC(glmm(n ~ x + z + (1 | g), d, poisson())))
  for (k in list("a", c(1, 2), NA, -1)) {
    expect_error(drop1(fit, k = k), class = "tiers_error_input")
  }
})

test_that("step() leaves the formula whole, whether or not it finds anything", {
  skip_if_not_installed("MASS")
  d <- step_data()
  for (fit in list(lmm(y ~ x + (1 | g), d), lmm(y ~ x + z + f + (x || g), d),
                   glmm(n ~ x * z + (1 | g), d, poisson()))) {
    for (search in list(stats::step, MASS::stepAIC)) {
      found <- suppressMessages(search(fit, trace = 0))
      bars <- deparse(formula(fit, random.only = TRUE)[[2]])
      text <- paste(deparse(formula(found), 500L), collapse = "")
      expect_match(text, bars, fixed = TRUE)
      expect_true(any(grepl(text, capture.output(print(found)), fixed = TRUE)))
      expect_true(any(grepl(text, capture.output(print(summary(found))), fixed = TRUE)))
      again <- suppressMessages(eval(found$call))
      expect_s3_class(again, class(fit))
      expect_equal(logLik(again), logLik(found))
      expect_equal(logLik(suppressMessages(update(found, . ~ . + f))),
                   logLik(suppressMessages(update(again, . ~ . + f))))
    }
  }
})

test_that("a search says nothing about the criterion, and its table is of one likelihood", {
  d <- step_data()
  fit <- lmm(y ~ x + z + f + (1 | g), d)
  heard <- listen(step(fit, trace = 0))
  expect_length(heard$conditions, 0L)
  path <- heard$value$anova
  edf <- vapply(list(fit, heard$value), function(fit) extractAIC(fit)[1], 0)
  expect_equal(path$AIC[c(1, nrow(path))],
               path[["Resid. Dev"]][c(1, nrow(path))] + 2 * edf, tolerance = 1e-10)
  expect_equal(path[["Resid. Dev"]][1], deviance(update(fit, REML = FALSE)), tolerance = 1e-10)
  expect_message(deviance(fit), class = "tiers_message_reml")
})

test_that("rows that a dropped term alone left out stay out", {
  d <- step_data()
  d$z[1:9] <- NA
  fit <- lmm(y ~ x + z + (1 | g), d, REML = FALSE, na.action = na.exclude)
  same <- lmm(y ~ x + (1 | g), d[-(1:9), ], REML = FALSE)
  expect_equal(drop1(fit)["z", "AIC"], AIC(same))
  found <- step(fit, trace = 0, k = 20)
  expect_equal(logLik(found), logLik(same))
  expect_equal(sum(is.na(residuals(found))), 9)
  expect_equal(nobs(update(fit, . ~ . - z)), 400)
})

test_that("a lower likelihood of the larger model is a warning and no test", {
  d <- step_data()
  fit <- glmm(n ~ x + z + (1 | g), d, poisson())
  worse <- fit
  worse$logLik <- fit$logLik - 20
  worse$deviance <- fit$deviance + 40
  expect_warning(table <- drop1(worse, ~ z, test = "Chisq"), "not at its optimum",
                 class = "tiers_warning_notconverged")
  expect_true(is.na(table["z", "LRT"]) && is.na(table["z", "Pr(>Chi)"]))
  small <- glmm(n ~ x + (1 | g), d, poisson())
  small$deviance <- small$deviance - 40
  expect_warning(add1(small, ~ . + z), class = "tiers_warning_notconverged")
  expect_false(any(drop1(fit, test = "Chisq")$LRT < 0, na.rm = TRUE))
})

test_that("a table says nothing of the boundaries of its fits, and a label counts once", {
  d <- step_data()
  set.seed(1)
  d$y <- d$x + rnorm(400)
  d$y <- d$x + residuals(lm(d$y ~ d$g))
  fit <- suppressMessages(lmm(y ~ x + z + (1 | g), d))
  expect_silent(table <- drop1(fit))
  expect_silent(add1(fit, ~ . + f))
  expect_silent(extractAIC(fit))
  expect_equal(drop1(fit, c("z", "x", "z")), table[c("<none>", "z", "x"), ], ignore_attr = TRUE)
})
