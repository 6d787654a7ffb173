plain <- function(...) as.data.frame(suppressMessages(...))

test_that("tables are those of broom.mixed for lmerTest fits", {
  skip_if_not_installed("broom.mixed")
  skip_if_not_installed("lmerTest")
  loadNamespace("broom.mixed")
  d <- machines_unbalanced()
  formula <- score ~ Machine + x + (x | Worker)
  ours <- suppressMessages(lmm(formula, d))
  theirs <- lmer_test_fit(formula, d)
  for (effect in c("fixed", "ran_pars", "ran_vals", "ran_coefs")) {
    interval <- effect %in% c("fixed", "ran_vals")
    a <- plain(tidy(ours, effects = effect, conf.int = interval))
    b <- plain(tidy(theirs, effects = effect, conf.int = interval))
    expect_identical(names(a), names(b))
    expect_equal(a, b, tolerance = 5e-3, ignore_attr = TRUE)
  }
  a <- plain(tidy(ours, effects = "ran_pars", scales = "vcov"))
  b <- plain(tidy(theirs, effects = "ran_pars", scales = "vcov"))
  expect_equal(a, b, tolerance = 5e-3)
  expect_identical(names(plain(tidy(ours, c("fixed", "ran_pars")))),
                   names(plain(tidy(theirs, c("fixed", "ran_pars")))))
  shared <- names(glance(theirs))
  expect_equal(plain(glance(ours)[shared]), plain(glance(theirs)), tolerance = 1e-4)
  expect_equal(setdiff(names(glance(ours)), shared),
               c("n_groups", "icc", "r2_marginal", "r2_conditional"))
  a <- plain(augment(ours))
  b <- plain(augment(theirs))
  expect_setequal(names(a), names(b))
  # Cook's distance of lme4 is that of fitted values with their random effects.
  for (name in setdiff(names(b)[vapply(b, is.numeric, NA)], ".cooksd")) {
    expect_equal(a[[name]], b[[name]], tolerance = 5e-3, ignore_attr = TRUE)
  }
})

test_that("fixed effects are the default, df and intervals follow ddf", {
  fit <- growth_fit()
  table <- plain(tidy(fit, conf.int = TRUE))
  expect_equal(unique(table$effect), "fixed")
  expect_values(table[c("conf.low", "conf.high")], confint(fit), 1e-10)
  expect_false("p.value" %in% names(tidy(fit, ddf = "none")))
  raised <- plain(tidy(fit, exponentiate = TRUE))
  expect_equal(raised$estimate, exp(table$estimate))
  expect_error(tidy(fit, effects = "random"), class = "tiers_error_input")
})

test_that("glance names the criterion, augment takes data and newdata", {
  fit <- growth_fit()
  expect_true("REMLcrit" %in% names(glance(fit)))
  expect_true("deviance" %in% names(glance(update(fit, REML = FALSE))))
  d <- orthodont()
  d$extra <- 1
  expect_true("extra" %in% names(augment(fit, data = d)))
  new <- augment(fit, newdata = d[1:3, ])
  expect_equal(unname(new$.fitted), unname(fitted(fit)[1:3]))
  expect_error(augment(fit, data = d[1:3, ]), class = "tiers_error_input")
})

test_that("models without one of the parts give empty tables", {
  none <- lmm(score ~ 0 + (1 | Worker), machines())
  expect_equal(nrow(tidy(none)), 0)
  plain_model <- suppressMessages(lmm(score ~ x, machines()))
  expect_equal(nrow(tidy(plain_model, "ran_vals")), 0)
  expect_equal(tidy(plain_model, "ran_pars")$term, "sd__Observation")
})

test_that("augment() takes all of the data, whatever rows the fit left out", {
  d <- small_data()
  rownames(d) <- paste0("row", 60:1)
  d$y[c(3, 50)] <- NA
  fit <- lmm(y ~ x + (1 | g), d)
  table <- augment(fit, data = d)
  expect_equal(nrow(table), 60L)
  expect_equal(which(is.na(table$.fitted)), c(3L, 50L))
  expect_equal(table$.fitted[-c(3, 50)], unname(fitted(fit)))
  expect_equal(table, augment(update(fit, na.action = na.exclude), data = d))
  counts <- glmm(abs(round(y)) ~ x + (1 | g), d, family = poisson)
  expect_equal(augment(counts, data = d)$.resid[-c(3, 50)], unname(residuals(counts)))
  part <- suppressMessages(lmm(y ~ x + (1 | g), d, subset = x > 0))
  expect_equal(is.na(augment(part, data = d)$.fitted), is.na(d$y) | d$x <= 0)
  # The rows used, and data that cannot be those of the fit.
  expect_equal(augment(fit, data = d[-c(3, 50), ])$.fitted, unname(fitted(fit)))
  expect_error(augment(fit, data = transform(d, y = y + 1)), class = "tiers_error_input")
  expect_error(augment(fit, data = d[1:20, ]), class = "tiers_error_input")
  expect_error(augment(fit, data = 1:3), class = "tiers_error_input")
})

test_that("exponentiated infinite estimates have no standard error", {
  d <- data.frame(f = gl(3, 20), g = gl(10, 2, 60), y = rep(c(0, 1), 30))
  d$y[d$f == 2] <- 1
  d$y[d$f == 3] <- 0
  table <- suppressWarnings(tidy(glmm(y ~ f + (1 | g), d, family = binomial), exponentiate = TRUE,
                                 conf.int = TRUE))
  expect_equal(table$estimate[2:3], c(Inf, 0))
  expect_equal(is.nan(table$std.error), c(FALSE, FALSE, FALSE))
  expect_false(anyNA(c(table$conf.low, table$conf.high)))
})

test_that("tables say how their degrees of freedom were found", {
  fit <- growth_fit()
  table <- tidy(fit, ddf = "kenward-roger")
  expect_identical(attr(table, "ddf"), "Kenward-Roger")
  expect_output(print(table), "t tests with Kenward-Roger degrees of freedom")
  expect_output(print(tidy(fit, vcov = "CR2")), "CR2")
  expect_null(attr(tidy(fit, "ran_pars"), "ddf"))
  expect_output(print(tidy(fit, ddf = "asymptotic")), "z tests")
})

test_that("augment() has the standard errors of predict() on request", {
  fit <- growth_fit()
  expect_false(".se.fit" %in% names(augment(fit)))
  expect_equal(augment(fit, se_fit = TRUE)$.se.fit, unname(predict(fit, se.fit = TRUE)$se.fit))
  new <- data.frame(age = c(9, 12), Sex = "Male", Subject = c("M01", "new"))
  got <- augment(fit, newdata = new, se_fit = TRUE, allow.new.levels = TRUE)
  truth <- predict(fit, new, se.fit = TRUE, allow.new.levels = TRUE)
  expect_values(got[c(".fitted", ".se.fit")], truth[c("fit", "se.fit")], 1e-12)
  expect_error(augment(fit, newdata = new, interval = "confidence"), class = "tiers_error_input")
  bacteria <- suppressMessages(glmm(y ~ week + (1 | ID), MASS::bacteria, family = binomial()))
  expect_equal(augment(bacteria, se_fit = TRUE, type.predict = "response")$.se.fit,
               unname(predict(bacteria, se.fit = TRUE, type = "response")$se.fit))
})
