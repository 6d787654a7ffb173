pair_rows <- function(x) paste(x$grpvar, x$term, x$grp)

test_that("ranef, coef and VarCorr are those of lme4", {
  skip_if_not_installed("lme4")
  d <- machines_unbalanced()
  for (formula in c(score ~ Machine + x + (x | Worker),
                    score ~ Machine + (1 | Worker) + (1 | Worker:Machine),
                    score ~ Machine + (1 | Worker) + (0 + x | Worker))) {
    ours <- suppressMessages(lmm(formula, d))
    theirs <- lmer_test_fit(formula, d)
    a <- as.data.frame(ranef(ours))
    b <- as.data.frame(ranef(theirs))
    expect_identical(names(a), names(b))
    at <- match(pair_rows(a), pair_rows(b))
    expect_equal(a$condval, b$condval[at], tolerance = 2e-3)
    expect_equal(a$condsd, b$condsd[at], tolerance = 2e-3)
    for (group in names(ranef(theirs))) {
      expect_values(coef(ours)[[group]], coef(theirs)[[group]][names(coef(ours)[[group]])], 1e-3)
    }
    va <- as.data.frame(VarCorr(ours))
    vb <- as.data.frame(VarCorr(theirs))
    expect_identical(names(va), names(vb))
    expect_equal(sort(va$sdcor), sort(vb$sdcor), tolerance = 2e-3)
  }
})

test_that("ranef has the shape that lme4 gives it", {
  effects <- ranef(growth_fit())
  expect_named(effects, "Subject")
  expect_s3_class(effects$Subject, "data.frame")
  expect_equal(dim(attr(effects$Subject, "postVar")), c(2L, 2L, 27L))
  expect_null(attr(ranef(growth_fit(), condVar = FALSE)$Subject, "postVar"))
  table <- as.data.frame(ranef(growth_fit(), condVar = FALSE))
  expect_false("condsd" %in% names(table))
  dropped <- ranef(crossed_fit(), drop = TRUE)
  expect_type(dropped$Worker, "double")
  expect_named(ranef(crossed_fit(), whichel = "Worker"), "Worker")
  expect_error(ranef(crossed_fit(), whichel = "worker"), class = "tiers_error_input")
  expect_equal(as.data.frame(dropped)$condsd, as.data.frame(ranef(crossed_fit()))$condsd)
})

test_that("terms follow the formula, not the number of levels", {
  expect_named(ranef(crossed_fit()), c("Worker", "Worker:Machine"))
  expect_named(VarCorr(crossed_fit()), c("Worker", "Worker:Machine"))
})

test_that("two terms of one factor share a data frame", {
  fit <- suppressMessages(lmm(score ~ Machine + (1 | Worker) + (0 + x | Worker), machines()))
  effects <- ranef(fit)
  expect_named(effects, "Worker")
  expect_named(effects$Worker, c("(Intercept)", "x"))
  expect_type(attr(effects$Worker, "postVar"), "list")
  expect_named(VarCorr(fit), c("Worker", "Worker.1"))
})

test_that("VarCorr has stddev, correlation, sc and useSc", {
  components <- VarCorr(growth_fit())
  expect_equal(attr(components, "sc"), sigma(growth_fit()))
  expect_true(attr(components, "useSc"))
  part <- components$Subject
  expect_equal(attr(part, "stddev"), sqrt(diag(part)))
  expect_equal(attr(part, "correlation")[2, 1], part[2, 1] / sqrt(part[1, 1] * part[2, 2]))
  table <- as.data.frame(components)
  expect_equal(table$grp, c("Subject", "Subject", "Subject", "Residual"))
  expect_equal(table$var2[3], "age")
  expect_equal(as.data.frame(components, order = "lower.tri")$vcov, table$vcov[c(1, 3, 2, 4)])
})

test_that("a zero variance prints and tabulates", {
  fit <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_equal(as.data.frame(VarCorr(fit))$sdcor[1], 0)
  expect_output(print(VarCorr(fit)), "Batch")
  expect_true(all(ranef(fit)$Batch == 0))
})

test_that("fixef has NA where a column was dropped, and coef goes on", {
  d <- transform(machines(), z = 2 * x)
  fit <- suppressMessages(lmm(score ~ x + z + (1 | Worker), d))
  expect_equal(names(which(is.na(fixef(fit)))), "z")
  expect_true(all(is.na(coef(fit)$Worker$z)))
  expect_false(anyNA(coef(fit)$Worker$x))
})

test_that("printing goes through", {
  expect_output(print(ranef(growth_fit())), "conditional variances")
  expect_output(print(coef(growth_fit())), "SexFemale")
  expect_output(print(VarCorr(growth_fit())), "Groups +Effect +SD +Corr")
  expect_output(print(VarCorr(growth_fit()), comp = "Variance"), "Variance")
})

test_that("the correlation of an effect without variance is NA", {
  set.seed(2)
  d <- data.frame(g = gl(10, 6), x = rep(c(-1, 1), 30))
  d$y <- 1 + d$x + rep(c(-1, -1, 0, 0, 1, 1), 10)
  fit <- suppressMessages(lmm(y ~ x + (x | g), d))
  expect_equal(fit$convergence$status, "boundary")
  correlation <- attr(VarCorr(fit)$g, "correlation")[2, 1]
  expect_true(is.na(correlation) && !is.nan(correlation))
  for (printed in list(capture.output(print(fit)), capture.output(print(summary(fit))),
                       capture.output(print(VarCorr(fit))))) {
    expect_false(any(grepl("NaN", printed)))
  }
})

test_that("variance components have standard errors and limits on request", {
  fit <- growth_fit()
  plain <- as.data.frame(VarCorr(fit))
  expect_named(plain, c("grp", "var1", "var2", "vcov", "sdcor"))
  table <- as.data.frame(VarCorr(fit), conf.int = TRUE, conf.level = 0.9)
  expect_identical(table[1:5], plain)
  limits <- confint(fit, "theta_", level = 0.9)
  expect_match(rownames(limits)[3L], "^cor")
  expect_values(table[c("conf.low", "conf.high")], limits, 1e-12)
  expect_values(table$std.error, parameter_errors(fit), 1e-12)
  variances <- as.data.frame(VarCorr(fit), conf.int = TRUE, scales = "vcov")
  expect_equal(variances$std.error[c(1, 2, 4)],
               2 * (table$sdcor * table$std.error)[c(1, 2, 4)])
  expect_true(is.na(variances$conf.low[3L]))
  expect_output(print(VarCorr(fit), conf.int = TRUE), "SE +lower")
  expect_equal(tidy(fit, "ran_pars", conf.int = TRUE)$conf.low,
               as.data.frame(VarCorr(fit), order = "lower.tri", conf.int = TRUE)$conf.low)
  none <- suppressMessages(lmm(Yield ~ 1 + (1 | Batch), fixture_data("dyestuff2")))
  expect_identical(is.na(as.data.frame(VarCorr(none), conf.int = TRUE)$std.error), c(TRUE, FALSE))
})
